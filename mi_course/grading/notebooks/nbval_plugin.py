"""A pytest plugin: nbval compares outputs by tolerance and structure instead of by bytes.

Load it with `-p mi_course.grading.notebooks.nbval_plugin`. A cell whose numbers may wander further
carries its own tolerance in its metadata, such as `rtol=0.05`. See `outputs` for what agrees.
In go a saved cell and its new outputs; out comes nbval's verdict with our words.
"""

import os
from typing import Any

import pytest
from nbval.plugin import IPyNbCell

from mi_course.grading.notebooks.outputs import differences

_original = IPyNbCell.compare_outputs


def compare_outputs(
    self: IPyNbCell, test: list[Any], ref: list[Any], skip_compare: object = None
) -> bool:
    """Whether a cell's new outputs agree with the saved ones; keeps the differences for nbval."""
    rtol = self.cell.metadata.get("rtol")
    found = differences(ref, test, rtol=None if rtol is None else float(rtol))
    self.comparison_traceback = found
    return not found


def pytest_configure(config: pytest.Config) -> None:
    """Put our comparison in nbval's place, and ask plotly for figures as data."""
    IPyNbCell.compare_outputs = compare_outputs
    os.environ.setdefault("PLOTLY_RENDERER", "plotly_mimetype")  # kernels inherit it


def pytest_unconfigure(config: pytest.Config) -> None:
    """Give nbval its own comparison back."""
    IPyNbCell.compare_outputs = _original
