import pytest
import torch

from mi_course.plots import (
    plot_activation_histogram,
    plot_best_neurons,
    plot_context_ablation,
    plot_fingerprint,
    plot_logit_effect,
)
from mi_course.results import BestNeurons, ContextAblation, Fingerprint, LogitEffect


def words(figure):
    return figure.layout.title.text.replace("<br>", " ")


def test_features_go_from_the_best_to_the_worst_with_random_neurons_behind():
    best = BestNeurons(
        neurons=((0, 5), (1, 7)),
        thresholds=torch.zeros(2),
        signs=torch.ones(2, dtype=torch.long),
        f1=torch.tensor([0.4, 0.8]),
        precision=torch.tensor([0.4, 0.8]),
        recall=torch.tensor([0.4, 0.8]),
        random_f1=torch.tensor([[0.1, 0.3], [0.2, 0.2]]),
        features=("fr", "de"),
    )
    figure = plot_best_neurons(best)
    assert len(figure.data) == 3
    assert tuple(figure.data[-1].x) == ("de", "fr")
    assert tuple(figure.data[-1].hovertext) == ("L1N7", "L0N5")
    assert tuple(figure.data[0].y) == pytest.approx((0.2, 0.1))
    assert "mean F1 0.60 for the best, 0.20 for random ones" in words(figure)


def test_a_histogram_takes_tokens_apart_by_their_feature():
    figure = plot_activation_histogram(
        torch.tensor([1.0, 2.0, 0.0, 0.5]),
        torch.tensor([True, True, False, False]),
        name="L0N1",
        feature="Russian",
    )
    assert [tuple(trace.x) for trace in figure.data] == [(1.0, 2.0), (0.0, 0.5)]
    assert "1.50 on average with Russian and at 0.25 without" in words(figure)


def test_groups_have_two_bars_and_random_neurons_as_marks():
    lost = ContextAblation(
        inside=torch.tensor([0.2, 0.0]),
        outside=torch.tensor([0.01, 0.0]),
        random_inside=torch.tensor([[0.001], [0.002]]),
        random_outside=torch.tensor([[0.0], [0.0]]),
        groups=("one", "two"),
        context="Russian",
        losses=(1.0, 2.0),
    )
    figure = plot_context_ablation(lost)
    assert [trace.name for trace in figure.data] == ["inside", "outside", "random neurons, inside"]
    assert tuple(figure.data[2].y) == pytest.approx((0.001, 0.002))
    assert "Without one the loss rises by 0.200 nats inside Russian, by 0.010" in words(figure)


def test_promoted_tokens_stand_left_in_blue_and_suppressed_ones_right():
    effect = LogitEffect(torch.tensor([2.0, -3.0, 1.0, 0.0]), (1, 4), (" a", "<b>", "c", "d"))
    figure = plot_logit_effect(effect, k=2)
    (bars,) = figure.data
    assert tuple(bars.y) == pytest.approx((2.0, 1.0, 0.0, -3.0))
    assert tuple(figure.layout.xaxis.ticktext) == ("·a", "c", "d", "&lt;b&gt;")
    assert bars.marker.color[0] != bars.marker.color[-1]
    assert words(figure).startswith("L1N4 makes ·a")


def test_each_layer_has_a_box_of_products():
    found = Fingerprint(torch.tensor([[1.0, 2.0], [3.0, 1.0]]), torch.tensor([[-1.0, -1], [-2, 1]]))
    figure = plot_fingerprint(found)
    assert [tuple(box.y) for box in figure.data] == [(-1.0, -2.0), (-6.0, 1.0)]
    assert "-1.50 in layer 0 and -2.50 in the last one" in words(figure)
