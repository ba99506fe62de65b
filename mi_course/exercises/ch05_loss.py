"""Exercise 05.2: what a sparse autoencoder is trained to make small.

Batch, width and number of features differ, so that each mean taken over another axis shows.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from mi_course.exercises.core import Case, Exercise, Wrong

X = Float[Tensor, "batch d_in"]
Codes = Float[Tensor, "batch d_sae"]
Number = Float[Tensor, ""]


def sae_loss(x: X, feature_acts: Codes, recon: X, l1: float) -> Number:
    """Return the squared error per dimension plus l1 times the sum of codes, over the batch."""
    error = (recon - x).square().mean(dim=1)
    return (error + l1 * feature_acts.sum(dim=1)).mean()


def _by_norms(x: X, feature_acts: Codes, recon: X, l1: float) -> Number:
    losses = [
        (left - right).norm() ** 2 / len(left) + l1 * codes.norm(p=1)
        for left, right, codes in zip(x, recon, feature_acts, strict=True)
    ]
    return torch.stack(losses).mean()


def _summed_error(x: X, feature_acts: Codes, recon: X, l1: float) -> Number:
    return ((recon - x).square().sum(1) + l1 * feature_acts.sum(1)).mean()


def _summed_batch(x: X, feature_acts: Codes, recon: X, l1: float) -> Number:
    return len(x) * sae_loss(x, feature_acts, recon, l1)


def _divided_twice(x: X, feature_acts: Codes, recon: X, l1: float) -> Number:
    return (recon - x).square().mean() / len(x) + l1 * feature_acts.sum(1).mean()


def _mean_code(x: X, feature_acts: Codes, recon: X, l1: float) -> Number:
    return (recon - x).square().mean() + l1 * feature_acts.mean()


def _sum_of_all_codes(x: X, feature_acts: Codes, recon: X, l1: float) -> Number:
    return (recon - x).square().mean() + l1 * feature_acts.sum()


def _no_penalty(x: X, feature_acts: Codes, recon: X, l1: float) -> Number:
    return (recon - x).square().mean()


def _euclidean(x: X, feature_acts: Codes, recon: X, l1: float) -> Number:
    return (recon - x).square().mean() + l1 * feature_acts.norm(dim=1).mean()


def _counted(x: X, feature_acts: Codes, recon: X, l1: float) -> Number:
    return (recon - x).square().mean() + l1 * (feature_acts > 0).sum(1).float().mean()


def _not_squared(x: X, feature_acts: Codes, recon: X, l1: float) -> Number:
    return (recon - x).abs().mean() + l1 * feature_acts.sum(1).mean()


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(batch: int, d_in: int, d_sae: int, l1: float) -> tuple[X, Codes, X, float]:
        x = 2 * torch.randn(batch, d_in, generator=generator)
        codes = torch.randn(batch, d_sae, generator=generator).relu()
        return x, 1.7 * codes, x + torch.randn(batch, d_in, generator=generator), l1

    hand = (
        torch.tensor([[1.0, 0.0, 2.0, 0.0], [0.0, 1.0, 0.0, 0.0]]),
        torch.tensor([[2.0, 0.0, 1.0], [0.0, 3.0, 0.0]]),
        torch.tensor([[1.0, 2.0, 2.0, 0.0], [0.0, 1.0, 4.0, 2.0]]),
        0.25,
    )
    x, codes, recon, _ = drawn(4, 9, 6, 0.0)
    return [
        Case("two activations of four numbers", hand, "hand"),
        Case("7 activations of width 5, 11 features", drawn(7, 5, 11, 0.3)),
        Case("3 activations of width 8, 6 features", drawn(3, 8, 6, 0.07)),
        Case("sparsity costs nothing", (x, codes, recon, 0.0), "property"),
        Case("nothing is missed", (x, codes, x, 0.2), "property"),
        Case("nothing is active", (x, 0 * codes, recon, 0.2), "property"),
    ]


SAE_LOSS = Exercise(
    id="05.2",
    function="sae_loss",
    title="What training makes small",
    points=2,
    stars=1,
    minutes=10,
    reference=sae_loss,
    cases=_cases,
    alternatives=(_by_norms,),
    wrong=(
        Wrong(
            "error summed over d_in",
            _summed_error,
            "mean over d_in",
            "the squared error is summed over d_in: take the mean over d_in, so that l1 means the "
            "same at every width",
        ),
        Wrong(
            "summed over the batch",
            _summed_batch,
            "mean over the batch",
            "this is a sum over the batch: take the mean over the batch, or twice the batch is "
            "twice the loss",
        ),
        Wrong(
            "error divided by the batch twice",
            _divided_twice,
            "divided by the batch twice",
            "the error is divided by the batch twice: its mean is that already",
        ),
        Wrong(
            "mean code",
            _mean_code,
            "mean over the features",
            "this takes the mean over the features: sum the codes, or a wider dictionary pays less "
            "for the same code",
        ),
        Wrong(
            "codes of the whole batch",
            _sum_of_all_codes,
            "codes of the whole batch",
            "the codes of the whole batch are summed: sum over features, then mean over the batch",
        ),
        Wrong(
            "no penalty",
            _no_penalty,
            "the penalty is missing",
            "the penalty is missing: nothing here asks for few active features",
        ),
        Wrong(
            "Euclidean length of the codes",
            _euclidean,
            "the Euclidean length",
            "this is the Euclidean length of the codes: it does not make them sparse, their sum "
            "does",
        ),
        Wrong(
            "number of active features",
            _counted,
            "has no slope",
            "this counts active features: a count has no slope to train with, sum the codes",
        ),
        Wrong(
            "absolute error",
            _not_squared,
            "the error is not squared",
            "the error is not squared: take (recon - x) squared",
        ),
    ),
    hints=(
        "Two parts for each activation: the mean over its dimensions of the squared error, and l1 "
        "times the sum of its codes. Then the mean over the batch.",
        "`.square().mean(dim=1)` for the error and `.sum(dim=1)` for the codes, which are never "
        "negative.",
        "Both parts have the axis `batch` before the last mean.",
    ),
    groups={"random": 1, "property": 1},
)
