"""The gradebook as a database that answers questions.

Four tidy tables: a row for each submission, for each exercise in it, for each check group of the
exercise, and for each open answer. The file is written beside its place, flushed to disk and
moved, so a reader sees the old gradebook or the new one. The hardest exercises, for example:

    SELECT exercise, title, avg(1.0 * points / max_points) AS earned, count(*) AS students
    FROM exercises JOIN submissions USING (submission)
    WHERE counts GROUP BY exercise ORDER BY earned;

In go records, out comes a file.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from mi_course.grading.records import Record
from mi_course.grading.reports.standing import chapter_name, counting

TABLES = """
CREATE TABLE submissions (
    submission INTEGER PRIMARY KEY,
    student TEXT NOT NULL,
    notebook TEXT NOT NULL,
    chapter TEXT NOT NULL,
    counts INTEGER NOT NULL CHECK (counts IN (0, 1)),
    total INTEGER NOT NULL,
    max_total INTEGER NOT NULL,
    exercise_points INTEGER NOT NULL,
    max_exercise_points INTEGER NOT NULL,
    problem TEXT NOT NULL,
    tier TEXT NOT NULL,
    paper TEXT NOT NULL,
    notebook_sha256 TEXT NOT NULL,
    grader TEXT NOT NULL
);
CREATE TABLE exercises (
    submission INTEGER NOT NULL REFERENCES submissions,
    exercise TEXT NOT NULL,
    title TEXT NOT NULL,
    points INTEGER NOT NULL,
    max_points INTEGER NOT NULL,
    state TEXT NOT NULL,
    message TEXT NOT NULL,
    slip TEXT NOT NULL,
    cases_passed INTEGER NOT NULL,
    cases INTEGER NOT NULL,
    seconds REAL NOT NULL,
    PRIMARY KEY (submission, exercise)
);
CREATE TABLE groups (
    submission INTEGER NOT NULL,
    exercise TEXT NOT NULL,
    name TEXT NOT NULL,
    points INTEGER NOT NULL,
    passed INTEGER NOT NULL CHECK (passed IN (0, 1)),
    PRIMARY KEY (submission, exercise, name),
    FOREIGN KEY (submission, exercise) REFERENCES exercises
);
CREATE TABLE open_marks (
    submission INTEGER NOT NULL REFERENCES submissions,
    question TEXT NOT NULL,
    title TEXT NOT NULL,
    points INTEGER, -- NULL as long as nobody has marked it
    max_points INTEGER NOT NULL,
    answer TEXT NOT NULL,
    comment TEXT NOT NULL,
    PRIMARY KEY (submission, question)
);
"""


def write(records: tuple[Record, ...], path: Path) -> Path:
    """Write the database, whole or not at all.

    Args:
        records: one for each submission, numbered from 1 in this order.
        path: where it goes; an older one is replaced.

    Returns:
        `path`.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    temporary.unlink(missing_ok=True)
    try:
        _fill(temporary, records)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _fill(path: Path, records: tuple[Record, ...]) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        # Nobody reads the unfinished file: no journal, no waiting for the disk until the end.
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.executescript(TABLES)
        for table, rows in _rows(records).items():
            if rows:
                places = ", ".join("?" * len(rows[0]))
                connection.executemany(f"INSERT INTO {table} VALUES ({places})", rows)


def _rows(records: tuple[Record, ...]) -> dict[str, list[tuple[object, ...]]]:
    best = counting(records)
    rows: dict[str, list[tuple[object, ...]]] = {
        "submissions": [], "exercises": [], "groups": [], "open_marks": []
    }  # fmt: skip
    for number, record in enumerate(records, start=1):
        counts = best[record.student, chapter_name(record)] is record
        rows["submissions"].append(_storable(number, *_submission(record, counts)))
        rows["exercises"] += _exercises(number, record)
        rows["groups"] += _groups(number, record)
        rows["open_marks"] += _opens(number, record)
    return rows


def _submission(record: Record, counts: bool) -> tuple[object, ...]:
    sums = (record.total, record.max_total, record.points, record.max_points)
    origin = (record.paper, record.notebook_sha256, record.grader)
    front = (record.student, record.notebook, record.chapter, int(counts))
    return (*front, *sums, record.problem, record.tier, *origin)


def _exercises(number: int, record: Record) -> Iterator[tuple[object, ...]]:
    for mark in record.marks:
        told = (mark.state, mark.message, mark.slip, mark.passed, mark.total, mark.seconds)
        earned = (mark.points, mark.max_points)
        yield _storable(number, mark.exercise, mark.title, *earned, *told)


def _groups(number: int, record: Record) -> Iterator[tuple[object, ...]]:
    for mark in record.marks:
        for group in mark.groups:
            passed = int(group.passed)
            yield _storable(number, mark.exercise, group.name, group.points, passed)


def _opens(number: int, record: Record) -> Iterator[tuple[object, ...]]:
    for each in record.opens:
        earned = (each.points, each.max_points)
        yield _storable(number, each.question, each.title, *earned, each.answer, each.comment)


def _storable(*row: object) -> tuple[object, ...]:
    """The row, with what UTF-8 cannot hold (a file name of odd bytes, say) replaced."""
    return tuple(
        value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else value
        for value in row
    )
