from dataclasses import replace

import pytest
import torch

from mi_course.plots import (
    plot_ablations,
    plot_patch_comparison,
    plot_patch_grid,
    plot_patch_intervals,
    plot_patch_scatter,
    plot_patched_prompt,
    summary,
)
from mi_course.plots.style import TRUTH
from mi_course.results import AblationEffects, PatchedPrompt, PatchGrid, PatchScatter


def grid_of(values, labels, axes=("layer", "position"), **changes):
    values = torch.tensor(values)
    settings = {
        "low": values - 0.1,
        "high": values + 0.2,
        "by_prompt": values[..., None].repeat_interleave(2, -1),
        "site": "resid_pre",
        "metric": "logit_diff",
        "unit": "fraction",
        "raw_unit": "logits",
        "normalised": True,
        "direction": "denoising",
        "clean": torch.tensor([2.0, 4.0]),
        "corrupted": torch.tensor([-2.0, -2.0]),
        **changes,
    }
    return PatchGrid(values, axes=axes, labels=labels, **settings)


@pytest.fixture
def grid():
    return grid_of([[0.0, 0.1, 0.0], [-0.4, 0.8, 0.0]], (("0", "1"), ("0 <b>", "1  Mary", "end")))


def test_a_grid_shows_changes_around_zero_with_layer_0_at_the_bottom(grid):
    figure = plot_patch_grid(grid)
    heat = figure.data[0]
    assert [list(row) for row in heat.z] == [
        pytest.approx([0, 0.1, 0]),
        pytest.approx([-0.4, 0.8, 0]),
    ]
    assert (heat.zmin, heat.zmax, heat.zmid) == pytest.approx((-0.8, 0.8, 0))
    assert figure.layout.yaxis.autorange is None
    assert tuple(figure.layout.yaxis.ticktext) == ("0", "1")
    assert tuple(figure.layout.xaxis.ticktext) == ("&lt;b&gt;", "·Mary", "end")
    assert "L1 at ·Mary alone brings back 80%" in figure.layout.title.text
    assert heat.customdata[1][1] == "L1 at ·Mary: 0.800 (0.700 to 1.000) fraction"
    assert summary(figure) == grid.summary()


def test_noising_is_shown_as_what_is_lost(grid):
    noising = replace(grid, direction="noising")
    figure = plot_patch_grid(noising)
    assert figure.data[0].z[1][0] == pytest.approx(-1.4)
    assert "takes away 140%" in figure.layout.title.text.replace("<br>", " ")
    raw = plot_patch_grid(replace(grid, unit="logits"))
    assert "moves logit_diff most" in raw.layout.title.text.replace("<br>", " ")


def test_heads_by_position_are_rows_of_heads():
    labels = (("0",), ("0", "1"), ("s2", "end"))
    grid = grid_of([[[0.0, 0.2], [0.5, 0.0]]], labels, ("layer", "head", "position"))
    figure = plot_patch_grid(grid)
    assert tuple(figure.layout.yaxis.ticktext) == ("L0H0", "L0H1")
    assert tuple(figure.layout.xaxis.ticktext) == ("s2", "end")
    assert len(figure.data[0].z) == 2


def test_many_columns_are_neither_labelled_nor_written_in():
    neurons = tuple(map(str, range(200)))
    grid = grid_of([[0.1] * 200], (("0",), neurons), ("layer", "neuron"), site="neuron")
    figure = plot_patch_grid(grid, title="Mine")
    assert figure.layout.title.text == "Mine"
    assert figure.layout.xaxis.ticktext is None
    assert figure.data[0].texttemplate is None


def test_a_path_is_named_in_the_title():
    grid = grid_of(
        [[0.2, 1.0]],
        (("0",), ("0", "1")),
        ("layer", "head"),
        direction="noising",
        site="z",
        method="path patching to L2H1.q (MLPs frozen)",
    )
    title = plot_patch_grid(grid).layout.title.text.replace("<br>", " ")
    assert "z of L0H0 to L2H1.q (MLPs frozen) alone takes away 80%" in title


def test_the_strongest_cells_stand_with_their_intervals_and_the_first_on_top(grid):
    figure = plot_patch_intervals(grid, 2)
    points = figure.data[0]
    assert points.y == ("L1 at &lt;b&gt;", "L1 at ·Mary")
    assert points.x == pytest.approx((-0.4, 0.8))
    assert points.error_x.array == pytest.approx((0.2, 0.2))
    assert points.error_x.arrayminus == pytest.approx((0.1, 0.1))
    assert figure.layout.shapes[0].x0 == 0


def test_the_truth_of_a_scatter_is_black_and_dashed():
    true = torch.tensor([0.5, -0.1, 0.2])
    scatter = PatchScatter(2 * true, true, ("L0H0", "L0H1", "L1 @s2"), "z", "fraction")
    figure = plot_patch_scatter(scatter)
    line, points = figure.data
    assert (line.line.color, line.line.dash) == (TRUTH["color"], TRUTH["dash"])
    assert line.x == line.y
    assert points.x == pytest.approx((0.5, -0.1, 0.2))
    assert points.y == pytest.approx((1.0, -0.2, 0.4))
    assert points.hovertext[2] == "L1 at s2"
    assert "correlate 1.00" in figure.layout.title.text
    assert summary(figure) == scatter.summary()


def test_grids_side_by_side_have_colours_of_their_own(grid):
    small = replace(grid, values=grid.values / 10, metric="probability")
    figure = plot_patch_comparison({"difference": grid, "probability": small})
    assert [heat.zmax for heat in figure.data] == pytest.approx([0.8, 0.08])
    headings = [note.text for note in figure.layout.annotations]
    assert headings[0].startswith("difference<br>up to 0.80")
    assert "difference" in figure.layout.title.text
    with pytest.raises(ValueError, match="at least one grid"):
        plot_patch_comparison({})
    other = grid_of([[0.1]], (("0",), ("end",)))
    with pytest.raises(ValueError, match="all of the same cells"):
        plot_patch_comparison({"a": grid, "b": other})


def test_a_chosen_cell_is_framed_beside_what_the_model_says(grid):
    shown = PatchedPrompt(
        ("When", " Mary", " and"),
        (1,),
        "resid_pre of layer 1",
        (" John", " Mary"),
        torch.tensor([0.7, 0.2]),
        torch.tensor([0.1, 0.8]),
        " John",
        " Mary",
        "denoising",
    )
    figure = plot_patched_prompt(grid, (1, 1), shown)
    (box,) = figure.layout.shapes
    assert (box.x0, box.x1, box.y0, box.y1) == (0.5, 1.5, 0.5, 1.5)
    before, after = figure.data[1:]
    assert (before.name, after.name) == ("before", "patched")
    assert after.y == ("·Mary", "·John")
    assert after.x == pytest.approx((0.2, 0.7))
    assert before.x == pytest.approx((0.8, 0.1))
    assert "L1 at ·Mary: the model says ·John, 0.70 (before 0.10)" in (
        figure.layout.title.text.replace("<br>", " ")
    )
    assert summary(figure) == shown.summary()


def test_ablations_are_bars_beside_the_whole_model():
    effects = AblationEffects(
        values=torch.tensor([3.0, 1.0]),
        low=torch.tensor([2.5, 0.5]),
        high=torch.tensor([3.5, 1.6]),
        by_prompt=torch.zeros(2, 2),
        sets=((), ("L0H1", "MLP0")),
        clean=torch.tensor([2.0, 4.0]),
        metric="logit_diff",
        unit="logits",
        mode="zero",
    )
    figure = plot_ablations(effects)
    (bars,) = figure.data
    assert bars.x == ("nothing", "L0H1 MLP0")
    assert bars.error_y.array == pytest.approx((0.5, 0.6))
    assert figure.layout.shapes[1].y0 == 3
    assert "Without L0H1 MLP0 logit_diff is 1.00, with all 3.00" in figure.layout.title.text
