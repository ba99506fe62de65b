"""Run chapters on checkpoints of the true sizes of real models; tell their time and memory.

    python -m tests.notebooks.full_size --models gpt2 --dtypes bfloat16 --device cuda

Each chapter runs from top to bottom in a process of its own, as a script: the code cells of its
source, with nothing changed but the name of the model, its device and its dtype. One line of JSON
for each run says how long it took, what it held at its peak and which cells took longest.
"""

import argparse
import contextlib
import io
import json
import multiprocessing
import re
import resource
import tempfile
import time
import traceback
from pathlib import Path

from tests.notebooks.true_sizes import PARAMETERS, checkpoint

CHAPTERS = ("00", "02", "03", "05", "06", "07", "08")
DTYPES = ("float32", "bfloat16")
SOLUTIONS = Path(__file__).parents[2] / "solutions"
NAMED, LOADED = re.compile(r'^MODEL = ".*?"', re.MULTILINE), "load(MODEL)"
MIB = 2**20


def run(chapter: str, folder: str, *, device: str = "cpu", dtype: str = "float32") -> dict:
    """What a chapter cost on the checkpoint in a folder, measured in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_run, (chapter, folder, device, dtype))


def _run(chapter: str, folder: str, device: str, dtype: str) -> dict:
    import torch

    if device == "cpu":
        torch.set_num_threads(1)
    (source,) = SOLUTIONS.glob(f"{chapter}_*.py")
    cells, error, said = [], None, io.StringIO()
    begun = time.perf_counter(), time.process_time()
    try:
        with contextlib.redirect_stdout(said):
            for line, seconds in _run_cells(source, folder, device, dtype):
                cells.append((seconds, line))
    except Exception:
        error = traceback.format_exc()
    found = {
        "chapter": chapter,
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "dtype": dtype,
        "seconds": round(time.perf_counter() - begun[0], 1),
        "cpu_seconds": round(time.process_time() - begun[1], 1),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 // MIB,
        "peak_gpu_mib": torch.cuda.max_memory_allocated() // MIB if device == "cuda" else 0,
        "slowest": sorted(cells, reverse=True)[:5],
        "crosses": said.getvalue().count("✗"),
        "error": error,
    }
    return found


def _run_cells(source: Path, folder: str, device: str, dtype: str):
    """Run one code cell after another; yields its line in the source and its seconds."""
    from mi_course.grading.notebooks.source import read_chapter

    # On a busy machine only the processor's seconds can be compared; a GPU works outside them.
    clock = time.process_time if device == "cpu" else time.perf_counter
    namespace: dict = {"__name__": "__main__"}
    for cell in read_chapter(source).cells:
        if cell.kind == "code":
            code = NAMED.sub(f"MODEL = {folder!r}", cell.text)
            code = code.replace(LOADED, f"load(MODEL, device={device!r}, dtype={dtype!r})")
            begun = clock()
            exec(compile(code, f"{source.name}:{cell.line}", "exec"), namespace)
            yield cell.line, round(clock() - begun, 1)


def main() -> None:
    """Run what was asked for; print one line of JSON for each run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=[*PARAMETERS], default=[*PARAMETERS])
    parser.add_argument("--dtypes", nargs="+", choices=DTYPES, default=DTYPES)
    parser.add_argument("--chapters", nargs="+", choices=CHAPTERS, default=CHAPTERS)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--checkpoints", type=Path, help="where to write and keep them")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for model in asked.models:
            made = checkpoint(model, (asked.checkpoints or Path(folder)) / model)
            for chapter in asked.chapters:
                for dtype in asked.dtypes:
                    found = run(chapter, made, device=asked.device, dtype=dtype)
                    print(json.dumps({"model": model} | found, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
