"""What nbgrader needs from our notebooks: roles of cells, and points that it can read off.

nbgrader runs a notebook and gives a cell of checks full points, unless the cell raises, writes to
stderr, or ends in a number, which is then taken for the points. `check` only prints, so a wrong
answer would get them all; where nbgrader runs the notebook, `check` ends in the points earned, or
raises where there are none. Like every test in the student's own process it can be cheated.
In go a cell's id and points, or the lines of a check; out come metadata, or points.
Source: nbgrader 0.9.6, `nbgrader.utils.determine_grade` and `nbgrader.nbgraderformat.v3`.
"""

import contextlib
import io
import logging
import os
import warnings
from collections.abc import Iterator
from typing import Any

VARIABLE = "NBGRADER_EXECUTION"  # "autograde" or "validate" while nbgrader runs a notebook


class NothingEarnedError(AssertionError):
    """A check that earned no points, shown by its own lines instead of a traceback."""

    def _render_traceback_(self) -> list[str]:  # IPython asks an exception for this
        return str(self).splitlines()


def runs_this() -> bool:
    """Whether nbgrader is running the notebook that this process belongs to."""
    return bool(os.environ.get(VARIABLE))


def settle(lines: tuple[str, ...], points: int) -> int:
    """The points that a check earned, after printing its lines.

    Raises:
        NothingEarnedError: there are none.
    """
    if points <= 0:
        raise NothingEarnedError("\n".join(lines))
    print("\n".join(lines))
    return points


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep warnings and log lines off stderr, where one of them would cost all the points."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def answer(cell_id: str) -> dict[str, Any]:
    """Metadata of a cell in which a student writes code."""
    return _metadata(cell_id, grade=False, solution=True)


def graded_check(cell_id: str, points: int) -> dict[str, Any]:
    """Metadata of a cell that checks an answer; nbgrader puts the handed-out text back."""
    return _metadata(cell_id, grade=True, solution=False) | {"points": points}


def written_answer(cell_id: str, points: int) -> dict[str, Any]:
    """Metadata of a cell in which a student writes words, which a person grades."""
    return _metadata(cell_id, grade=True, solution=True) | {"points": points}


def _metadata(cell_id: str, *, grade: bool, solution: bool) -> dict[str, Any]:
    roles = {"grade": grade, "solution": solution, "locked": not solution, "task": False}
    return {**roles, "grade_id": cell_id, "schema_version": 3}
