from pathlib import Path

import pytest

from mi_course.exercises import registry
from mi_course.grading.grade import grade
from mi_course.grading.notebooks.build import as_text, solution_notebook, student_notebook
from mi_course.grading.notebooks.source import read_chapter

pytestmark = pytest.mark.needs_bwrap
SOURCES = sorted((Path(__file__).parents[2] / "solutions").glob("[0-9][0-9]_*.py"))


@pytest.fixture(scope="module")
def summary(tmp_path_factory):
    """Every chapter, handed in twice: as it is handed out, and as the teacher wrote it.

    The teacher's comes from "example": the answer to 08.8 is about the model of that name.
    """
    folder = tmp_path_factory.mktemp("course")
    for source in SOURCES:
        chapter = read_chapter(source)
        blank, solved = student_notebook(chapter), solution_notebook(chapter)
        for place, notebook in (("chapters", blank), ("in/blank", blank), ("in/example", solved)):
            path = folder / place / f"{source.stem}.ipynb"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(as_text(notebook), encoding="utf-8")
    return grade(folder / "in", folder / "out", chapters=folder / "chapters", jobs=1, timeout=30.0)


def records_of(summary, student):
    return {r.chapter: r for r in summary.records if r.student == student}


@pytest.mark.parametrize("chapter", [path.name[:2] for path in SOURCES])
def test_solution_grades_to_full_marks_and_blank_chapter_to_zero(summary, chapter):
    full = sum(exercise.points for exercise in registry.chapter(chapter))
    solved, blank = (records_of(summary, student)[chapter] for student in ("example", "blank"))
    assert solved.points == solved.max_points == full, [m.message for m in solved.marks]
    assert blank.points == 0
    assert {mark.state for mark in blank.marks} == {"not written"}
    assert not summary.problems
