"""What a chapter is graded on: fresh inputs from a secret seed, and the right values.

The grader, which is trusted, draws the cases of each exercise from the secret seed, runs the
reference on them once, and writes down the inputs as they are sent to the sandbox. Every
submission of a class answers the same paper, so marks are comparable and a run can be resumed.
In go a chapter, a secret and the teacher's notebook; out comes a `Paper`.
"""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mi_course.exercises import registry
from mi_course.exercises.core import GROUPS, Case, Exercise
from mi_course.exercises.values import GeneratorRef, ModelRef, names_models
from mi_course.grading.notebook import Notebook, parse, read_bytes, setup_cells
from mi_course.grading.sandbox import Setup
from mi_course.grading.values import Caps, encode

CHAPTERS = Path(__file__).parents[2] / "chapters"
VERSION = "1"  # changes whenever the same answer could get another mark
INPUT_CAPS = Caps(nbytes=256 << 20)


@dataclass(frozen=True)
class Question:
    """One exercise as it is asked.

    Args:
        exercise: what is asked and how it is judged.
        cases: fresh cases; their inputs are never shown.
        calls: the cases' arguments, encoded.
        expected: the reference's values.
    """

    exercise: Exercise
    cases: tuple[Case, ...]
    calls: tuple[Any, ...]
    expected: tuple[Any, ...]


@dataclass(frozen=True)
class Paper:
    """Everything that the submissions of one chapter are graded on.

    Args:
        chapter: two digits.
        questions: one for each exercise, in order.
        setup: what the sandbox prepares.
    """

    chapter: str
    questions: tuple[Question, ...]
    setup: Setup

    @property
    def max_points(self) -> int:
        """Points of a perfect submission."""
        return sum(question.exercise.points for question in self.questions)

    @cached_property
    def digest(self) -> str:
        """Names this paper: another secret, exercise, set-up or grader gives another digest."""
        asked = [
            (q.exercise.id, q.exercise.points, q.exercise.groups, q.calls, _written(q.expected))
            for q in self.questions
        ]
        text = json.dumps([VERSION, self.setup.cells, asked])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def make_paper(
    chapter: str, exercises: tuple[Exercise, ...], secret: bytes, teacher: Notebook
) -> Paper:
    """The paper of a chapter.

    Args:
        chapter: two digits.
        exercises: the chapter's exercises.
        secret: whoever knows it knows the inputs.
        teacher: the chapter's notebook as it was handed out.

    Returns:
        Questions with inputs and right values, and the set-up for the sandbox.
    """
    questions = tuple(_question(exercise, secret) for exercise in exercises)
    cells = setup_cells(teacher)
    models = {name for q in questions for case in q.cases for name in names_models(case.args)}
    sent = json.dumps([question.calls for question in questions])
    torch = bool(models) or '"tensor"' in sent or any("torch" in cell for cell in cells)
    return Paper(chapter, questions, Setup(cells, tuple(sorted(models)), torch))


def _question(exercise: Exercise, secret: bytes) -> Question:
    digest = hashlib.sha256(secret + exercise.id.encode()).digest()
    seed = int.from_bytes(digest[:4], "big") >> 1
    cases = sorted(exercise.cases(seed), key=lambda case: GROUPS.index(case.group))
    calls = [encode(list(case.args), INPUT_CAPS, refer=_refer) for case in cases]
    expected = [exercise.expect(case) for case in cases]
    return Question(exercise, tuple(cases), tuple(calls), tuple(expected))


def _refer(value: Any) -> dict[str, Any] | None:
    if isinstance(value, ModelRef):
        return {"t": "model", "v": value.name}
    if isinstance(value, GeneratorRef):
        return {"t": "generator", "v": value.seed}
    return None


def _written(values: tuple[Any, ...]) -> Any:
    return encode(list(values), INPUT_CAPS)


class Papers:
    """The paper of each chapter that is asked for, made once.

    Args:
        secret: whoever knows it knows the inputs.
        chapters: folder of the notebooks as they were handed out.
    """

    def __init__(self, secret: bytes, chapters: Path):
        self.secret = secret
        self.chapters = chapters
        self._papers: dict[str, Paper] = {}

    def get(self, chapter: str) -> Paper:
        """The paper of `chapter`, two digits."""
        if chapter not in self._papers:
            exercises = registry.chapter(chapter)
            self._papers[chapter] = make_paper(
                chapter, exercises, self.secret, self._teacher(chapter)
            )
        return self._papers[chapter]

    def made(self) -> tuple[Paper, ...]:
        """All papers so far, by chapter."""
        return tuple(self._papers[name] for name in sorted(self._papers))

    def _teacher(self, chapter: str) -> Notebook:
        found = sorted(self.chapters.glob(f"{chapter}_*.ipynb"))
        if not found:
            raise ValueError(
                f"expected the handed-out notebook {chapter}_*.ipynb in {self.chapters}, got none, "
                "try `mi-course build` or another folder of chapters"
            )
        return parse(read_bytes(found[0]))
