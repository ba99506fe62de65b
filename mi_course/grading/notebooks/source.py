"""Read a chapter, `solutions/NN_topic.py`, and refuse what would make a bad notebook.

The source is a jupytext percent script. Metadata on a cell's marker says what the cell is:
`# %% exercise="06.2" points=3` holds an answer whose solution lies between `### BEGIN SOLUTION` and
`### END SOLUTION`; `# %% check="06.2"` checks it; `hidden="name"` is for teachers only.
`# %% [markdown] open="06.A"` is where a student answers an open question in words.
In goes a path; out comes a `Chapter` of cells, or a `BuildError` with file and line.
"""

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import jupytext

from mi_course.exercises import registry
from mi_course.exercises.core import Exercise
from mi_course.exercises.open_question import OpenQuestion

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
MAX_LINES = 20
Kind = Literal["markdown", "code", "raw"]


class BuildError(ValueError):
    """The source cannot become a notebook; the text names the file, the line and what to do."""

    def __init__(self, path: Path, line: int, message: str) -> None:
        super().__init__(f"{path.name}:{line}: {message}")


@dataclass(frozen=True)
class SourceCell:
    """One cell of the source.

    Args:
        kind: markdown, code or raw.
        text: its content, with solution regions.
        line: line of its `# %%` marker in the source, counted from 1.
        metadata: what the marker carries.
    """

    kind: Kind
    text: str
    line: int
    metadata: dict[str, Any]

    @property
    def exercise(self) -> str | None:
        """Id of the exercise that this cell answers."""
        return self.metadata.get("exercise")

    @property
    def check(self) -> str | None:
        """Id of the exercise that this cell checks."""
        return self.metadata.get("check")

    @property
    def open(self) -> str | None:
        """Id of the open question that is answered here."""
        return self.metadata.get("open")

    @property
    def hidden(self) -> str | None:
        """Name of a cell that only teachers get."""
        return self.metadata.get("hidden")

    @property
    def tags(self) -> list[str]:
        """The cell's tags."""
        return list(self.metadata.get("tags", []))


@dataclass(frozen=True)
class Chapter:
    """A chapter's source, read and found sound.

    Args:
        path: the source.
        cells: its cells in order.
        exercises: the exercises it asks, by id.
        opens: the open questions it asks, by id.
    """

    path: Path
    cells: tuple[SourceCell, ...]
    exercises: dict[str, Exercise]
    opens: dict[str, OpenQuestion] = field(default_factory=dict)


def read_chapter(path: Path) -> Chapter:
    """The chapter in `path`.

    Raises:
        BuildError: regions are nested, unclosed, missing or in a cell that is no exercise; an id is
            unknown, repeated or has no check; a function is not the exercise's; an open question
            of the chapter has no cell or no heading; a cell is too long or installs something.
    """
    cells = _cells(path)
    exercises: dict[str, Exercise] = {}
    opens: dict[str, OpenQuestion] = {}
    seen: set[tuple[str, str]] = set()
    for cell in cells:
        _refuse_repeats(path, cell, seen)
        _refuse_regions(path, cell)
        _refuse_colab(path, cell)
        _refuse_long(path, cell)
        if cell.exercise is not None:
            exercises[cell.exercise] = _exercise(path, cell)
        if cell.check is not None:
            _refuse_check(path, cell, exercises)
        if cell.open is not None:
            opens[cell.open] = _open_question(path, cell)
    _refuse_unchecked(path, cells)
    _refuse_unasked(path, cells, opens)
    headings = [*map(header, exercises.values()), *map(open_header, opens.values())]
    _refuse_headers(path, cells, headings)
    return Chapter(path, cells, exercises, opens)


def header(exercise: Exercise) -> str:
    """The heading that an exercise has in a notebook."""
    stars = "●" * exercise.stars + "○" * (3 - exercise.stars)
    title = f"{_number(exercise.id)} · {exercise.title}  {stars}"
    return f"## Exercise {title} · {exercise.minutes} min · {_points(exercise.points)}"


def open_header(question: OpenQuestion) -> str:
    """The heading that an open question has in a notebook."""
    title = f"{_number(question.id)} · {question.title}"
    return f"## Open question {title} · {_points(question.points)}"


def _number(question_id: str) -> str:
    chapter, _, number = question_id.partition(".")
    return f"{int(chapter)}.{number}"


def _points(points: int) -> str:
    return f"{points} point" + "s" * (points != 1)


def _cells(path: Path) -> tuple[SourceCell, ...]:
    text = path.read_text(encoding="utf-8")
    notebook = jupytext.reads(text, fmt="py:percent")
    lines = [n for n, line in enumerate(text.splitlines(), 1) if re.match(r"# ?%%", line)]
    lines = [1] * (len(notebook.cells) - len(lines)) + lines  # text before the first marker
    cells = []
    for cell, line in zip(notebook.cells, lines, strict=True):
        metadata = {k: v for k, v in cell.metadata.items() if k != "lines_to_next_cell"}
        cells.append(SourceCell(cell.cell_type, cell.source, line, metadata))
    return tuple(cells)


def _refuse_repeats(path: Path, cell: SourceCell, seen: set[tuple[str, str]]) -> None:
    for key in ("exercise", "check", "open", "hidden"):
        name = cell.metadata.get(key)
        if name is None:
            continue
        if not isinstance(name, str):
            message = f'expected text, got {name!r}, try {key}="{name}"'
            raise BuildError(path, cell.line, message)
        if (key, name) in seen:
            message = f'expected each id once, got {key}="{name}" again'
            raise BuildError(path, cell.line, message)
        seen.add((key, name))


def _refuse_regions(path: Path, cell: SourceCell) -> None:
    opened = 0  # line of the open region
    count = 0
    for line, text in enumerate(cell.text.splitlines(), cell.line + 1):
        mark = text.strip().removeprefix("# ") if cell.kind != "code" else text.strip()
        if mark not in (BEGIN, END):
            continue
        if cell.exercise is None:
            message = "expected solutions only in exercise cells, got one here, mark it exercise="
            raise BuildError(path, line, message)
        if (mark == BEGIN) == bool(opened):
            state = f"one is open since line {opened}" if opened else "none is open"
            raise BuildError(path, line, f"expected no {mark!r} here: {state}")
        opened, count = (line, count + 1) if mark == BEGIN else (0, count)
    if opened:
        raise BuildError(path, opened, f"expected {END!r} before the end of the cell")
    if cell.exercise is not None and not count:
        message = f"expected {BEGIN!r} and {END!r} in exercise {cell.exercise}"
        raise BuildError(path, cell.line, message)


def _refuse_colab(path: Path, cell: SourceCell) -> None:
    if "colab" in cell.tags or re.search(r"^\s*[%!]\s*pip ", cell.text, re.MULTILINE):
        message = "expected no installation here, the build puts one first, try without this cell"
        raise BuildError(path, cell.line, message)


def _refuse_long(path: Path, cell: SourceCell) -> None:
    lines = [text for text in cell.text.splitlines() if text.strip() not in (BEGIN, END)]
    if cell.kind == "code" and len(lines) > MAX_LINES:
        message = f"expected at most {MAX_LINES} lines in a cell, got {len(lines)}, try two cells"
        raise BuildError(path, cell.line, message)


def _exercise(path: Path, cell: SourceCell) -> Exercise:
    exercise = _known(path, cell, str(cell.exercise))
    if cell.kind != "code":
        raise BuildError(path, cell.line, f"expected a code cell for exercise {exercise.id}")
    points = cell.metadata.get("points", exercise.points)
    if points != exercise.points:
        message = f"expected points={exercise.points} as the exercise says, got {points}"
        raise BuildError(path, cell.line, message)
    try:
        tree = ast.parse(cell.text)
    except SyntaxError as error:
        raise BuildError(path, cell.line + (error.lineno or 0), f"got {error.msg}") from error
    defined = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    if exercise.function not in defined:
        message = f"expected a function {exercise.function!r}, got {defined or 'none'}"
        raise BuildError(path, cell.line, message)
    return exercise


def _known(path: Path, cell: SourceCell, exercise_id: str) -> Exercise:
    try:
        return registry.get(exercise_id)
    except ValueError as error:
        raise BuildError(path, cell.line, str(error)) from error


def _refuse_check(path: Path, cell: SourceCell, exercises: dict[str, Exercise]) -> None:
    if cell.check not in exercises:
        message = f"expected exercise {cell.check} above its check, got none"
        raise BuildError(path, cell.line, message)
    line = f"check({exercises[cell.check].function})"
    if cell.text.strip() != line:
        raise BuildError(path, cell.line, f"expected the one line `{line}`, got {cell.text!r}")


def _refuse_unchecked(path: Path, cells: tuple[SourceCell, ...]) -> None:
    checked = {cell.check for cell in cells}
    for cell in cells:
        if cell.exercise is not None and cell.exercise not in checked:
            message = f'expected a cell check="{cell.exercise}" for this exercise, got none'
            raise BuildError(path, cell.line, message)


def _open_question(path: Path, cell: SourceCell) -> OpenQuestion:
    if cell.kind != "markdown" or cell.hidden is not None:
        message = f"expected a markdown cell that students get for open question {cell.open}"
        raise BuildError(path, cell.line, message)
    known = {question.id: question for question in _asked(path)}
    if cell.open not in known:
        message = f"expected an open question among {', '.join(known) or 'none'}, got {cell.open!r}"
        raise BuildError(path, cell.line, message)
    return known[cell.open]


def _asked(path: Path) -> tuple[OpenQuestion, ...]:
    chapter = path.name[:2]
    return registry.open_questions(chapter) if chapter in registry.chapters() else ()


def _refuse_unasked(
    path: Path, cells: tuple[SourceCell, ...], opens: dict[str, OpenQuestion]
) -> None:
    """Each open question has a place for its answer, and its heading stands in the text."""
    text = {line.strip() for cell in cells for line in cell.text.splitlines()}
    for question in _asked(path):
        if question.id not in opens:
            message = f'expected a cell `# %% [markdown] open="{question.id}"`, got none'
            raise BuildError(path, max((cell.line for cell in cells), default=1), message)
        if not any(line.startswith(open_header(question).split(" · ")[0]) for line in text):
            line = next(cell.line for cell in cells if cell.open == question.id)
            raise BuildError(path, line, f"expected the heading\n{open_header(question)}")


def _refuse_headers(path: Path, cells: tuple[SourceCell, ...], headings: list[str]) -> None:
    """Headings say the title, stars, minutes and points that the exercise has."""
    right = {heading.split(" · ")[0]: heading for heading in headings}
    for cell in cells:
        for line in cell.text.splitlines() if cell.kind == "markdown" else ():
            wanted = right.get(line.split(" · ")[0].strip())
            if wanted is not None and line.split() != wanted.split():
                raise BuildError(path, cell.line, f"expected the heading\n{wanted}\ngot\n{line}")
