"""Marks on their way into Canvas, Moodle and Gradescope.

Canvas and Moodle take back a sheet that they gave out: here it is filled in, with every row, column
and cell that is not a mark kept as it was. Where the platform's points differ from the notebook's,
marks are scaled to the platform's. Whoever is not matched, cannot be graded or must not be changed
is told and left as they are.
In go records and a sheet, out comes a `Filled`.
"""

import html
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mi_course.grading.records import Record
from mi_course.grading.reports.hostile import one_line
from mi_course.grading.reports.roster import Person, Sheet, find, read_sheet
from mi_course.grading.reports.standing import UNTOLD, counting, worth

ASSIGNMENT = re.compile(r"(?P<title>.*?)\s*\((?P<number>\d+)\)\s*")
KEPT = ("EX", "N/A")  # excused, and not assigned to this student
CANVAS_COLUMNS = ("ID", "SIS Login ID", "Section")
MOODLE_COLUMNS = ("Identifier", "Grade")


@dataclass(frozen=True)
class Filled:
    """A sheet that was filled in.

    Args:
        content: the file, in the encoding that it came with.
        marks: how many cells hold a mark now.
        notes: what was left out or scaled, and why; a sentence each.
    """

    content: bytes
    marks: int
    notes: tuple[str, ...]


def canvas(
    records: tuple[Record, ...],
    sheet: Path,
    *,
    assignment: str | None = None,
    chapter: str | None = None,
) -> Filled:
    """The gradebook that Canvas exports, filled in.

    Args:
        records: one for each submission.
        sheet: the file downloaded from Canvas.
        assignment: title or number of the column to fill; None takes, for each chapter, the one
            column whose title starts with "06" or says "chapter 6" or "notebook 6".
        chapter: two digits; None takes all that were handed in.

    Raises:
        ValueError: no such file, or no single column for the chapter.
    """
    table = read_sheet(sheet, CANVAS_COLUMNS, "a gradebook exported from Canvas")
    marks = _marks(records, chapter)
    columns = _columns(table, sorted({name for _, name in marks}), assignment)
    points = _points_row(table)
    people = _canvas_people(table, points)
    filling = _Filling(table, people)
    for name in sorted({name for _, name in marks} - set(columns)):
        filling.notes.append(f"chapter {name}: no column names it, nothing was filled in")
    for name, column in columns.items():
        most = worth(marks.values())[name]
        possible = number(table.cell(points, column)) if points is not None else None
        scale = filling.scale(f"chapter {name}", most, possible)
        comma = points is not None and "," in table.cell(points, column)
        for record, row in filling.rows([r for key, r in marks.items() if key[1] == name]):
            if table.cell(row, column) in KEPT:
                filling.leave(record, f"Canvas says {table.cell(row, column)}")
            else:
                filling.mark(row, column, written(record.total * scale, comma))
    return filling.done()


def moodle(records: tuple[Record, ...], sheet: Path, *, chapter: str | None = None) -> Filled:
    """Moodle's grading worksheet of one assignment, filled in.

    Feedback comments are filled in where there are none yet.

    Args:
        records: one for each submission.
        sheet: the file downloaded from Moodle.
        chapter: two digits; None takes the one that was handed in.

    Raises:
        ValueError: no such file, or several chapters and none chosen.
    """
    table = read_sheet(sheet, MOODLE_COLUMNS, "a grading worksheet downloaded from Moodle")
    marks = _marks(records, chapter)
    name = _one_chapter(marks)
    grade, most = table.column("Grade"), table.column("Maximum Grade")
    locked, comments = table.column("Grade can be changed"), table.column("Feedback comments")
    filling, available = _Filling(table, _moodle_people(table)), worth(marks.values())[name]
    for record, row in filling.rows(list(marks.values())):
        if table.cell(row, locked).casefold() == "no":
            filling.leave(record, "Moodle says that the grade cannot be changed")
            continue
        highest = table.cell(row, most)
        scale = filling.scale(f"chapter {name}", available, number(highest))
        filling.mark(row, grade, written(record.total * scale, "," in highest))
        if comments is not None and not table.cell(row, comments):
            filling.cells[row, comments] = comment(record)
    return filling.done()


def comment(record: Record) -> str:
    """A record in a line, as HTML that is nothing but text."""
    parts = [f"{record.total} of {record.max_total} points"]
    for mark in record.marks:
        slip = f" ({mark.slip})" if mark.slip else ""
        parts.append(f"{mark.exercise}: {mark.points} of {mark.max_points}, {mark.state}{slip}")
    for each in record.opens:
        earned = "not marked yet" if each.points is None else f"{each.points} of {each.max_points}"
        said = f" ({one_line(each.comment)})" if each.comment else ""
        parts.append(f"{each.question}: {earned}{said}")
    return html.escape("; ".join(parts))


def number(text: str) -> float | None:
    """The number in a cell, with a point or a comma, or None."""
    point = max(".,", key=text.rfind)  # the later one; the other stands between thousands
    try:
        value = float(text.replace("." if point == "," else ",", "").replace(point, "."))
    except ValueError:
        return None
    return value if 0 <= value < 1e9 else None


def written(value: float, comma: bool = False) -> str:
    """A mark with at most two decimals, as the platform writes numbers."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return text.replace(".", ",") if comma else text


class _Filling:
    """The cells that were filled so far, and what is to be told."""

    def __init__(self, table: Sheet, people: list[Person]) -> None:
        self.table, self.people = table, people
        self.cells: dict[tuple[int, int], str] = {}
        self.notes: list[str] = []
        self.marks = self.replaced = 0

    def rows(self, records: list[Record]) -> list[tuple[Record, int]]:
        """The records that have a row of their own; the others are told."""
        found = [(record, *find(record.student, self.people)) for record in records]
        shared = Counter(row for _, row, _ in found if row is not None)
        matched = []
        for record, row, reason in found:
            if row is None:
                self.leave(record, reason)
            elif shared[row] > 1:
                self.leave(record, f"fits row {row + 1}, and so does another submission")
            elif record.problem:
                self.leave(record, record.problem)
            else:
                matched.append((record, row))
        waiting = sum(each.points is None for record, _ in matched for each in record.opens)
        if waiting:
            self.notes.append(f"{waiting} open answers are not marked yet: these sums will grow")
        return matched

    def scale(self, what: str, most: int, possible: float | None) -> float:
        """What to multiply marks by, told once."""
        if not possible or not most or possible == most:
            return 1.0
        note = f"{what}: {most} points were scaled to {possible:g}"
        if note not in self.notes:
            self.notes.append(note)
        return possible / most

    def mark(self, row: int, column: int, text: str) -> None:
        old = number(self.table.cell(row, column))
        self.replaced += old is not None and old != number(text)
        self.cells[row, column] = text
        self.marks += 1

    def leave(self, record: Record, reason: str) -> None:
        self.notes.append(f"{one_line(record.student)} was left out: {one_line(reason)}")

    def done(self) -> Filled:
        if self.replaced:
            self.notes.append(f"{self.replaced} earlier marks were replaced by others")
        return Filled(self.table.with_cells(self.cells), self.marks, tuple(self.notes))


def _marks(records: Iterable[Record], chapter: str | None) -> dict[tuple[str, str], Record]:
    """The submissions that count, of the chapter or of all."""
    every = {key: record for key, record in counting(records).items() if key[1] != UNTOLD}
    names = sorted({name for _, name in every})
    if not names or (chapter is not None and chapter not in names):
        raise ValueError(
            f"expected a chapter that was graded, got {chapter or 'none'}, "
            f"try one of {', '.join(names) or 'the grading first'}"
        )
    return {key: record for key, record in every.items() if chapter in (None, key[1])}


def _one_chapter(marks: dict[tuple[str, str], Record]) -> str:
    names = sorted({name for _, name in marks})
    if len(names) > 1:
        raise ValueError(f"expected one chapter, got {', '.join(names)}, try choosing one of them")
    return names[0]


def _columns(table: Sheet, chapters: list[str], assignment: str | None) -> dict[str, int]:
    """The column of each chapter that has one."""
    titles = {
        index: found for index, head in enumerate(table.rows[0])
        if (found := ASSIGNMENT.fullmatch(head.strip()))
    }  # fmt: skip
    listed = ", ".join(repr(found.group().strip()) for found in titles.values()) or "none"
    if assignment is not None and len(chapters) > 1:
        raise ValueError(f"expected one chapter for {assignment!r}, got {', '.join(chapters)}")
    columns = {}
    for chapter in chapters:
        fits = [index for index, found in titles.items() if _named(found, chapter, assignment)]
        if len(fits) > 1 or (assignment is not None and not fits):
            raise ValueError(
                f"expected one assignment for chapter {chapter}, got {len(fits)} that fit "
                f"{assignment or chapter!r}, try naming one of {listed}"
            )
        columns |= {chapter: fits[0]} if fits else {}
    if not columns:
        raise ValueError(
            f"expected an assignment that names chapter {' or '.join(chapters)}, got {listed}, "
            "try naming the one to fill in"
        )
    return columns


def _named(found: re.Match[str], chapter: str, assignment: str | None) -> bool:
    title, short = found["title"].casefold(), chapter.lstrip("0") or "0"
    if assignment is not None:
        return assignment.strip().casefold() in (title, found["number"], found.group().casefold())
    word = rf"\b(chapter|notebook)\s*0*{short}(?![\d.])"
    return bool(re.match(rf"{chapter}(?!\d|[-/.:]\d)", title) or re.search(word, title))


def _points_row(table: Sheet) -> int | None:
    rows = range(1, min(4, len(table.rows)))
    return next((n for n in rows if table.cell(n, 0).casefold() == "points possible"), None)


def _canvas_people(table: Sheet, points: int | None) -> list[Person]:
    logins = [table.column(name) for name in ("SIS Login ID", "SIS User ID", "Integration ID")]
    names = [table.column(name) for name in ("Student", "LastName", "FirstName")]
    own = table.column("ID")
    return [
        Person(
            row,
            " ".join(table.cell(row, column) for column in names if column is not None),
            table.cell(row, own),
            tuple(table.cell(row, column) for column in logins),
        )
        for row in range((points or 0) + 1, len(table.rows))
        if table.cell(row, own)
    ]


def _moodle_people(table: Sheet) -> list[Person]:
    own, name = table.column("Identifier"), table.column("Full name")
    logins = [table.column(each) for each in ("Email address", "ID number", "Username")]
    people = []
    for row in range(1, len(table.rows)):
        digits = re.search(r"(\d+)\s*$", table.cell(row, own))
        known = tuple(table.cell(row, column) for column in logins)
        if digits:
            people.append(Person(row, table.cell(row, name), digits[1], known))
    return people
