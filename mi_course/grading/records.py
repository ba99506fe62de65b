"""What is known about one graded submission, as data that outlives the run.

A record is written whole or not at all (write, flush to disk, rename), under a name made of the
student, the notebook's path and hash and the chapter, so that an interrupted run goes on where it
stopped and a changed notebook is graded afresh. What a notebook that was handed in again leaves
behind stays as history; tables are made of the records of the present notebooks only.
"""

import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path

RIGHT, PARTLY, WRONG, BLANK, MISSING = "right", "partly right", "wrong", "not written", "missing"


@dataclass(frozen=True)
class GroupMark:
    """Points of one check group: its name, what it is worth, and whether it was earned."""

    name: str
    points: int
    passed: bool


@dataclass(frozen=True)
class ExerciseMark:
    """The mark of one exercise.

    Args:
        exercise: id.
        title: heading.
        points: points earned.
        max_points: points to be had.
        state: `RIGHT`, `PARTLY`, `WRONG`, `BLANK` or `MISSING`.
        message: the first difference and the likely slip, or why nothing could be judged.
        case: what the case that found it shows.
        passed: number of cases that passed.
        total: number of cases.
        groups: check groups.
        seconds: wall clock of all calls.
        printed: the beginning of what the answer printed, where something went wrong.
        slip: a few words for the likely slip, the same for all who make it, or nothing.
        asked: digest of the question; where it still holds, the mark need not be given again.
    """

    exercise: str
    title: str
    points: int
    max_points: int
    state: str
    message: str = ""
    case: str = ""
    passed: int = 0
    total: int = 0
    groups: tuple[GroupMark, ...] = ()
    seconds: float = 0.0
    printed: str = ""
    slip: str = ""
    asked: str = ""


@dataclass(frozen=True)
class OpenMark:
    """A student's text on an open question, and the mark that a person gave it.

    Args:
        question: id.
        title: heading.
        max_points: points to be had.
        answer: the student's text.
        points: points given, or None as long as nobody has marked it.
        comment: what the marker wrote to the student.
    """

    question: str
    title: str
    max_points: int
    answer: str
    points: int | None = None
    comment: str = ""


@dataclass(frozen=True)
class Record:
    """The outcome of one submission; `problem` tells why there are no marks.

    Args:
        student: who handed it in.
        notebook: the file, below the folder of submissions.
        notebook_sha256: digest of its bytes, empty where it could not be read.
        chapter: two digits, empty where it could not be told.
        paper: digest of what it was graded on.
        tier: the isolation that student code ran under.
        points: points earned in exercises.
        max_points: points to be had in exercises.
        problem: why nothing was graded, or nothing.
        marks: one for each exercise.
        opens: one for each open question.
        grader: versions of the grader and of what it ran on.
    """

    student: str
    notebook: str
    notebook_sha256: str
    chapter: str
    paper: str
    tier: str
    points: int
    max_points: int
    problem: str = ""
    marks: tuple[ExerciseMark, ...] = ()
    opens: tuple[OpenMark, ...] = ()
    grader: str = ""

    @property
    def total(self) -> int:
        """Points earned, with those of open questions that have been marked."""
        return self.points + sum(each.points or 0 for each in self.opens)

    @property
    def max_total(self) -> int:
        """Points to be had, open questions included."""
        return self.max_points + sum(each.max_points for each in self.opens)


def file_name(student: str, notebook: str, digest: str, chapter: str) -> str:
    """Name of a record's file, safe on every file system and unique for its four parts."""
    parts = "\0".join((student, notebook, digest, chapter))
    key = hashlib.sha256(parts.encode("utf-8", "surrogateescape")).hexdigest()
    return f"{slug(student)}-{key[:16]}.json"


def slug(text: str) -> str:
    """`text` as a part of a file's name."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", text).strip("._")[:60] or "student"


def write(record: Record, path: Path) -> None:
    """Write a record, whole or not at all."""
    write_text(path, json.dumps(asdict(record), indent=1, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a file, whole or not at all."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    with temporary.open("w", encoding="utf-8", errors="replace", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def read(path: Path) -> Record | None:
    """The record in `path`, or None where there is none that is whole."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        marks = tuple(_mark(mark) for mark in content.pop("marks"))
        opens = tuple(OpenMark(**each) for each in content.pop("opens"))
        return Record(**content, marks=marks, opens=opens)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _mark(content: dict) -> ExerciseMark:
    groups = tuple(GroupMark(**group) for group in content.pop("groups"))
    return ExerciseMark(**content, groups=groups)
