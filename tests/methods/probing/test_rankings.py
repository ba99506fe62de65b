import math

import numpy as np
import pytest
import torch
from sklearn.feature_selection import f_classif, mutual_info_classif
from sklearn.linear_model import LogisticRegression

from mi_course.methods.probing import rankings
from mi_course.methods.probing.rankings import RANKINGS, l1_path, mutual_information, top_neurons


def planted(n=400, d=12, seed=0):
    """Three features; feature f shows in neuron f most and in neuron f + 3 a little."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, d, generator=generator, dtype=torch.float64) * 2 + 1
    told = 1.5 * (x[:, :3] - 1) + 0.5 * (x[:, 3:6] - 1)
    return x, torch.rand(n, 3, generator=generator) < told.sigmoid()


@pytest.mark.parametrize("name", [name for name in RANKINGS if name != "random"])
def test_planted_neurons_come_first(name):
    x, y = planted()
    assert top_neurons(RANKINGS[name](x, y), 1).flatten().tolist() == [0, 1, 2]


@pytest.mark.parametrize("name", ["logistic regression", "adaptive thresholding", "F-statistic"])
def test_the_weaker_planted_neurons_come_second(name):
    x, y = planted(n=2000)
    assert top_neurons(RANKINGS[name](x, y), 2)[:, 1].tolist() == [3, 4, 5]


@pytest.mark.parametrize("name", RANKINGS)
def test_one_label_gives_the_row_that_it_has_among_several(name):
    x, y = planted(n=120)
    alone, together = RANKINGS[name](x, y[:, 1]), RANKINGS[name](x, y)
    assert alone.shape == (12,)
    assert together.shape == (3, 12)
    if name != "random":
        # Products of matrices of other shapes round otherwise.
        torch.testing.assert_close(alone, together[1], rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("name", [name for name in RANKINGS if name != "random"])
def test_turning_labels_around_changes_no_score(name):
    x, y = planted(n=120)
    torch.testing.assert_close(RANKINGS[name](x, y), RANKINGS[name](x, ~y), rtol=1e-5, atol=1e-8)


def test_mean_differences_by_hand():
    x = torch.tensor([[1.0, 0.0], [3.0, 0.0], [0.0, 4.0]])
    y = torch.tensor([True, True, False])
    assert rankings.mean_difference(x, y).tolist() == [2.0, 4.0]


def test_f_statistics_are_those_of_scikit_learn():
    x, y = planted()
    x[:, 7] = 3.0  # constant: scikit-learn warns and says NaN, we say 0
    ours = rankings.f_statistic(x, y)
    for f in range(3):
        with np.errstate(all="ignore"):
            peer = torch.from_numpy(f_classif(x, y[:, f])[0])
        others = torch.arange(12) != 7
        torch.testing.assert_close(ours[f][others], peer[others], rtol=1e-9, atol=1e-9)
    assert (ours[:, 7] == 0).all()


@pytest.mark.parametrize("n_neighbors", [1, 3, 7])
@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_mutual_information_is_that_of_scikit_learn(n_neighbors, offset):
    x, y = planted(n=200)
    ours = mutual_information(x + offset, y, n_neighbors=n_neighbors)
    for f in range(3):
        peer = mutual_info_classif(
            (x + offset).numpy(),
            y[:, f].numpy(),
            discrete_features=False,
            n_neighbors=n_neighbors,
            random_state=0,
        )
        # scikit-learn adds noise of 1e-10, which may swap two neighbours.
        torch.testing.assert_close(ours[f], torch.from_numpy(peer), rtol=0, atol=2e-3)
        if not offset:
            torch.testing.assert_close(ours[f], torch.from_numpy(peer), rtol=0, atol=1e-9)


def test_mutual_information_of_single_precision_is_that_of_double():
    x, y = planted()
    torch.testing.assert_close(
        mutual_information(x.float(), y).double(), mutual_information(x, y), atol=1e-6, rtol=0
    )


def test_neurons_in_blocks_are_as_neurons_at_once(monkeypatch):
    x, y = planted()
    at_once = mutual_information(x, y)
    monkeypatch.setattr("mi_course.methods.probing.information.BLOCK", 5 * len(x))
    torch.testing.assert_close(mutual_information(x, y), at_once, rtol=0, atol=0)


def test_a_silent_neuron_tells_nothing_and_a_switch_tells_what_it_says():
    y = torch.tensor([True] * 50 + [False] * 50)
    x = torch.stack([torch.zeros(100), y.float(), (torch.arange(100) % 2).float()], dim=1)
    nats = mutual_information(x, y)
    # Of discrete values the estimate is that of counts, but psi is not quite the logarithm.
    torch.testing.assert_close(nats, torch.tensor([0.0, math.log(2), 0.0]), atol=0.02, rtol=0)


def test_an_l1_path_is_that_of_scikit_learn():
    x, y = planted()
    standard = (x - x.mean(0)) / x.std(0, correction=0)
    path = l1_path(x, y, (0.5, 0.2), steps=500)
    truth = y.double()
    for f in range(3):
        silent = (standard.T @ (truth[:, f] - truth[:, f].mean())).abs().max() / len(x)
        peer = LogisticRegression(
            l1_ratio=1.0,
            solver="saga",
            C=1 / (len(x) * 0.2 * float(silent)),
            tol=1e-8,
            max_iter=9999,
        ).fit(standard.numpy(), y[:, f].numpy())
        # Both stop within 1e-6 or so of the optimum.
        torch.testing.assert_close(path[1, f], torch.from_numpy(peer.coef_[0]), atol=1e-5, rtol=0)
    assert (path[0] == 0).any()


def test_the_strongest_l1_penalty_silences_all():
    x, y = planted()
    assert (l1_path(x, y, (1.0001,)) == 0).all()
    assert (l1_path(x, y, (0.99,), steps=300) != 0).sum(dim=2).min() >= 1


def test_adaptive_thresholding_ranks_every_neuron_once():
    x, y = planted(n=100, d=40)
    ranks = rankings.adaptive_thresholding(x, y)
    assert [sorted(row) for row in ranks.tolist()] == [list(range(1, 41))] * 3


def test_adaptive_thresholding_sees_through_a_proxy():
    """Neuron 2 says what 0 and 1 say together; beside them both it is not needed."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(3000, 6, generator=generator)
    x[:, 2] = x[:, 0] + x[:, 1] + 0.9 * x[:, 2]
    y = torch.rand(3000, generator=generator) < (2 * x[:, 0] + 2 * x[:, 1]).sigmoid()
    assert top_neurons(rankings.f_statistic(x, y), 1).tolist() == [2]
    assert set(top_neurons(rankings.adaptive_thresholding(x, y), 2).tolist()) == {0, 1}


def test_random_scores_follow_their_seed():
    x, y = planted(n=50)
    one, same, other = (rankings.random_scores(x, y, seed=seed) for seed in (1, 1, 2))
    assert (one == same).all()
    assert not (one == other).any()


@pytest.mark.parametrize("name", RANKINGS)
def test_bad_input_is_refused(name):
    x, y = planted(n=50)
    with pytest.raises(ValueError, match="both classes"):
        RANKINGS[name](x, y | True)
    with pytest.raises(ValueError, match="finite activations"):
        RANKINGS[name](x.index_fill(0, torch.tensor([1]), math.nan), y)
    with pytest.raises(ValueError, match="a label for each of 50 examples, got 49"):
        RANKINGS[name](x, y[:-1])


def test_a_class_of_one_has_no_neighbours():
    x, _ = planted(n=50)
    with pytest.raises(ValueError, match="at least two examples of each class"):
        mutual_information(x, torch.arange(50) == 3)


def test_there_are_not_more_neurons_than_there_are():
    with pytest.raises(ValueError, match="expected k from 1 to 5 neurons, got 6"):
        top_neurons(torch.zeros(5), 6)
    with pytest.raises(ValueError, match="got NaN"):
        top_neurons(torch.tensor([0.0, math.nan]), 1)


def test_a_perfect_neuron_comes_first_and_a_dead_layer_has_scores():
    x, labels = planted()
    y = labels[:, 0]
    perfect = torch.cat([x, y[:, None] * 100.0], dim=1)
    for name, ranking in RANKINGS.items():
        if name not in {"random", "mutual information"}:
            assert top_neurons(ranking(perfect, y), 1).item() == x.shape[1], name
        assert ranking(torch.zeros_like(x), y).isfinite().all(), name


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", RANKINGS)
def test_half_precision_ranks_as_the_same_numbers_in_single(name, dtype):
    x, y = planted()
    half = (300 * x).to(dtype)
    torch.testing.assert_close(RANKINGS[name](half, y), RANKINGS[name](half.float(), y))
