"""Chapter 00 on another model: its cells run, and a blank copy fails only where it may."""

import ast
import math
from pathlib import Path

import plotly.graph_objects as go
import pytest
import torch

import mi_course.plots.showing
from mi_course.grading.notebooks.build import solution_notebook, student_notebook
from mi_course.grading.notebooks.source import read_chapter
from tests.notebooks.other_models import N_LAYERS, checkpoint

SOURCE = Path(__file__).parents[2] / "solutions" / "00_start_here.py"


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory):
    return checkpoint("gpt2", tmp_path_factory.mktemp("gpt2"))


@pytest.fixture
def figures(monkeypatch):
    """What the notebook shows; and gradients are on again afterwards, which it switches off."""
    shown: list[go.Figure] = []
    monkeypatch.setattr(mi_course.plots.showing, "display", lambda view: shown.append(view.figure))
    yield shown
    torch.set_grad_enabled(True)


def run(notebook, model):
    """Run the code cells in one namespace; returns it and the cells that raised."""
    namespace, failed = {"__name__": "__main__"}, {}
    for cell in notebook.cells:
        if cell.cell_type != "code" or "colab" in cell.metadata.get("tags", []):
            continue
        source = cell.source.replace('MODEL = "town"', f"MODEL = {model!r}")
        try:
            exec(compile(ast.parse(source), cell.id, "exec"), namespace)
        except Exception as error:
            failed[cell.id] = error
    return namespace, failed


def test_the_solution_runs_on_another_model_by_changing_one_name(gpt2, figures):
    found, failed = run(solution_notebook(read_chapter(SOURCE)), gpt2)
    assert failed == {}
    n_layers = N_LAYERS["gpt2"]
    assert found["model"].cfg.n_layers == n_layers
    norms, effects = figures
    assert len(norms.data[0].x) == 1 + n_layers
    assert sum(len(trace.y) for trace in effects.data) == 2 * n_layers
    # Random weights know nothing: the loss is that of a blind guess.
    assert found["loss"].item() == pytest.approx(math.log(found["model"].cfg.d_vocab), abs=0.2)


def test_a_blank_notebook_runs_to_its_end_and_fails_only_where_it_may(gpt2, figures, capsys):
    notebook = student_notebook(read_chapter(SOURCE))
    found, failed = run(notebook, gpt2)
    may_fail = {c.id for c in notebook.cells if "raises-exception" in c.metadata.get("tags", [])}
    assert set(failed) <= may_fail
    assert len(figures) == 2
    said = capsys.readouterr().out
    for exercise in ("split_heads", "next_token_loss", "ablation_effect"):
        assert f"· {exercise}: not written yet" in said
    assert "without" in found
