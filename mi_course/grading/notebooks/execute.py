"""Run a solution notebook so that its outputs can be saved.

One fresh kernel, one thread, no network, and no trace of when or where it ran. In goes a notebook
without outputs; out comes the same notebook with them, or a `BuildError` that names the source
line of the cell which raised.
"""

import copy
import os

import nbclient
import nbformat
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from mi_course.grading.notebooks.outputs import tidy
from mi_course.grading.notebooks.source import BuildError, Chapter

TIMEOUT = 120  # seconds for a cell, as when the notebooks are tested
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PLOTLY_RENDERER": "plotly_mimetype",  # figures as data, without 4 MB of JavaScript
    "PYTHONHASHSEED": "0",
}


def execute(notebook: NotebookNode, chapter: Chapter) -> NotebookNode:
    """A copy of `notebook` with tidy outputs, run in the folder of its source.

    Raises:
        BuildError: a cell raised, took too long, or killed the kernel.
    """
    done = copy.deepcopy(notebook)
    client = _Client(
        done,
        timeout=TIMEOUT,
        kernel_name="python3",
        resources={"metadata": {"path": str(chapter.path.parent.resolve())}},
        record_timing=False,
        store_widget_state=False,
        extra_arguments=["--log-level=ERROR"],
    )
    try:
        client.execute(env={**os.environ, **ENVIRONMENT})
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        line = chapter.cells[client.current].line
        raise BuildError(chapter.path, line, f"expected the cell to run, got {error}") from error
    done.metadata = notebook.metadata  # without the version of this machine's Python
    for cell in done.cells:
        if cell.cell_type == "code":
            cell.outputs = [nbformat.from_dict(output) for output in tidy(cell.outputs)]
    return done


class _Client(nbclient.NotebookClient):
    """A client that knows which cell it is at."""

    current = 0

    async def async_execute_cell(
        self, cell: NotebookNode, cell_index: int, *args: object, **kwargs: object
    ) -> NotebookNode:
        """Run one cell and remember its place."""
        self.current = cell_index
        return await super().async_execute_cell(cell, cell_index, *args, **kwargs)
