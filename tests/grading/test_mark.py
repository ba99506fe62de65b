import dataclasses

import pytest
import torch

from mi_course.exercises import registry
from mi_course.exercises.core import Case, GeneratorRef
from mi_course.grading.isolation.isolation import BUBBLEWRAP
from mi_course.grading.isolation.limits import Limits
from mi_course.grading.isolation.sandbox import Outcome, Request, Sandbox, Setup
from mi_course.grading.mark import OTHER_KIND, count_shown, mark
from mi_course.grading.notebook import CodeCell, Notebook
from mi_course.grading.paper import make_paper
from mi_course.grading.records import BLANK, PARTLY, RIGHT, WRONG
from mi_course.grading.values import encode
from tests.exercises import demo

LIMITS = Limits(seconds=5.0, memory=4 << 30)
TEACHER = Notebook((CodeCell("a", "import torch", tags=("setup",)),), "99")


@pytest.fixture(scope="module")
def questions():
    demo.install()
    yield make_paper("99", demo.EXERCISES, b"secret", TEACHER).questions
    registry.unregister(demo.CHAPTER)


@pytest.fixture
def means(questions):
    return questions[0]


def outcome(values, *, end="ok", printed="", first=0):
    calls = {first + n: ({"value": encode(value)}, 0.25) for n, value in enumerate(values)}
    return Outcome(calls, end, printed)


def raised(kind="IndexError", message="too far", cell="99.1", number=2, index=0):
    body = {"kind": kind, "message": message, "cell": cell, "number": number}
    return {index: ({"raised": body}, 0.1)}


def wrong_from(question, place, value):
    """An outcome that is right but for one call."""
    values = list(question.expected)
    values[place] = value
    return outcome(values)


def test_right_values_earn_everything(means):
    made = mark(means, outcome(means.expected), LIMITS)
    assert (made.state, made.points, made.passed, made.total) == (RIGHT, 3, 3, 3)
    assert (made.message, made.slip, made.printed, made.seconds) == ("", "", "", 0.75)


def test_the_slip_is_the_planted_answers_name_and_the_message_keeps_hint_and_numbers(means):
    case = means.cases[1]
    made = mark(means, wrong_from(means, 1, case.args[0].sum(1)), LIMITS)
    assert (made.slip, made.state, made.points) == ("sum", PARTLY, 2)
    assert made.message.startswith("divide by the positions")
    assert "got " in made.message and "expected " in made.message and " at [" in made.message


def test_another_slip_is_named_without_its_numbers(means):
    one = mark(means, wrong_from(means, 1, means.expected[1] * 3.5), LIMITS)
    two = mark(means, wrong_from(means, 2, means.expected[2] * 1.25), LIMITS)
    assert one.slip == two.slip == "off by a constant factor"
    assert "3.5" in one.message and "1.25" in two.message


@pytest.mark.parametrize(
    ("end", "slip", "words"),
    [
        ("late", "no value in time", "no value came within 5 s"),
        ("flood", "printed too much", "it printed over"),
        ("huge", "sent too much", "at once"),
        ("memory", "out of memory", "of memory"),
        ("gone", "ended the process", "stopped the process"),
        ("died 3", "ended Python", "exit status 3"),
        ("died -11", "ended Python", "SIGSEGV"),
        ("died -24", "ended Python", "processor time"),
        ("ok", "", "gave no value"),
    ],
)
def test_each_end_without_a_value_has_its_slip_and_reason(means, end, slip, words):
    made = mark(means, outcome(means.expected[:1], end=end), LIMITS)
    assert made.slip == slip and words in made.message
    assert (made.state, made.points, made.passed) == (WRONG, 0, 1)


def test_exceptions_are_counted_by_kind_and_quote_the_line_of_the_notebook(means):
    cells = {"99.1": "def position_means(values):\n    return values[9]"}
    made = mark(means, Outcome(raised(), "ok"), LIMITS, cells)
    assert made.slip == "IndexError"
    assert made.message == ("your code stopped with IndexError: too far\nline 2: return values[9]")
    for cell, number in (("99.2", 2), ("99.1", 9), ("99.1", 0), ("x", 1)):
        made = mark(means, Outcome(raised(cell=cell, number=number), "ok"), LIMITS, cells)
        assert "line" not in made.message


def test_what_is_not_written_has_neither_message_nor_slip(means):
    blank = raised("NotImplementedError", "Exercise 99.1 is not written yet", index=-1)
    made = mark(means, Outcome(blank, "ok", "printed"), LIMITS)
    assert (made.state, made.points, made.message, made.slip) == (BLANK, 0, "", "")
    hidden = outcome(means.expected[:1]).calls | raised("NotImplementedError", "7.5", index=1)
    assert "7.5" not in str(mark(means, Outcome(hidden, "ok"), LIMITS))


def test_text_of_an_exception_is_told_of_cases_by_hand_alone(means):
    assert count_shown(means.cases) == 1
    calls = outcome(means.expected[:1]).calls | raised(message="x = 7.5", index=1)
    made = mark(means, Outcome(calls, "ok"), LIMITS, {"99.1": "a\nb"})
    assert made.message == "your code stopped with IndexError\nline 2: b"
    made = mark(means, Outcome(raised(message="x = 7.5"), "ok"), LIMITS)
    assert "x = 7.5" in made.message


def test_an_exception_of_the_students_own_is_not_named(means):
    calls = outcome(means.expected[:1]).calls | raised(kind="X7_5", index=1)
    made = mark(means, Outcome(calls, "ok"), LIMITS)
    assert made.slip == OTHER_KIND and "7_5" not in str(made)


def test_before_any_input_all_may_be_told(means):
    broken = raised("SyntaxError", "'(' was never closed", index=-1)
    assert "never closed" in mark(means, Outcome(broken, "ok"), LIMITS).message


@pytest.mark.parametrize(
    ("kind", "message", "told"),
    [
        ("NameError", "name 'lost' is not defined", True),
        ("NameError", "name 'lost' is not defined. Did you mean: 'last'?", True),
        ("ModuleNotFoundError", "No module named 'lost'", True),
        ("NameError", "name 'v7_5' is not defined", False),
        ("NameError", "lost", False),
        ("ValueError", "name 'lost' is not defined", False),
    ],
)
def test_a_missing_name_is_told_where_it_is_a_word_of_the_answer(means, kind, message, told):
    calls = outcome(means.expected[:1]).calls | raised(kind, message, index=1)
    made = mark(means, Outcome(calls, "ok"), LIMITS, {"99.1": "def f(x):\n    return lost(x)"})
    assert ("'lost'" in made.message) == told and "7_5" not in made.message


@pytest.mark.parametrize(
    "value",
    ["secret", ["secret"], {"secret": 1}, {1: "secret"}, {"a": {"secret": [1]}}, ("secret", 2)],
    ids=str,
)
def test_text_in_a_returned_value_is_told_of_cases_by_hand_alone(means, value):
    made = mark(means, wrong_from(means, 1, value), LIMITS)
    assert made.state == PARTLY and "secret" not in str(made)


def test_a_key_that_was_not_expected_is_told_by_hand_and_not_elsewhere(means):
    by_hand, other = (
        Case(name, (torch.zeros(1),), group) for name, group in (("a", "hand"), ("b", "random"))
    )
    exercise = dataclasses.replace(
        means.exercise, groups={}, judge=None, reference=lambda _: {"right": 1}
    )
    question = dataclasses.replace(means, exercise=exercise, cases=(by_hand, other))
    made = mark(question, outcome([{"secret": 1}, {"right": 1}]), LIMITS)
    assert "not expected ['secret']" in made.message
    made = mark(question, outcome([{"right": 1}, {"secret": 1}]), LIMITS)
    assert made.message == "expected a value of another structure" and made.slip == ""


def test_a_value_that_cannot_be_sent_says_so_and_names_its_type_by_hand_alone(means):
    refused = raised("RefusedError", "a value of type Secret cannot be sent to the grader", index=0)
    made = mark(means, Outcome(refused, "ok"), LIMITS)
    assert "type Secret" in made.message and made.slip == "a value that cannot be compared"
    calls = outcome(means.expected[:1]).calls | {1: refused[0]}
    made = mark(means, Outcome(calls, "ok"), LIMITS)
    assert made.message == "the returned value cannot be compared"


@pytest.mark.parametrize(
    "body",
    [None, 3, [], {}, {"value": 1, "raised": 2}, {"raised": None}, {"raised": {"kind": "x"}},
     {"value": {"t": "secret"}}, {"verdict": "right"}],
    ids=str,
)  # fmt: skip
def test_what_is_no_line_of_ours_earns_nothing(means, body):
    calls = {index: (body, 0.0) for index in range(3)}
    made = mark(means, Outcome(calls, "ok"), LIMITS)
    assert (made.state, made.points, made.message) == (
        WRONG, 0, "the returned value could not be read",
    )  # fmt: skip


def test_cases_whose_generator_tells_the_seed_are_not_shown():
    assert Case("a", (1,), "hand").shown
    assert not Case("a", (1,), "random").shown
    assert not Case("a", (1,), "hand", hidden=True).shown
    assert not Case("a", ([{"g": GeneratorRef(3)}],), "hand").shown


LEAKS = {
    "exception": "raise ValueError(str(values.tolist()))",
    "class": "raise type('V' + str(values.flatten()[0].item()), (Exception,), {})()",
    "nested": "raise NameError(f\"name '{values.flatten()[0].item()}' is not defined\")",
    "return": "return str(values.tolist())",
    "key": "return {str(v): 1 for v in values.flatten().tolist()}",
    "print": "print(values.tolist()); return values.mean(1) + 1",
    "stderr": "import sys; print(values.tolist(), file=sys.stderr, flush=True); return 0",
    "exit": "print(values.tolist(), flush=True); import os; os._exit(7)",
    "line": "import linecache; linecache.cache.clear(); exec('1/0 # ' + str(values.tolist()))",
    "late": "print(values.tolist(), flush=True)\n    while True: pass",
}


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(
        BUBBLEWRAP, Setup(("import torch",)), dataclasses.replace(LIMITS, seconds=1.0)
    ) as s:
        yield s


@pytest.mark.needs_bwrap
@pytest.mark.parametrize("way", LEAKS)
def test_no_way_of_telling_shows_a_hidden_input(means, sandbox, way):
    code = "def position_means(values):\n    if values.numel() == 4: print(values.tolist())\n"
    code += f"    if values.numel() == 4: return values.mean(1)\n    {LEAKS[way]}"
    shown = count_shown(means.cases)
    request = Request("99.1", "position_means", {"99.1": code}, means.calls, (), shown)
    made = mark(means, sandbox.run(request), LIMITS, {"99.1": code})
    page = "".join(c for c in str(made) if c.isdigit() or c in ".-")
    assert made.points < 3 and "[[[1.0, 2.0], [3.0, 6.0]]]" in made.printed
    for number in (
        means.cases[1].args[0].flatten().tolist() + means.cases[2].args[0].flatten().tolist()
    ):
        assert str(abs(number))[:6] not in page
