"""Which of a student's submissions count, and what a chapter is worth.

Of several notebooks that one student hands in for one chapter, the one with most points counts;
between equals, one that could be graded, then the first in the order of the records. Nothing says
when a notebook was handed in: names and folders do not, and a file's date is lost in downloads.
In go records, out come the records that count.
"""

import re
from collections.abc import Iterable

from mi_course.grading.records import Record

UNTOLD = "unknown"  # the chapter of a notebook that does not say which it is


def chapter_name(record: Record) -> str:
    """Two digits, or `UNTOLD`."""
    return record.chapter or UNTOLD


def chapters(records: Iterable[Record]) -> list[str]:
    """The chapters that were handed in, in order, `UNTOLD` last."""
    return sorted({chapter_name(record) for record in records})


def counting(records: Iterable[Record]) -> dict[tuple[str, str], Record]:
    """The submission that counts for each student and chapter.

    Args:
        records: one for each submission.

    Returns:
        (student, chapter) -> record, in the order of the records.
    """
    best: dict[tuple[str, str], Record] = {}
    for record in records:
        key = (record.student, chapter_name(record))
        if key not in best or _rank(record) > _rank(best[key]):
            best[key] = record
    return best


def worth(records: Iterable[Record]) -> dict[str, int]:
    """Points to be had in each chapter, as the submissions that could be graded tell."""
    most: dict[str, int] = {}
    for record in records:
        chapter = chapter_name(record)
        most[chapter] = max(most.get(chapter, 0), record.max_total)
    return most


def in_order(identifier: str) -> tuple[tuple[int, int, str], ...]:
    """A key that sorts "06.2" before "06.10", and letters after numbers."""
    parts = re.split(r"(\d+)", identifier)
    return tuple((0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts if p)


def _rank(record: Record) -> tuple[int, bool]:
    return record.total, not record.problem
