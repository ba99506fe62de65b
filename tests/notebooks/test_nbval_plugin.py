"""The plugin at work: nbval runs real notebooks and judges them by tolerance and structure."""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from mi_course.grading.notebooks.execute import execute
from mi_course.grading.notebooks.source import Chapter, SourceCell

ROOT = Path(__file__).parents[2]
CELLS = {
    "number": "print(f'loss {1.23456:.4f}')",
    "own rtol": "print(f'about {100} steps')",
    "figure": (
        "import numpy as np, plotly.graph_objects as go\n"
        "go.Figure(go.Scatter(y=np.array([1.0, 2.0, 3.0]))).show()"
    ),
    "widget": "import ipywidgets\nipywidgets.IntSlider(max=3)",
    "progress": "import sys\nprint('50%|##', file=sys.stderr)\nprint('done')",
}


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """A notebook with saved outputs, run as the build runs it."""
    folder = tmp_path_factory.mktemp("notebooks")
    metadata = {"own rtol": {"rtol": 0.05}}
    cells = [new_code_cell(text, metadata=metadata.get(k, {})) for k, text in CELLS.items()]
    source = tuple(SourceCell("code", text, 1, {}) for text in CELLS.values())
    return execute(new_notebook(cells=cells), Chapter(folder / "99_x.py", source, {}))


def nbval(path, *arguments):
    """The outcome of each cell that pytest reports, and the whole output."""
    plugin = ("-p", "mi_course.grading.notebooks.nbval_plugin")
    command = [sys.executable, "-m", "pytest", *plugin, "--nbval-current-env", "-rA", "-q"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("PYTEST_ADDOPTS", None)
    done = subprocess.run(
        [*command, *arguments, str(path)],
        cwd=path.parent,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    found = re.findall(r"^(PASSED|FAILED|ERROR) \S+::Cell (\d+)", done.stdout, re.MULTILINE)
    return {int(cell): outcome for outcome, cell in found}, done.stdout


def changed(notebook, folder, changes):
    """The notebook on disk with other saved numbers."""
    text = nbformat.writes(notebook)
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    path = folder / "99_x.ipynb"
    path.write_text(text)
    return path


def test_saved_outputs_hold_no_widget_and_no_library(executed):
    outputs = [cell.outputs for cell in executed.cells]
    assert outputs[3] == []
    assert [output.name for output in outputs[4]] == ["stdout"]
    assert list(outputs[2][0].data) == ["application/vnd.plotly.v1+json"]
    assert "bdata" in str(outputs[2][0].data) or [1.0, 2.0, 3.0] in [
        trace["y"] for trace in outputs[2][0].data["application/vnd.plotly.v1+json"]["data"]
    ]


def test_rounding_agrees(executed, tmp_path):
    path = changed(executed, tmp_path, {"loss 1.2346": "loss 1.2347", "about 100": "about 103"})
    outcomes, said = nbval(path, "--nbval")
    assert outcomes == dict.fromkeys(range(5), "PASSED"), said


def test_changed_results_are_told_apart(executed, tmp_path):
    figure = executed.cells[2].outputs[0].data["application/vnd.plotly.v1+json"]
    before = dict(figure["data"][0])
    figure["data"][0]["y"] = [1.0, 2.0, 3.5]
    path = changed(executed, tmp_path, {"loss 1.2346": "loss 1.3", "about 100": "about 130"})
    figure["data"][0].update(before)
    outcomes, said = nbval(path, "--nbval")
    assert outcomes == {0: "FAILED", 1: "FAILED", 2: "FAILED", 3: "PASSED", 4: "PASSED"}, said
    assert "saved number 1.3, the run gave 1.2346" in said
    assert "y[2]: saved 3.5, the run gave 3" in said


def test_a_blank_student_notebook_passes_the_lax_run(tmp_path):
    tagged = {"tags": ["raises-exception"]}
    stub = "def f():\n    raise NotImplementedError('Exercise 06.1 is not written yet')"
    cells = [new_code_cell(stub, metadata=tagged), new_code_cell("f()", metadata=tagged)]
    path = tmp_path / "99_x.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    assert nbval(path, "--nbval-lax")[0] == {0: "PASSED", 1: "PASSED"}
