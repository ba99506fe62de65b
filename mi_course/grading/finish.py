"""What follows when all is graded: marks given by hand, tables, pages, and a word to the teacher.

It starts from records alone, so that a run in one piece, shards put together, and open questions
that come back marked all end in the same files.
In go records and a folder, out comes a `Summary`.
"""

import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from mi_course.grading import manifest
from mi_course.grading.audit import Audit, versions
from mi_course.grading.marking import marking, marking_sheet
from mi_course.grading.notebook import sha256
from mi_course.grading.records import Record
from mi_course.grading.reports.reports import write_reports
from mi_course.grading.shards import gather
from mi_course.grading.summary import Summary


def finish(
    records: tuple[Record, ...],
    out: Path,
    audit: Audit,
    *,
    tier: str,
    began: float,
    resumed: int = 0,
    changed: int = 0,
    shard: tuple[int, int] = (1, 1),
    more: tuple[tuple[str, Path], ...] = (),
) -> Summary:
    """Write all that people read.

    Args:
        records: one for each submission.
        out: the folder of results.
        audit: told what was written.
        tier: the isolation that student code ran under.
        began: `time.monotonic()` when the run began.
        resumed: records that needed nothing new.
        changed: marks that are other than they were.
        shard: which part of the class this is, of how many.
        more: what else was written, in words -> path.

    Returns:
        The summary for the teacher.
    """
    records = marking.attach(records, out)
    sheets = _write_sheet(records, out)
    reports = write_reports(records, out)
    seconds = time.monotonic() - began
    points = sum(record.total for record in records)
    audit.log(
        "end", seconds=round(seconds, 1), records=len(records), resumed=resumed, changed=changed,
        points=points,
    )  # fmt: skip
    pages = [("the class", reports.class_page), ("database", reports.database), *sheets, *more]
    return Summary(
        records, resumed, tier, reports.gradebook, reports.feedback, seconds, changed, shard,
        tuple(pages),
    )  # fmt: skip


def merge(shards: Iterable[Path], out: Path) -> Summary:
    """Put shards together and write the same files as a run in one piece.

    Args:
        shards: folders of results, one for each part of the class.
        out: folder of the results for the whole class.

    Returns:
        The summary of the whole.
    """
    began, folders = time.monotonic(), list(shards)
    with Audit(out) as audit:
        audit.log("merge", grader=versions(), shards=[str(folder) for folder in folders])
        whole = gather(folders, out)
        records = manifest.current(out)
        audit.log("merged", secret=whole.secret, papers=whole.papers, records=len(records))
        return finish(
            records, out, audit, tier=whole.tier, began=began, resumed=_unproblematic(records)
        )


def take_marks(sheet: Path, out: Path) -> str:
    """Take in a filled-in marking sheet and write all reports again.

    Args:
        sheet: points and comments for open questions.
        out: the folder of results that the sheet came from.

    Returns:
        What was taken in, and the summary, in words.
    """
    began = time.monotonic()
    facts = manifest.read(out)
    with Audit(out) as audit:
        told = marking_sheet.take_in(sheet, out)
        audit.log("marks", grader=versions(), sheet=str(sheet), told=told)
        records = manifest.current(out)
        summary = finish(
            records, out, audit, tier=facts.tier, began=began, resumed=_unproblematic(records),
            shard=facts.shard,
        )  # fmt: skip
    return f"{told}\n{summary}"


def _unproblematic(records: tuple[Record, ...]) -> int:
    return sum(not record.problem for record in records)


def _write_sheet(records: tuple[Record, ...], out: Path) -> list[tuple[str, Path]]:
    """Write the marking sheet; where the old one holds marks that were not taken in, keep it."""
    facts, old = manifest.read(out), out / marking.SHEET
    pages = []
    if old.exists() and sha256(old.read_bytes()) != facts.sheet and _holds_more(old, records, out):
        kept = old.with_name(f"{old.stem}-before-{len([*out.glob('marking-before-*')]) + 1}.csv")
        old.replace(kept)
        pages.append(("marks that were not taken in", kept))
    sheet = marking.write_sheet(records, out)
    if sheet:
        manifest.write(replace(facts, sheet=sha256(sheet.read_bytes())), out)
        pages.append(("open answers to mark", sheet))
    return pages


def _holds_more(sheet: Path, records: tuple[Record, ...], out: Path) -> bool:
    """Whether overwriting a sheet that a person has changed would lose what stands on it."""
    kept = marking.load(out)
    try:
        read = marking_sheet.read_sheet(sheet, records)
    except marking_sheet.SheetError:
        return True
    return bool(read.stale) or any(kept.get(each.key) != each for each in read.given)
