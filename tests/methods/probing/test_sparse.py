import math

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from mi_course.methods.probing.rankings import f_statistic
from mi_course.methods.probing.sparse import k_sparse_probe, probe_on
from mi_course.methods.probing.splits import split
from mi_course.methods.probing.subsets import examples, fit_subsets
from mi_course.methods.probing.table import METHODS, sparse_table
from mi_course.results import ProbeData


def planted(n=600, d=15, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, d, generator=generator)
    told = 3 * x[:, :2] + 2 * x[:, 2:4] - 1
    return x, torch.rand(n, 2, generator=generator) < told.sigmoid()


def probe_data(n=600, seed=0):
    x, y = planted(n, seed=seed)
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(9))
    return ProbeData.from_tensors(torch.stack([noise, x]), y, groups=torch.arange(n) // 3)


@pytest.mark.parametrize("penalty", [0.1, 10.0])
def test_a_sparse_probe_is_the_one_of_scikit_learn(penalty):
    x, y = planted()
    probe = k_sparse_probe(x, y[:, 0], f_statistic(x, y[:, 0]), 3, penalty=penalty)
    assert probe.neurons[:2].tolist() == [0, 2]
    peer = LogisticRegression(C=1 / penalty, tol=1e-9).fit(x[:, probe.neurons], y[:, 0])
    torch.testing.assert_close(probe.weight, torch.from_numpy(peer.coef_[0]), atol=1e-3, rtol=0)
    assert probe.bias == pytest.approx(peer.intercept_[0], abs=1e-3)


def test_no_other_threshold_has_a_better_f1_on_the_examples_of_the_fit():
    x, y = planted()
    probe = probe_on(x, y[:, 0], torch.tensor([0, 5]))
    best = f1_score(y[:, 0], probe.predicted(x))
    logits = probe.logits(x)
    for threshold in logits.quantile(torch.linspace(0, 0.99, 40).double()):
        assert f1_score(y[:, 0], logits > threshold) <= best + 1e-12


def test_balanced_classes_are_those_of_scikit_learn():
    x, y = planted()
    data = examples(x[:, :3], y[:, 0], class_balance=True)
    fit = fit_subsets(data, torch.tensor([[0, 1, 2]]), penalty=2.0)
    peer = LogisticRegression(C=0.5, class_weight="balanced", tol=1e-9).fit(x[:, :3], y[:, 0])
    torch.testing.assert_close(fit.weight[0], torch.from_numpy(peer.coef_[0]), atol=1e-3, rtol=0)
    assert float(fit.bias) == pytest.approx(peer.intercept_[0], abs=1e-3)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_a_fit_meets_its_bound_at_every_scale(scale):
    x, y = planted(n=80)
    subsets = torch.combinations(torch.arange(15), 2)
    for penalty in (1e-3, 1.0, 1e3):
        fits = fit_subsets(examples(x * scale, y[:, 0]), subsets, penalty=penalty)
        # The loss is at most log 2 for each example; the two agree to ten digits or so.
        assert (fits.loss - fits.bound <= 1e-8 * fits.loss).all()
        assert (fits.bound <= fits.loss * (1 + 1e-12)).all()


def test_separable_examples_have_a_finite_probe():
    x = torch.tensor([[1.0], [2.0], [-1.0], [-2.0]])
    y = torch.tensor([True, True, False, False])
    fits = fit_subsets(examples(x, y), torch.tensor([[0]]), penalty=1e-4)
    assert fits.weight.isfinite().all()
    assert float(fits.loss - fits.bound) < 1e-8


def test_what_passes_the_limit_is_given_up_with_a_bound_that_says_so():
    x, y = planted()
    data, subsets = examples(x, y[:, 0]), torch.combinations(torch.arange(15), 2)
    exact = fit_subsets(data, subsets)
    limit = float(exact.loss.median())
    quick = fit_subsets(data, subsets, limit=limit)
    assert (quick.bound <= exact.loss * (1 + 1e-9)).all()
    below = exact.loss < limit
    torch.testing.assert_close(quick.loss[below], exact.loss[below], rtol=1e-9, atol=0)
    assert (quick.loss[~below] >= limit * (1 - 1e-9)).all()


def test_the_table_tells_planted_neurons_from_noise():
    table = sparse_table({"planted": probe_data()}, ks=(1, 2), seconds=5.0)
    assert table.f1.shape == (1, len(METHODS), 2)
    assert table.n_probes == (4,)  # two features in two layers
    by_name = dict(zip(table.methods, table.mean, strict=True))
    # One layer of two is noise, in which F1 is near 1/2, whatever the neurons.
    assert (by_name["optimal"] > by_name["random"] + 0.05).all()
    assert by_name["F-statistic"][1] > by_name["F-statistic"][0]
    assert (table.proven == 1).all()
    assert "F-statistic" in table.summary()


def test_the_f1_of_the_table_is_that_of_the_probe():
    data = probe_data()
    one = ProbeData.from_tensors(data.activations[1:], data.labels[:, :1], groups=data.groups)
    table = sparse_table({"planted": one}, ks=(2,), methods=("F-statistic",), seed=3)
    train, test = split(one, seed=3)
    x, y = one.activations[0], one.labels[:, 0]
    chosen = f_statistic(x[train], y[train]).topk(2).indices
    peer = LogisticRegression(class_weight="balanced", tol=1e-9).fit(x[train][:, chosen], y[train])
    counted = torch.where(y[test], 1 / y[test].sum(), 1 / (~y[test]).sum())
    theirs = f1_score(y[test], peer.predict(x[test][:, chosen]), sample_weight=counted)
    assert float(table.f1) == pytest.approx(theirs, abs=1e-6)
    assert table.proven.isnan().all()


def test_the_published_figures_stand_beside_ours():
    table = sparse_table(
        {"planted": probe_data(n=200)}, ks=(1, 4), methods=("random", "F-statistic")
    )
    random, statistic = table.rows()
    assert random["paper, k = 1"] == 0.573
    assert statistic["paper, k = 4"] == 0.874
    assert statistic["k = 4"] == pytest.approx(float(table.mean[1, 1]), abs=1e-3)


def test_parts_with_features_of_their_own_count_as_one_collection():
    data = probe_data(n=200)
    options = {"ks": (1, 3), "methods": ("F-statistic", "optimal"), "candidates": 6}
    parts = [data.only(name) for name in data.features]
    apart = [sparse_table({"planted": part}, **options) for part in parts]
    together = sparse_table({"planted": parts}, **options)
    torch.testing.assert_close(together.f1, torch.stack([table.f1 for table in apart]).mean(0))
    assert together.n_probes == (4,)
    assert (together.proven == 1).all()


def test_bad_input_is_refused():
    x, y = planted(n=50)
    truth = y[:, 0]
    with pytest.raises(ValueError, match="expected k from 1 to 15 neurons, got 16"):
        k_sparse_probe(x, truth, torch.zeros(15), 16)
    with pytest.raises(ValueError, match="a score for each of 15 neurons, got 14"):
        k_sparse_probe(x, truth, torch.zeros(14), 2)
    with pytest.raises(ValueError, match="different neurons"):
        probe_on(x, truth, torch.tensor([3, 3]))
    with pytest.raises(ValueError, match="different neurons"):
        probe_on(x, truth, torch.tensor([15]))
    with pytest.raises(ValueError, match="both classes"):
        probe_on(x, truth & False, torch.tensor([1]))
    with pytest.raises(ValueError, match="finite"):
        probe_on(x + math.inf, truth, torch.tensor([1]))
    with pytest.raises(ValueError, match="penalty above 0"):
        probe_on(x, truth, torch.tensor([1]), penalty=0.0)
    with pytest.raises(ValueError, match="expected data and methods"):
        sparse_table({"planted": probe_data()}, methods=("best",))
    with pytest.raises(ValueError, match="ks from 1 to 15"):
        sparse_table({"planted": probe_data()}, ks=(16,), methods=("random",))


@pytest.mark.parametrize("scale", [1.0, 1e3, 1e4])
def test_equal_neurons_share_a_weight_however_loud_they_are(scale):
    generator = torch.Generator().manual_seed(0)
    one = torch.randn(600, 1, generator=generator)
    y = one[:, 0] + torch.randn(600, generator=generator) > 0
    found = probe_on(scale * one.repeat(1, 3), y, torch.arange(3), penalty=scale**2)
    same = probe_on(one.repeat(1, 3), y, torch.arange(3))
    assert found.loss == pytest.approx(same.loss, rel=1e-3)
