"""Which neurons tell a feature: one score for each neuron, the higher the sooner it is chosen.

    random                  noise
    mean difference         |mean where the feature holds - mean elsewhere|, in the neuron's unit
    F-statistic             variance between the classes over variance within them
    mutual information      nats, from nearest neighbours (`information`)
    l1                      weights of a logistic regression that the l1 norm keeps sparse
    adaptive thresholding   fit all, keep the half with the largest weights, fit again

Scores are in standard units but for the mean difference: as published, it lets a loud neuron pass
before a quiet one that is as clear. A column of labels gives one row of scores; without columns
there is one score for each neuron.

Source: [Gurnee23], section 3.2. In go activations and labels; out come scores.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mi_course.methods.probing.information import mutual_information
from mi_course.methods.probing.subsets import Labels, check, examples, fit_subsets, single

__all__ = [
    "RANKINGS",
    "adaptive_thresholding",
    "f_statistic",
    "l1_path",
    "l1_scores",
    "mean_difference",
    "mutual_information",
    "random_scores",
    "top_neurons",
]

STRENGTHS = tuple(0.7**i for i in range(1, 9))  # of the l1 penalty, from all silent to many
WIDEST = 512  # neurons with which adaptive thresholding starts
ONE_BY_ONE = 16  # from here on it drops one neuron at a time


def random_scores(
    x: Float[Tensor, "example neuron"], y: Labels, *, seed: int = 0
) -> Float[Tensor, "*feature neuron"]:
    """Return noise between 0 and 1: what a choice without knowledge achieves."""
    check(x, y)
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(*y.shape[1:], x.shape[1], generator=generator).to(x.device)


def mean_difference(
    x: Float[Tensor, "example neuron"], y: Labels
) -> Float[Tensor, "*feature neuron"]:
    """Return how far the mean activations of the two classes lie apart, in the neuron's unit.

    Args:
        x: activations.
        y: whether each feature holds.

    Returns:
        Absolute differences.

    Raises:
        ValueError: lengths differ, NaNs, or a feature of one class.
    """
    check(x, y)
    x = single(x)
    truth = y.movedim(0, -1).to(x.dtype)
    true = truth @ x / truth.sum(-1, keepdim=True)
    false = (1 - truth) @ x / (1 - truth).sum(-1, keepdim=True)
    return (true - false).abs()


def f_statistic(x: Float[Tensor, "example neuron"], y: Labels) -> Float[Tensor, "*feature neuron"]:
    """Return the F-statistic of a one-way analysis of variance with two classes.

    Args:
        x: activations.
        y: whether each feature holds.

    Returns:
        Variance between the classes over the variance within them, of which there is at least
        1e-12 of the whole; 0 for a constant neuron.

    Raises:
        ValueError: lengths differ, NaNs, or a feature of one class.
    """
    check(x, y)
    x = x.double()
    x = x - x.mean(0)
    truth = y.movedim(0, -1).double()
    n, true = len(x), truth.sum(-1, keepdim=True)
    # Around the common mean the two class sums are opposite.
    between = (truth @ x).square() * (1 / true + 1 / (n - true))
    total = x.square().sum(0)
    within = torch.maximum(total - between, 1e-12 * total)
    # What rounding leaves of a constant neuron is not variance.
    return torch.where(total > 1e-20, (n - 2) * between / within, 0)


def l1_scores(x: Float[Tensor, "example neuron"], y: Labels) -> Float[Tensor, "*feature neuron"]:
    """Return each neuron's mean |weight| along a path of falling l1 penalties.

    A neuron that enters early and stays large comes first; those that never enter are ordered by
    how clear they are by themselves.

    Args:
        x: activations.
        y: whether each feature holds.

    Returns:
        Scores, in standard units.

    Raises:
        ValueError: lengths differ, NaNs, or a feature of one class.
    """
    check(x, y)
    x, labels = single(x), y.reshape(len(y), -1)
    path = l1_path(x, labels, STRENGTHS)
    alone = f_statistic(x, labels)
    small = 1e-9 * alone / alone.amax(dim=1, keepdim=True).clamp(min=1e-300)
    return (path.abs().mean(0) + small).reshape(*y.shape[1:], x.shape[1])


def l1_path(
    x: Float[Tensor, "example neuron"],
    y: Bool[Tensor, "example feature"],
    strengths: tuple[float, ...],
    *,
    steps: int = 25,
) -> Float[Tensor, "strength feature neuron"]:
    """Return the weights of l1-penalised logistic regressions on standardised activations.

    Each minimises mean loss + strength * s |w|_1 with a free bias, where s is the least penalty
    at which all weights are 0. Accelerated proximal gradient steps (FISTA, with restarts), all
    features at once, each strength from where the last ended.

    Args:
        x: activations.
        y: whether each feature holds.
        strengths: fractions of s, falling.
        steps: for each strength.

    Returns:
        Weights per standard deviation.
    """
    design = x - x.mean(0)
    scale = design.std(0, correction=0)
    design = design / torch.where(scale > 1e-10, scale, 1)
    design = torch.cat([design, torch.ones_like(design[:, :1])], dim=1)
    truth = y.to(x.dtype)
    w = x.new_zeros(design.shape[1], y.shape[1])
    w[-1] = truth.mean(0).logit()
    silent = (design.T @ (w[-1].sigmoid() - truth)).abs()[:-1].amax(0) / len(x)
    rate = 4 * len(x) / torch.linalg.matrix_norm(design, 2).square()
    found = []
    for strength in strengths:
        w = _fista(design, truth, w, strength * silent, rate, steps)
        found.append(w[:-1].T)
    return torch.stack(found)


def _fista(
    design: Tensor, truth: Tensor, w: Tensor, strength: Tensor, rate: Tensor, steps: int
) -> Float[Tensor, "parameter feature"]:
    threshold = rate * strength.expand_as(w).clone()
    threshold[-1] = 0
    ahead, speed = w, w.new_ones(w.shape[1])
    for _ in range(steps):
        slope = design.T @ ((design @ ahead).sigmoid() - truth) / len(design)
        then = ahead - rate * slope
        then = then.sign() * (then.abs() - threshold).clamp(min=0)
        # Speed that leads uphill is dropped.
        uphill = ((ahead - then) * (then - w)).sum(0) > 0
        speed = torch.where(uphill, 1.0, speed)
        faster = (1 + (1 + 4 * speed.square()).sqrt()) / 2
        ahead = then + torch.where(uphill, 0.0, (speed - 1) / faster) * (then - w)
        w, speed = then, faster
    return w


def adaptive_thresholding(
    x: Float[Tensor, "example neuron"],
    y: Labels,
    *,
    penalty: float = 1.0,
) -> Float[Tensor, "*feature neuron"]:
    """Return how long each neuron stays while weak ones are dropped and the rest is fitted again.

    The probe starts with all neurons (at most 512, of highest F-statistic), keeps the half with
    the largest weights in standard units, and from 16 on drops one at a time.

    Args:
        x: activations.
        y: whether each feature holds.
        penalty: ridge strength on the sum of losses.

    Returns:
        Ranks: the neuron that stays last has as many as there are neurons, the first to go 1.

    Raises:
        ValueError: lengths differ, NaNs, or a feature of one class.
    """
    x, alone = single(x), f_statistic(x, y)
    labels, alone = y.reshape(len(y), -1), alone.reshape(-1, x.shape[1])
    scale = x.std(0, correction=0)
    standard = (x - x.mean(0)) / torch.where(scale > 1e-10, scale, 1)
    orders = [
        _thinned(standard, truth, first.argsort(descending=True), penalty)
        for truth, first in zip(labels.T, alone, strict=True)
    ]
    ranks = x.shape[1] - torch.stack(orders).argsort(dim=1)
    return ranks.to(x.dtype).reshape(*y.shape[1:], x.shape[1])


def _thinned(
    x: Float[Tensor, "example neuron"],
    y: Bool[Tensor, " example"],
    order: Int[Tensor, " neuron"],
    penalty: float,
) -> Int[Tensor, " neuron"]:
    """Return neurons in the order in which they would be chosen."""
    data = examples(x, y)
    stay = min(WIDEST, len(order))
    while stay > 1:
        kept = order[:stay]
        weight = fit_subsets(data, kept[None], penalty=penalty).weight[0]
        order = torch.cat([kept[weight.abs().argsort(descending=True)], order[stay:]])
        stay = stay // 2 if stay > ONE_BY_ONE else stay - 1
    return order


def top_neurons(scores: Float[Tensor, "*feature neuron"], k: int) -> Int[Tensor, "*feature k"]:
    """Return the k neurons of highest score, best first.

    Raises:
        ValueError: k is not between 1 and the number of neurons, or a score is NaN.
    """
    if not 1 <= k <= scores.shape[-1]:
        raise ValueError(f"expected k from 1 to {scores.shape[-1]} neurons, got {k}, try 1")
    if scores.isnan().any():
        raise ValueError("expected scores, got NaN, try a ranking of this module")
    return scores.topk(k, dim=-1).indices


RANKINGS = {
    "random": random_scores,
    "mean difference": mean_difference,
    "F-statistic": f_statistic,
    "logistic regression": l1_scores,
    "mutual information": mutual_information,
    "adaptive thresholding": adaptive_thresholding,
}
