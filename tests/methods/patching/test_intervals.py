import pytest
import torch

from mi_course.methods.patching import bootstrap_means
from mi_course.methods.patching.intervals import bootstrap_ratios


def test_prompts_that_agree_leave_no_doubt():
    value, low, high = bootstrap_means(torch.tensor([[2.0, 2.0, 2.0], [-1.0, -1.0, -1.0]]))
    for found in (value, low, high):
        torch.testing.assert_close(found, torch.tensor([2.0, -1.0]))


def test_the_interval_of_a_mean_is_near_two_standard_errors():
    x = torch.randn(1, 400, generator=torch.Generator().manual_seed(0))
    value, low, high = bootstrap_means(x, draws=4000)
    error = (x.var(unbiased=False) / 400).sqrt()
    # The normal approximation, and 4,000 draws, are each good to a few percent.
    torch.testing.assert_close((high - low)[0], 2 * 1.96 * error, rtol=0.06, atol=0)
    assert low < value < high


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    generator = torch.Generator().manual_seed(1)
    samples = torch.randn(300, 40, generator=generator) + 5
    _, low, high = bootstrap_means(samples)
    held = ((low < 5) & (high > 5)).float().mean().item()
    # 95 % is meant; percentile intervals of 40 values hold a little less.
    assert 0.88 < held < 0.99


def test_a_ratio_is_normalised_by_the_same_prompts():
    """Each prompt is exactly half restored, however different the prompts are."""
    zero, one = torch.tensor([-1.0, -8.0, -3.0]), torch.tensor([1.0, 20.0, 2.0])
    halfway = ((zero + one) / 2)[None]
    for found in bootstrap_ratios(halfway, zero, one):
        torch.testing.assert_close(found, torch.tensor([0.5]))


def test_the_value_is_the_ratio_of_means_not_the_mean_of_ratios():
    zero, one = torch.tensor([0.0, 0.0]), torch.tensor([1.0, 3.0])
    value, low, high = bootstrap_ratios(torch.tensor([[1.0, 0.0]]), zero, one)
    assert value.item() == pytest.approx(0.25)
    assert (low.item(), high.item()) == pytest.approx((0, 1))


def test_draws_in_which_both_runs_agree_are_left_out():
    zero, one = torch.tensor([0.0, 1.0]), torch.tensor([0.0, 2.0])
    value, low, high = bootstrap_ratios(torch.tensor([[0.0, 2.0]]), zero, one)
    assert all(found.isfinite().all() for found in (value, low, high))
    assert value.item() == pytest.approx(1)


def test_the_same_seed_draws_the_same_prompts():
    x = torch.randn(5, 9, generator=torch.Generator().manual_seed(2))
    first, again, other = (bootstrap_means(x, seed=seed)[1] for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
