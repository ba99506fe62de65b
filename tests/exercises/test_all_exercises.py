"""Every exercise: right answers pass, wrong ones are told apart, stubs are not yet written."""

import pytest

from mi_course.exercises import registry
from mi_course.exercises.core import GROUPS, STRUCTURE, Raised
from mi_course.grading.check import SEED as CHECK_SEED
from mi_course.grading.check import run_case
from tests.exercises import demo

SEED = 20_260  # another draw than the one that students see


def every_exercise():
    found = [exercise for name in registry.chapters() for exercise in registry.chapter(name)]
    return [*demo.EXERCISES, *(exercise for exercise in found if exercise.chapter != demo.CHAPTER)]


def answers(kind):
    for exercise in every_exercise():
        for number, answer in enumerate(getattr(exercise, kind)):
            name = getattr(answer, "name", number)
            yield pytest.param(exercise, answer, id=f"{exercise.id}-{exercise.function}-{name}")


EACH = pytest.mark.parametrize("exercise", every_exercise(), ids=lambda e: f"{e.id}-{e.function}")

# Where each student has another answer, it is data that no inputs are drawn for.
EACH_WITH_INPUTS = pytest.mark.parametrize(
    "exercise",
    [exercise for exercise in every_exercise() if exercise.owner is None],
    ids=lambda e: f"{e.id}-{e.function}",
)
EACH_OF_THE_COURSE = pytest.mark.parametrize(
    "exercise",
    [e for e in every_exercise() if e.chapter != demo.CHAPTER and e.owner is None],
    ids=lambda e: f"{e.id}-{e.function}",
)


def findings(exercise, fn, seed=SEED):
    cases = exercise.cases(seed)
    return cases, [exercise.verdict(c, run_case(fn, c), exercise.expect(c)) for c in cases]


def first_message(exercise, fn, seed=SEED):
    found = [finding for finding in findings(exercise, fn, seed)[1] if finding is not None]
    assert found, "expected this wrong answer to be rejected, got a pass"
    return min(found, key=lambda finding: GROUPS.index(finding.group)).message


@EACH
def test_reference_passes_with_all_points(exercise):
    cases, found = findings(exercise, exercise.reference)
    assert found == [None] * len(cases)
    assert exercise.score(cases, found) == exercise.points


@pytest.mark.parametrize(("exercise", "answer"), answers("alternatives"))
def test_another_right_answer_passes(exercise, answer):
    for seed in (SEED, SEED + 1):
        cases, found = findings(exercise, answer, seed)
        assert [finding.message for finding in found if finding is not None] == []
        assert exercise.score(cases, found) == exercise.points


@pytest.mark.parametrize(("exercise", "answer"), answers("wrong"))
def test_planted_wrong_answer_is_rejected_with_its_message(exercise, answer):
    for seed in (SEED, SEED + 1):
        assert answer.says in first_message(exercise, answer.fn, seed)
    cases, found = findings(exercise, answer.fn)
    assert exercise.score(cases, found) < exercise.points


@EACH
def test_each_planted_wrong_answer_gets_its_own_short_message(exercise):
    messages = [first_message(exercise, wrong.fn) for wrong in exercise.wrong]
    heads = [message.splitlines()[0] for message in messages]
    assert len(set(heads)) == len(heads), heads
    assert max(len(message.splitlines()) for message in messages) <= 4


@EACH
def test_blank_answer_is_not_written_yet_and_earns_nothing(exercise):
    cases = exercise.cases(SEED)
    blank = Raised("NotImplementedError", f"Exercise {exercise.id} is not written yet")
    found = [exercise.verdict(case, blank, None) for case in cases]
    assert {finding.message for finding in found} == {"not written yet"}
    assert exercise.score(cases, found) == 0


@EACH_OF_THE_COURSE
def test_right_values_of_the_visible_check_earn_nothing_on_other_inputs(exercise):
    visible = [exercise.expect(case) for case in exercise.cases(CHECK_SEED)]
    cases = exercise.cases(SEED)
    found = [
        exercise.verdict(case, value, exercise.expect(case))
        for case, value in zip(cases, visible, strict=True)
    ]
    assert exercise.score(cases, found) == 0


@EACH
def test_every_group_that_earns_points_has_a_case(exercise):
    groups = {case.group for case in exercise.cases(SEED)}
    assert set(exercise.groups) - set(STRUCTURE) <= groups


@EACH_WITH_INPUTS
def test_a_seed_always_draws_the_same_cases_and_another_seed_others(exercise):
    first, again, other = (repr(exercise.cases(seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


@EACH
def test_names_of_cases_and_inputs_that_are_shown_tell_nothing_of_the_seed(exercise):
    one, two = (exercise.cases(seed) for seed in (1, 2))
    assert [case.name for case in one] == [case.name for case in two]
    assert [repr(case.args) for case in one if case.shown] == [
        repr(case.args) for case in two if case.shown
    ]
