import itertools
import math

import pytest
import torch
from sklearn.linear_model import LogisticRegression

from mi_course.methods.probing.completion import complete, promising
from mi_course.methods.probing.optimal import optimal_sparse_probe, swap_search
from mi_course.methods.probing.relaxation import relax, switches
from mi_course.methods.probing.subsets import examples, fit_subsets, silent

KINDS = ("plain", "duplicates", "constant", "silent", "separable", "noise")


def case(seed):
    """A small problem of one of several kinds, with its k and penalty."""
    generator = torch.Generator().manual_seed(seed)
    n = int(torch.randint(12, 120, (1,), generator=generator))
    d = int(torch.randint(2, 11, (1,), generator=generator))
    k = min(d, int(torch.randint(1, 5, (1,), generator=generator)))
    x = torch.randn(n, d, generator=generator) * 3 * torch.rand(d, generator=generator)
    kind = KINDS[seed % len(KINDS)]
    if kind == "duplicates":
        x[:, 1] = x[:, 0]
    if kind == "constant":
        x[:, -1] = 7.0
    if kind == "silent":
        x = x.relu()
    told = x @ torch.randn(d, generator=generator)
    noise = torch.randn(n, generator=generator)
    y = told + (0 if kind == "separable" else noise) > told.median()
    if kind == "noise":
        y = noise > 0.5
    return x, y, k, float(10 ** (torch.rand(1, generator=generator) * 5 - 3))


def planted(n=800, d=20, seed=0, hard=False):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, d, generator=generator) + 0.7 * torch.randn(n, 1, generator=generator)
    told = x[:, [3, 7, 11]] @ torch.tensor([1.5, -1.2, 1.0]) if not hard else 0.3 * x.sum(1)
    return x, torch.rand(n, generator=generator) < told.sigmoid()


def brute_force(x, y, k, penalty):
    data = examples(x, y)
    subsets = torch.combinations(torch.arange(x.shape[1]), k)
    return subsets, fit_subsets(data, subsets, penalty=penalty)


@pytest.mark.parametrize("seed", range(48))
def test_the_optimum_is_that_of_brute_force(seed):
    x, y, k, penalty = case(seed)
    subsets, fits = brute_force(x, y, k, penalty)
    found = optimal_sparse_probe(x, y, k, penalty=penalty)
    # The search stops at a share of 1e-7; the fits are exact to 1e-10.
    assert found.loss == pytest.approx(float(fits.loss.min()), rel=2e-7)
    assert found.proven
    assert found.bound <= float(fits.loss.min()) * (1 + 1e-9)
    at = (subsets == found.neurons).all(1).nonzero().item()
    assert float(fits.loss[at]) == pytest.approx(found.loss, rel=1e-8)


@pytest.mark.parametrize("seed", range(6))
def test_brute_force_is_that_of_scikit_learn(seed):
    """The oracle's oracle: losses recomputed from scikit-learn's weights."""
    x, y, k, penalty = case(seed)
    subsets, fits = brute_force(x, y, k, penalty)
    for at in (0, len(subsets) - 1):
        chosen = x[:, subsets[at]].double().numpy()
        peer = LogisticRegression(C=1 / penalty, tol=1e-10, max_iter=10_000).fit(chosen, y.numpy())
        m = torch.from_numpy(peer.decision_function(chosen)) * torch.where(y, 1, -1)
        loss = torch.nn.functional.softplus(-m).sum() + penalty / 2 * (peer.coef_**2).sum()
        # Its solver stops at a gradient of 1e-10, a loss a little above ours.
        assert float(fits.loss[at]) == pytest.approx(float(loss), rel=1e-6)
        assert float(fits.loss[at]) <= float(loss) * (1 + 1e-9)


def test_a_case_by_hand():
    """One neuron is the label itself, the other noise; its probe is solved in one dimension."""
    x = torch.tensor([[1.0, 0.3], [1.0, -0.2], [-1.0, 0.1], [-1.0, -0.2]])
    found = optimal_sparse_probe(x, torch.tensor([True, True, False, False]), 1, penalty=1.0)
    assert found.neurons.tolist() == [0]
    # By symmetry the bias is 0, and 4 sigmoid(-w) = w.
    w = found.weight.item()
    assert found.bias == pytest.approx(0, abs=1e-6)
    assert 4 / (1 + math.exp(w)) == pytest.approx(w, rel=1e-5)
    assert found.loss == pytest.approx(4 * math.log1p(math.exp(-w)) + w * w / 2, rel=1e-9)


def test_planted_neurons_are_found_and_proven():
    x, y = planted()
    found = optimal_sparse_probe(x, y, 3)
    assert found.neurons.tolist() == [3, 7, 11]
    assert found.proven
    assert found.gap <= 2e-7
    assert "proven optimal among 20 neurons" in found.summary()


@pytest.mark.parametrize("penalty", [0.1, 5.0, 200.0])
@pytest.mark.parametrize("balanced", [False, True])
def test_larger_searches_branch_and_still_agree_with_brute_force(penalty, balanced):
    x, y = planted(n=150, d=24, hard=True)
    data = examples(x, y, class_balance=balanced)
    fits = fit_subsets(data, torch.combinations(torch.arange(24), 4), penalty=penalty)
    found = optimal_sparse_probe(x, y, 4, penalty=penalty, class_balance=balanced)
    assert found.proven
    assert found.nodes > 1
    assert found.loss == pytest.approx(float(fits.loss.min()), rel=2e-7)


def test_the_loss_falls_and_never_rises_with_k():
    x, y = planted(n=100, d=8, hard=True)
    losses = [optimal_sparse_probe(x, y, k).loss for k in range(1, 9)]
    assert all(later <= before * (1 + 2e-7) for before, later in itertools.pairwise(losses))
    dense = fit_subsets(examples(x, y), torch.arange(8)[None]).loss
    assert losses[-1] == pytest.approx(float(dense), rel=1e-8)


def test_when_time_runs_out_the_gap_is_told_in_words():
    x, y = planted(n=400, d=40, hard=True)
    found = optimal_sparse_probe(x, y, 6, penalty=0.01, seconds=0.05)
    best = optimal_sparse_probe(x[:, :12], y, 6, penalty=0.01)
    assert not found.proven
    assert 0 < found.gap <= 1
    assert found.bound < found.loss
    assert found.bound <= best.loss  # the twelve are among the forty
    assert "stopped after" in found.summary()
    assert f"({found.gap:.1%} of the loss) above the optimum" in found.summary()


@pytest.mark.parametrize("seed", range(12))
def test_no_probe_of_a_node_is_below_its_relaxation(seed):
    x, y, _, penalty = case(seed)
    data, d = examples(x, y), x.shape[1]
    if d < 4:
        return
    inside, free = torch.tensor([d - 1]), torch.arange(d - 1)
    bounds = relax(data, inside, free, 2, penalty=penalty, limit=1e9, start=silent(data))
    pairs = torch.combinations(free, 2)
    subsets = torch.cat([inside.expand(len(pairs), 1), pairs], dim=1)
    loss = fit_subsets(data, subsets, penalty=penalty).loss
    assert bounds.bound <= float(loss.min()) * (1 + 1e-9)
    # Each pair has a bound of its own: its squares in place of the two largest.
    squares = bounds.squares / (2 * penalty)
    own = bounds.bound + squares.topk(2).values.sum() - squares[pairs].sum(1)
    assert (own <= loss * (1 + 1e-9)).all()


def test_the_relaxation_is_tight_where_nothing_is_left_to_choose():
    x, y = planted(n=200, d=5, hard=True)
    data = examples(x, y)
    none = torch.arange(0)
    bounds = relax(data, none, torch.arange(5), 5, penalty=2.0, limit=1e9, start=silent(data))
    tight = relax(data, none, torch.arange(5), 5, penalty=2.0, limit=134.0, start=silent(data))
    loss = float(fit_subsets(data, torch.arange(5)[None], penalty=2.0).loss)
    assert bounds.bound <= tight.bound <= loss
    exact = relax(data, none, torch.arange(5), 5, penalty=2.0, limit=loss, start=silent(data))
    assert exact.bound == pytest.approx(loss, rel=1e-6)


@pytest.mark.parametrize("total", [0.5, 1.0, 3.0, 5.0])
def test_switches_are_the_best_of_their_sum(total):
    size = torch.tensor([4.0, 1.0, 0.5, 0.1, 0.1]).double()
    z = switches(size, total)
    assert float(z.sum()) == pytest.approx(total)
    assert (z <= 1).all()
    cost = (size.square() / z).sum()
    generator = torch.Generator().manual_seed(0)
    for _ in range(200):
        moved = z + 0.02 * torch.randn(5, generator=generator).double()
        moved = moved.clamp(1e-6, 1)
        moved = moved * total / moved.sum()
        if (moved <= 1).all():
            assert (size.square() / moved).sum() >= cost * (1 - 1e-9)


@pytest.mark.parametrize("remaining", [1, 2])
@pytest.mark.parametrize("seed", range(12))
def test_no_choice_that_is_ruled_out_is_below_the_limit(seed, remaining):
    x, y, _, penalty = case(seed)
    data, d = examples(x, y), x.shape[1]
    if d < 4:
        return
    inside, free = torch.tensor([0]), torch.arange(1, d)
    choices = torch.combinations(free, remaining)
    subsets = torch.cat([inside.expand(len(choices), 1), choices], dim=1)
    loss = fit_subsets(data, subsets, penalty=penalty).loss
    limit = float(loss.quantile(0.3))
    places, _ = promising(data, inside, free, remaining, penalty=penalty, limit=limit)
    passed = {tuple(row) for row in free[places].tolist()}
    good = {tuple(row) for row in choices[loss < limit * (1 - 1e-9)].tolist()}
    assert good <= passed
    best = complete(data, inside, free, remaining, penalty=penalty, limit=limit + 1e-6)
    assert best.loss == pytest.approx(float(loss.min()), rel=1e-8)


def test_weak_neurons_are_ruled_out_without_a_fit():
    """Noise moves no logit far, so the Gram matrix is enough."""
    x, y = planted(n=2000, d=20)
    data = examples(x, y)
    inside = torch.tensor([3, 7, 11])
    free = torch.tensor([i for i in range(20) if i not in {3, 7, 11}])
    loss = float(fit_subsets(data, inside[None]).loss)
    assert len(promising(data, inside, free, 2, penalty=1.0, limit=loss - 20)[0]) == 0


def test_swaps_improve_until_none_does():
    x, y = planted()
    data = examples(x, y)
    neurons, loss = swap_search(data, torch.tensor([0, 1, 2]))
    assert sorted(neurons.tolist()) == [3, 7, 11]
    assert loss == pytest.approx(float(fit_subsets(data, neurons[None]).loss))


def test_bad_input_is_refused():
    x, y = planted(n=30, d=4, hard=True)
    with pytest.raises(ValueError, match="expected k from 1 to 4 neurons, got 5"):
        optimal_sparse_probe(x, y, 5)
    with pytest.raises(ValueError, match="expected k from 1 to 4 neurons, got 0"):
        optimal_sparse_probe(x, y, 0)
    with pytest.raises(ValueError, match="both classes"):
        optimal_sparse_probe(x, y | True, 1)
    with pytest.raises(ValueError, match="finite activations"):
        optimal_sparse_probe(x.index_fill(0, torch.tensor([3]), math.nan), y, 1)
    with pytest.raises(ValueError, match="a label for each of 30 examples, got 29"):
        optimal_sparse_probe(x, y[:-1], 1)
    with pytest.raises(ValueError, match="penalty and seconds above 0"):
        optimal_sparse_probe(x, y, 1, penalty=0.0)
