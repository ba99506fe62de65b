import pytest
import torch

from mi_course.results import (
    Conjunction,
    ContextAblation,
    Fingerprint,
    LogitEffect,
    TopExamples,
    TriggerAlarms,
    TriggerProbe,
)


def test_logits_are_sorted_and_their_moments_known():
    effect = LogitEffect(torch.tensor([-1.0, 0.0, 3.0, -2.0]), (1, 7), ("a", "b", "c", "d"))
    assert effect.top(2) == [("c", 3.0), ("b", 0.0)]
    assert effect.bottom(1) == [("d", -2.0)]
    assert effect.skew() > 0
    # Two equal values far apart have the least kurtosis there is.
    assert LogitEffect(torch.tensor([-1.0, 1.0]), (0, 0)).kurtosis() == pytest.approx(-2)
    assert LogitEffect(torch.tensor([-1.0, 1.0]), (0, 0)).top(1) == [("1", 1.0)]


def test_products_of_a_fingerprint_are_below_zero_where_biases_are():
    found = Fingerprint(torch.tensor([[2.0, 1.0]]), torch.tensor([[-3.0, 1.0]]))
    assert found.products.tolist() == [[-6, 1]]
    assert found.summary() == "Mean |w_in| b_in by layer: -2.50; biases below 0: 50%."


def test_a_context_is_told_with_both_losses():
    one = torch.tensor([0.5])
    found = ContextAblation(
        one, one / 5, one[:, None] / 50, one[:, None] / 50, ("L0N1",), "ru", (1.0, 2.0), "zero"
    )
    assert "L0N1: +0.5000 inside, +0.1000 outside (random neurons +0.0100" in found.summary()
    with pytest.raises(ValueError, match="group"):
        ContextAblation(one, one, one[:, None], one[:, None], (), "ru", (1.0, 2.0))


def test_a_conjunction_has_an_f1_for_each_number_of_neurons():
    half = torch.tensor([0.5, 1.0])
    found = Conjunction(((0, 1), (0, 2)), half, 1.0, half, torch.tensor([1.0, 0.0]), 0.4, "x")
    assert found.f1().tolist() == pytest.approx([2 / 3, 0])
    with pytest.raises(ValueError, match="precision from 0 to 1"):
        Conjunction(((0, 1), (0, 2)), half, 1.0, 2 * half, half, 0.4, "x")


def test_top_examples_have_one_edge_more_than_bins():
    with pytest.raises(ValueError, match="bin"):
        TopExamples(
            neuron=(0, 1),
            label="x",
            k=20,
            top_precision=1.0,
            shares=torch.zeros(2),
            edges=(1.0, 0.0),
            counts=torch.ones(2),
            mass=0.1,
            best_f1=0.5,
            best_precision=0.5,
            best_recall=0.5,
        )


def test_scores_of_a_trigger_are_in_lengths_of_its_direction():
    probe = TriggerProbe(torch.tensor([[3.0, 4.0]]), torch.tensor([5.0]), (2,))
    assert probe.scores(torch.tensor([[[3.0, 4.0], [0.0, 0.0]]])).tolist() == [[4, -1]]
    assert "layers 2" in probe.summary()
    with pytest.raises(ValueError, match="not zero"):
        TriggerProbe(torch.zeros(1, 2), torch.zeros(1), (2,))


def test_alarms_are_fractions():
    one = torch.tensor([1.0])
    found = TriggerAlarms(one, one, one, torch.tensor([[0.0, 0.25]]), ("safe files", "years"), (0,))
    assert "false alarms: safe files 0%, years 25%" in found.summary()
    with pytest.raises(ValueError, match="kind"):
        TriggerAlarms(one, one, one, torch.tensor([[0.0]]), ("safe files", "years"), (0,))
