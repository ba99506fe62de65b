import logging
import sys
import warnings

import pytest

from mi_course.exercises import registry
from mi_course.grading import check
from mi_course.grading.notebooks import nbgrader
from mi_course.grading.notebooks.nbgrader import NothingEarnedError
from tests.exercises import demo


@pytest.fixture(autouse=True)
def nbgrader_runs_chapter_99(monkeypatch):
    demo.install()
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    yield
    registry.unregister(demo.CHAPTER)


def position_means(values):
    return values.mean(1)


def test_a_right_answer_ends_in_its_points(capsys):
    assert check(position_means) == 3
    assert capsys.readouterr().out == "✓ position_means: all 3 checks passed, 3 points\n"


def test_a_partly_right_answer_ends_in_the_points_of_its_groups():
    def position_means(values):  # wrong on the case by hand, which has two positions
        return values.mean(1) if values.shape[1] > 2 else values.sum(1)

    assert check(position_means) == 2


def test_an_answer_that_earns_nothing_raises_its_own_lines():
    def position_means(values):
        return values.mean(2)

    with pytest.raises(NothingEarnedError) as caught:
        check(position_means)
    shown = caught.value._render_traceback_()
    assert isinstance(caught.value, AssertionError)
    assert shown[0].startswith("✗ position_means: 0 of 3 checks passed; look at the shape")
    assert len(shown) <= 6


def test_a_stub_earns_nothing():
    def position_means(values):
        raise NotImplementedError

    with pytest.raises(NothingEarnedError, match="not written yet"):
        check(position_means)


@pytest.mark.parametrize("thing", [7, "position_means", lambda: 0, print])
def test_what_is_no_answer_earns_nothing(thing):
    with pytest.raises(NothingEarnedError):
        check(thing)


def test_warnings_and_log_lines_of_an_answer_do_not_reach_stderr(capsys):
    def position_means(values):
        warnings.warn("careful", stacklevel=1)
        logging.getLogger("noisy").error("careful")
        print("careful", file=sys.stderr)
        return values.mean(1)

    assert check(position_means) == 3
    assert capsys.readouterr().err == ""
    assert logging.root.manager.disable == logging.NOTSET


def test_a_notebook_that_students_run_ends_in_no_number(monkeypatch):
    monkeypatch.delenv("NBGRADER_EXECUTION")
    assert not nbgrader.runs_this()
    assert check(position_means) is None
    assert check(7) is None
