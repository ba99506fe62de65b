"""What a chapter is graded on: fresh inputs from a secret seed, and the right values.

The grader, which is trusted, draws the cases of each exercise from the secret seed, writes down the
inputs as they are sent to the sandbox, and runs the reference on them once, when somebody asks:
sandboxes start meanwhile, and a run with nothing left to grade never does. Every submission of a
class answers the same paper, so marks are comparable and a run can be resumed.
In go a chapter, a secret and the teacher's notebook; out comes a `Paper`.
"""

import contextlib
import hashlib
import json
import threading
from collections.abc import Collection, Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from mi_course.exercises import registry
from mi_course.exercises.core import GROUPS, Case, Exercise
from mi_course.exercises.values import GeneratorRef, ModelRef, names_models
from mi_course.grading.isolation.sandbox import Setup
from mi_course.grading.notebook import Notebook, parse, read_bytes, setup_cells
from mi_course.grading.source_digest import source_digest
from mi_course.grading.values import Caps, encode

CHAPTERS = Path(__file__).parents[2] / "chapters"
VERSION = "2"  # changes whenever the same answer could get another mark
# What a student or a teacher reads, and what only our own tests use: no mark depends on it.
UNASKED = {"alternatives", "hints", "minutes", "stars"}
INPUT_CAPS = Caps(nbytes=256 << 20)
_REFERENCE = threading.RLock()  # one reference runs at a time: they share models


@dataclass(frozen=True)
class Question:
    """One exercise as it is asked.

    Args:
        exercise: what is asked and how it is judged.
        cases: fresh cases; their inputs are never shown.
        calls: the cases' arguments, encoded.
        asked: digest of all that a mark depends on; a mark that carries it still holds.
    """

    exercise: Exercise
    cases: tuple[Case, ...]
    calls: tuple[Any, ...]
    asked: str = ""

    @cached_property
    def expected(self) -> tuple[Any, ...]:
        """The reference's values."""
        with _REFERENCE, _one_thread():
            return tuple(self.exercise.expect(case) for case in self.cases)


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
        return _digest([self.chapter, *(question.asked for question in self.questions)])

    def work_out(self, asked: Collection[str]) -> None:
        """Run the references of the exercises in `asked` that have not run yet."""
        for question in self.questions:
            if question.exercise.id in asked:
                _ = question.expected


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
        Questions with inputs, and the set-up for the sandbox.
    """
    cells = setup_cells(teacher)
    with _one_thread():
        questions = tuple(_question(exercise, secret, cells) for exercise in exercises)
    models = {name for q in questions for case in q.cases for name in names_models(case.args)}
    sent = json.dumps([question.calls for question in questions])
    torch = bool(models) or '"tensor"' in sent or any("torch" in cell for cell in cells)
    return Paper(chapter, questions, Setup(cells, tuple(sorted(models)), torch))


def _question(exercise: Exercise, secret: bytes, setup: tuple[str, ...]) -> Question:
    digest = hashlib.sha256(secret + exercise.id.encode()).digest()
    seed = int.from_bytes(digest[:4], "big") >> 1
    cases = sorted(exercise.cases(seed), key=lambda case: GROUPS.index(case.group))
    calls = [encode(list(case.args), INPUT_CAPS, refer=_refer) for case in cases]
    asked = _asked(exercise, digest, cases, setup)
    return Question(exercise, tuple(cases), tuple(calls), asked)


def _asked(exercise: Exercise, drawn: bytes, cases: list[Case], setup: tuple[str, ...]) -> str:
    """Digest of a question by what makes it: the secret, the exercise's source, weights, set-up.

    Not by the values: inputs and right values are floats, and another processor's vector unit or
    another linear algebra library may give another last digit. The values follow from what is
    hashed here, to within the exercise's tolerance.
    """
    parts = {f.name: getattr(exercise, f.name) for f in fields(exercise) if f.name not in UNASKED}
    models = sorted({name for case in cases for name in names_models(case.args)})
    secret = hashlib.sha256(b"asked" + drawn).hexdigest()
    return _digest([VERSION, secret, source_digest(parts), setup, list(map(_weights, models))])


def _weights(model: str) -> Any:
    """Names of a model's weight files with their hashes, where the course has trained it."""
    # A chapter without models costs no import of torch, and one with them none of the bridge.
    from mi_course.models.recipes import RECIPES
    from mi_course.models.weights import read_card

    return [model, read_card(model)["files"] if model in RECIPES else None]


def _digest(parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Sums in the same order on machines with few and with many processors."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _refer(value: Any) -> dict[str, Any] | None:
    if isinstance(value, ModelRef):
        return {"t": "model", "v": value.name}
    if isinstance(value, GeneratorRef):
        return {"t": "generator", "v": value.seed}
    return None


class Papers:
    """Makes the paper of any chapter; keeps none, since a paper with its models may be large.

    Args:
        secret: whoever knows it knows the inputs.
        chapters: folder of the notebooks as they were handed out.
    """

    def __init__(self, secret: bytes, chapters: Path):
        self.secret = secret
        self.chapters = chapters

    def make(self, chapter: str) -> Paper:
        """The paper of `chapter`, two digits."""
        exercises = registry.chapter(chapter)
        return make_paper(chapter, exercises, self.secret, self._teacher(chapter))

    def _teacher(self, chapter: str) -> Notebook:
        found = sorted(self.chapters.glob(f"{chapter}_*.ipynb"))
        if not found:
            raise ValueError(
                f"expected the handed-out notebook {chapter}_*.ipynb in {self.chapters}, got none, "
                "try `mi-course build` or another folder of chapters"
            )
        return parse(read_bytes(found[0]))
