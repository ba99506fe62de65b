"""Resampled prompts: by hand, against exact variances, and with edges that all prompts agree on."""

import pytest
import torch

from mi_course.methods.circuits.stability import bootstrap, mean_jaccard

EDGES = tuple((f"L0H{i}", "logits") for i in range(4))


def test_edges_that_all_prompts_agree_on_are_always_kept():
    by_prompt = torch.tensor([[5.0, -4.0, 0.0, 0.0]]).repeat(6, 1)
    found = bootstrap(by_prompt, EDGES, 2)
    assert found.sure() == EDGES[:2]
    assert found.doubtful() == ()
    assert found.jaccard.unique().tolist() == [1]
    assert found.low.tolist() == found.high.tolist() == found.values.tolist() == [5, -4, 0, 0]
    assert found.summary() == (
        "EAP, 2 edges: two resamples share 100% of the edges that either keeps; 2 edges are kept "
        "nearly always, 0 sometimes."
    )


def test_two_edges_that_half_of_the_prompts_prefer_take_turns():
    by_prompt = torch.tensor([[9.0, 2, 0, 0], [9.0, 0, 2, 0]]).repeat(8, 1)
    found = bootstrap(by_prompt, EDGES, 2, n_draws=4000)
    assert found.sure() == EDGES[:1]
    assert found.doubtful() == EDGES[1:3]
    # By symmetry each of the two is kept in half of the draws; the error of 4000 draws is 0.008.
    assert found.kept[1:3].tolist() == pytest.approx([0.5, 0.5], abs=0.1)
    # Two draws agree half of the time: {0, 1} with itself 1, with {0, 2} 1/3.
    assert found.jaccard.mean() == pytest.approx(2 / 3, abs=0.03)


def test_the_interval_of_a_mean_is_that_of_its_standard_error():
    by_prompt = torch.randn(200, 4, generator=torch.Generator().manual_seed(1))
    found = bootstrap(by_prompt, EDGES, 1, n_draws=4000)
    error = by_prompt.std(dim=0, unbiased=False) / 200**0.5
    # A quantile of 4000 draws is good to about 4 %.
    torch.testing.assert_close(found.high - found.low, 2 * 1.96 * error, rtol=0.06, atol=0)


def test_the_same_seed_draws_the_same_prompts():
    by_prompt = torch.randn(9, 4, generator=torch.Generator().manual_seed(1))
    one, same, other = (bootstrap(by_prompt, EDGES, 2, seed=seed) for seed in (3, 3, 4))
    assert torch.equal(one.kept, same.kept)
    assert not torch.equal(one.kept, other.kept)


def test_circuits_are_compared_in_pairs():
    one, two, three = EDGES[:2], EDGES[1:3], EDGES[:2]
    assert mean_jaccard([one, two, three]) == pytest.approx((1 / 3 + 1 + 1 / 3) / 3)
    with pytest.raises(ValueError, match="at least two circuits, got 1"):
        mean_jaccard([one])


@pytest.mark.parametrize(("prompts", "kept", "draws"), [(1, 2, 9), (5, 0, 9), (5, 5, 9), (5, 2, 1)])
def test_what_cannot_be_resampled_is_refused(prompts, kept, draws):
    with pytest.raises(ValueError, match="at least 2 prompts and draws and 1 to 4 edges"):
        bootstrap(torch.ones(prompts, 4), EDGES, kept, n_draws=draws)
