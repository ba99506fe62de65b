import importlib
import random

import numpy as np
import pytest
import torch

from mi_course.exercises.core import Case, ModelRef
from mi_course.grading import check
from mi_course.grading.check import inspect_answer, run_case

pytestmark = pytest.mark.usefixtures("chapter_99")

# `mi_course.grading.check` is the function; this is the module that holds it.
check_module = importlib.import_module("mi_course.grading.check")


def lines_of(body, name="position_means"):
    """What check says about a function with this body, written as a student would."""
    scope = {"torch": torch}
    exec(f"def {name}(values, *rest):\n    {body}", scope)
    return inspect_answer(scope[name]).lines


def test_a_right_answer_gets_one_tick(capsys):
    def position_means(values):
        return values.mean(1)

    assert check(position_means) is None
    assert capsys.readouterr().out == "✓ position_means: all 3 checks passed, 3 points\n"


def test_a_wrong_answer_is_told_its_slip_in_few_lines():
    assert lines_of("return values.sum(1)") == (
        "✗ position_means: 0 of 3 checks passed; look at the small case by hand (two positions)",
        "  divide by the positions: this is a sum in place of a mean",
        "  got 4, expected 2 at [0, 0]",
    )


def test_shape_comes_before_values():
    head, message, *_ = lines_of("return values.mean(2)")
    assert "look at the shape" in head
    assert "expected shape [batch 3, d 4], got [3, 5]" in message


def test_a_stub_is_not_written_yet():
    assert lines_of("raise NotImplementedError('Exercise 99.1')") == (
        "· position_means: not written yet",
    )


def test_a_crash_shows_the_student_line_and_no_traceback(tmp_path):
    path = tmp_path / "cell.py"
    text = "def position_means(values):\n    total = values.sum(1)\n    return total[7, 7, 7]\n"
    path.write_text(text)
    scope = {}
    exec(compile(text, str(path), "exec"), scope)
    lines = inspect_answer(scope["position_means"]).lines
    assert "your code stopped with IndexError: too many indices" in lines[1]
    assert lines[2] == "  line 3: return total[7, 7, 7]"
    assert len(lines) == 3


def test_a_forgotten_return_is_named():
    assert any("is `return` missing?" in line for line in lines_of("values.mean(1)"))


def test_a_wrong_name_lists_what_is_near():
    assert "did you mean position_means" in lines_of("return 0", "positions_mean")[0]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("position_means", "try it without quotes"),
        (torch.ones(2), "try check(name), without calling it"),
        (lambda values: values, "<lambda>"),
    ],
)
def test_what_is_no_exercise_is_refused_kindly(value, says):
    assert says in inspect_answer(value).lines[0]


def test_a_changed_signature_is_named():
    def clipped(values):
        return values

    assert "does not take 2 arguments" in inspect_answer(clipped).lines[1]


def test_no_message_is_longer_than_six_lines():
    long = "raise ValueError('" + "very long words " * 60 + "')"
    lines = lines_of(long)
    assert len(lines) <= 6
    assert max(map(len, lines)) <= 102


def test_prints_of_the_student_are_kept_out(capsys):
    def position_means(values):
        print("here I am")
        return values.mean(1)

    check(position_means)
    assert "here" not in capsys.readouterr().out


def test_an_answer_that_writes_into_its_input_spoils_nothing():
    def position_means(values):
        mean = values.mean(1)
        values.zero_()
        return mean

    assert inspect_answer(position_means).ok
    assert inspect_answer(position_means).ok


def test_global_random_states_and_gradient_mode_are_put_back():
    def position_means(values):
        torch.manual_seed(1)
        np.random.seed(1)  # noqa: NPY002
        random.seed(1)
        torch.set_grad_enabled(False)
        return values.mean(1)

    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    assert inspect_answer(position_means).ok
    assert torch.equal(before[0], torch.get_rng_state())
    assert (before[1] == np.random.get_state()[1]).all()  # noqa: NPY002
    assert torch.is_grad_enabled()


def test_the_state_of_the_standard_library_is_put_back():
    # Tried alone, because the type checker of the tests draws from `random` itself.
    before = random.getstate()
    with check_module._untouched(set()):
        random.random()
    assert random.getstate() == before


def test_an_answer_that_forgets_its_generator_is_judged_the_same_each_time():
    def shuffled(tokens, generator):
        return tokens[torch.randint(len(tokens), tokens.shape)]

    first = inspect_answer(shuffled)
    torch.rand(3)
    assert inspect_answer(shuffled) == first


def test_weights_and_hooks_of_a_shared_model_are_put_back(monkeypatch):
    class Model(torch.nn.Linear):
        hooks = 1

        def reset_hooks(self):
            self.hooks = 0

    model = Model(2, 2)
    before = model.weight.detach().clone()
    monkeypatch.setattr(check_module, "shared_model", lambda name: model)

    def wreck(given):
        given.weight.data.zero_()
        return given.weight.sum()

    assert run_case(wreck, Case("m", (ModelRef("tiny-1"),))).item() == 0
    assert torch.equal(model.weight, before)
    assert model.hooks == 0
