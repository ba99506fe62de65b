from pathlib import Path

import pytest

from mi_course.exercises import registry
from mi_course.exercises.open_question import Criterion, OpenQuestion
from tests.exercises.demo import EXERCISES

SOLUTIONS = Path(__file__).parents[2] / "solutions"
RUBRIC = (Criterion("names the axis", 2), Criterion("says why", 1))


@pytest.mark.parametrize(("chapter", "points"), [("00", 4), ("06", 6)])
def test_each_chapter_has_one_open_question_with_a_rubric(chapter, points):
    (question,) = registry.open_questions(chapter)
    assert question.id == f"{chapter}.A" and question.chapter == chapter
    assert question.points == points == len(question.rubric)


def test_points_are_the_sum_over_the_rubric():
    assert OpenQuestion("99.A", "Axes", RUBRIC).points == 3


@pytest.mark.parametrize(
    ("name", "rubric"),
    [("99.1", RUBRIC), ("9.A", RUBRIC), ("99.a", RUBRIC), ("99.A", ())],
)
def test_malformed_questions_are_refused(name, rubric):
    with pytest.raises(ValueError, match="expected"):
        OpenQuestion(name, "Axes", rubric)


def test_a_criterion_without_points_is_refused():
    with pytest.raises(ValueError, match="at least 1 point"):
        OpenQuestion("99.A", "Axes", (Criterion("nothing", 0),))


def test_registered_chapters_carry_their_open_questions():
    question = OpenQuestion("98.A", "Axes", RUBRIC)
    registry.register("98", (), (question,))
    assert registry.open_questions("98") == (question,)
    registry.unregister("98")
    with pytest.raises(ValueError, match="expected a chapter"):
        registry.open_questions("98")


def test_open_questions_of_a_registered_chapter_are_of_that_chapter():
    with pytest.raises(ValueError, match="ids of chapter 99"):
        registry.register("99", EXERCISES, (OpenQuestion("98.A", "Axes", RUBRIC),))


def test_two_open_questions_with_one_id_are_refused():
    question = OpenQuestion("98.A", "Axes", RUBRIC)
    with pytest.raises(ValueError, match="each id once"):
        registry.register("98", (), (question, question))


@pytest.mark.parametrize("path", sorted(SOLUTIONS.glob("[0-9][0-9]_*.py")), ids=lambda p: p.stem)
def test_the_rubric_in_the_teachers_notebook_says_what_the_marking_sheet_says(path):
    (question,) = registry.open_questions(path.name[:2])
    text = path.read_text(encoding="utf-8")
    (cell,) = [
        part for part in text.split("# %%") if part.startswith(' [markdown] hidden="rubric"')
    ]
    lines = [line.removeprefix("# - ") for line in cell.splitlines() if line.startswith("# - ")]
    assert f"**Rubric, {question.points} points**" in cell
    rubric = [
        f"{each.points} point{'s' * (each.points != 1)}: {each.text}" for each in question.rubric
    ]
    assert lines == rubric
