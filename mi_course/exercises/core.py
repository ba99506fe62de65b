"""What an exercise asks and how an answer to it is judged.

An `Exercise` is data: a reference function, the cases it is tried on, other right answers, and
planted wrong answers. A judge sees only values, never the student's function, so that the same
exercise is judged in the notebook (`check`) and by a trusted grader whose sandbox sends values
back. In go a case, the value that came back and the value expected; out comes a `Finding`, or
None when it is right.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from mi_course.exercises.compare import compare, structure
from mi_course.exercises.slips import kind_of
from mi_course.exercises.values import (
    GeneratorRef,
    Loader,
    ModelRef,
    draws,
    plain,
    resolve,
    shared_model,
)

__all__ = ["Case", "Exercise", "Finding", "GeneratorRef", "ModelRef", "Raised", "Wrong"]

# The order in which an answer is looked at; the first finding in this order is shown.
GROUPS = ("shape", "dtype", "finite", "hand", "random", "property", "truth")
STRUCTURE = ("shape", "dtype", "finite")


@dataclass(frozen=True, eq=False)  # compared by identity, as are the tensors it holds
class Case:
    """One call of the student's function.

    Args:
        name: what the case shows, in a few words; it may be shown to the student.
        args: tensors, numbers, strings, lists, tuples, dictionaries, `ModelRef`, `GeneratorRef`.
        group: one of `GROUPS` (a case is usually hand, random, property or truth).
        hidden: a hand case whose values students must not be told; other groups' never are.
    """

    name: str
    args: tuple[Any, ...]
    group: str = "random"
    hidden: bool = False

    def __post_init__(self) -> None:
        if self.group not in GROUPS:
            raise ValueError(f"expected a group among {GROUPS}, got {self.group!r}")

    @property
    def shown(self) -> bool:
        """Whether a student may see the inputs: those by hand are the same for everybody.

        The seed of a generator tells the other cases' inputs, so such a case is not shown. Where
        there are no inputs, there is nothing to hide.
        """
        alike = self.group == "hand" or not self.args
        return alike and not self.hidden and not draws(self.args)


@dataclass(frozen=True)
class Raised:
    """The student's function raised instead of returning.

    Args:
        kind: name of the exception's class, such as "IndexError".
        message: its text.
        line: the line of the student's code that raised, if known.
        number: that line's number in its cell, counted from 1 (0 when unknown).
    """

    kind: str
    message: str
    line: str = ""
    number: int = 0

    def __str__(self) -> str:
        if self.kind == "NotImplementedError":
            return "not written yet"
        first = next(iter(self.message.splitlines()), "")[:150]
        what = f"{self.kind}: {first}" if first else self.kind
        where = f"\nline {self.number}: {self.line.strip()[:90]}" if self.line else ""
        return f"your code stopped with {what}{where}"


@dataclass(frozen=True)
class Finding:
    """What is wrong with one value: the group that it fails, and a message of a few lines.

    `raised` tells that there was no value at all; `slip` names the likely slip in a few words,
    the same for everybody who makes it.
    """

    group: str
    message: str
    case: str = ""
    raised: bool = False
    slip: str = ""


@dataclass(frozen=True)
class Wrong:
    """A planted wrong answer.

    Args:
        name: the slip, in a few words.
        fn: the function that makes it.
        says: a substring that the message to a student who makes this slip must hold.
        hint: if given, it heads the message whenever an answer has the same values as this one.
    """

    name: str
    fn: Callable[..., Any]
    says: str
    hint: str = ""


Judge = Callable[[Case, Any, Any], str | None]


@dataclass(frozen=True, eq=False)  # compared by identity, so that it can key a cache
class Exercise:
    """One function that a student writes, with everything needed to judge it.

    Args:
        id: chapter and number, such as "06.2".
        function: name of the function that the student writes.
        title: heading of the exercise.
        points: points for an answer that passes every group.
        stars: 1 recall, 2 combine, 3 design.
        minutes: time that it should take.
        reference: a right answer.
        cases: seed -> cases; hand cases ignore the seed.
        alternatives: other right answers, written differently; at least one.
        wrong: planted wrong answers; at least three.
        hints: what to compute, which operation, the axis string.
        judge: (case, got, expected) -> message or None; None compares within rtol and atol.
        groups: points for each group, which add up to `points`; empty means all or nothing.
        axes: axis names of the returned tensor, such as "batch pos", for messages.
        owner: whose answer a value is, where the answer is data and each student has another; it
            may raise on a value of the wrong kind. The grader compares it with whom the
            submission belongs to. "" is nobody in particular. Such an exercise's cases need no
            inputs, and so no seed.
        rtol: relative tolerance. 1e-4: float32 sums in another order differ by about 1e-6 of
            their size, a real slip by more than 1e-3.
        atol: absolute tolerance, for entries that should be zero. 1e-5, for the same reason.
    """

    id: str
    function: str
    title: str
    points: int
    stars: int
    minutes: int
    reference: Callable[..., Any]
    cases: Callable[[int], list[Case]]
    alternatives: tuple[Callable[..., Any], ...]
    wrong: tuple[Wrong, ...]
    hints: tuple[str, ...]
    judge: Judge | None = None
    groups: dict[str, int] = field(default_factory=dict)
    axes: str = ""
    owner: Callable[[Any], str] | None = None
    rtol: float = 1e-4
    atol: float = 1e-5

    def __post_init__(self) -> None:
        for problem in _problems(self):
            raise ValueError(f"exercise {self.id}: {problem}")

    @property
    def chapter(self) -> str:
        """Two digits of the chapter, such as "06"."""
        return self.id.split(".")[0]

    def expect(self, case: Case, load: Loader = shared_model) -> Any:
        """The reference's value on `case`, made plain."""
        return plain(self.reference(*resolve(case.args, load)))

    def verdict(
        self, case: Case, got: Any, expected: Any, load: Loader = shared_model
    ) -> Finding | None:
        """What is wrong with `got`, or None when it is right.

        Args:
            case: the case that was run.
            got: the student's value, or `Raised`.
            expected: the reference's value on the same case.
            load: name -> model, for planted wrong answers that carry a hint.
        """
        if isinstance(got, Raised):
            slip = "" if got.kind == "NotImplementedError" else got.kind
            return Finding(case.group, str(got), case.name, raised=True, slip=slip)
        got, expected = plain(got), plain(expected)
        found = self._first_finding(case, got, expected)
        if found is None:
            return None
        group, message = found
        planted = self._planted(case, got, load)
        if planted and planted.hint:
            message = f"{planted.hint}\n{_last_line(message)}".rstrip()
        slip = planted.name if planted else kind_of(message)
        return Finding(group, message, case.name, slip=slip)

    def score(self, cases: Iterable[Case], findings: Iterable[Finding | None]) -> int:
        """Points earned, given each case's finding in the same order.

        Shape, dtype and finite are earned when every case returned a value that passes them,
        any other group when none of its cases has a finding. No value at all earns nothing.
        Hand cases can be looked up, so they count only where some other case is right too.
        """
        pairs = list(zip(cases, findings, strict=True))
        lost = {group for case, found in pairs if found for group in (case.group, found.group)}
        unseen = [found for case, found in pairs if case.group != "hand"]
        if unseen and None not in unseen:
            lost.add("hand")
        raised = [found is not None and found.raised for _, found in pairs]
        if all(raised) or (lost and not self.groups):
            return 0
        if any(raised):
            lost |= set(STRUCTURE)
        groups = self.groups or {"all": self.points}
        return sum(points for group, points in groups.items() if group not in lost)

    def _first_finding(self, case: Case, got: Any, expected: Any) -> tuple[str, str] | None:
        """The group that fails and a message."""
        fault = structure(got, expected, self.axes)
        if fault is not None:
            return fault
        message = (self.judge or self._same_values)(case, got, expected)
        return None if message is None else (case.group, message)

    def _same_values(self, _case: Case, got: Any, expected: Any) -> str | None:
        return compare(got, expected, axes=self.axes, rtol=self.rtol, atol=self.atol)

    def _planted(self, case: Case, got: Any, load: Loader) -> Wrong | None:
        """The planted wrong answer that has the same values as `got`, if any; hints first."""
        for wrong in sorted(self.wrong, key=lambda wrong: not wrong.hint):
            value = _planted_value(wrong, case, load)
            if not isinstance(value, Raised) and compare(got, value) is None:
                return wrong
        return None


@lru_cache(maxsize=512)  # the same for all who answer the same case
def _planted_value(wrong: Wrong, case: Case, load: Loader) -> Any:
    try:
        return plain(wrong.fn(*resolve(case.args, load)))
    except Exception as error:  # a planted answer may break on some case; it explains nothing then
        return Raised(type(error).__name__, "")


def _last_line(message: str) -> str:
    last = message.splitlines()[-1]
    return last if "got" in last else ""


def _problems(exercise: Exercise) -> Iterator[str]:
    if not re.fullmatch(r"\d\d\.\d{1,2}", exercise.id):
        yield f"expected an id such as '06.2', got {exercise.id!r}"
    if not exercise.function.isidentifier():
        yield f"expected the name of a function, got {exercise.function!r}"
    if exercise.stars not in (1, 2, 3) or exercise.points < 1 or exercise.minutes < 1:
        yield "expected 1 to 3 stars and at least 1 point and 1 minute"
    if len(exercise.hints) != 3:
        yield f"expected 3 hints, got {len(exercise.hints)}"
    if not exercise.alternatives or len(exercise.wrong) < 3:
        yield "expected at least 1 alternative and 3 wrong answers"
    if unknown := set(exercise.groups) - set(GROUPS):
        yield f"expected groups among {GROUPS}, got {sorted(unknown)}"
    if exercise.groups and sum(exercise.groups.values()) != exercise.points:
        yield f"expected groups that add up to {exercise.points} points"
