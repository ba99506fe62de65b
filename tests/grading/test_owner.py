"""Where each student has another answer, the grader compares whose it is."""

from dataclasses import replace

import pytest

from mi_course.exercises.ch08_mystery import MYSTERY_CIRCUIT, mystery_circuit
from mi_course.grading.isolation.limits import Limits
from mi_course.grading.isolation.sandbox import Outcome
from mi_course.grading.mark import count_shown, mark, same_person
from mi_course.grading.paper import Question
from mi_course.grading.records import RIGHT, WRONG
from mi_course.grading.values import encode

LIMITS = Limits(seconds=5.0)


@pytest.fixture(scope="module")
def question():
    cases = tuple(MYSTERY_CIRCUIT.cases(3))
    return Question(MYSTERY_CIRCUIT, cases, ((),) * 4)


def answered(value):
    return Outcome({n: ({"value": encode(value)}, 0.1) for n in range(4)}, "ok", "")


@pytest.fixture(scope="module")
def of_ada():
    (alternative,) = MYSTERY_CIRCUIT.alternatives
    return alternative()


@pytest.mark.parametrize("folder", ["ada", "Ada Lovelace", "lovelaceada_1815_08", ""])
def test_ones_own_answer_counts(question, of_ada, folder):
    made = mark(question, answered(of_ada), LIMITS, student=folder)
    assert (made.state, made.points) == (RIGHT, 10)


def test_the_answer_of_another_student_earns_nothing_and_the_names_are_told(question, of_ada):
    made = mark(question, answered(of_ada), LIMITS, student="charles")
    assert (made.state, made.points, made.slip) == (WRONG, 0, "the answer of another student")
    assert made.message == (
        "this answer is about the model of 'Ada', and it was handed in as 'charles'"
    )


@pytest.mark.parametrize(("folder", "points"), [("example", 10), ("solved", 0)])
def test_the_worked_example_counts_under_its_own_name_alone(question, folder, points):
    made = mark(question, answered(mystery_circuit()), LIMITS, student=folder)
    assert made.points == points


def test_a_value_of_another_kind_is_left_to_the_judge(question):
    made = mark(question, answered({"student": 3}), LIMITS, student="ada")
    assert made.points == 0
    assert made.slip != "the answer of another student"


def test_without_inputs_there_is_nothing_to_hide(question, of_ada):
    assert count_shown(question.cases) == 4
    half = {"student": "Ada", "edges": of_ada["edges"].partition(",")[0]}
    made = mark(question, answered(half), LIMITS, student="ada")
    assert made.message == "most of the circuit is missing"
    hidden = replace(question.cases[1], args=(1,))
    assert not hidden.shown


@pytest.mark.parametrize(
    ("name", "handed_in", "same"),
    [
        ("Ada Lovelace", "lovelaceada_12345_08", True),
        ("ada", "Ada Lovelace", True),
        ("Lovelace, Ada", "ada_lovelace", True),
        ("Ada Lovelace", "ada", True),
        ("Ada Byron", "ada_lovelace", False),
        ("bob", "alice", False),
        ("", "alice", False),
    ],
)
def test_a_name_may_come_in_other_words_order_and_capitals(name, handed_in, same):
    assert same_person(name, handed_in) is same
