import pytest
import torch

from mi_course.plots import plot_effect_against_score, plot_head_pairs, plot_head_scores
from mi_course.plots.style import PROBABILITY, SIGNED
from mi_course.results import HeadPairs, HeadScores


def test_layer_zero_is_at_the_bottom_and_values_are_the_result(scores):
    (heat,) = plot_head_scores(scores).data
    assert tuple(heat.y) == (0, 1)
    assert plot_head_scores(scores).layout.yaxis.autorange is None
    torch.testing.assert_close(torch.tensor(heat.z), scores.values)


def test_the_title_says_which_head_is_highest_unless_told_otherwise(scores):
    assert "L1H1 has the highest prefix-matching score, 0.90" in plot_head_scores(
        scores
    ).layout.title.text.replace("<br>", " ")
    assert plot_head_scores(scores, title="Mine").layout.title.text == "Mine"


def test_probabilities_are_blue_from_zero_to_one(scores):
    (heat,) = plot_head_scores(scores).data
    assert (heat.zmin, heat.zmax) == (0, 1)
    assert [colour for _, colour in heat.colorscale] == [colour for _, colour in PROBABILITY]


def test_signed_values_are_centred_with_blue_above_zero(effects):
    (heat,) = plot_head_scores(effects).data
    assert (heat.zmin, heat.zmid, heat.zmax) == (-2, 0, 2)
    assert [colour for _, colour in heat.colorscale] == [colour for _, colour in SIGNED]
    red, _, blue = map(int, SIGNED[-1][1].removeprefix("rgb(").removesuffix(")").split(","))
    assert blue > red


def test_an_effect_of_zero_everywhere_still_has_a_colour_range():
    nothing = HeadScores(torch.zeros(2, 2), name="effect", unit="nats", signed=True)
    (heat,) = plot_head_scores(nothing).data
    assert heat.zmin < heat.zmax


def test_pairs_put_the_writer_upwards_the_reader_right_and_chance_white(pairs):
    (heat,) = plot_head_pairs(pairs).data
    assert tuple(heat.y) == ("L0H0", "L0H1")
    assert tuple(heat.x) == ("L1H0", "L1H1")
    torch.testing.assert_close(torch.tensor(heat.z), pairs.values[0, :, 1])
    assert heat.zmin == pytest.approx(0.12)


def test_pairs_that_cannot_be_are_left_blank():
    values = torch.rand(3, 1, 3, 1, generator=torch.Generator().manual_seed(0))
    layers = torch.arange(3)
    later = layers[:, None, None, None] < layers[None, None, :, None]
    pairs = HeadPairs(values.masked_fill(~later, torch.nan), name="K-composition", unit="ratio")
    (heat,) = plot_head_pairs(pairs).data
    assert [[entry is None for entry in row] for row in heat.z] == [[False, False], [True, False]]


def test_one_layer_has_no_pairs_to_plot():
    pairs = HeadPairs(torch.full((1, 2, 1, 2), torch.nan), name="K-composition", unit="ratio")
    with pytest.raises(ValueError, match="at least two layers"):
        plot_head_pairs(pairs)


def test_every_head_is_a_named_point(scores, effects):
    figure = plot_effect_against_score(scores, effects)
    assert [name for trace in figure.data for name in trace.hovertext] == [
        f"L{layer}H{head}" for layer in range(2) for head in range(3)
    ]
    assert [trace.text for trace in figure.data] == [("L0H0", "L0H1", ""), ("", "L1H1", "L1H2")]
    assert tuple(figure.data[0].y) == pytest.approx((0, 2, -0.1))
