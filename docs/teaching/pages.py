"""The page of a chapter: its kit, and what the course knows of it, as Markdown.

In goes a `Kit`, out comes the text of `docs/teaching/NN.md`.
"""

import textwrap

from docs.teaching.kit import Kit, Step, sections
from mi_course.exercises.core import Exercise

WIDTH = 108
OPEN_MINUTES = 30  # for half a page; the course gives no time for open questions, this is our guess


def page(kit: Kit) -> str:
    """Return the chapter's page for teachers."""
    parts = [
        _head(kit),
        *(part for length in kit.lessons for part in _lesson(kit, length)),
        *_misconceptions(kit),
        *_open_question(kit),
        *_slides(kit),
    ]
    return "\n".join(parts) + "\n"


def total(exercises: tuple[Exercise, ...]) -> tuple[int, int]:
    """Return the minutes and the points of some exercises."""
    return sum(e.minutes for e in exercises), sum(e.points for e in exercises)


def row(*cells: str) -> str:
    """Return the row of a table; a bar inside a cell would end it."""
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _head(kit: Kit) -> str:
    minutes, points = total(kit.exercises)
    notebook = f"{kit.source}.ipynb"
    return "\n".join(
        [
            f"# Teaching {kit.chapter} · {kit.title}",
            "",
            f"[Notebook](../../chapters/{notebook}) · [with answers](../../solutions/{notebook}) · "
            f"{len(kit.exercises)} exercises, {minutes} min, {points} points · open question "
            f"{kit.question.id}, {kit.question.points} points · [all chapters, syllabi](README.md)",
            "",
            _wrapped(f"**They leave with:** {kit.aim}"),
            "",
            _wrapped(f"**The evening before:** {kit.prepare}"),
            "",
        ]
    )


def _lesson(kit: Kit, length: int) -> list[str]:
    minutes, points = total(kit.at_home(length))
    rows, start = [], 0
    for step in kit.lessons[length]:
        end = start + step.minutes
        rows.append(row(f"{start}-{end}", _place(kit, step), step.show, step.ask))
        start = end
    home = ", ".join(f"`{e.id}`" for e in kit.at_home(length))
    home += f" ({minutes} min, {points} points), and " if home else ""
    return [
        f"## {length} minutes",
        "",
        "| min | where | on the screen | asked of the class |",
        "|---|---|---|---|",
        *rows,
        "",
        f"Left for home: {home}the open question (about {OPEN_MINUTES} min).",
        "",
    ]


def _place(kit: Kit, step: Step) -> str:
    where = sections(kit.source)[0][step.section]
    return " · ".join([where, *(f"`{each}`" for each in step.exercises)])


def _misconceptions(kit: Kit) -> list[str]:
    return [
        "## Usual misconceptions",
        "",
        "| they think | met by | the check says | ask |",
        "|---|---|---|---|",
        *(row(m.think, f"`{m.exercise}`", m.message, m.ask) for m in kit.misconceptions),
        "",
    ]


def _open_question(kit: Kit) -> list[str]:
    question, lines = kit.question, []
    lines += [f"## Open question {question.id} · {question.title}", ""]
    for answer in kit.answers:
        said = f"**A {answer.kind} answer, {answer.points} of {question.points} points.** "
        paragraphs = [" ".join(each.split()) for each in (said + answer.text).split("\n\n")]
        quoted = [*_quoted(paragraphs[0])]
        for paragraph in paragraphs[1:]:
            quoted += [">", *_quoted(paragraph)]
        lines += [*quoted, ""]
    lines += [
        row("criterion", "of", *(answer.kind for answer in kit.answers)),
        "|---" * (2 + len(kit.answers)) + "|",
    ]
    for number, criterion in enumerate(question.rubric):
        given = [answer.marks[number] for answer in kit.answers]
        marks = (f"{mark.points}: {mark.why}" for mark in given)
        lines.append(row(criterion.text, str(criterion.points), *marks))
    sums = (f"**{points}**" for points in (question.points, *(a.points for a in kit.answers)))
    return [*lines, row("**points**", *sums), ""]


def _slides(kit: Kit) -> list[str]:
    return [
        "## Slides",
        "",
        "`make figures` draws them, 16:9, into `docs/teaching/slides/`:",
        "",
        *(f"- `{slide.file(kit.chapter)}`: {slide.say}" for slide in kit.slides),
    ]


def _quoted(text: str) -> list[str]:
    return [f"> {line}" for line in textwrap.wrap(text, WIDTH, break_on_hyphens=False)]


def _wrapped(text: str) -> str:
    return "\n".join(textwrap.wrap(text, WIDTH, break_on_hyphens=False, break_long_words=False))
