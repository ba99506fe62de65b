"""What the workers of the tests' cluster load first: chapters 98 and 99.

Chapter 98 has one exercise whose judge ends the worker when it meets a certain value, as a defect
of the grader would: students' code runs in a sandbox and cannot do that.
"""

import os
from dataclasses import replace

from mi_course.exercises import registry
from mi_course.exercises.core import Case
from tests.exercises import demo

POISON = 666.0


def _judge(_case: Case, got: list[float], expected: list[float]) -> str | None:
    if POISON in got:
        os._exit(1)
    return None if got == expected else "values are wrong"


EXERCISES = (replace(demo.EXERCISES[1], id="98.1", judge=_judge),)


def install() -> None:
    """Make both chapters known."""
    demo.install()
    registry.register("98", EXERCISES)


def uninstall() -> None:
    """Forget them."""
    registry.unregister(demo.CHAPTER)
    registry.unregister("98")


def dask_setup(_worker: object) -> None:
    """What dask calls on each worker."""
    install()
