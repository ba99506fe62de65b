import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mi_course.exercises import registry
from mi_course.exercises.core import Case
from mi_course.grading.notebook import CodeCell, Notebook
from mi_course.grading.paper import make_paper
from tests.exercises import demo

TEACHER = Notebook((CodeCell("a", "import torch", tags=("setup",)),))
FACTOR = 1.0
# Prints the digests of a chapter's questions, in a process whose processor we choose.
PRINT = """
import sys
from tests.exercises import demo
from tests.grading.test_paper import digests
demo.install()
print(*digests(sys.argv[1]))
"""


def helper(values):
    return values * FACTOR


def other_helper(values):
    return values / FACTOR


def reference(values):
    return helper(values).mean(dim=1)


def asked(exercise, secret=b"secret", teacher=TEACHER):
    return make_paper("99", (exercise,), secret, teacher).questions[0].asked


FIRST = replace(demo.EXERCISES[0], reference=reference)


def test_a_question_is_the_same_as_long_as_nothing_changes():
    assert asked(FIRST) == asked(FIRST) == asked(replace(FIRST))


def moved_cases(seed):
    return [Case("one", (torch.ones(1, 1, 1),), "hand"), *demo._position_cases(seed)]


@pytest.mark.parametrize(
    "change",
    [
        {"points": 6, "groups": {"shape": 2, "hand": 2, "random": 2}},
        {"groups": {"shape": 2, "random": 1}},
        {"rtol": 1e-2},
        {"reference": demo.position_means},
        {"cases": moved_cases},
        {"judge": demo._judge_shuffled},
        {"wrong": demo.EXERCISES[0].wrong[:3]},
        {"axes": "batch pos"},
    ],
)
def test_whatever_a_mark_depends_on_makes_another_question(change):
    assert asked(replace(FIRST, **change)) != asked(FIRST)


def test_what_only_people_read_makes_no_other_question():
    told = replace(FIRST, hints=("a", "b", "c"), minutes=30, stars=3, alternatives=(reference,))
    assert asked(told) == asked(FIRST)


def test_another_secret_or_set_up_makes_another_question():
    set_up = Notebook((CodeCell("a", "import torch, math", tags=("setup",)),))
    assert len({asked(FIRST), asked(FIRST, b"other"), asked(FIRST, teacher=set_up)}) == 3


def test_a_function_that_the_reference_calls_belongs_to_the_question(monkeypatch):
    before = asked(FIRST)
    monkeypatch.setitem(globals(), "helper", other_helper)
    assert asked(FIRST) != before


def test_a_constant_that_a_called_function_names_belongs_to_the_question(monkeypatch):
    before = asked(FIRST)
    monkeypatch.setitem(globals(), "FACTOR", 2.0)
    assert asked(FIRST) != before


def test_inputs_are_drawn_afresh_for_each_exercise_and_secret():
    one, two = (make_paper("99", demo.EXERCISES, s, TEACHER).questions for s in (b"a", b"b"))
    assert one[0].calls[0] == two[0].calls[0]  # by hand
    assert one[0].calls[1] != two[0].calls[1]
    assert one[2].calls != two[2].calls


def test_references_run_when_somebody_asks_and_only_once():
    ran = []

    def reference(*inputs):
        ran.append(inputs)
        return FIRST.reference(*inputs)

    paper = make_paper("99", (replace(FIRST, reference=reference),), b"secret", TEACHER)
    paper.work_out({"another"})
    assert not ran
    paper.work_out({FIRST.id})
    paper.work_out({FIRST.id})
    (question,) = paper.questions
    assert len(ran) == len(question.cases) == len(question.expected)


def digests(chapter):
    paper = make_paper(chapter, registry.chapter(chapter), b"secret", TEACHER)
    return [*(question.asked for question in paper.questions), paper.digest]


@pytest.mark.parametrize("chapter", ["99", "06"])
def test_questions_are_the_same_on_another_processor_with_other_threads(chapter, chapter_99):
    # Without vector instructions and with more threads, floats differ in their last digits.
    other = {"OMP_NUM_THREADS": "4", "ATEN_CPU_CAPABILITY": "default", "PYTHONHASHSEED": "5"}
    done = subprocess.run(
        [sys.executable, "-c", PRINT, chapter],
        cwd=Path(__file__).parents[2],
        env=os.environ | other,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == digests(chapter)


def test_making_a_paper_leaves_the_number_of_threads_as_it_was():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        asked(FIRST)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
