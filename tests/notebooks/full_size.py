"""Run chapters on checkpoints of the true sizes of real models; tell their time and memory.

    python -m tests.notebooks.full_size --models gpt2 --dtypes bfloat16 --device cuda

Each chapter runs from top to bottom in a process of its own, as a script: the code cells of its
source, with nothing changed but the name of the model, its device and its dtype. One line of JSON
for each run says how long it took, what it held at its peak and which cells took longest.
"""

import argparse
import contextlib
import io
import itertools
import json
import multiprocessing
import re
import resource
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from benchmarks._figure import machine
from tests.notebooks.true_sizes import PARAMETERS, checkpoint

MODELS = ("gpt2", "pythia-70m", "googlenet", "embedded")
CHAPTERS = ("00", "01", "02", "03", "05", "06", "07", "08")
DTYPES = ("float32", "bfloat16")
SOLUTIONS = Path(__file__).parents[2] / "solutions"
NAMED, LOADED = re.compile(r'^MODEL = ".*?"', re.MULTILINE), "load(MODEL)"
EMBEDDED = MODELS[-1]  # in place of a checkpoint: the chapter as it is
IMAGES = "BIG, WEIGHTS = MODEL, None", 'BIG, WEIGHTS = "googlenet", None'
LAYERS = '"conv3", "conv4", "conv5"', '"conv3", "inception3b", "inception4c"'
MIB = 2**20


def run_all(runs: list[tuple[str, str, str, str]], jobs: int = 1) -> Iterator[dict]:
    """What each (chapter, folder of a checkpoint, device, dtype) cost, in the order of ending.

    Each run has a process of its own, so that peaks of memory do not mix; `jobs` go on at a time.
    """
    context = multiprocessing.get_context("spawn")
    with context.Pool(jobs, maxtasksperchild=1) as pool:
        yield from pool.imap_unordered(_run, runs, chunksize=1)


def _run(asked: tuple[str, str, str, str]) -> dict:
    import torch

    chapter, folder, device, dtype = asked

    if device == "cpu":
        torch.set_num_threads(1)
    (source,) = SOLUTIONS.glob(f"{chapter}_*.py")
    cells, error, said = [], None, io.StringIO()
    counted = work() if device == "cpu" else contextlib.nullcontext()
    begun = time.perf_counter(), time.process_time()
    try:
        with contextlib.redirect_stdout(said), counted:
            for line, seconds in _run_cells(source, folder, device, dtype):
                cells.append((seconds, line))
    except Exception:
        error = traceback.format_exc()
    found = {
        "model": Path(folder).name,
        "parameters": PARAMETERS.get(Path(folder).name),
        "chapter": chapter,
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "dtype": dtype,
        "seconds": round(time.perf_counter() - begun[0], 1),
        "cpu_seconds": round(time.process_time() - begun[1], 1),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 // MIB,
        "peak_gpu_mib": torch.cuda.max_memory_allocated() // MIB if device == "cuda" else 0,
        "tflop": round(counted.flop / 1e12, 2) if device == "cpu" else None,
        "slowest": sorted(cells, reverse=True)[:5],
        "machine": machine(device),
        "crosses": said.getvalue().count("✗"),
        "error": error,
    }
    return found


def work():
    """A context that counts floating point operations of matrix products, forward and backward."""
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils.flop_counter import flop_registry

    class Work(TorchDispatchMode):
        flop = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            out = func(*args, **(kwargs or {}))
            if func.overloadpacket in flop_registry:
                count = flop_registry[func.overloadpacket]
                self.flop += count(*args, **(kwargs or {}), out_val=out)
            return out

    return Work()


def _run_cells(source: Path, folder: str, device: str, dtype: str):
    """Run one code cell after another; yields its line in the source and its seconds."""
    from mi_course.grading.notebooks.source import read_chapter

    # On a busy machine only the processor's seconds can be compared; a GPU works outside them.
    clock = time.process_time if device == "cpu" else time.perf_counter
    namespace: dict = {"__name__": "__main__"}
    for cell in read_chapter(source).cells:
        if cell.kind == "code":
            code = switched(cell.text, folder, device, dtype)
            begun = clock()
            exec(compile(code, f"{source.name}:{cell.line}", "exec"), namespace)
            yield cell.line, round(clock() - begun, 1)


def switched(text: str, folder: str, device: str, dtype: str) -> str:
    """A cell's text with the names changed that a reader changes to have another model."""
    if folder == EMBEDDED:
        return text
    if folder == "googlenet":
        return text.replace(*IMAGES).replace(*LAYERS)
    text = NAMED.sub(f"MODEL = {folder!r}", text)
    return text.replace(LOADED, f"load(MODEL, device={device!r}, dtype={dtype!r})")


def main() -> None:
    """Run what was asked for; print one line of JSON for each run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS[:2])
    parser.add_argument("--dtypes", nargs="+", choices=DTYPES, default=DTYPES)
    parser.add_argument("--chapters", nargs="+", choices=CHAPTERS, default=CHAPTERS)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
    parser.add_argument("--checkpoints", type=Path, help="where to write and keep them")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        kept = asked.checkpoints or Path(folder)
        made = {name: checkpoint(name, kept / name) for name in asked.models if name in PARAMETERS}
        runs = [
            (chapter, made.get(name, name), asked.device, dtype)
            for chapter, name, dtype in itertools.product(
                asked.chapters, asked.models, asked.dtypes
            )
            if (chapter == "01") == (name == "googlenet") or name == EMBEDDED
            if dtype == DTYPES[0] or name in PARAMETERS
        ]
        for found in run_all(runs, asked.jobs):
            print(json.dumps(found, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
