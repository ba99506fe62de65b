"""Each chapter from a cold kernel, in CPU seconds, against the time that it may take.

A fresh kernel runs the solution of a chapter from top to bottom, as a student who presses "run all"
does, with every exercise solved. What counts is the CPU time of the kernel and all that it starts,
imports included, which other work on the machine hardly changes; the notebook on disk stays as it
is. Wall time is told beside it.
"""

import os
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from benchmarks._figure import cpu_of_children, not_run, report
from mi_course.grading.notebooks.execute import ENVIRONMENT

ROOT = Path(__file__).parents[1]
# Chapter -> CPU seconds that it may take.
LIMITS = {
    "00": 60.0,
    "01": 180.0,
    "02": 120.0,
    "03": 120.0,
    "04": 120.0,
    "05": 240.0,
    "06": 90.0,
    "07": 180.0,
    "08": 180.0,
}


def cold(chapter: str) -> tuple[float, float]:
    """Return the CPU and wall seconds of a chapter's solution in a fresh kernel.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed.
    """
    (path,) = (ROOT / "solutions").glob(f"{chapter}_*.ipynb")
    notebook = nbformat.read(path, as_version=4)
    begun, before = time.perf_counter(), cpu_of_children()
    place = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(
        notebook,
        timeout=None,
        kernel_name="python3",
        resources=place,
        extra_arguments=["--log-level=ERROR"],
    )
    client.execute(env=os.environ | ENVIRONMENT)
    return cpu_of_children() - before, time.perf_counter() - begun


def main() -> None:
    """Print all figures."""
    for chapter, limit in LIMITS.items():
        if not list((ROOT / "solutions").glob(f"{chapter}_*.ipynb")):
            not_run(f"chapter {chapter}, as `make notebooks` has not built it")
            continue
        try:
            cpu, wall = cold(chapter)
        except CellExecutionError as error:
            not_run(f"chapter {chapter}, {error.ename}: {error.evalue}")
            continue
        unit = f"CPU seconds from a cold kernel, one thread; {wall:.0f} s of wall clock"
        report(f"notebooks/{chapter}_cold", cpu, limit, unit, "what it may take", target=1)


if __name__ == "__main__":
    main()
