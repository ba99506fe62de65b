"""Read a marking sheet that a person has filled in, and say all that is wrong with it at once.

A spreadsheet program may have put semicolons or tabs between the cells, a byte order mark in front
and other line ends into texts, and may have made numbers of names; none of this matters. Rows are
known by their key; an answer's text must be the one that the key stands for, so that no row's marks
can land on another's answer.
In go the sheet's path and records, out come marks.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mi_course.exercises.open_question import OpenQuestion
from mi_course.grading import manifest
from mi_course.grading.marking import marking
from mi_course.grading.marking.marking import (
    COMMENT,
    FRONT,
    Given,
    answers,
    criteria,
    questions,
    shown,
)
from mi_course.grading.records import OpenMark, Record
from mi_course.grading.reports.hostile import one_line

MAX_BYTES = 64 << 20
MAX_TOLD = 30
GUARD = re.compile(r"((?:^|[;|])\s*)'(?=[=+\-@＝＋－＠])")  # as `hostile.cell` puts it


class SheetError(ValueError):
    """A sheet that cannot be taken in; the text lists every reason with its row."""


@dataclass(frozen=True)
class Sheet:
    """What a marking sheet says.

    Args:
        given: marks of answers that are still as they were read.
        blank: rows that nobody has marked.
        stale: rows whose answer has been handed in anew since the sheet was written.
    """

    given: tuple[Given, ...]
    blank: int = 0
    stale: tuple[str, ...] = ()


def take_in(path: Path, out: Path) -> str:
    """Keep the marks of a sheet with the results; what was done, in words.

    Args:
        path: the filled-in sheet.
        out: the folder of results that it came from.

    Raises:
        SheetError: something in it is wrong; then nothing is taken in.
    """
    read = read_sheet(path, manifest.current(out))
    kept = marking.load(out)
    new = {each.key: each for each in read.given}
    changed = sum(key in kept and kept[key] != each for key, each in new.items())
    marking.save(kept | new, out)
    lines = [f"{len(new)} marks taken in ({changed} of them changed), {read.blank} rows are blank"]
    lines += [f"{row}: handed in anew since, mark it on the new sheet" for row in read.stale]
    return "\n".join(lines)


def read_sheet(path: Path, records: tuple[Record, ...]) -> Sheet:
    """The marks on a sheet.

    Args:
        path: the filled-in sheet.
        records: the submissions that it is about.

    Raises:
        SheetError: it is no marking sheet, or some of its rows are wrong; all of them are told.
    """
    reader = _rows(_text(path))
    asked, texts = questions(records), answers(records)
    students = {str(marking.cell(record.student)) for record in records}
    given: dict[str, Given] = {}
    problems, stale, blank = [], [], 0
    for number, row in enumerate(reader, 2):
        if not any(row.values()):
            continue
        where = f"row {number}"
        known = texts.get(row["key"])
        wrong = list(_wrong_place(row, known, students, asked, seen=row["key"] in given))
        if wrong:
            problems += [f"{where}: {each}" for each in wrong]
        elif known is None:
            stale.append(f"{where} ({row['student']}, {row['question']})")
        elif not _filled(row, asked[known[1].question]):
            blank += 1
        else:
            points, faults = _points(row, asked[known[1].question])
            problems += [f"{where}: {each}" for each in faults]
            key, comment = row["key"], _comment(row[COMMENT])
            given[key] = Given(key, known[0], known[1].question, points, comment)
    if problems:
        more = len(problems) - MAX_TOLD
        told = [*problems[:MAX_TOLD], *([f"and {more} more"] if more > 0 else [])]
        raise SheetError("\n".join([f"nothing of {path.name} was taken in:", *told]))
    return Sheet(tuple(given.values()), blank, tuple(stale))


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SheetError(f"expected a marking sheet, got {path}: {error.strerror}") from error
    if data[:2] == b"PK":
        raise SheetError(f"expected CSV, got a workbook, try to save {path.name} as `CSV UTF-8`")
    if len(data) > MAX_BYTES:
        raise SheetError(f"expected at most {MAX_BYTES >> 20} MiB, got {len(data) >> 20}")
    for encoding in ("utf-16",) if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig",):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as error:
            advice = f"try to save {path.name} as `CSV UTF-8`"
            raise SheetError(f"expected UTF-8, got byte {error.start}: {advice}") from error
    raise AssertionError("one encoding is always tried")


def _rows(text: str) -> Iterator[dict[str, str]]:
    """The sheet's rows, with every column there, whatever separates them."""
    head = text.removeprefix(FRONT[0])[:1]
    separator = head if head in (",", ";", "\t") else ","
    csv.field_size_limit(MAX_BYTES)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, restval="")
    columns = [name.strip() for name in reader.fieldnames or []]
    missing = [name for name in (*FRONT, COMMENT) if name not in columns]
    if missing:
        raise SheetError(
            f"expected the columns of a marking sheet, got none called {', '.join(missing)}, "
            "try the sheet that `mi-course grade` wrote"
        )
    try:
        for row in reader:
            yield {str(name).strip(): text.strip() for name, text in row.items() if name}
    except csv.Error as error:
        raise SheetError(f"expected CSV, got line {reader.line_num}: {error}") from error


def _comment(text: str) -> str:
    """A comment as it was written, without the mark that keeps a spreadsheet from running it."""
    lines = [one_line(line) for line in text.splitlines()]
    return "\n".join(GUARD.sub(r"\1", line) for line in lines).strip()


def _wrong_place(
    row: dict[str, str],
    known: tuple[str, OpenMark] | None,
    students: set[str],
    asked: dict[str, OpenQuestion],
    *,
    seen: bool,
) -> Iterator[str]:
    """Why a row cannot be told apart from others, or stands for something else than it says."""
    if row["question"] not in asked:
        yield f"no question {row['question']!r} was asked, try {', '.join(asked) or 'none'}"
    elif known is None:
        if row["student"] not in students:
            yield f"no student {row['student']!r} has handed anything in"
    elif known[1].question != row["question"]:
        yield f"its key stands for question {known[1].question}, got {row['question']}"
    elif not _same(row["student"], str(marking.cell(known[0]))):
        yield f"its key stands for {known[0]}, got {row['student']!r}"
    elif "".join(row["answer"].split()) != "".join(shown(known[1].answer).split()):
        yield "the answer is not the one that was handed in: do not change or move it"
    if seen:
        yield "this answer is marked in an earlier row already"


def _same(written: str, name: str) -> bool:
    """Whether a cell holds a name; a spreadsheet makes 4711 of 004711."""
    return written == name or (name.isdecimal() and written == str(int(name)))


def _filled(row: dict[str, str], question: OpenQuestion) -> bool:
    """Whether anything was written into a row."""
    return any(row.get(name) for name in (*_columns(row, question), COMMENT))


def _columns(row: dict[str, str], question: OpenQuestion) -> list[str]:
    """The row's names of a question's columns; only what stands before the text must agree."""
    heads = [name.split(" ")[0] for name in criteria(question)]
    return [next((name for name in row if name.split(" ")[0] == head), head) for head in heads]


def _points(row: dict[str, str], question: OpenQuestion) -> tuple[tuple[int, ...], list[str]]:
    """Points by criterion, and what is wrong with them."""
    points, wrong = [], []
    for name, criterion in zip(_columns(row, question), question.rubric, strict=True):
        head, written = name.split(" ")[0], row.get(name, "")
        number = written.replace(",", ".").removesuffix(".0")
        if not written:
            wrong.append(f"{head} has no points, though the row is marked")
        elif not number.isascii() or not number.isdecimal() or int(number) > criterion.points:
            most = criterion.points
            wrong.append(f"{head}: expected a whole number from 0 to {most}, got {written[:20]!r}")
        points.append(int(number) if number.isdecimal() and len(number) < 5 else 0)
    strange = [name for name in row if "/" in name and row[name]]
    own = {name.split(" ")[0] for name in criteria(question)}
    wrong += [f"{name.split(' ')[0]} is another question's column" for name in strange
              if name.split(" ")[0] not in own]  # fmt: skip
    return tuple(points), wrong
