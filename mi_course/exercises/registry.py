"""Where exercises are found: by id, by function name, by chapter.

Chapter 06 keeps its exercises in `mi_course/exercises/ch06.py` as `EXERCISES`, and its questions
that are answered in words as `OPEN_QUESTIONS`; a chapter is imported only when it is asked for.
In goes an id, a name or a chapter; out come `Exercise`s and `OpenQuestion`s.
"""

import difflib
import importlib
import pkgutil
from functools import lru_cache

import mi_course.exercises
from mi_course.exercises.core import Exercise
from mi_course.exercises.open_question import OpenQuestion

_extra: dict[str, tuple[Exercise, ...]] = {}
_extra_open: dict[str, tuple[OpenQuestion, ...]] = {}


def chapters() -> tuple[str, ...]:
    """Two-digit names of all chapters that have exercises, in order."""
    names = (module.name for module in pkgutil.iter_modules(mi_course.exercises.__path__))
    found = {name[2:] for name in names if name.startswith("ch") and name[2:].isdigit()}
    return tuple(sorted(found | set(_extra)))


def chapter(name: str) -> tuple[Exercise, ...]:
    """All exercises of chapter `name`, such as "06", in order.

    Raises:
        ValueError: no such chapter, or it repeats an id or a function name.
    """
    if name in _extra:
        return _extra[name]
    if name not in chapters():
        raise ValueError(f"expected a chapter among {', '.join(chapters())}, got {name!r}")
    return _load(name)


def open_questions(name: str) -> tuple[OpenQuestion, ...]:
    """All open questions of chapter `name`, in order; often one.

    Raises:
        ValueError: no such chapter, or it repeats an id.
    """
    if name in _extra:
        return _extra_open[name]
    chapter(name)  # refuses a chapter that does not exist
    module = importlib.import_module(f"mi_course.exercises.ch{name}")
    questions = tuple(getattr(module, "OPEN_QUESTIONS", ()))
    _refuse_repeats(name, questions, ("id",))
    return questions


@lru_cache
def _load(name: str) -> tuple[Exercise, ...]:
    exercises = importlib.import_module(f"mi_course.exercises.ch{name}").EXERCISES
    _refuse_repeats(name, exercises)
    return tuple(exercises)


def register(
    name: str, exercises: tuple[Exercise, ...], opens: tuple[OpenQuestion, ...] = ()
) -> None:
    """Add a chapter that lives outside the package, such as a teacher's own."""
    _refuse_repeats(name, exercises)
    _refuse_repeats(name, opens, ("id",))
    _extra[name], _extra_open[name] = tuple(exercises), tuple(opens)


def unregister(name: str) -> None:
    """Forget a chapter that was added with `register`."""
    _extra.pop(name, None)
    _extra_open.pop(name, None)


def get(exercise_id: str) -> Exercise:
    """The exercise with this id, such as "06.2".

    Raises:
        ValueError: no such exercise; the message lists those of its chapter.
    """
    of_chapter = chapter(exercise_id.split(".")[0])
    for exercise in of_chapter:
        if exercise.id == exercise_id:
            return exercise
    known = ", ".join(exercise.id for exercise in of_chapter)
    raise ValueError(f"expected an exercise among {known}, got {exercise_id!r}")


def by_function(name: str) -> Exercise:
    """The exercise whose function is called `name`.

    Raises:
        ValueError: no such function; the message lists names that are near.
    """
    known: dict[str, Exercise] = {}
    for each in chapters():
        for exercise in chapter(each):
            if exercise.function == name:
                return exercise
            known[exercise.function] = exercise
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    advice = f", did you mean {' or '.join(near)}?" if near else ", try the name in the stub"
    raise ValueError(f"expected the name of an exercise, got {name!r}{advice}")


def _refuse_repeats(
    name: str,
    exercises: tuple[Exercise | OpenQuestion, ...],
    kinds: tuple[str, ...] = ("id", "function"),
) -> None:
    for kind in kinds:
        seen = [getattr(exercise, kind) for exercise in exercises]
        if len(seen) != len(set(seen)):
            raise ValueError(f"expected each {kind} once in chapter {name}, got {seen}")
    if strangers := [exercise.id for exercise in exercises if exercise.chapter != name]:
        raise ValueError(f"expected ids of chapter {name}, got {strangers}")
