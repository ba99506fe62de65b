import numpy as np
import pytest
import torch
from sklearn import metrics

from mi_course.methods.probing import (
    best_thresholds,
    classification_scores,
    fit_probes,
    probe_scores,
)
from mi_course.results import ProbeData

ORACLES = {
    "f1": lambda y, p: metrics.f1_score(y, p, zero_division=0),
    "precision": lambda y, p: metrics.precision_score(y, p, zero_division=0),
    "recall": lambda y, p: metrics.recall_score(y, p, zero_division=0),
    "mcc": metrics.matthews_corrcoef,
    "accuracy": metrics.accuracy_score,
    "balanced_accuracy": metrics.balanced_accuracy_score,
}


def booleans(seed, shape, share=0.4):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < share


def test_a_case_by_hand():
    # 2 hits, 1 false alarm, 1 miss, 1 rightly no.
    predicted = torch.tensor([True, True, True, False, False])
    actual = torch.tensor([True, True, False, True, False])
    found = classification_scores(predicted, actual)
    assert found.precision.item() == pytest.approx(2 / 3)
    assert found.recall.item() == pytest.approx(2 / 3)
    assert found.f1.item() == pytest.approx(2 / 3)
    assert found.accuracy.item() == pytest.approx(3 / 5)
    assert found.balanced_accuracy.item() == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert found.mcc.item() == pytest.approx((2 * 1 - 1 * 1) / (3 * 3 * 2 * 2) ** 0.5)


@pytest.mark.parametrize("name", ORACLES)
def test_every_score_is_that_of_scikit_learn(name):
    predicted, actual = booleans(0, (3, 4, 50)), booleans(1, (4, 50))
    found = getattr(classification_scores(predicted, actual), name)
    for layer, feature in np.ndindex(3, 4):
        expected = ORACLES[name](actual[feature].numpy(), predicted[layer, feature].numpy())
        assert found[layer, feature].item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", ORACLES)
@pytest.mark.parametrize("said", [True, False])
@pytest.mark.parametrize("actual", ["mixed", "all", "none"])
@pytest.mark.filterwarnings("ignore")
def test_edge_cases_are_those_of_scikit_learn(name, said, actual):
    truth = {
        "mixed": booleans(2, (20,)),
        "all": booleans(2, (20,), 2.0),
        "none": booleans(2, (20,), 0.0),
    }
    predicted = torch.full((20,), said)
    found = getattr(classification_scores(predicted, truth[actual]), name).item()
    assert found == pytest.approx(ORACLES[name](truth[actual].numpy(), predicted.numpy()))


def test_examples_that_do_not_count_change_nothing():
    predicted, actual, counted = booleans(0, (2, 60)), booleans(1, (60,)), booleans(2, (60,))
    found = classification_scores(predicted, actual, counted=counted)
    without = classification_scores(predicted[:, counted], actual[counted])
    torch.testing.assert_close(found.mcc, without.mcc)
    torch.testing.assert_close(found.f1, without.f1)


def test_swapping_yes_and_no_negates_the_correlation():
    predicted, actual = booleans(0, (60,)), booleans(1, (60,))
    found, opposite = (classification_scores(p, actual) for p in (predicted, ~predicted))
    assert found.mcc.item() == pytest.approx(-opposite.mcc.item())
    assert found.accuracy.item() == pytest.approx(1 - opposite.accuracy.item())


def test_the_threshold_is_the_best_of_all():
    values = torch.randn(3, 40, generator=torch.Generator().manual_seed(0)).round(decimals=1)
    actual = booleans(1, (40,))
    found = best_thresholds(values, actual)
    for row, threshold in zip(values, found, strict=True):
        tries = [-torch.inf, *(row.unique() + 0.05).tolist()]
        best = max(classification_scores(row > t, actual).f1.item() for t in tries)
        reached = classification_scores(row > threshold, actual).f1.item()
        assert reached == pytest.approx(best)


def test_a_feature_that_always_holds_needs_no_threshold():
    assert best_thresholds(torch.zeros(1, 5), torch.ones(5, dtype=torch.bool)).item() == -torch.inf


def test_probes_are_scored_by_layer_and_feature(gaussian):
    x, y = gaussian
    data = ProbeData.from_tensors(x, y, features=("a", "b", "c"))
    found = probe_scores(fit_probes(x, y), data)
    said = fit_probes(x[1:], y[:, 2:]).logits(x[1:])[0, :, 0] > 0
    assert found.f1[1, 2].item() == pytest.approx(metrics.f1_score(y[:, 2], said), abs=1e-6)
    assert found.layers == (0, 1)
    assert found.features == ("a", "b", "c")
    never = probe_scores(fit_probes(x, y), data, thresholds=torch.full((2, 3), torch.inf))
    assert never.recall.max() == 0


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="examples on the last axis"):
        classification_scores(booleans(0, (2, 5)), booleans(1, (4,)))
    with pytest.raises(ValueError, match="at least one"):
        classification_scores(booleans(0, (0,)), booleans(1, (0,)))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_between_neighbouring_numbers_the_lower_one_is_the_threshold(dtype):
    first = torch.tensor(1.0, dtype=dtype)
    values = first + torch.arange(4) * torch.finfo(dtype).eps
    y = torch.tensor([False, False, True, True])
    assert torch.equal(values > best_thresholds(values, y), y)
