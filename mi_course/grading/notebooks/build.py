"""Build a chapter: one source becomes the student's notebook and the executed solution.

`solutions/NN_topic.py` -> `chapters/NN_topic.ipynb` without answers and outputs, and
`solutions/NN_topic.ipynb` with both. Nothing in either depends on when or where it was built:
cell ids come from the content, metadata is fixed, and a solution whose new outputs agree with the
saved ones within tolerance is left as it is. Cells carry nbgrader metadata (schema 3) as well.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell

from mi_course.grading.notebooks import nbgrader
from mi_course.grading.notebooks.colab import opening_cells
from mi_course.grading.notebooks.execute import execute as run_notebook
from mi_course.grading.notebooks.outputs import differences
from mi_course.grading.notebooks.source import BEGIN, END, Chapter, SourceCell, read_chapter

NEW_CELL = {"code": new_code_cell, "markdown": new_markdown_cell, "raw": new_raw_cell}
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"},
}


@dataclass(frozen=True)
class BuildReport:
    """What a build made.

    Args:
        source: the chapter's source.
        student: the student's notebook.
        solution: the executed solution.
        exercises: ids of the exercises, in order.
        changed: files whose bytes this build changed.
        notes: what the author should look at, such as a hint that the text does not give.
    """

    source: Path
    student: Path
    solution: Path
    exercises: tuple[str, ...]
    changed: tuple[Path, ...]
    notes: tuple[str, ...]


def build(source: Path, chapters: Path, solutions: Path, *, execute: bool = True) -> BuildReport:
    """Write the two notebooks of `source` where they differ from what is there.

    Args:
        source: `NN_topic.py`.
        chapters: folder of the student's notebooks.
        solutions: folder of the executed solutions.
        execute: whether to run the solution; without it only the student's notebook is written.

    Raises:
        BuildError: the source is refused, or a cell of the solution raises.
    """
    chapter = read_chapter(source)
    student = chapters / f"{source.stem}.ipynb"
    solution = solutions / f"{source.stem}.ipynb"
    changed = [student] if _write(student_notebook(chapter), student) else []
    if execute:
        done = run_notebook(solution_notebook(chapter), chapter)
        if not _agrees(done, solution) and _write(done, solution):
            changed.append(solution)
            source.touch()  # JupyterLab's jupytext opens no notebook that is newer than its text
    ids = tuple(chapter.exercises)
    return BuildReport(source, student, solution, ids, tuple(changed), tuple(_notes(chapter)))


def build_all(root: Path, *, execute: bool = True) -> list[BuildReport]:
    """Build every `solutions/NN_topic.py` under `root`, in order.

    Raises:
        ValueError: there is none.
    """
    solutions = root / "solutions"
    sources = sorted(solutions.glob("[0-9][0-9]_*.py"))
    if not sources:
        raise ValueError(f"expected NN_topic.py in {solutions}, got none, try --root CHECKOUT")
    return [build(path, root / "chapters", solutions, execute=execute) for path in sources]


def student_notebook(chapter: Chapter) -> NotebookNode:
    """The notebook that a student opens: no answers, no outputs, no hidden cells."""
    ids = cell_ids(chapter)
    cells = opening_cells(f"chapters/{chapter.path.stem}.ipynb")
    for cell, cell_id in zip(chapter.cells, ids, strict=True):
        if cell.hidden is None:
            text = cell.text if cell.exercise is None else stub(cell.text, cell.exercise)
            cells.append(_cell(cell, cell_id, text, chapter, student=True))
    return _notebook(cells, chapter, "student")


def solution_notebook(chapter: Chapter) -> NotebookNode:
    """The teacher's notebook with every cell and no outputs yet."""
    cells = [
        _cell(cell, cell_id, cell.text, chapter, student=False)
        for cell, cell_id in zip(chapter.cells, cell_ids(chapter), strict=True)
    ]
    return _notebook(cells, chapter, "solution")


def stub(text: str, exercise_id: str) -> str:
    """`text` with each solution region replaced by one line that says it is not written yet."""
    lines, inside = [], False
    for line in text.splitlines():
        if line.strip() == BEGIN:
            indent = line[: len(line) - len(line.lstrip())]
            message = f"Exercise {exercise_id} is not written yet"
            lines.append(f'{indent}raise NotImplementedError("{message}")')
            inside = True
        elif line.strip() == END:
            inside = False
        elif not inside:
            lines.append(line)
    return "\n".join(lines)


def cell_ids(chapter: Chapter) -> list[str]:
    """An id for each cell: its role where it has one, a hash of its text for others.

    Text that occurs twice is told apart by a count, so an id stays when other cells change.
    """
    ids: list[str] = []
    for cell in chapter.cells:
        name = _role_id(cell) or hashlib.sha256(cell.text.encode()).hexdigest()[:8]
        count = sum(1 for known in ids if known.split("--")[0] == name)
        ids.append(f"{name}--{count}" if count else name)
    return ids


def _role_id(cell: SourceCell) -> str:
    for role in ("exercise", "check", "open"):
        if role in cell.metadata:
            return f"{role}-{cell.metadata[role].replace('.', '-')}"
    return ""


def _cell(
    cell: SourceCell, cell_id: str, text: str, chapter: Chapter, *, student: bool
) -> NotebookNode:
    metadata = dict(cell.metadata)
    asked = {**chapter.exercises, **chapter.opens}.get(cell.exercise or cell.check or cell.open)
    if asked is not None:
        metadata["points"] = asked.points
        metadata["nbgrader"] = _nbgrader(cell, cell_id, asked.points)
        if student and cell.kind == "code":
            metadata["tags"] = sorted({*cell.tags, "raises-exception"})
    return NEW_CELL[cell.kind](text, id=cell_id, metadata=metadata)


def _nbgrader(cell: SourceCell, cell_id: str, points: int) -> dict[str, Any]:
    if cell.exercise is not None:
        return nbgrader.answer(cell_id)
    role = nbgrader.graded_check if cell.check is not None else nbgrader.written_answer
    return role(cell_id, points)


def _notebook(cells: list[NotebookNode], chapter: Chapter, role: str) -> NotebookNode:
    metadata = {**METADATA, "mi_course": {"chapter": chapter.path.stem, "role": role}}
    notebook = new_notebook(cells=cells, metadata=metadata)
    notebook.nbformat_minor = 5
    nbformat.validate(notebook)
    return notebook


def as_text(notebook: NotebookNode) -> str:
    """The notebook's bytes: keys in order, one space of indent, a newline at the end."""
    return nbformat.writes(notebook, version=nbformat.NO_CONVERT).rstrip("\n") + "\n"


def _write(notebook: NotebookNode, path: Path) -> bool:
    """Write where the bytes differ, and tell whether they did."""
    text = as_text(notebook)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return True


def _agrees(new: NotebookNode, path: Path) -> bool:
    """Whether the saved solution has the same cells, and outputs within tolerance."""
    if not path.exists():
        return False
    old = nbformat.read(path, as_version=4)
    if old.metadata != new.metadata or len(old.cells) != len(new.cells):
        return False
    return all(_same_cell(*pair) for pair in zip(old.cells, new.cells, strict=True))


def _same_cell(old: NotebookNode, new: NotebookNode) -> bool:
    keys = ("id", "cell_type", "source", "metadata", "execution_count")
    if any(old.get(key) != new.get(key) for key in keys):
        return False
    rtol = new.metadata.get("rtol")
    return not differences(old.get("outputs", []), new.get("outputs", []), rtol=rtol)


def _notes(chapter: Chapter) -> Iterable[str]:
    prose = " ".join(" ".join(c.text.split()) for c in chapter.cells if c.kind == "markdown")
    for exercise in chapter.exercises.values():
        for number, hint in enumerate(exercise.hints, 1):
            if " ".join(hint.split()) not in prose:
                yield f"{exercise.id}: hint {number} is not in the text: {hint}"
