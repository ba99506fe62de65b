"""Run every benchmark and write down its figures: `python -m benchmarks [NAME ...]`.

Each script of this folder prints figures (`_figure.py` says what one is). Out come `results.json`
for machines, `runs.json` with how each script's last run ended, `RESULTS.md` for people, and the
few lines that the README quotes. With names only the rows of these scripts are replaced. A script
that does not come to its end keeps what it printed and the older rows beside it, and the page says
why.

    python -m benchmarks                        all of them
    python -m benchmarks sae lens               these
    python -m benchmarks --device cuda          on a GPU, those that can use one
    python -m benchmarks --take FILE            figures that were printed on another machine
"""

import argparse
import datetime
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path

from benchmarks._figure import KEYS, ON_GPU
from benchmarks._page import Figure, Run, headlines, page

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent
# These take --device.
FOR_GPUS = ("acdc", "feature_viz", "lens", "patching", "probing", "sae", "superposition")
LIMIT = 1800  # seconds for one script; on two quiet cores all of them take less than an hour
QUOTED = ("<!-- from benchmarks/results.json by `make bench` -->\n", "<!-- end -->")


def scripts(names: list[str], device: str = "cpu") -> list[str]:
    """Return the benchmarks, or those whose names were given.

    Raises:
        ValueError: there is none of a name.
    """
    found = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))
    if wrong := sorted({*names} - {*found}):
        raise ValueError(f"expected names of benchmarks, got {wrong}, try {', '.join(found)}")
    found = [name for name in found if name in FOR_GPUS] if device == "cuda" else found
    return [name for name in found if not names or name in names]


def figures(printed: str, script: str, date: str) -> list[Figure]:
    """Return the figures among the lines that a script printed.

    Raises:
        ValueError: a figure lacks a key.
    """
    found = [json.loads(line) for line in printed.splitlines() if line.startswith('{"benchmark"')]
    for figure in found:
        if lacking := [key for key in KEYS if key not in figure]:
            raise ValueError(f"expected {', '.join(KEYS)}, got {figure} without {lacking}")
    return [figure | {"script": script, "date": date} for figure in found]


def run(script: str, device: str, limit: float) -> tuple[str, Run]:
    """Run a script and show what it prints; return that, and how it ended."""
    command = [sys.executable, "-m", f"benchmarks.{script}"]
    command += ["--device", device] if script in FOR_GPUS else []
    begun, date = time.monotonic(), datetime.date.today().isoformat()
    quiet = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | quiet,
        start_new_session=True,
    ) as process:
        end = threading.Timer(limit, os.killpg, (process.pid, signal.SIGKILL))  # with its children
        end.start()
        lines = []
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
        failed = process.wait()
        end.cancel()
    text, seconds = "".join(lines), time.monotonic() - begun
    load = round(os.getloadavg()[0], 1)
    return text, Run(date, round(seconds), note(text, failed, seconds, limit), load)


def note(printed: str, failed: int, seconds: float, limit: float) -> str:
    """Return what is missing after a run and why, or nothing."""
    if failed and seconds >= limit:
        return f"Stopped after {limit:.0f} s, before its end; rows may be of an earlier run."
    if failed:
        return f"Failed with exit status {failed}; rows may be of an earlier run."
    missing = [line for line in printed.splitlines() if line.startswith("not run: ")]
    return f"{'; '.join(missing)}. Such rows are of an earlier run, if any." if missing else ""


def merged(old: list[Figure], new: list[Figure], *, whole: dict[str, bool]) -> list[Figure]:
    """Return old figures with new ones in their places.

    Args:
        old: from earlier runs.
        new: from this one.
        whole: script, or script with "/gpu", -> whether it came to its end, so that what it no
            longer prints goes.
    """
    stay = [figure for figure in old if not whole.get(_run_of(figure))]
    by_name = {figure["benchmark"]: figure for figure in [*stay, *new]}
    return sorted(by_name.values(), key=lambda figure: (figure["script"], figure["benchmark"]))


def _run_of(figure: Figure) -> str:
    """Return which run a figure belongs to: a script's, or the same script's on a GPU."""
    on_gpu = str(figure["benchmark"]).endswith(ON_GPU)
    return str(figure["script"]) + (ON_GPU if on_gpu else "")


def quoted(readme: str, figures: list[Figure]) -> str:
    """Return the README with what it quotes renewed; as it was where it quotes nothing."""
    before, start, rest = readme.partition(QUOTED[0])
    _, end, after = rest.partition(QUOTED[1])
    return before + start + headlines(figures) + end + after if end else readme


def write(new: list[Figure], runs: dict[str, Run]) -> None:
    """Write down all figures after some scripts have run."""
    results, ran, readme = FOLDER / "results.json", FOLDER / "runs.json", ROOT / "README.md"
    old = json.loads(results.read_text()) if results.exists() else []
    before = json.loads(ran.read_text()) if ran.exists() else {}
    whole = {script: not run.note for script, run in runs.items()}
    found = merged(old, new, whole=whole)
    every = before | {script: asdict(run) for script, run in runs.items()}
    results.write_text(json.dumps(found, indent=1) + "\n")
    ran.write_text(json.dumps(every, indent=1, sort_keys=True) + "\n")
    told = {script: Run(**each) for script, each in every.items()}
    (FOLDER / "RESULTS.md").write_text(page(found, told), encoding="utf-8")
    text = readme.read_text(encoding="utf-8")
    if (renewed := quoted(text, found)) != text:
        readme.write_text(renewed, encoding="utf-8")


def take(file: Path) -> None:
    """Take in what scripts printed on another machine, under lines `== NAME`."""
    date = datetime.date.fromtimestamp(file.stat().st_mtime).isoformat()
    for part in file.read_text(encoding="utf-8").split("== ")[1:]:
        script, _, printed = part.partition("\n")
        raised = [line for line in printed.splitlines() if re.match(r"\w+Error: ", line)]
        why = f"On a GPU: stopped by {raised[-1]}." if raised else ""
        write(figures(printed, script, date), {script + ON_GPU: Run(date, 0, why)})


def main() -> None:
    """Run the scripts and write what they measured, after each of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds for one script")
    parser.add_argument("--take", type=Path, help="what another machine printed")
    asked = parser.parse_args()
    if asked.take:
        take(asked.take)
    for script in [] if asked.take else scripts(asked.names, asked.device):
        print(f"== {script}", flush=True)
        printed, ended = run(script, asked.device, asked.limit)
        ran = script if asked.device == "cpu" else script + ON_GPU
        write(figures(printed, script, ended.date), {ran: ended})


if __name__ == "__main__":
    main()
