"""Exercise 03.4: which neurons tell a feature.

Features are rare and activations of other neurons large, so that a ranking by size is told apart
from one by difference.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mi_course.exercises.core import Case, Exercise, Wrong

Activations = Float[Tensor, "example d_mlp"]
Truth = Bool[Tensor, " example"]
Ranking = Int[Tensor, " d_mlp"]


def mean_difference_ranking(activations: Activations, labels: Truth) -> Ranking:
    """Return the neurons by |mean with the label - mean without|, the largest first."""
    difference = activations[labels].mean(dim=0) - activations[~labels].mean(dim=0)
    return difference.abs().argsort(descending=True)


def _by_sums(activations: Activations, labels: Truth) -> Ranking:
    share = labels.float() / labels.sum() - (~labels).float() / (~labels).sum()
    gaps = (share @ activations).abs().tolist()
    return torch.tensor(sorted(range(len(gaps)), key=lambda neuron: -gaps[neuron]))


def _signed(activations: Activations, labels: Truth) -> Ranking:
    gap = activations[labels].mean(0) - activations[~labels].mean(0)
    return gap.argsort(descending=True)


def _standardised(activations: Activations, labels: Truth) -> Ranking:
    gap = activations[labels].mean(0) - activations[~labels].mean(0)
    return (gap / activations.std(0)).abs().argsort(descending=True)


def _mean_with(activations: Activations, labels: Truth) -> Ranking:
    return activations[labels].mean(0).abs().argsort(descending=True)


def _sums(activations: Activations, labels: Truth) -> Ranking:
    gap = activations[labels].sum(0) - activations[~labels].sum(0)
    return gap.abs().argsort(descending=True)


def _sizes(activations: Activations, labels: Truth) -> Ranking:
    gap = activations[labels].abs().mean(0) - activations[~labels].abs().mean(0)
    return gap.abs().argsort(descending=True)


def _ranking_cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(n: int, d_mlp: int, share: float) -> tuple[Activations, Truth]:
        scale = 0.5 + 3 * torch.rand(d_mlp, generator=generator)
        level = 2 * torch.randn(d_mlp, generator=generator)
        labels = torch.arange(n) < share * n
        labels = labels[torch.randperm(n, generator=generator)]
        gap = torch.randn(d_mlp, generator=generator)
        noise = torch.randn(n, d_mlp, generator=generator)
        return level + scale * noise + labels[:, None] * gap, labels

    with_label = [[-3.0, 3.0, -4.0, 4.0], [-1.0, -3.0, 2.0, 1.0]]
    without = [[-3.0, -4.0, -1.0, 5.0], [0.0, -3.0, 2.0, -2.0], [3.0, 2.0, -2.0, -4.0]]
    hand = torch.tensor(with_label + without), torch.arange(5) < 2
    # Neurons in a random order whose gaps are 1, 2, 3, ... in turn up and down.
    order = torch.randperm(8, generator=generator)
    gaps = torch.empty(8)
    gaps[order] = torch.arange(8, 0, -1.0) * torch.tensor([1.0, -1.0]).repeat(4)
    labels = torch.tensor([True, False, False, True, False, False, False])
    planted = 5.0 + labels[:, None] * gaps
    return [
        Case("four neurons", hand, "hand"),
        Case("40 examples, a quarter with the label", drawn(40, 9, 0.25)),
        Case("60 examples, most with the label", drawn(60, 14, 0.8)),
        Case("neurons that rise and neurons that fall", (planted, labels), "truth"),
    ]


MEAN_DIFFERENCE_RANKING = Exercise(
    id="03.4",
    function="mean_difference_ranking",
    title="Rank neurons",
    points=2,
    stars=1,
    minutes=10,
    reference=mean_difference_ranking,
    cases=_ranking_cases,
    alternatives=(_by_sums,),
    wrong=(
        Wrong(
            "signed",
            _signed,
            "falls with the label",
            "a neuron that falls with the label tells it as well: take the absolute difference",
        ),
        Wrong(
            "smallest first",
            lambda a, y: mean_difference_ranking(a, y).flip(0),
            "the least different",
            "this begins with the least different neuron: the largest difference comes first",
        ),
        Wrong(
            "ranks",
            lambda a, y: mean_difference_ranking(a, y).argsort(),
            "the rank of each neuron",
            "this is the rank of each neuron: return the neurons' numbers, the best first",
        ),
        Wrong(
            "standardised",
            _standardised,
            "divided by its spread",
            "each difference is divided by its spread: leave activations on their own scale",
        ),
        Wrong(
            "mean with the label",
            _mean_with,
            "large for every text",
            "this is the mean with the label alone, which may be large for every text: subtract "
            "the mean without",
        ),
        Wrong(
            "difference of sums",
            _sums,
            "sums in place of means",
            "these are sums in place of means: the two classes are not equally frequent",
        ),
        Wrong(
            "absolute values first",
            _sizes,
            "before the means",
            "absolute values are taken before the means: take that of their difference",
        ),
    ),
    hints=(
        "For each neuron, how far does its mean activation with the label lie from its mean "
        "without? List the neurons by that distance.",
        "`activations[labels].mean(dim=0)` and `activations[~labels].mean(dim=0)`; then `.abs()` "
        "and `.argsort(descending=True)`.",
        "The means have the axis `d_mlp`, and so has the ranking.",
    ),
    groups={"random": 1, "truth": 1},
    axes="d_mlp",
)
