"""Tables and pages that a teacher and the students read.

`gradebook.csv` has one row for each submission and one column for each exercise; each student
gets one page of feedback, as HTML that needs no other file and as Markdown. What came out of a
student's code is escaped, and no page tells a hidden input.
In go records, out come files.
"""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, select_autoescape

from mi_course.grading.paper import Paper
from mi_course.grading.records import ExerciseMark, Record, slug, write_text

TEMPLATES = Path(__file__).with_name("templates")
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run what starts so


def write(records: tuple[Record, ...], papers: Iterable[Paper], out: Path) -> tuple[Path, Path]:
    """Write the gradebook and all feedback pages.

    Args:
        records: one for each submission.
        papers: the chapters' papers, for the columns.
        out: the folder to write into.

    Returns:
        The gradebook, and the folder of the pages.
    """
    table, pages = out / "gradebook.csv", out / "feedback"
    exercises = [question.exercise for paper in papers for question in paper.questions]
    write_text(table, gradebook(records, [exercise.id for exercise in exercises]))
    pages.mkdir(exist_ok=True)
    names = sorted({record.student for record in records})
    for name, stem in zip(names, _stems(names), strict=True):
        own = [record for record in records if record.student == name]
        write_text(pages / f"{stem}.html", html_page(name, own))
        write_text(pages / f"{stem}.md", markdown_page(name, own))
    return table, pages


def gradebook(records: Iterable[Record], exercises: list[str]) -> str:
    """The table of all marks, as CSV.

    Args:
        records: one for each row.
        exercises: ids, one for each column of points.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["student", "notebook", "chapter", "points", "max_points", *exercises, "note"])
    for record in records:
        points = {mark.exercise: mark.points for mark in record.marks}
        cells = [record.student, record.notebook, record.chapter, record.points, record.max_points]
        columns = [points.get(exercise, "") for exercise in exercises]
        writer.writerow([_safe(cell) for cell in (*cells, *columns, record.problem)])
    return text.getvalue()


def html_page(student: str, records: list[Record]) -> str:
    """One student's page of feedback on all that was handed in, as HTML."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(["html"]),
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("feedback.html").render(
        student=student,
        records=records,
        points=sum(record.points for record in records),
        max_points=sum(record.max_points for record in records),
    )


def markdown_page(student: str, records: list[Record]) -> str:
    """The same page as Markdown."""
    points = sum(record.points for record in records)
    max_points = sum(record.max_points for record in records)
    parts = [f"# Feedback for {_line(student)}", f"{points} of {max_points} points"]
    for record in records:
        parts.append(f"## {_line(record.notebook)}: {record.points} of {record.max_points}")
        if record.problem:
            parts += ["Nothing could be graded:", _quoted(record.problem)]
        for mark in record.marks:
            parts += _markdown(mark)
    return "\n\n".join(parts) + "\n"


def _markdown(mark: ExerciseMark) -> list[str]:
    earned = f"{mark.points} of {mark.max_points}"
    parts = [f"### {mark.exercise} · {mark.title}: {earned}", mark.state]
    if mark.passed:
        parts[-1] += f"; {mark.passed} of {mark.total} cases passed"
    if len(mark.groups) > 1:
        ticks = [f"{'✓' if g.passed else '✗'} {g.name} ({g.points})" for g in mark.groups]
        parts[-1] += f"; {', '.join(ticks)}"
    if mark.case:
        parts.append(f'In the case "{_line(mark.case)}":')
    return [*parts, _quoted(mark.message)] if mark.message else parts


def _stems(names: list[str]) -> list[str]:
    """A file name for each student; names that differ only in odd characters are numbered."""
    stems: list[str] = []
    for name in names:
        taken = sum(slug(name).lower() == slug(other).lower() for other in names[: len(stems)])
        stems.append(f"{slug(name)}-{taken + 1}" if taken else slug(name))
    return stems


def _safe(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def _quoted(text: str) -> str:
    """`text` as an indented block, in which Markdown and HTML mean nothing."""
    return "\n".join(f"    {line}" for line in text.splitlines())


def _line(text: str) -> str:
    """`text` on one line, without characters that Markdown or HTML would read."""
    return "".join(c if c.isalnum() or c in " _-./,:+()" else "·" for c in text)
