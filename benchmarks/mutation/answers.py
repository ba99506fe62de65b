"""Right answers of every exercise as source: the chapter's solution and the alternatives.

In goes a folder of solutions; out come `Answer`s, each with the names that its source needs.
"""

import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mi_course.exercises.core import Exercise
from mi_course.grading.inside.answer import needed
from mi_course.grading.inside.setup import namespace_of
from mi_course.grading.notebooks.source import Chapter, read_chapter

SOLUTIONS = Path(__file__).parents[2] / "solutions"


@dataclass(frozen=True)
class Answer:
    """One right answer.

    Args:
        source: its source.
        function: name of the function in it.
        namespace: names that the source is run with.
    """

    source: str
    function: str
    namespace: dict[str, Any]

    def defined(self, source: str) -> Callable[..., Any]:
        """The function as a changed source defines it."""
        names = dict(self.namespace)
        exec(compile(source, f"<mutant of {self.function}>", "exec"), names)
        return names[self.function]


def answers(folder: Path = SOLUTIONS) -> Iterator[tuple[Exercise, list[Answer]]]:
    """Each exercise of each chapter with its right answers, in order."""
    for path in sorted(folder.glob("[0-9][0-9]_*.py")):
        chapter = read_chapter(path)
        namespace = namespace_of(cell.text for cell in chapter.cells if "setup" in cell.tags)
        for exercise in chapter.exercises.values():
            yield exercise, [solution(chapter, exercise, namespace), *alternatives(exercise)]


def solution(chapter: Chapter, exercise: Exercise, namespace: dict[str, Any]) -> Answer:
    """The solution in the chapter, after those earlier answers that it calls."""
    cells = {cell.exercise: cell.text for cell in chapter.cells if cell.exercise is not None}
    names = dict(namespace)
    *earlier, _ = needed(exercise.id, cells)
    for key in earlier:
        exec(compile(cells[key], f"<answer {key}>", "exec"), names)
    return Answer(cells[exercise.id], exercise.function, names)


def alternatives(exercise: Exercise) -> Iterator[Answer]:
    """Other right answers that are functions of their own; a lambda has no source alone."""
    for each in exercise.alternatives:
        function = inspect.unwrap(each)
        if function.__name__ != "<lambda>" and function.__closure__ is None:
            source = textwrap.dedent(inspect.getsource(function))
            yield Answer(source, function.__name__, function.__globals__)
