import math

import pytest
import torch

from mi_course.plots import plot_channel_matches, plot_kernels, plot_tuning, summary
from mi_course.results import ExpandedKernels, TuningCurves, UnitMatches


@pytest.fixture
def curves():
    angles = torch.arange(4) * math.pi / 2
    sharp = torch.tensor([[0.0, 4.0, 0.0, 0.0], [0.0, 3.0, 0.0, 0.0]])
    flat = torch.ones(2, 4)
    values = torch.stack([flat, sharp, torch.zeros(2, 4)])
    reference = torch.tensor([1.0, 1.0, 0.0])
    return TuningCurves(values, angles, ("a", "b"), reference, "a curve", "conv2", (3, 5, 9))


def test_tuning_is_drawn_in_degrees_most_selective_first(curves):
    figure = plot_tuning(curves)
    assert [trace.name for trace in figure.data] == ["conv2:5", "conv2:3", "conv2:9"]
    assert list(figure.data[0].x) == pytest.approx([0, 90, 180, 270])
    assert list(figure.data[0].y) == [0, 4, 0, 0]
    assert figure.layout.title.text.replace("<br>", " ") == (
        "1 of 3 channels of conv2 are tuned to the angle of a curve"
    )
    assert summary(figure) == curves.summary()
    assert [trace.name for trace in plot_tuning(curves, [9]).data] == ["conv2:9"]
    with pytest.raises(ValueError, match=r"measured channels, got \(4,\)"):
        plot_tuning(curves, [4])


def test_kernels_share_a_scale_around_zero():
    values = torch.zeros(1, 3, 2, 2)
    values[0, 1, 0, 0], values[0, 2, 1, 1] = -2.0, 1.0
    kernels = ExpandedKernels(values, "conv1", "conv3", (6,), adjacent=False)
    figure = plot_kernels(kernels, 6)
    assert [list(row) for row in figure.data[0].z] == [[-2, 0], [0, 0]]
    assert (figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax) == (-2, 2)
    assert [each.text for each in figure.layout.annotations] == ["conv1:1", "conv1:2", "conv1:0"]
    assert figure.layout.title.text == "Expanded kernels of conv3:6 on conv1"
    named = plot_kernels(kernels, 6, [2], names=["wheel"])
    assert named.layout.annotations[0].text == "wheel"
    with pytest.raises(ValueError, match="sources and a name for each, got 1, 2"):
        plot_kernels(kernels, 6, [2], names=["wheel", "window"])


def test_matches_fall_from_left_to_right():
    matches = UnitMatches(torch.tensor([[0.2, 0.9], [0.4, 0.1]]), "conv1", ("one", "other"))
    figure = plot_channel_matches(matches, matches, names=["trained", "random"])
    assert list(figure.data[0].y) == pytest.approx([0.9, 0.4])
    assert list(figure.data[0].x) == [0.25, 0.75]
    assert figure.data[1].name == "random"
    assert "trained: channels correlate by 0.40" in figure.layout.title.text
    with pytest.raises(ValueError, match="1 to 7 matches with names, got 0"):
        plot_channel_matches()
