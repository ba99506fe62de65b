"""The gradebook as tables that a spreadsheet opens.

`gradebook.csv` has a row for each submission, `students.csv` a row for each student and a column
for each chapter. Both start with a byte order mark: without one Excel takes UTF-8 for the
machine's own encoding and breaks every name that is not ASCII, and LibreOffice, pandas and
Python's "utf-8-sig" read past it. The same records give the same bytes.
In go records, out comes text.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterable

from mi_course.grading.records import Record
from mi_course.grading.reports.hostile import cell, page_name
from mi_course.grading.reports.standing import chapter_name, chapters, counting, in_order, worth

MARK = "\ufeff"


def gradebook(records: tuple[Record, ...]) -> str:
    """One row for each submission: points by exercise and open question, sum, tier and note.

    A cell is blank where there is no mark: the exercise belongs to another chapter, nothing could
    be graded, or nobody has marked the open question yet.

    Args:
        records: one for each row.
    """
    columns = _columns(records)
    best = counting(records)
    head = ["student", "notebook", "chapter", "counts", *columns, "total", "max", "tier", "note"]
    rows = []
    for record in records:
        marks = {mark.exercise: mark.points for mark in record.marks}
        marks |= {each.question: each.points for each in record.opens}
        points = ["" if marks.get(name) is None else marks[name] for name in columns]
        counts = "yes" if best[record.student, chapter_name(record)] is record else "no"
        front = [record.student, record.notebook, record.chapter, counts]
        back = [record.total, record.max_total, record.tier, _note(record)]
        rows.append([*front, *points, *back])
    return _text([head, *rows])


def students(records: tuple[Record, ...]) -> str:
    """One row for each student: points by chapter, their sum, and the page of feedback.

    A cell is blank where the student handed in nothing for a chapter. The sum to be had is that
    of all chapters, handed in or not.

    Args:
        records: one for each submission.
    """
    names, best, most = chapters(records), counting(records), worth(records)
    handed_in = Counter((record.student, chapter_name(record)) for record in records)
    rows = []
    for student in sorted({record.student for record in records}):
        own = [best.get((student, chapter)) for chapter in names]
        points = ["" if record is None else record.total for record in own]
        notes = [f"{chapter_name(r)}: {_note(r)}" for r in own if r is not None and _note(r)]
        numbers = {name: handed_in[student, name] for name in names}
        several = [f"{name}: best of {n} submissions" for name, n in numbers.items() if n > 1]
        page = f"feedback/{page_name(student)}.html"
        total = sum(record.total for record in own if record is not None)
        note = "; ".join([*notes, *several])
        rows.append([student, *points, total, sum(most.values()), page, note])
    return _text([["student", *names, "total", "max", "feedback", "note"], *rows])


def _columns(records: Iterable[Record]) -> list[str]:
    found = {mark.exercise for record in records for mark in record.marks}
    found |= {each.question for record in records for each in record.opens}
    return sorted(found, key=in_order)


def _note(record: Record) -> str:
    waiting = sum(each.points is None for each in record.opens)
    if record.problem or not waiting:
        return record.problem
    return f"{waiting} open answer{'s' * (waiting > 1)} not marked yet"


def _text(rows: list[list[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([cell(value) for value in row] for row in rows)
    return MARK + text.getvalue()
