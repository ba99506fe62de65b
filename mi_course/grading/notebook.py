"""Read what students hand in, whatever state it is in, and find the answers in it.

A submission may be no JSON, lack cells, hold wrong types or be a link to something else; each
ends in a reason and never in a traceback. An exercise's answer is found by the cell's metadata,
then by its id, then by the name of the function; the set-up comes from the teacher's copy only.
In goes a path, out come cells, answers and a chapter. Nothing of a notebook is run here.
"""

import ast
import hashlib
import json
import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mi_course.exercises.core import Exercise

MAX_BYTES = 20 << 20
MAX_CELLS = 5_000
MAX_SOURCE = 200_000
MAX_DEPTH = 20
MAX_OTHER, MAX_OTHERS = 20_000, 200  # characters of a cell beside the answers, and such cells
CHAPTER_IN_NAME = re.compile(r"(?:^|[^0-9])([0-9]{2})_[A-Za-z]")


class NotebookError(ValueError):
    """A notebook that cannot be read; the text is the reason that a student is given."""


@dataclass(frozen=True)
class CodeCell:
    """One code cell, with what it may be found by."""

    id: str
    source: str
    exercise: str = ""
    tags: tuple[str, ...] = ()
    check: bool = False


@dataclass(frozen=True)
class Notebook:
    """The cells of one notebook.

    Args:
        cells: code cells in order.
        chapter: two digits, or nothing where the notebook does not say.
        words: (names it may be found by, text) of each cell that could answer an open question.
    """

    cells: tuple[CodeCell, ...]
    chapter: str = ""
    words: tuple[tuple[tuple[str, ...], str], ...] = ()


@dataclass(frozen=True)
class Submission:
    """One thing that a student handed in.

    Args:
        student: name of the folder, or of the file without the chapter's name.
        path: the notebook, or the student's folder where it holds none.
        name: the path as the teacher sees it, below the folder of submissions.
    """

    student: str
    path: Path
    name: str


@dataclass(frozen=True)
class Answers:
    """The answer cells that were found.

    Args:
        code: exercise id -> code, in the notebook's order.
        missing: exercise id -> why there is none.
        others: code of the other cells but checks, in the notebook's order.
    """

    code: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    others: tuple[str, ...] = ()


def collect(folder: Path) -> list[Submission]:
    """Every submission below `folder`, sorted by name; ValueError if there is no such folder.

    A notebook lies in its student's folder, at any depth, or directly in `folder` under the
    student's name. A student's folder without a notebook is a submission too.
    """
    if not folder.is_dir():
        raise ValueError(f"expected a folder of submissions, got {folder}, try its parent folder")
    found = []
    for path in sorted(folder.iterdir()):
        if path.suffix == ".ipynb" and not path.is_dir():
            found.append(Submission(_student(path.stem), path, path.name))
        elif path.is_symlink() and not path.is_file():  # nobody's folder is looked into twice
            found.append(Submission(path.name, path, path.name))
        elif path.is_dir() and not path.name.startswith("."):
            inside = sorted(_notebooks(path)) or [path]
            names = [each.relative_to(folder).as_posix() for each in inside]
            found += [Submission(path.name, *pair) for pair in zip(inside, names, strict=True)]
    return found


def read_bytes(path: Path) -> bytes:
    """The bytes of a submitted file.

    Raises:
        NotebookError: it is missing, a link, no plain file, or too large.
    """
    if path.is_dir() and not path.is_symlink():
        raise NotebookError("the folder holds no notebook (a file that ends in .ipynb)")
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK  # a named pipe must not make us wait
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        reason = "a link" if path.is_symlink() else error.strerror
        raise NotebookError(f"the notebook cannot be opened: {reason}") from error
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise NotebookError("the notebook is no plain file")
        if status.st_size > MAX_BYTES:
            raise NotebookError(f"the notebook is larger than {MAX_BYTES >> 20} MiB")
        return file.read(MAX_BYTES + 1)


def parse(data: bytes) -> Notebook:
    """The notebook in `data`.

    Raises:
        NotebookError: it is no notebook; the text says why.
    """
    try:
        content = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise NotebookError("the file is not a notebook: it is not UTF-8 text") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise NotebookError("the file is not a notebook: it is not JSON") from error
    cells = _raw_cells(content)
    code = tuple(cell for raw in cells[:MAX_CELLS] if (cell := _code_cell(raw)) is not None)
    if not code:
        raise NotebookError("the notebook has no code cells")
    words = tuple(found for raw in cells[:MAX_CELLS] if (found := _words(raw)))
    return Notebook(code, _chapter(content, code), words)


def sha256(data: bytes) -> str:
    """Hexadecimal digest that names a notebook's content."""
    return hashlib.sha256(data).hexdigest()


def chapter_of_name(name: str) -> str:
    """Two digits of the chapter in a file's name, or nothing."""
    found = CHAPTER_IN_NAME.search(name)
    return found.group(1) if found else ""


def find_answers(notebook: Notebook, exercises: Iterable[Exercise]) -> Answers:
    """The answer cell of each exercise.

    Args:
        notebook: the student's.
        exercises: what to look for.

    Returns:
        Code of each answer in the notebook's order, and a reason for each that is missing.
    """
    chosen: dict[str, int] = {}
    missing: dict[str, str] = {}
    for exercise in exercises:
        place = _place(notebook, exercise)
        if place is None:
            missing[exercise.id] = f"no cell answers this exercise or defines {exercise.function}"
        elif len(notebook.cells[place].source) > MAX_SOURCE:
            missing[exercise.id] = f"the answer is longer than {MAX_SOURCE} characters"
        else:
            chosen[exercise.id] = place
    order = sorted(chosen, key=chosen.__getitem__)
    code = {key: notebook.cells[chosen[key]].source for key in order}
    rest = (c for n, c in enumerate(notebook.cells) if n not in chosen.values() and not c.check)
    others = [cell.source for cell in rest if len(cell.source) <= MAX_OTHER]
    return Answers(code, missing, tuple(others[:MAX_OTHERS]))


def setup_cells(teacher: Notebook) -> tuple[str, ...]:
    """Code that every answer starts from: cells tagged "setup", or else all others' imports."""
    tagged = tuple(cell.source for cell in teacher.cells if "setup" in cell.tags)
    if tagged:
        return tagged
    plain = (cell.source for cell in teacher.cells if not cell.exercise and not cell.check)
    return tuple(text for source in plain if (text := _imports(source)))


def _place(notebook: Notebook, exercise: Exercise) -> int | None:
    """Index of the cell that answers an exercise.

    A copied cell carries its metadata along, so the last that defines the function counts.
    """
    role = f"exercise-{exercise.id.replace('.', '-')}"
    defines = re.compile(rf"^(?:def\s+{exercise.function}\s*\(|{exercise.function}\s*=)", re.M)
    every = list(enumerate(notebook.cells))
    claimed = [n for n, cell in every if cell.exercise in (exercise.id, role)]
    claimed = claimed or [n for n, cell in every if cell.id == role]
    defining = [n for n, cell in every if defines.search(cell.source) and not cell.check]
    both = [n for n in claimed if n in defining]
    free = [n for n in defining if notebook.cells[n].exercise in ("", exercise.id, role)]
    return next((found[-1] for found in (both, free, claimed) if found), None)


def _student(stem: str) -> str:
    found = CHAPTER_IN_NAME.search(stem)
    return (stem[: found.start()].strip(" _-") if found else "") or stem


def _notebooks(folder: Path) -> Iterable[Path]:
    for where, folders, files in os.walk(folder):  # does not follow links
        # A tree deeper than anybody makes by hand would exhaust the stack of Python 3.11.
        deep = len(Path(where).relative_to(folder).parts) >= MAX_DEPTH
        folders[:] = [] if deep else [name for name in folders if not name.startswith(".")]
        yield from (Path(where) / name for name in files if name.endswith(".ipynb"))


def _raw_cells(content: Any) -> list[Any]:
    if not isinstance(content, dict):
        raise NotebookError("the file is not a notebook: it holds no object")
    cells = content.get("cells")
    if cells is None and isinstance(content.get("worksheets"), list):  # notebook version 3
        sheets = [sheet for sheet in content["worksheets"] if isinstance(sheet, dict)]
        cells = [cell for sheet in sheets for cell in sheet.get("cells") or []]
    if not isinstance(cells, list):
        raise NotebookError("the notebook has no list of cells")
    return cells


def _source(raw: dict[str, Any]) -> str | None:
    source = raw.get("source", raw.get("input"))
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    return source if isinstance(source, str) else None


def _words(raw: Any) -> tuple[tuple[str, ...], str] | None:
    """Names that a cell may be found by as an answer in words, and its text."""
    source = _source(raw) if isinstance(raw, dict) else None
    if source is None:
        return None
    metadata = _mapping(raw.get("metadata"))
    names = (
        metadata.get("open"),
        raw.get("id"),
        _mapping(metadata.get("nbgrader")).get("grade_id"),
    )
    known = tuple(name if isinstance(name, str) else "" for name in names)
    return (known, source) if known[0] or any(n.startswith("open-") for n in known) else None


def _code_cell(raw: Any) -> CodeCell | None:
    source = _source(raw) if isinstance(raw, dict) and raw.get("cell_type") == "code" else None
    if source is None:
        return None
    metadata = _mapping(raw.get("metadata"))
    grader = _mapping(metadata.get("nbgrader"))
    exercise = metadata.get("exercise") or (grader.get("solution") and grader.get("grade_id"))
    tags = metadata.get("tags")
    return CodeCell(
        id=raw["id"][:100] if isinstance(raw.get("id"), str) else "",
        source=source,
        exercise=exercise if isinstance(exercise, str) else "",
        tags=tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else (),
        check=isinstance(metadata.get("check"), str),
    )


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _chapter(content: dict[str, Any], cells: Iterable[CodeCell]) -> str:
    ours = _mapping(_mapping(content.get("metadata")).get("mi_course"))
    ids = [cell.exercise for cell in cells if re.fullmatch(r"\d\d\.\d+", cell.exercise)]
    for name in (ours.get("chapter"), *ids):
        if isinstance(name, str) and re.match(r"\d\d(?!\d)", name):
            return name[:2]
    return ""


def _imports(source: str) -> str:
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError):
        return ""
    return "\n".join(ast.unparse(s) for s in body if isinstance(s, ast.Import | ast.ImportFrom))
