import pytest
import torch

from mi_course.plots import plot_attribution, plot_largest_parts, summary
from mi_course.results import Attribution

PARTS = ("embedding", "L0H0", "L0H1", "MLP 0", "L1H0", "L1H1", "MLP 1", "final biases")
VALUES = torch.tensor([0.25, 1.0, 2.0, -3.0, 4.0, 5.0, 6.0, 0.5])


@pytest.fixture
def attribution():
    return Attribution(PARTS, VALUES[:, None], VALUES.sum()[None])


def test_heads_are_a_grid_with_layer_zero_below_and_mlps_apart(attribution):
    figure = plot_attribution(attribution)
    (heat,) = figure.data
    assert [list(row) for row in heat.z] == [[1, 2, None, -3], [4, 5, None, 6]]
    assert figure.layout.yaxis.autorange is None
    assert tuple(figure.layout.xaxis.ticktext) == (0, 1, "MLP")
    assert (heat.zmin, heat.zmid, heat.zmax) == (-6, 0, 6)
    assert list(heat.customdata[1]) == ["L1H0", "L1H1", "", "MLP 1"]


def test_what_has_no_cell_is_told_below_the_axis(attribution):
    below = plot_attribution(attribution).layout.xaxis.title.text
    assert "besides: embedding +0.25, final biases +0.50" in below


def test_attention_alone_has_no_column_of_mlps():
    only = Attribution(PARTS[:3], VALUES[:3, None], VALUES[:3].sum()[None])
    (heat,) = plot_attribution(only).data
    assert [list(row) for row in heat.z] == [[1, 2]]


def test_the_title_names_the_largest_parts(attribution):
    claim = "Most of the logit difference of 15.8 is written by MLP 1 +6.0, L1H1 +5.0, L1H0 +4.0"
    for figure in (plot_attribution(attribution), plot_largest_parts(attribution)):
        assert figure.layout.title.text.replace("<br>", " ") == claim
        assert summary(figure) == attribution.summary()


def test_bars_are_the_largest_parts_with_the_largest_on_top(attribution):
    figure = plot_largest_parts(attribution, 4)
    (bars,) = figure.data
    assert tuple(bars.y) == ("MLP 0", "L1H0", "L1H1", "MLP 1")
    assert tuple(bars.x) == (-3, 4, 5, 6)
    assert bars.marker.color[0] != bars.marker.color[1]
    low, high = figure.layout.xaxis.range
    assert low < -3 and high > 6
