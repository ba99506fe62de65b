"""What a mutant is tried on, and what became of it.

A mutant is rejected when it costs points in the grade (cases of a seed that no student sees) and
also fails the check in the notebook. One that gets past either is run on further inputs: other
seeds, and calls of other sizes; where its values differ anywhere from those of the answer that it
was made of it is a survivor, else it counts as the same function.
In go an exercise and a function, out comes an `Outcome`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.mutation.further import further_cases
from mi_course.exercises.compare import compare
from mi_course.exercises.core import Case, Exercise, Raised
from mi_course.exercises.values import names_models, shared_model
from mi_course.grading.check import SEED, run_case

GRADE_SEED = 1_234_567_891  # drawn as large as a grader's
FURTHER_SEEDS = (11, 222, 3_333, 44_444, 555_555)
Asked = tuple[tuple[Case, Any], ...]


@dataclass(frozen=True)
class Outcome:
    """What became of one mutant.

    Args:
        rejected: whether the grade and the check both reject it.
        crashed: whether it raised on every case, so that it has no values at all.
        changed: first case on which its values differ from the unchanged answer's, or "".
        faulty: first case that the exercise itself would not let pass, or "".
        tried: number of calls that were compared.
    """

    rejected: bool
    crashed: bool = False
    changed: str = ""
    faulty: str = ""
    tried: int = 0

    @property
    def survived(self) -> bool:
        """Whether it is another function and passes for a right answer."""
        return not self.rejected and bool(self.changed)

    @property
    def same(self) -> bool:
        """Whether no input told it from the reference."""
        return not self.rejected and not self.changed


@dataclass(frozen=True)
class Trial:
    """An exercise with the right values of every case that its mutants are tried on.

    Args:
        exercise: the exercise; planted wrong answers lose their hints, which cost time.
        grade: cases as a grader would draw them.
        check: cases of the check in the notebook.
        further: inputs that only this score knows.
    """

    exercise: Exercise
    grade: Asked
    check: Asked
    further: Asked

    @classmethod
    def of(cls, exercise: Exercise) -> "Trial":
        """The trial of an exercise; its models are loaded here, once."""
        further = [case for seed in FURTHER_SEEDS for case in exercise.cases(seed)]
        further += further_cases(exercise.id)
        bare = replace(exercise, wrong=tuple(replace(w, hint="") for w in exercise.wrong))
        grade, check = exercise.cases(GRADE_SEED), exercise.cases(SEED)
        for name in {name for case in further for name in names_models(case.args)}:
            shared_model(name)
        asked = (
            tuple((case, exercise.expect(case)) for case in cases)
            for cases in (grade, check, further)
        )
        return cls(bare, *asked)

    @property
    def everything(self) -> Asked:
        """All cases."""
        return (*self.grade, *self.check, *self.further)

    def values(self, function: Callable[..., Any]) -> list[Any]:
        """What a function returns on all cases."""
        return [run_case(function, case) for case, _ in self.everything]

    def fault(self, function: Callable[..., Any]) -> str:
        """The first of all cases that a function does not pass, or ""."""
        return self._fault(self.values(function))

    def outcome(self, function: Callable[..., Any], right: list[Any]) -> Outcome:
        """What becomes of a mutant.

        Args:
            function: the mutant.
            right: values of the unchanged answer. They are not the reference's where the exercise
                lets answers draw as they like.
        """
        graded = [run_case(function, case) for case, _ in self.grade]
        if all(isinstance(value, Raised) for value in graded):
            return Outcome(rejected=True, crashed=True)
        if self._costs_points(graded) and self._fails_check(function):
            return Outcome(rejected=True)
        values = self.values(function)
        pairs = zip(self.everything, values, right, strict=True)
        differing = (case.name for (case, _), *pair in pairs if self._differ(*pair))
        return Outcome(False, False, next(differing, ""), self._fault(values), len(values))

    def _costs_points(self, values: list[Any]) -> bool:
        findings = [
            self.exercise.verdict(case, value, right)
            for (case, right), value in zip(self.grade, values, strict=True)
        ]
        cases = [case for case, _ in self.grade]
        return self.exercise.score(cases, findings) < self.exercise.points

    def _fails_check(self, function: Callable[..., Any]) -> bool:
        return any(
            self.exercise.verdict(case, run_case(function, case), right) is not None
            for case, right in self.check
        )

    def _fault(self, values: list[Any]) -> str:
        for (case, expected), value in zip(self.everything, values, strict=True):
            if self.exercise.verdict(case, value, expected) is not None:
                return case.name
        return ""

    def _differ(self, value: Any, right: Any) -> bool:
        if isinstance(value, Raised):
            return True
        exercise = self.exercise
        return compare(value, right, rtol=exercise.rtol, atol=exercise.atol) is not None
