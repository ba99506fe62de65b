import dataclasses

import pytest
import torch

from mi_course.exercises import registry
from mi_course.exercises.core import Case, GeneratorRef, ModelRef, Raised, Wrong
from mi_course.exercises.values import names_models, plain, resolve
from tests.exercises import demo

MEANS, CLIPPED, SHUFFLED = demo.EXERCISES


@pytest.fixture
def chapter_99():
    demo.install()
    yield
    registry.unregister(demo.CHAPTER)


def findings(exercise, values):
    cases = exercise.cases(3)
    return cases, [
        exercise.verdict(case, value, exercise.expect(case))
        for case, value in zip(cases, values, strict=True)
    ]


def test_points_are_earned_group_by_group():
    right = [MEANS.expect(case) for case in MEANS.cases(3)]
    cases, found = findings(MEANS, [right[0], right[1] + 1, right[2]])
    assert [finding and finding.group for finding in found] == [None, "random", None]
    assert MEANS.score(cases, found) == 2


def test_a_wrong_shape_loses_the_shape_and_the_group_of_its_case():
    right = [MEANS.expect(case) for case in MEANS.cases(3)]
    cases, found = findings(MEANS, [right[0], right[1].T, right[2]])
    assert [finding and finding.group for finding in found] == [None, "shape", None]
    assert MEANS.score(cases, found) == 1


def test_a_crash_on_one_case_loses_the_groups_of_structure_too():
    right = [MEANS.expect(case) for case in MEANS.cases(3)]
    cases, found = findings(MEANS, [right[0], Raised("IndexError", "out of range"), right[2]])
    assert MEANS.score(cases, found) == 1


def test_without_groups_it_is_all_or_nothing():
    right = [CLIPPED.expect(case) for case in CLIPPED.cases(3)]
    cases, found = findings(CLIPPED, right)
    assert CLIPPED.score(cases, found) == 1
    cases, found = findings(CLIPPED, [right[0], [0.0] * 20])
    assert CLIPPED.score(cases, found) == 0


def test_the_hint_of_a_planted_wrong_answer_is_shown_for_any_answer_like_it():
    case = MEANS.cases(3)[1]
    alike = torch.einsum("b p d -> b d", case.args[0])
    finding = MEANS.verdict(case, alike, MEANS.expect(case))
    assert finding.message.startswith("divide by the positions")
    assert finding.message.splitlines()[-1].startswith("got ")


def test_a_judge_sees_values_and_decides_alone():
    case = SHUFFLED.cases(0)[0]
    other_order = case.args[0].flip(0)
    assert SHUFFLED.verdict(case, other_order, SHUFFLED.expect(case)) is None
    repeated = case.args[0].clamp(max=50)
    assert "repeated" in SHUFFLED.verdict(case, repeated, SHUFFLED.expect(case)).message


def test_a_stub_is_not_written_yet_and_other_errors_show_their_line():
    assert str(Raised("NotImplementedError", "Exercise 06.2")) == "not written yet"
    crash = Raised("IndexError", "too many\nsecond line", "    return x[0, 1]\n", 4)
    assert str(crash) == "your code stopped with IndexError: too many\nline 4: return x[0, 1]"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"id": "6.2"}, "'06.2'"),
        ({"function": "two words"}, "name of a function"),
        ({"stars": 4}, "stars"),
        ({"hints": ("one",)}, "3 hints"),
        ({"alternatives": ()}, "alternative"),
        ({"wrong": (Wrong("a", abs, "b"),)}, "3 wrong"),
        ({"groups": {"beauty": 3}}, "expected groups among"),
        ({"groups": {"hand": 1}}, "add up to 3"),
    ],
)
def test_an_exercise_that_says_nonsense_is_refused(change, says):
    with pytest.raises(ValueError, match=says):
        dataclasses.replace(MEANS, **change)


def test_a_case_of_an_unknown_group_is_refused():
    with pytest.raises(ValueError, match="expected a group"):
        Case("x", (), "beauty")


def test_registry_finds_by_id_and_by_function(chapter_99):
    assert registry.get("99.2") is CLIPPED
    assert registry.by_function("clipped") is CLIPPED
    assert "99" in registry.chapters()


def test_registry_names_what_is_near(chapter_99):
    with pytest.raises(ValueError, match="did you mean position_means"):
        registry.by_function("positions_mean")
    with pytest.raises(ValueError, match=r"99\.1, 99\.2, 99\.3"):
        registry.get("99.9")
    with pytest.raises(ValueError, match="expected a chapter among"):
        registry.get("98.1")


def test_registry_refuses_a_repeated_id(chapter_99):
    with pytest.raises(ValueError, match="each id once"):
        registry.register("99", (MEANS, MEANS))
    with pytest.raises(ValueError, match="ids of chapter 98"):
        registry.register("98", (MEANS,))


def test_resolved_arguments_are_copies_and_references_become_things():
    values, numbers = torch.ones(2), [1, [2]]
    args = (values, numbers, ModelRef("tiny-1"), GeneratorRef(5), {"k": values})
    got = resolve(args, load=lambda name: f"model {name}")
    got[0].zero_()
    got[1][1].append(3)
    got[4]["k"].zero_()
    assert values.tolist() == [1, 1]
    assert numbers == [1, [2]]
    assert got[2] == "model tiny-1"
    assert got[3].initial_seed() == 5
    assert names_models(args) == {"tiny-1"}


def test_plain_values_are_detached_and_factored_matrices_are_multiplied():
    class Factored:
        AB = torch.eye(2, requires_grad=True)

    value = plain({"a": (Factored(), [torch.ones(1, requires_grad=True)])})
    assert not value["a"][0].requires_grad
    assert value["a"][0].tolist() == [[1, 0], [0, 1]]
    assert not value["a"][1][0].requires_grad


def test_a_finding_names_the_planted_answer_whose_values_came_back():
    case = MEANS.cases(3)[1]
    for planted in MEANS.wrong:
        found = MEANS.verdict(case, planted.fn(case.args[0]), MEANS.expect(case))
        assert found.slip == planted.name
        assert found.message.startswith(planted.hint)


def test_a_finding_that_nothing_planted_explains_names_the_kind_of_difference():
    case = MEANS.cases(3)[1]
    right = MEANS.expect(case)
    assert MEANS.verdict(case, right + 3, right).slip == "off by the same amount everywhere"
    assert MEANS.verdict(case, right[0], right).slip.startswith("the axis `batch` is missing")
    assert MEANS.verdict(case, Raised("KeyError", "'x'"), right).slip == "KeyError"
    assert MEANS.verdict(case, Raised("NotImplementedError", ""), right).slip == ""


def test_a_planted_answer_is_run_once_for_all_who_answer_the_same_case():
    calls = []
    counting = Wrong("counted", lambda v: calls.append(1) or v.sum(1) * 7, "x")
    exercise = dataclasses.replace(MEANS, wrong=(*MEANS.wrong, counting))
    case = exercise.cases(3)[1]
    right = exercise.expect(case)
    found = [exercise.verdict(case, right * factor, right) for factor in (3, 4, 7 * 5)]
    assert [each.slip for each in found][2] == "counted" and len(calls) == 1


def test_a_planted_answer_that_breaks_on_a_case_explains_nothing():
    broken = Wrong("breaks", lambda v: v[99], "x", hint="never")
    exercise = dataclasses.replace(MEANS, wrong=(broken, *MEANS.wrong))
    case = exercise.cases(3)[1]
    assert exercise.verdict(case, case.args[0].sum(1), exercise.expect(case)).slip == "sum"


def test_an_exception_without_text_has_no_dangling_colon():
    assert str(Raised("KeyError", "", "x[1]", 2)) == "your code stopped with KeyError\nline 2: x[1]"
