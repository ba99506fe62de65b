"""The mutation score of one exercise.

In go an exercise and its right answers; out comes a `Score` with every mutant that was not
rejected, each with the reason why that is no fault or as a survivor.
"""

import tomllib
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.mutation.answers import Answer
from benchmarks.mutation.children import in_child
from benchmarks.mutation.mutants import Mutant, mutants
from benchmarks.mutation.trials import Outcome, Trial
from mi_course.exercises.core import Exercise

REASONS = Path(__file__).parent / "reasons.toml"
Reasons = dict[tuple[str, str], str]


@dataclass(frozen=True)
class Survivor:
    """A mutant that passes although it is another function.

    Args:
        mutant: the line before and after.
        case: an input on which its values are wrong or at least others.
    """

    mutant: str
    case: str


@dataclass(frozen=True)
class Score:
    """How many mutants of an exercise are rejected.

    Args:
        exercise: its id.
        mutants: mutants that return values, and other values than the reference.
        killed: those of them that lose points and fail the check.
        crashed: mutants that never return a value; they count nowhere.
        survivors: those that pass.
        equivalent: mutants that are right answers, each with the reason.
    """

    exercise: str
    mutants: int
    killed: int
    crashed: int
    survivors: tuple[Survivor, ...]
    equivalent: tuple[tuple[str, str], ...]

    @property
    def score(self) -> float:
        """Fraction of the value-changing mutants that are rejected."""
        return self.killed / self.mutants if self.mutants else 1.0

    def as_json(self) -> dict[str, Any]:
        """This score as an entry of `mutation.json`."""
        return {
            "exercise": self.exercise,
            "mutants": self.mutants,
            "killed": self.killed,
            "score": round(self.score, 4),
            "crashed": self.crashed,
            "survivors": [asdict(survivor) for survivor in self.survivors],
            "equivalent": [{"mutant": mutant, "why": why} for mutant, why in self.equivalent],
        }


def score(
    exercise: Exercise,
    answers: Iterable[Answer],
    reasons: Reasons,
    *,
    tick: Callable[[], object] = lambda: None,
) -> Score:
    """The score of an exercise.

    Args:
        exercise: what judges.
        answers: right answers to change.
        reasons: (exercise id, mutant) -> why a mutant is a right answer.
        tick: called after each mutant.

    Raises:
        ValueError: an answer is not right to begin with.
    """
    trial = Trial.of(exercise)
    tried: list[tuple[Mutant, Outcome]] = []
    for answer in answers:
        right = right_values(trial, answer)
        for mutant in mutants(answer.source, answer.function):
            tried.append((mutant, _outcome(trial, answer, mutant, right)))
            tick()
    return _score(exercise, tried, reasons)


def right_values(trial: Trial, answer: Answer) -> list[Any]:
    """The values of an answer that nobody changed.

    Raises:
        ValueError: it is not right, so its mutants would show nothing.
    """
    function = answer.defined(answer.source)
    if fault := trial.fault(function):
        raise ValueError(f"expected {answer.function} to be right, got a fault on {fault}")
    return trial.values(function)


def _outcome(trial: Trial, answer: Answer, mutant: Mutant, right: list[Any]) -> Outcome:
    """A mutant's outcome; one that ends its process or never ends is rejected."""

    def work() -> dict[str, Any]:
        try:
            function = answer.defined(mutant.source)
        except Exception:
            return asdict(Outcome(rejected=True, crashed=True))
        return asdict(trial.outcome(function, right))

    found = in_child(work)
    return Outcome(rejected=True) if found is None else Outcome(**found)


def _score(exercise: Exercise, tried: list[tuple[Mutant, Outcome]], reasons: Reasons) -> Score:
    survivors, equivalent = [], []
    for mutant, outcome in tried:
        reason = reasons.get((exercise.id, mutant.diff), "")
        # Only where an exercise lets many values pass can another value be right.
        other_draw = outcome.survived and not outcome.faulty and exercise.judge is not None
        if outcome.same or (reason and other_draw):
            same = f"same values in {outcome.tried} calls of many sizes"
            equivalent.append((mutant.diff, reason or same))
        elif outcome.survived:
            survivors.append(Survivor(mutant.diff, outcome.faulty or outcome.changed))
    crashed = sum(outcome.crashed for _, outcome in tried)
    counted = len(tried) - crashed - len(equivalent)
    return Score(
        exercise.id,
        mutants=counted,
        killed=counted - len(survivors),
        crashed=crashed,
        survivors=tuple(survivors),
        equivalent=tuple(equivalent),
    )


def read_reasons(path: Path = REASONS) -> Reasons:
    """Reasons written by hand: (exercise id, mutant) -> why it is a right answer."""
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("reason", [])
    return {(each["exercise"], each["mutant"]): each["why"] for each in entries}
