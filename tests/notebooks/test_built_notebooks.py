"""What is committed is what the build makes: no notebook is edited by hand or left behind."""

import statistics
from pathlib import Path

import nbformat
import pytest

from mi_course.exercises import registry
from mi_course.grading.notebooks.build import as_text, solution_notebook, student_notebook
from mi_course.grading.notebooks.source import read_chapter

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "solutions").glob("[0-9][0-9]_*.py"))
EACH = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@EACH
def test_the_student_notebook_is_the_one_that_the_source_builds(source):
    built = as_text(student_notebook(read_chapter(source)))
    saved = (ROOT / "chapters" / f"{source.stem}.ipynb").read_text(encoding="utf-8")
    assert saved == built, "run `mi-course build` and commit what it writes"


@EACH
def test_the_solution_was_executed_from_this_source_in_order(source):
    built = solution_notebook(read_chapter(source))
    saved = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    kept = ("id", "cell_type", "source", "metadata")
    assert [[cell[key] for key in kept] for cell in saved.cells] == [
        [cell[key] for key in kept] for cell in built.cells
    ], "run `mi-course build` and commit what it writes"
    numbers = [cell.execution_count for cell in code(saved)]
    assert numbers == list(range(1, len(numbers) + 1))


@EACH
def test_every_check_in_a_solution_shows_its_tick(source):
    saved = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    checks = [cell for cell in code(saved) if "check" in cell.metadata]
    assert checks
    assert [cell.source for cell in checks if not cell.outputs[0].text.startswith("✓")] == []


@EACH
def test_a_notebook_asks_every_exercise_of_its_chapter_in_order(source):
    asked = [exercise.id for exercise in registry.chapter(source.stem[:2])]
    assert list(read_chapter(source).exercises) == asked


@EACH
def test_code_cells_are_short_enough_to_read_aloud(source):
    lengths = [len(cell.source.splitlines()) for cell in code(student_notebook_of(source))]
    assert statistics.median(lengths) <= 6
    assert lengths[1] <= 12, "the first cell after the installation holds imports only"


def student_notebook_of(source):
    return student_notebook(read_chapter(source))


def test_no_built_notebook_has_lost_its_source():
    built = {path.stem for folder in ("chapters", "solutions") for path in notebooks_in(folder)}
    assert built <= {path.stem for path in SOURCES}


def notebooks_in(folder):
    return (ROOT / folder).glob("*.ipynb")
