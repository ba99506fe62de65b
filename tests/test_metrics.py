import math

import pytest
import torch
import torch.nn.functional as F

from mi_course.metrics import (
    cross_entropy_by_position,
    entropy,
    kl_divergence,
    logit_diff,
    perplexity,
)

LOGITS = 3 * torch.randn(4, 6, 11, generator=torch.Generator().manual_seed(0)) + 2
TOKENS = torch.randint(0, 11, (4, 6), generator=torch.Generator().manual_seed(1))


def test_cross_entropy_of_even_odds_is_one_bit():
    loss = cross_entropy_by_position(torch.zeros(1, 3, 2), torch.tensor([[0, 1, 0]]))
    torch.testing.assert_close(loss, torch.full((1, 2), math.log(2)))


def test_cross_entropy_agrees_with_torch():
    expected = F.cross_entropy(LOGITS[:, :-1].transpose(1, 2), TOKENS[:, 1:], reduction="none")
    torch.testing.assert_close(cross_entropy_by_position(LOGITS, TOKENS), expected)


def test_cross_entropy_looks_at_the_next_token():
    sure = F.one_hot(TOKENS.roll(-1, dims=1), 11).float() * 100
    assert cross_entropy_by_position(sure, TOKENS).max() < 1e-5


def test_one_token_has_nothing_to_predict():
    with pytest.raises(ValueError, match="at least 2 positions"):
        cross_entropy_by_position(LOGITS[:, :1], TOKENS[:, :1])


def test_entropy_of_a_blind_guess_is_the_log_of_the_vocabulary():
    torch.testing.assert_close(entropy(torch.zeros(3, 8)), torch.full((3,), math.log(8)))


def test_entropy_of_certainty_is_zero_even_with_impossible_tokens():
    assert entropy(torch.tensor([0.0, -torch.inf, -torch.inf])) == 0


def test_entropy_agrees_with_torch():
    expected = torch.distributions.Categorical(logits=LOGITS).entropy()
    torch.testing.assert_close(entropy(LOGITS), expected)


def test_divergence_agrees_with_torch_and_is_zero_only_for_equals():
    other = LOGITS.flip(0)
    target, prediction = (
        torch.distributions.Categorical(logits=logits) for logits in (LOGITS, other)
    )
    expected = torch.distributions.kl_divergence(target, prediction)
    torch.testing.assert_close(kl_divergence(LOGITS, other), expected)
    # Adding a number to all logits changes no prediction; 1e-5 is rounding.
    assert kl_divergence(LOGITS, LOGITS + 7).abs().max() < 1e-5


def test_a_token_that_the_truth_rules_out_adds_nothing_to_divergence_or_its_gradient():
    ruled_out = LOGITS.clone()
    ruled_out[..., 0] = -torch.inf
    found = LOGITS.flip(0).requires_grad_()
    divergence = kl_divergence(ruled_out, found)
    target, prediction = ruled_out.softmax(-1)[..., 1:], found.softmax(-1)[..., 1:]
    torch.testing.assert_close(divergence, (target * (target / prediction).log()).sum(-1))
    divergence.sum().backward()
    assert found.grad.isfinite().all()
    assert kl_divergence(ruled_out, ruled_out).abs().max() < 1e-6


def test_cross_entropy_is_entropy_plus_divergence():
    target, prediction = LOGITS[0], LOGITS[1]
    cross = -(target.softmax(-1) * prediction.log_softmax(-1)).sum(-1)
    torch.testing.assert_close(cross, entropy(target) + kl_divergence(target, prediction))


def test_logit_difference_is_the_log_of_the_odds():
    logits = torch.tensor([[1.0, 4.0, 2.0], [0.5, 0.0, 3.0]])
    right, wrong = torch.tensor([1, 0]), torch.tensor([2, 2])
    assert logit_diff(logits, right, wrong).tolist() == [2.0, -2.5]
    odds = logits.softmax(-1)[0, 1] / logits.softmax(-1)[0, 2]
    torch.testing.assert_close(odds.log(), torch.tensor(2.0))


def test_perplexity_of_a_fair_die_is_six():
    torch.testing.assert_close(perplexity(torch.tensor(math.log(6))), torch.tensor(6.0))
