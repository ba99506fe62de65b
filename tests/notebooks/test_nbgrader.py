"""The real nbgrader takes our notebooks and gives the points that our grader gives."""

import importlib.util
from pathlib import Path

import pytest

from mi_course.exercises import registry

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("benchmark", ROOT / "benchmarks" / "grading.py")
course = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(course)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs_bwrap,
    pytest.mark.skipif(
        not course.NBGRADER.exists(), reason=f"nbgrader is not installed: `{course.READY}`"
    ),
]
SLIPS = course.SLIPS | {
    "00.2": ("return -rearrange", "return rearrange"),  # another sign
    "00.3": ("torch.zeros_like", "torch.ones_like"),
}


@pytest.fixture(scope="module", params=["00", "06"])
def graded(request, tmp_path_factory):
    """A class of three after both graders: chapter, nbgrader's points, our points."""
    chapter = request.param
    folder = tmp_path_factory.mktemp(f"course-{chapter}")
    right = course.solutions(chapter)
    words = {question.id: "Because." for question in registry.open_questions(chapter)}
    wrong = {key: text.replace(*SLIPS.get(key, ("", ""))) for key, text in right.items()}
    for student, written in {"solved": right | words, "blank": {}, "wrong": wrong}.items():
        course.hand_in(folder, student, chapter, written)
    course.hand_out(folder, chapter)
    course.autograde(folder, chapter)
    course.grade(folder, jobs=1)
    return chapter, course.nbgrader_points(folder), course.our_points(folder)


def test_the_points_of_every_exercise_are_those_of_our_grader(graded):
    _, theirs, ours = graded
    assert set(ours) == {"solved", "blank", "wrong"}
    for student, points in ours.items():
        checks = {k: v for k, v in theirs[student].items() if k.startswith("check-")}
        assert checks == points, student


def test_a_solution_gets_all_points_and_a_blank_notebook_none(graded):
    chapter, theirs, _ = graded
    full = sum(exercise.points for exercise in registry.chapter(chapter))
    assert sum(filter(None, theirs["solved"].values())) == full
    assert set(theirs["blank"].values()) == {0}
    assert 0 < sum(filter(None, theirs["wrong"].values())) < full


def test_open_questions_wait_for_a_person_unless_nothing_was_written(graded):
    chapter, theirs, _ = graded
    for question in registry.open_questions(chapter):
        cell = f"open-{question.id.replace('.', '-')}"
        assert theirs["solved"][cell] is None
        assert theirs["blank"][cell] == 0
