"""What becomes of mutants: rejected, survived, the same function, crashed, or never ending."""

import os
import signal
import time

import pytest

from benchmarks.mutation import further
from benchmarks.mutation.__main__ import TARGET, table
from benchmarks.mutation.answers import Answer, answers
from benchmarks.mutation.children import in_child
from benchmarks.mutation.mutants import Mutant
from benchmarks.mutation.score import read_reasons, score
from mi_course.exercises import registry
from mi_course.exercises.core import Case, Exercise, Wrong


def exercise_of(reference, cases, **more):
    """An exercise as a careless author would write it."""
    wrong = tuple(Wrong(f"wrong {n}", lambda *args, n=n: n, "") for n in (-7.0, -8.0, -9.0))
    return Exercise(
        id="97.1", function="f", title="f", points=2, stars=1, minutes=1, reference=reference,
        cases=cases, alternatives=(reference,), wrong=wrong, hints=("", "", ""), **more,
    )  # fmt: skip


def difference(a, b):
    return a - b


SUBTRACTION = Answer("def f(a, b):\n    return a - b\n", "f", {})


@pytest.fixture
def knows_better(monkeypatch):
    """The score tries one more call than the exercise has."""
    monkeypatch.setitem(further.CALLS, "97.1", lambda generator: [(5.0, 3.0)])


def survivors(found):
    return {each.mutant.split("  →  ")[1] for each in found.survivors}


def test_the_survivors_of_a_weak_check_are_found(knows_better):
    weak = exercise_of(difference, lambda seed: [Case("nothing taken away", (4.0 + seed % 7, 0.0))])
    found = score(weak, [SUBTRACTION], {})
    assert {"return a + b", "return a", "b = 0"} <= survivors(found)
    assert found.score == found.killed / found.mutants < TARGET
    assert {each.case for each in found.survivors} == {"further call 1"}
    assert "97.1 passes: return a - b  →  return a + b  (differs: further call 1)" in table([found])


def test_a_check_that_asks_enough_leaves_no_survivor(knows_better):
    strong = exercise_of(
        difference, lambda seed: [Case("one", (4.0 + seed % 7, 2.5)), Case("two", (-3.0, 1.5))]
    )
    found = score(strong, [SUBTRACTION], {})
    assert (found.survivors, found.equivalent, found.score) == ((), (), 1.0)
    assert found.mutants > 10


def test_a_case_whose_group_earns_nothing_does_not_reject(knows_better):
    cases = (Case("zero", (4.0, 0.0)), Case("asked for nothing", (4.0, 2.0), "truth"))
    unpaid = exercise_of(difference, lambda seed: list(cases), groups={"random": 2})
    assert "return a + b" in survivors(score(unpaid, [SUBTRACTION], {}))


def test_a_mutant_with_the_same_values_is_no_survivor_and_counts_nowhere():
    idle = Answer("def f(a, b):\n    return a - b + 0\n", "f", {})
    strong = exercise_of(difference, lambda seed: [Case("one", (4.0 + seed % 7, 2.5))])
    found = score(strong, [idle], {})
    same = dict(found.equivalent)
    assert same["return a - b + 0  →  return a - b - 0"].startswith("same values in ")
    assert found.survivors == ()
    assert found.killed == found.mutants


def test_a_reason_replaces_the_automatic_one_but_excuses_no_other_value(knows_better):
    weak = exercise_of(difference, lambda seed: [Case("nothing taken away", (4.0, 0.0))])
    diff = "return a - b  →  return a + b"
    assert "return a + b" in survivors(score(weak, [SUBTRACTION], {("97.1", diff): "I say so"}))
    idle = Answer("def f(a, b):\n    return a - b + 0\n", "f", {})
    diff = "return a - b + 0  →  return a - b - 0"
    found = score(weak, [idle], {("97.1", diff): "0 has no sign"})
    assert dict(found.equivalent)[diff] == "0 has no sign"


def test_where_many_values_are_right_a_reason_is_needed_and_the_judge_must_agree(knows_better):
    def judge(case, got, expected):
        return None if abs(got) == abs(expected) else "expected this size, of either sign"

    either = exercise_of(difference, lambda seed: [Case("one", (4.0 + seed % 7, 2.5))], judge=judge)
    diff = "return a - b  →  return b - a"
    assert "return b - a" in survivors(score(either, [SUBTRACTION], {}))
    found = score(either, [SUBTRACTION], {("97.1", diff): "the sign is free"})
    assert "return b - a" not in survivors(found)
    assert (diff, "the sign is free") in found.equivalent


def test_a_mutant_that_never_ends_counts_as_rejected(monkeypatch):
    endless = Mutant("by hand", "def f(a, b):\n    while True:\n        pass\n", "a  →  b")
    monkeypatch.setattr("benchmarks.mutation.score.mutants", lambda *_: [endless])
    monkeypatch.setattr("benchmarks.mutation.score.in_child", lambda w: in_child(w, seconds=1))
    strong = exercise_of(difference, lambda seed: [Case("one", (4.0 + seed % 7, 2.5))])
    found = score(strong, [SUBTRACTION], {})
    assert (found.mutants, found.killed, found.crashed) == (1, 1, 0)


def test_a_mutant_that_never_returns_is_not_counted():
    strong = exercise_of(difference, lambda seed: [Case("one", (4.0 + seed % 7, 2.5))])
    sure = Answer("def f(a, b):\n    return a.__sub__(b)\n", "f", {})
    found = score(strong, [sure], {})
    assert found.crashed >= 2  # `a.__sub__()` raises, and so does `a(b)`
    assert found.score == 1.0


def test_an_answer_that_is_wrong_before_any_change_is_refused():
    strong = exercise_of(difference, lambda seed: [Case("one", (4.0, 2.5))])
    with pytest.raises(ValueError, match="expected f to be right"):
        score(strong, [Answer("def f(a, b):\n    return a + b\n", "f", {})], {})


def test_work_in_a_child_returns_its_value_and_leaves_the_parent_alone():
    seen = []
    assert in_child(lambda: seen.append(1) or {"a": [1, 2]}) == {"a": [1, 2]}
    assert seen == []


@pytest.mark.parametrize(
    "work",
    [
        lambda: os._exit(0),
        lambda: 1 / 0,
        lambda: [time.sleep(0.01) for _ in iter(int, 1)],
        lambda: len(bytearray(8 << 30)),
        lambda: os.kill(os.getpid(), signal.SIGKILL),
    ],
    ids=["exits", "raises", "sleeps", "eats memory", "crashes"],
)
def test_a_child_that_ends_in_another_way_returns_none(work):
    start = time.monotonic()
    assert in_child(work, seconds=1, wall=1.0) is None
    assert time.monotonic() - start < 20


def test_an_endless_loop_is_ended_by_processor_time():
    assert in_child(lambda: [None for _ in iter(int, 1)], seconds=1, wall=50.0) is None


def test_nearly_every_mutant_of_a_real_exercise_is_rejected():
    exercise = registry.get("06.2")
    ((_, right),) = (each for each in answers() if each[0] is exercise)
    found = score(exercise, right, read_reasons())
    assert found.score >= TARGET
    assert found.mutants >= 50


@pytest.mark.slow
def test_nearly_every_mutant_of_every_exercise_is_rejected_and_every_reason_still_holds():
    reasons = read_reasons()
    found = [score(exercise, right, reasons) for exercise, right in answers()]
    assert {each.exercise: round(each.score, 3) for each in found if each.score < TARGET} == {}
    excused = {(each.exercise, mutant) for each in found for mutant, _ in each.equivalent}
    assert set(reasons) - excused == set()
    assert {each.exercise for each in found} == {
        exercise.id for name in registry.chapters() for exercise in registry.chapter(name)
    }
