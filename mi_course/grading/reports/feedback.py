"""One page of feedback for each student, as HTML that needs no other file and as Markdown.

A page tells, for each exercise, what passed, the first difference, the likely slip and the time;
for each open question the answer with its points and the marker's comment. It tells no hidden
input: records hold none. What came out of a student's notebook is shown and never acted upon: the
HTML is escaped and forbids scripts and any request, the Markdown holds it in indented blocks.
In go one student's records, out comes text.
"""

from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from mi_course.grading.isolation.isolation import UNSAFE
from mi_course.grading.records import BLANK, ExerciseMark, OpenMark, Record
from mi_course.grading.reports.hostile import markdown_block, markdown_line, one_line, plain
from mi_course.grading.reports.standing import chapter_name, counting

TEMPLATES = Path(__file__).parents[1] / "templates"
WAITING = "not marked yet"


def html_page(student: str, records: tuple[Record, ...]) -> str:
    """One student's page of feedback on all that was handed in, as HTML.

    Args:
        student: whose page.
        records: that student's only.
    """
    total, most = sums(records)
    return template("feedback.html").render(
        student=student,
        records=records,
        counts=[counts(record, records) for record in records],
        total=total,
        most=most,
        tiers=sorted({record.tier for record in records if record.tier}),
        unsafe=UNSAFE,
    )


def markdown_page(student: str, records: tuple[Record, ...]) -> str:
    """The same page as Markdown.

    Args:
        student: whose page.
        records: that student's only.
    """
    total, most = sums(records)
    parts = [f"# Feedback for {markdown_line(student)}", f"{total} of {most} points"]
    for record in records:
        parts += _submission(record, counts(record, records))
    tiers = sorted({record.tier for record in records if record.tier})
    if tiers:
        parts.append(f"Isolation of your code: {markdown_line(', '.join(tiers))}.")
    return "\n\n".join(parts) + "\n"


def sums(records: tuple[Record, ...]) -> tuple[int, int]:
    """Points earned and points to be had in the submissions that count."""
    best = counting(records).values()
    return sum(record.total for record in best), sum(record.max_total for record in best)


def counts(record: Record, records: tuple[Record, ...]) -> bool:
    """Whether a submission counts among those of its student."""
    return counting(records)[record.student, chapter_name(record)] is record


@lru_cache
def template(name: str) -> Template:
    """One of the page templates, compiled once for all students."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {"plain": plain, "one_line": one_line, "time": spent, "said": said}
    return environment.get_template(name)


def spent(seconds: float) -> str:
    """A time as a student reads it."""
    if seconds < 0.01:
        return "under 0.01\u00a0s"
    return f"{seconds:.2f}\u00a0s" if seconds < 10 else f"{seconds:.0f}\u00a0s"


def said(mark: ExerciseMark) -> str:
    """The likely slip, where the message does not tell it already."""
    return "" if mark.slip.lower() in mark.message.lower() else mark.slip


def _submission(record: Record, counted: bool) -> list[str]:
    title = f"## {markdown_line(record.notebook)}: {record.total} of {record.max_total}"
    parts = [title]
    if not counted:
        parts.append("This submission does not count: another of yours for the chapter does.")
    if record.problem:
        parts += ["Nothing could be graded:", markdown_block(record.problem)]
    for mark in record.marks:
        parts += _exercise(mark)
    for each in record.opens:
        parts += _open(each)
    return parts


def _exercise(mark: ExerciseMark) -> list[str]:
    earned = f"{mark.points} of {mark.max_points}"
    line = mark.state
    if mark.passed:
        line += f"; {mark.passed} of {mark.total} cases passed"
    if len(mark.groups) > 1:
        ticks = [f"{'✓' if g.passed else '✗'} {g.name} ({g.points})" for g in mark.groups]
        line += f"; {', '.join(ticks)}"
    if mark.seconds and mark.state != BLANK:
        line += f"; your code ran {spent(mark.seconds)}"
    parts = [f"### {mark.exercise} · {markdown_line(mark.title)}: {earned}", line]
    if mark.case:
        parts.append(f'In the case "{markdown_line(mark.case)}":')
    if mark.message:
        parts.append(markdown_block(mark.message))
    if said(mark):
        parts.append(f"Likely slip: {markdown_line(mark.slip)}")
    if mark.printed:
        parts += ["Your code printed:", markdown_block(mark.printed)]
    return parts


def _open(each: OpenMark) -> list[str]:
    earned = WAITING if each.points is None else f"{each.points} of {each.max_points}"
    parts = [f"### {each.question} · {markdown_line(each.title)}: {earned}", "Your answer:"]
    parts.append(markdown_block(each.answer) if each.answer.strip() else "Nothing was written.")
    if each.comment:
        parts += ["Comment:", markdown_block(each.comment)]
    return parts
