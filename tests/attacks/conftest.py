"""Each module's attackers are graded in one class on each tier of isolation."""

import pytest

from mi_course.exercises import registry
from mi_course.grading.isolation.isolation import BUBBLEWRAP, LANDLOCK
from tests.attacks.stage import FULL, clear, play
from tests.exercises import demo


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(BUBBLEWRAP, marks=pytest.mark.needs_bwrap),
        pytest.param(LANDLOCK, marks=pytest.mark.needs_landlock),
    ],
)
def tier(request):
    return request.param


@pytest.fixture(scope="module")
def played(request, tier):
    """The graded class of all attackers of a module."""
    demo.install()
    tests = {name: test for name, test in vars(request.module).items() if name.startswith("test_")}
    handed_in = {name: test.handed_in for name, test in tests.items() if hasattr(test, "handed_in")}
    handed_in |= getattr(request.module, "STUDENTS", {})
    options = getattr(request.module, "OPTIONS", {})
    played = play(handed_in, tier, getattr(request.module, "prepare", None), **options)
    yield played
    clear(played)
    registry.unregister(demo.CHAPTER)


@pytest.fixture
def record(request, played):
    """The record of the student named after the test, whose neighbour must not have noticed."""
    name = request.function.__name__
    witness = played.record(f"{name}~witness")
    reasons = [mark.message for mark in witness.marks if mark.message]
    assert reasons == []
    assert witness.points == FULL
    return played.record(name)


@pytest.fixture
def mark(record):
    """The mark for 99.1; the student's other answers are right and must have counted."""
    assert [each.points for each in record.marks[1:]] == [1, 2]
    return record.marks[0]
