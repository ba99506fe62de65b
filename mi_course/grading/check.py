"""Answer a student at once: does this function do what its exercise asks?

`check(fn)` runs the function on the cases of the exercise with its name and prints a tick, or the
first thing that is wrong with the slip that likely caused it, in at most six lines and without a
traceback. It runs in the student's own kernel and is there for learning: it is never the grade.
(Only where nbgrader runs the notebook does it end in points; `nbgrader.py` says why.)
In goes a function; out come a few lines of text.
"""

import contextlib
import inspect
import io
import linecache
import random
import sys
import textwrap
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from mi_course.exercises.core import GROUPS, Case, Exercise, Finding, Raised
from mi_course.exercises.registry import by_function
from mi_course.exercises.values import names_models, plain, resolve, shared_model
from mi_course.grading.notebooks import nbgrader

SEED = 0  # the same cases each time, so that a saved output stays true
MAX_LINES = 6
WIDTH = 100
GROUP_NAMES = {
    "shape": "the shape",
    "dtype": "the type of the numbers",
    "finite": "finite numbers",
    "hand": "the small case by hand",
    "random": "random inputs",
    "property": "a property that must hold",
    "truth": "a case whose truth is known",
}


@dataclass(frozen=True)
class CheckReport:
    """What a check found.

    Args:
        passed: number of cases that passed.
        total: number of cases.
        lines: what is printed, at most six lines.
        points: points that the same verdict would earn in a grade.
    """

    passed: int
    total: int
    lines: tuple[str, ...]
    points: int = 0

    @property
    def ok(self) -> bool:
        """Whether every case passed."""
        return self.total > 0 and self.passed == self.total


def check(fn: object) -> int | None:
    """Print whether `fn` does what its exercise asks.

    Args:
        fn: the function of an exercise, found by its name.

    Returns:
        None; the points, where nbgrader runs the notebook.

    Raises:
        NothingEarnedError: nbgrader runs the notebook, and there are no points.
    """
    if nbgrader.runs_this():
        with nbgrader.quiet():
            report = inspect_answer(fn)
        return nbgrader.settle(report.lines, report.points)
    print("\n".join(inspect_answer(fn).lines))
    return None


def inspect_answer(fn: object) -> CheckReport:
    """What `check` prints about `fn`, as data."""
    if not callable(fn) or not inspect.isroutine(fn):
        return _refusal(fn)
    name = getattr(fn, "__name__", "?")
    try:
        exercise = by_function(name)
    except ValueError as error:
        return _report([f"✗ {error}"])
    cases, expected = _prepared(exercise)
    findings = []
    for case, right in zip(cases, expected, strict=True):
        findings.append(exercise.verdict(case, run_case(fn, case), right))
        if findings[-1] is not None and findings[-1].message == "not written yet":
            return _report([f"· {name}: not written yet"], total=len(cases))
    return _summary(exercise, cases, findings)


def run_case(fn: Callable[..., Any], case: Case) -> Any:
    """What `fn` returns on `case`, made plain, or `Raised`; nothing outside it changes.

    Args:
        fn: the student's function.
        case: the case; its arguments are copied first.
    """
    args = resolve(case.args, shared_model)
    if not _accepts(fn, args):
        return Raised(
            "TypeError", f"it does not take {len(args)} arguments, keep the stub's first line"
        )
    with _untouched(names_models(case.args)), contextlib.redirect_stdout(io.StringIO()):
        try:
            return plain(fn(*args))
        except Exception as error:
            return _raised(error, fn)


@lru_cache(maxsize=64)
def _prepared(exercise: Exercise) -> tuple[list[Case], list[Any]]:
    cases = sorted(exercise.cases(SEED), key=lambda case: GROUPS.index(case.group))
    with _untouched(set()):
        return cases, [exercise.expect(case) for case in cases]


def _summary(exercise: Exercise, cases: list[Case], findings: list[Finding | None]) -> CheckReport:
    name, total = exercise.function, len(cases)
    wrong = [finding for finding in findings if finding is not None]
    earned = exercise.score(cases, findings)
    if not wrong:
        points = f"{earned} point" + "s" * (earned != 1)
        ticks = "the check passed" if total == 1 else f"all {total} checks passed"
        return _report([f"✓ {name}: {ticks}, {points}"], passed=total, total=total, points=earned)
    first = min(wrong, key=lambda finding: GROUPS.index(finding.group))
    passed = total - len(wrong)
    what = f"{GROUP_NAMES[first.group]} ({first.case})" if first.case else GROUP_NAMES[first.group]
    head = f"✗ {name}: {passed} of {total} checks passed; look at {what}"
    lines = [head, *first.message.splitlines()]
    return _report(lines, passed=passed, total=total, points=earned)


def _report(lines: list[str], *, passed: int = 0, total: int = 0, points: int = 0) -> CheckReport:
    wrapped = [part for line in lines for part in textwrap.wrap(line, WIDTH) or [""]]
    indented = [wrapped[0], *(f"  {line.strip()}" for line in wrapped[1:])]
    return CheckReport(passed, total, tuple(indented[:MAX_LINES]), points)


def _refusal(value: Any) -> CheckReport:
    if isinstance(value, str):
        return _report([f"✗ expected a function, got the text {value!r}: try it without quotes"])
    kind = type(value).__name__
    return _report([f"✗ expected a function, got a {kind}: try check(name), without calling it"])


def _accepts(fn: Callable[..., Any], args: tuple[Any, ...]) -> bool:
    try:
        inspect.signature(fn).bind(*args)
    except TypeError:
        return False
    except ValueError:  # a built-in without a signature: calling it will tell
        return True
    return True


def _raised(error: Exception, fn: Callable[..., Any]) -> Raised:
    """The exception, with the deepest line of the student's own code."""
    code = getattr(inspect.unwrap(fn), "__code__", None)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if code is not None and frame.filename == code.co_filename]
    kind, message = type(error).__name__, str(error)
    if not own:
        return Raised(kind, message)
    number = own[-1].lineno or 0
    return Raised(kind, message, linecache.getline(own[-1].filename, number), number)


@contextlib.contextmanager
def _untouched(models: set[str]) -> Iterator[None]:
    """Seed what is global, and put it back with the weights and hooks of shared models."""
    torch = sys.modules.get("torch")
    states = random.getstate(), np.random.get_state()  # noqa: NPY002 - it is the global one we guard
    torch_state = (torch.get_rng_state(), torch.is_grad_enabled()) if torch else None
    weights = {name: _snapshot(shared_model(name)) for name in models}
    _seed_globals()
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        if torch and torch_state:
            torch.set_rng_state(torch_state[0])
            torch.set_grad_enabled(torch_state[1])
        for name, snapshot in weights.items():
            _put_back(shared_model(name), snapshot)


def _seed_globals() -> None:
    """Make an answer that forgets its generator draw the same numbers each time."""
    random.seed(SEED)
    np.random.seed(SEED)  # noqa: NPY002
    if torch := sys.modules.get("torch"):
        torch.default_generator.manual_seed(SEED)  # the GPU's generator is left alone


def _snapshot(model: Any) -> dict[str, Any]:
    return {name: value.detach().clone() for name, value in model.named_parameters()}


def _put_back(model: Any, snapshot: dict[str, Any]) -> None:
    for name, value in model.named_parameters():
        if not bool((value == snapshot[name]).all()):
            value.data.copy_(snapshot[name])
    model.reset_hooks()
