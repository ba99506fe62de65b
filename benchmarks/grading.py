"""This grader against `nbgrader autograde` on the same class: speed, memory, and the points.

A class hands in chapter 06: most answers are right in their own words, some are slips, some are
not written. Both graders get the same files on two cores, one after the other. Four figures:
submissions a minute, everything included; the CPU seconds of all processes for each submission,
which other work on the machine hardly changes; the memory of the whole process tree at its highest,
pages that processes share counted once; and what a submission costs on one job besides the
students' own functions, once a sandbox is warm: the time from the first record of a class of
solutions to the end of the run, pages and gradebook included, less what the functions took.
"""

import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import psutil

from benchmarks._figure import cpu_of_children, not_run, report
from mi_course.grading import records

ROOT = Path(__file__).parents[1]
OURS = Path(sys.executable).with_name("mi-course")
NBGRADER = ROOT / ".venv-nbgrader" / "bin" / "nbgrader"
READY = "make .venv-nbgrader/.ready"
CHAPTER, NOTEBOOKS, CORES = "06", 10, 2
TARGET = 15.0  # times nbgrader's submissions a minute
WARM_TARGET = 0.5  # seconds a submission besides the students' own functions
SAMPLES = 0.5  # seconds between two looks at the memory

# The teacher's part of an nbgrader course; docs/nbgrader.md shows the same lines.
CONFIG = """c = get_config()
steps = ("LockCells", "ClearOutput", "CheckCellMetadata", "ComputeChecksums", "SaveCells")
c.GenerateAssignment.preprocessors = [f"nbgrader.preprocessors.{step}" for step in steps]
c.Execute.timeout = 120
"""

# What a student may get wrong: a piece of the solution and what stands there instead.
SLIPS = {
    "06.1": ("argsort(dim=1)", "argsort(dim=0)"),
    "06.2": ("offset=-1", "offset=-2"),
    "06.3": (".roll(1, dims=2)", ""),
    "06.4": ("at_late - at_early", "at_early - at_late"),
    "06.5": ("W_O @ W_U", "2 * W_O @ W_U"),
    "06.6": (".abs().sum()", ".real.abs().sum()"),
    "06.7": ("W_K @ W_Q.T", "W_Q @ W_K.T"),
    "06.8": ("dim=(0, 1)", "dim=1"),
}


@dataclass(frozen=True)
class Run:
    """What a command took.

    Args:
        seconds: wall clock.
        peak: bytes of memory of all its processes together.
        cpu: seconds of all its processes together.
    """

    seconds: float
    peak: int
    cpu: float


def solutions(chapter: str) -> dict[str, str]:
    """Return the right answer to each exercise."""
    (path,) = (ROOT / "solutions").glob(f"{chapter}_*.ipynb")
    cells = nbformat.read(path, as_version=4).cells
    return {c.metadata.exercise: _unmarked(c.source) for c in cells if "exercise" in c.metadata}


def _unmarked(source: str) -> str:
    return "\n".join(line for line in source.splitlines() if " SOLUTION" not in line)


def answers(student: int, *, perfect: bool = False) -> dict[str, str]:
    """Return what a student of chapter 06 writes, the same each time.

    Every fifth student hands in nothing; the others leave out or get wrong some exercises.
    """
    draw = random.Random(student)
    written = {}
    for exercise, code in solutions(CHAPTER).items():
        luck = 1.0 if perfect else draw.random() - (student % 5 == 4)
        if luck > 0.1:
            slip = SLIPS[exercise] if luck < 0.25 else ("", "")
            written[exercise] = f"# student {student}\n{code.replace(*slip)}"
    return written


def hand_in(folder: Path, student: str, chapter: str, written: dict[str, str]) -> None:
    """Write a notebook with these answers, by id, below `folder` where nbgrader looks for it."""
    (path,) = (ROOT / "chapters").glob(f"{chapter}_*.ipynb")
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        asked = cell.metadata.get("exercise") or cell.metadata.get("open")
        cell.source = written.get(asked, cell.source)
    place = folder / "submitted" / student / chapter / path.name
    place.parent.mkdir(parents=True)
    nbformat.write(notebook, place)


def hand_out(folder: Path, chapter: str) -> None:
    """Make `folder` an nbgrader course that has the chapter as an assignment."""
    (path,) = (ROOT / "chapters").glob(f"{chapter}_*.ipynb")
    source = folder / "source" / chapter / path.name
    source.parent.mkdir(parents=True)
    source.write_bytes(path.read_bytes())
    (folder / "nbgrader_config.py").write_text(CONFIG)
    measured([str(NBGRADER), "generate_assignment", chapter], folder)


def autograde(folder: Path, chapter: str) -> Run:
    """Let nbgrader grade what was handed in."""
    return measured([str(NBGRADER), "autograde", chapter], folder)


def nbgrader_points(folder: Path) -> dict[str, dict[str, float | None]]:
    """Return student -> id of the graded cell -> points, None where a person has to grade."""
    query = """select submitted_assignment.student_id, base_cell.name, grade.auto_score from grade
        join base_cell on base_cell.id = grade.cell_id
        join submitted_notebook on submitted_notebook.id = grade.notebook_id
        join submitted_assignment on submitted_assignment.id = submitted_notebook.assignment_id"""
    found: dict[str, dict[str, float | None]] = {}
    for student, cell, points in sqlite3.connect(folder / "gradebook.db").execute(query):
        found.setdefault(student, {})[cell] = points
    return found


def _checks(points: dict[str, float | None]) -> dict[str, float | None]:
    return {cell: earned for cell, earned in points.items() if cell.startswith("check-")}


def grade(folder: Path, jobs: int) -> Run:
    """Let this course's grader grade what was handed in."""
    command = [str(OURS), "grade", str(folder / "submitted"), "--out", str(folder / "out")]
    return measured([*command, "--seed", "0", "--jobs", str(jobs)], folder)


def our_points(folder: Path) -> dict[str, dict[str, float]]:
    """Return student -> id of the check's cell -> points."""
    return {
        record.student: {f"check-{m.exercise.replace('.', '-')}": m.points for m in record.marks}
        for record in _records(folder)
    }


def _records(folder: Path) -> Iterator[records.Record]:
    found = (records.read(path) for path in (folder / "out" / "records").rglob("*.json"))
    return (record for record in found if record is not None)


def measured(command: list[str], folder: Path) -> Run:
    """Run a command in `folder`, and watch the memory of all its processes.

    Raises:
        RuntimeError: it failed; the text is the end of what it printed.
    """
    search = f"{Path(command[0]).parent}{os.pathsep}{os.environ['PATH']}"
    start, peak, before = time.perf_counter(), 0, cpu_of_children()
    with tempfile.TemporaryFile("w+") as printed:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | {"PATH": search, "HF_HUB_OFFLINE": "1"},
            stdout=printed,
            stderr=subprocess.STDOUT,
        )
        while _still_runs(process):
            peak = max(peak, _memory(process.pid))
        seconds = time.perf_counter() - start
        printed.seek(0)
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)}\n{printed.read()[-2000:]}")
    return Run(seconds, peak, cpu_of_children() - before)


def _still_runs(process: subprocess.Popen[str]) -> bool:
    """Wait a little for the end, so that looking at the memory does not prolong the run."""
    try:
        process.wait(SAMPLES)
    except subprocess.TimeoutExpired:
        return True
    return False


def _memory(pid: int) -> int:
    """Bytes of a process and all below it; one that ends meanwhile counts nothing."""
    total = 0
    try:
        tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    for process in tree:
        try:
            total += process.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
        except psutil.AccessDenied:  # a sandbox, for who is not root; shared pages count again
            total += process.memory_info().rss
    return total


def warm_seconds(folder: Path, notebooks: int) -> float:
    """Return the seconds that a solution takes on one job, less its functions' own.

    Raises:
        RuntimeError: a solution did not get full marks, so that something else was measured.
    """
    for student in range(notebooks):
        hand_in(folder, f"student-{student:02}", CHAPTER, answers(student, perfect=True))
    grade(folder, jobs=1)
    end = time.time()
    paths = (folder / "out" / "records").rglob("*.json")
    found = [(path.stat().st_mtime, record) for path in paths if (record := records.read(path))]
    if any(record.problem or record.points < record.max_points for _, record in found):
        raise RuntimeError("expected full marks for solutions, got less")
    (first, _), *rest = sorted(found, key=lambda pair: pair[0])
    own = sum(mark.seconds for _, record in rest for mark in record.marks)
    return (end - first - own) / len(rest)


def compare(folder: Path, notebooks: int) -> None:
    """Grade one class with both graders and print what that took."""
    for student in range(notebooks):
        hand_in(folder, f"student-{student:02}", CHAPTER, answers(student))
    ours = grade(folder, jobs=CORES)
    print(f"ours: {notebooks} notebooks in {ours.seconds:.1f} s", flush=True)
    hand_out(folder, CHAPTER)
    peer = autograde(folder, CHAPTER)
    print(f"nbgrader: {notebooks} notebooks in {peer.seconds:.1f} s", flush=True)
    mine, theirs = our_points(folder), nbgrader_points(folder)
    same = sum(points == _checks(theirs[student]) for student, points in mine.items())
    print(f"the points of every exercise agree for {same} of {notebooks} students", flush=True)
    version = "nbgrader " + next(NBGRADER.parents[1].rglob("nbgrader-*.dist-info")).stem[9:]
    unit = f"submissions a minute, chapter 06, {notebooks} in the class, {CORES} cores"
    rates = [60 * notebooks / run.seconds for run in (ours, peer)]
    name = "grading/submissions_per_minute"
    report(name, *rates, unit, version, more_is_better=True, target=TARGET)
    unit = "CPU seconds a submission, all processes"
    cpu = [run.cpu / notebooks for run in (ours, peer)]
    report("grading/cpu_seconds_per_submission", *cpu, unit, version)
    peaks = [run.peak / 2**30 for run in (ours, peer)]
    report("grading/peak_memory", *peaks, "GiB at the highest", version)


def main(notebooks: int = NOTEBOOKS) -> None:
    """Print all figures, or why there are none."""
    if not NBGRADER.exists():
        not_run(f"nbgrader is not installed here, `{READY}` installs it")
        return
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    with tempfile.TemporaryDirectory(prefix="grading-") as place:
        compare(Path(place) / "class", notebooks)
        warm = warm_seconds(Path(place) / "solutions", 1 + notebooks)
    unit = "seconds a warm submission, besides the answers' own"
    report("grading/warm_seconds", warm, WARM_TARGET, unit, "what was asked for", target=1)


if __name__ == "__main__":
    main()
