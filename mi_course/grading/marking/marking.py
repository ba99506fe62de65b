"""Open questions are marked by a person, on a sheet that goes out and comes back.

`marking.csv` has a row for each answer and a column for each criterion of the rubric;
`marking.html` shows the same answers for reading, without names. What comes back is kept in
`open-marks.json` under a key made of student, question and text: a mark belongs to the text that
was read, so an answer that has changed since is put up for marking again.
In go records and a folder of results, out come the sheet and records with marks.
"""

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from mi_course.exercises import registry
from mi_course.exercises.open_question import OpenQuestion
from mi_course.grading.records import OpenMark, Record, write_text
from mi_course.grading.reports.hostile import cell, plain

SHEET, PAGE, MARKS = "marking.csv", "marking.html", "open-marks.json"
FRONT = ("key", "student", "question", "title", "max", "note", "answer")
COMMENT = "comment"
LONGEST = 30_000  # a spreadsheet's cell ends at 32,767 characters
CUT = "\n[… the rest is in marking.html]"


@dataclass(frozen=True)
class Given:
    """A mark that a person gave.

    Args:
        key: of the text that was read.
        student: whose text it is.
        question: id.
        points: for each criterion of the rubric.
        comment: to the student.
    """

    key: str
    student: str
    question: str
    points: tuple[int, ...]
    comment: str = ""


def key_of(student: str, each: OpenMark) -> str:
    """Names one text of one student; a letter first, or a spreadsheet may take it for a number."""
    text = "\0".join((student, each.question, each.answer))
    return "k" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def questions(records: Iterable[Record]) -> dict[str, OpenQuestion]:
    """The open questions that records speak of, by id."""
    known = {record.chapter for record in records} & set(registry.chapters())
    return {each.id: each for name in sorted(known) for each in registry.open_questions(name)}


def attach(records: tuple[Record, ...], out: Path) -> tuple[Record, ...]:
    """Records with the points and comments that were given for the texts they hold.

    Args:
        records: as the grader made them.
        out: the folder of results.
    """
    given, asked = load(out), questions(records)
    return tuple(
        replace(record, opens=tuple(_marked(record, each, given, asked) for each in record.opens))
        for record in records
    )


def load(out: Path) -> dict[str, Given]:
    """All marks given so far, by key.

    Raises:
        ValueError: the file that holds them is damaged.
    """
    path = out / MARKS
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))["marks"]
        found = [Given(**each | {"points": tuple(each["points"])}) for each in content]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(
            f"expected the marks of open questions in {path}, got a damaged file, "
            "try a copy of it, or delete it and take the marking sheets in again"
        ) from error
    return {each.key: each for each in found}


def save(given: dict[str, Given], out: Path) -> None:
    """Write all marks, whole or not at all."""
    content = {"marks": [asdict(given[key]) for key in sorted(given)]}
    write_text(out / MARKS, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def write_sheet(records: tuple[Record, ...], out: Path) -> Path | None:
    """Write `marking.csv` and `marking.html`; marks that were given already stand in them.

    Args:
        records: one for each submission.
        out: the folder of results.

    Returns:
        The sheet, or None where no open question was asked.
    """
    from mi_course.grading.reports.feedback import template  # jinja is needed for the page alone

    asked, given = questions(records), load(out)
    texts = answers(records)
    if not texts:
        return None
    write_text(out / SHEET, sheet(records, given))
    rows = {
        question: [(key, each) for key, (_, each) in texts.items() if each.question == question.id]
        for question in asked.values()
    }
    write_text(out / PAGE, template(PAGE).render(rows=rows))
    return out / SHEET


def answers(records: Iterable[Record]) -> dict[str, tuple[str, OpenMark]]:
    """Key -> student and answer, by question and in an order that tells nothing of names."""
    found = {key_of(r.student, each): (r.student, each) for r in records for each in r.opens}
    order = sorted(found, key=lambda key: (found[key][1].question, not found[key][1].answer, key))
    return {key: found[key] for key in order}


def sheet(records: tuple[Record, ...], given: dict[str, Given]) -> str:
    """The text of the marking sheet.

    Args:
        records: one for each submission.
        given: marks given so far.
    """
    asked, text = questions(records), io.StringIO()
    columns = [name for question in asked.values() for name in criteria(question)]
    writer = csv.DictWriter(text, [*FRONT, *columns, COMMENT], restval="", lineterminator="\n")
    text.write("\ufeff")  # without it Excel takes UTF-8 for the machine's own encoding
    writer.writeheader()
    for key, (student, each) in answers(records).items():
        question, mark = asked.get(each.question), given.get(key)
        if question is None:
            continue
        row = {
            "key": key, "student": cell(student), "question": each.question,
            "title": cell(question.title), "max": question.points,
            "note": _note(key, student, each, given), "answer": shown(each.answer),
        }  # fmt: skip
        points = mark.points if mark else () if each.answer else (0,) * len(question.rubric)
        row |= dict(zip(criteria(question), points, strict=False))
        writer.writerow(row | {COMMENT: shown(mark.comment) if mark else ""})
    return text.getvalue()


def criteria(question: OpenQuestion) -> list[str]:
    """Headings of a question's columns, one for each criterion of its rubric."""
    rubric = enumerate(question.rubric, 1)
    return [f"{question.id}/{n} (0 to {each.points}): {cell(each.text)}" for n, each in rubric]


def shown(text: str) -> str:
    """A text of several lines as a spreadsheet's cell that it takes for no formula."""
    lines = [str(cell(line)) for line in plain(text).split("\n")]
    whole = "\n".join(lines)
    return whole if len(whole) <= LONGEST else whole[:LONGEST] + CUT


def _marked(
    record: Record, each: OpenMark, given: dict[str, Given], asked: dict[str, OpenQuestion]
) -> OpenMark:
    mark, question = given.get(key_of(record.student, each)), asked.get(each.question)
    if mark is None or question is None or len(mark.points) != len(question.rubric):
        return replace(each, points=None if each.answer else 0, comment="")
    return replace(each, points=sum(mark.points), comment=mark.comment)


def _note(key: str, student: str, each: OpenMark, given: dict[str, Given]) -> str:
    if key in given:
        return "marked"
    earlier = list(_earlier(student, each.question, given))
    if earlier:
        return f"has changed since it was marked ({sum(earlier[-1].points)} points then)"
    return "" if each.answer else "nothing was written"


def _earlier(student: str, question: str, given: dict[str, Given]) -> Iterator[Given]:
    return (g for g in given.values() if (g.student, g.question) == (student, question))
