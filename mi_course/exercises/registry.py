"""Where exercises are found: by id, by function name, by chapter.

Chapter 06 keeps its exercises in `mi_course/exercises/ch06.py` as `EXERCISES`; a chapter is
imported only when one of its exercises is asked for.
In goes an id, a name or a chapter; out come `Exercise`s.
"""

import difflib
import importlib
import pkgutil
from functools import lru_cache

import mi_course.exercises
from mi_course.exercises.core import Exercise

_extra: dict[str, tuple[Exercise, ...]] = {}


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


@lru_cache
def _load(name: str) -> tuple[Exercise, ...]:
    exercises = importlib.import_module(f"mi_course.exercises.ch{name}").EXERCISES
    _refuse_repeats(name, exercises)
    return tuple(exercises)


def register(name: str, exercises: tuple[Exercise, ...]) -> None:
    """Add a chapter that lives outside the package, such as a teacher's own."""
    _refuse_repeats(name, exercises)
    _extra[name] = tuple(exercises)


def unregister(name: str) -> None:
    """Forget a chapter that was added with `register`."""
    _extra.pop(name, None)


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


def _refuse_repeats(name: str, exercises: tuple[Exercise, ...]) -> None:
    for kind in ("id", "function"):
        seen = [getattr(exercise, kind) for exercise in exercises]
        if len(seen) != len(set(seen)):
            raise ValueError(f"expected each {kind} once in chapter {name}, got {seen}")
    if strangers := [exercise.id for exercise in exercises if exercise.chapter != name]:
        raise ValueError(f"expected ids of chapter {name}, got {strangers}")
