"""Run a student's notebook from a fresh kernel and tell what its checks say.

A notebook that works only because of cells that were since deleted fails here, before it is handed
in. It runs the student's code with the student's own rights: it is not the grade.
In goes a notebook; out comes what each check printed. The notebook itself is not changed.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import nbclient
import nbformat
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from mi_course.grading.notebooks.execute import ENVIRONMENT

TIMEOUT = 120  # seconds for a cell, as when the notebooks are tested
PASSED = "✓"


@dataclass(frozen=True)
class Rehearsal:
    """What one check said.

    Args:
        exercise: id of the exercise, such as "06.2".
        said: what the check printed.
    """

    exercise: str
    said: str

    @property
    def passed(self) -> bool:
        """Whether the check ended in a tick."""
        return self.said.startswith(PASSED)


def rehearse(path: Path) -> list[Rehearsal]:
    """What each check of a notebook says when all of it runs from a fresh kernel.

    Args:
        path: the notebook.

    Raises:
        ValueError: it is no notebook, has no checks, or a cell never ends.
    """
    try:
        notebook = nbformat.read(path, as_version=4)
    except (OSError, nbformat.reader.NotJSONError, nbformat.ValidationError) as error:
        raise ValueError(f"expected a notebook, got {path}: {error}") from error
    checks = [cell for cell in notebook.cells if "check" in cell.metadata]
    if not checks:
        raise ValueError(f"expected a notebook of the course with checks, got none in {path}")
    client = nbclient.NotebookClient(
        notebook,
        timeout=TIMEOUT,
        kernel_name="python3",
        allow_errors=True,
        resources={"metadata": {"path": str(path.parent.resolve())}},
        extra_arguments=["--log-level=ERROR"],
    )
    try:
        client.execute(env={**os.environ, **ENVIRONMENT})
    except (CellTimeoutError, DeadKernelError) as error:
        raise ValueError(f"expected {path.name} to run to its end, got {error}") from error
    return [Rehearsal(cell.metadata["check"], printed(cell)) for cell in checks]


def printed(cell: NotebookNode) -> str:
    """What a cell that was run printed, or the error that it raised, as text."""
    parts = []
    for output in cell.outputs:
        if output.output_type == "stream":
            parts.append(output.text)
        elif output.output_type == "error":
            parts.append(f"{output.ename}: {output.evalue}")
    return "".join(parts).strip() or "the check printed nothing"
