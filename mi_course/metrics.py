"""Scalars about predictions, each with its unit.

Logarithms are natural, so losses, entropies and divergences are in nats: 1 nat = 1.44 bits. In go
logits; out comes one number for each position, for the caller to average. Nothing here is a mean
unless its name says so.
"""

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

__all__ = [
    "cross_entropy_by_position",
    "entropy",
    "kl_divergence",
    "kl_of_log_probs",
    "logit_diff",
    "perplexity",
]


def cross_entropy_by_position(
    logits: Float[Tensor, "batch pos d_vocab"], tokens: Int[Tensor, "batch pos"]
) -> Float[Tensor, "batch predicted_pos"]:
    """Return the surprise at each next token, -ln p(tokens[:, i + 1]), in nats.

    Args:
        logits: what the model said at each position.
        tokens: what was there.

    Returns:
        One column less than there are positions: column i is about the token at position i + 1.

    Raises:
        ValueError: fewer than two positions.
    """
    if tokens.shape[1] < 2:
        raise ValueError(f"expected at least 2 positions, got {tokens.shape[1]}, try a longer text")
    # Softmax before slicing: a slice of the logits would be copied, and logits are large.
    log_probs = logits.float().log_softmax(dim=-1)[:, :-1]
    chosen = log_probs.gather(-1, rearrange(tokens[:, 1:], "batch pos -> batch pos 1"))
    return -rearrange(chosen, "batch pos 1 -> batch pos")


def entropy(logits: Float[Tensor, "... d_vocab"]) -> Float[Tensor, "..."]:
    """Return how undecided a prediction is, in nats: 0 is certain, ln(d_vocab) is a blind guess."""
    log_probs = logits.float().log_softmax(dim=-1)
    return -(log_probs.exp() * log_probs.clamp(min=-1e9)).sum(dim=-1)


def kl_divergence(
    target_logits: Float[Tensor, "... d_vocab"], logits: Float[Tensor, "... d_vocab"]
) -> Float[Tensor, "..."]:
    """Return KL(target || prediction) in nats: what it costs to believe `logits` instead.

    Args:
        target_logits: of the distribution taken as the truth.
        logits: of the distribution under test.

    Returns:
        A number that is at least 0 for each prediction, and 0 where both agree. A token that the
        truth rules out (a logit of -inf) adds nothing.
    """
    target, said = (each.float().log_softmax(dim=-1) for each in (target_logits, logits))
    return kl_of_log_probs(target, said)


def kl_of_log_probs(
    target: Float[Tensor, "... d_vocab"], log_probs: Float[Tensor, "... d_vocab"]
) -> Float[Tensor, "..."]:
    """Return `kl_divergence` where logarithms of probabilities are at hand already, in nats."""
    chance = target.exp()
    return (chance * (target - log_probs).masked_fill(chance == 0, 0)).sum(dim=-1)


def logit_diff(
    logits: Float[Tensor, "batch d_vocab"],
    correct: Int[Tensor, " batch"],
    wrong: Int[Tensor, " batch"],
) -> Float[Tensor, " batch"]:
    """Return logit(correct) - logit(wrong); its exponential is the ratio of the two probabilities.

    Args:
        logits: at the position that answers.
        correct: token id of the right answer, by row.
        wrong: token id of the rival.

    Returns:
        Logits; positive where the right answer wins.
    """
    rows = torch.arange(len(logits), device=logits.device)
    return logits[rows, correct] - logits[rows, wrong]


def perplexity(loss: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Return exp(loss in nats): among how many equally likely tokens the model hesitates."""
    return loss.exp()
