"""Exercises 03.4 and 03.6: which neurons tell a feature, and how well a verdict fits it.

Features are rare and activations of other neurons large, so that a ranking by size or a score that
counts every right no is told apart from the right one.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mi_course.exercises.core import Case, Exercise, Wrong

Activations = Float[Tensor, "example d_mlp"]
Truth = Bool[Tensor, " example"]
Ranking = Int[Tensor, " d_mlp"]
Three = Float[Tensor, "3"]


# --- 03.4 -----------------------------------------------------------------------------------------


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


# --- 03.6 -----------------------------------------------------------------------------------------


def precision_recall_f1(said: Truth, actual: Truth) -> Three:
    """Return precision, recall and F1; each is 0 where nothing is below its line."""
    hits = (said & actual).sum()
    precision = hits / said.sum().clamp(min=1)
    recall = hits / actual.sum().clamp(min=1)
    f1 = 2 * hits / (said.sum() + actual.sum()).clamp(min=1)
    return torch.stack([precision, recall, f1])


def _by_means(said: Truth, actual: Truth) -> Three:
    pairs = list(zip(said.tolist(), actual.tolist(), strict=True))
    hits, alarms, misses = (pairs.count(kind) for kind in ((1, 1), (1, 0), (0, 1)))
    if not hits:
        return torch.zeros(3)
    precision, recall = hits / (hits + alarms), hits / (hits + misses)
    return torch.tensor([precision, recall, 2 * precision * recall / (precision + recall)])


def _measures(said: Truth, actual: Truth) -> Three:
    return precision_recall_f1(said, actual).clone()


def _mean_in_place(said: Truth, actual: Truth) -> Three:
    found = _measures(said, actual)
    found[2] = found[:2].mean()
    return found


def _geometric(said: Truth, actual: Truth) -> Three:
    found = _measures(said, actual)
    found[2] = found[:2].prod().sqrt()
    return found


def _accuracy(said: Truth, actual: Truth) -> Three:
    found = _measures(said, actual)
    found[0] = (said == actual).float().mean()
    return found


def _f1_of_accuracy(said: Truth, actual: Truth) -> Three:
    found = _measures(said, actual)
    found[2] = (said == actual).float().mean()
    return found


def _half(said: Truth, actual: Truth) -> Three:
    found = _measures(said, actual)
    found[2] = found[2] / 2
    return found


def _undefined(said: Truth, actual: Truth) -> Three:
    hits = (said & actual).sum()
    precision, recall = hits / said.sum(), hits / actual.sum()
    return torch.stack([precision, recall, 2 * precision * recall / (precision + recall)])


def _score_cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(n: int, share: float, found: float, alarms: float) -> tuple[Truth, Truth]:
        actual = torch.rand(n, generator=generator) < share
        chance = torch.where(actual, found, alarms)
        said = torch.rand(n, generator=generator) < chance
        # One of each kind, so that no fraction is without anything below its line.
        actual[:4] = torch.tensor([True, True, False, False])
        said[:4] = torch.tensor([True, False, True, False])
        return said, actual

    hand = torch.tensor([1, 1, 1, 1, 0, 0, 0, 0]).bool(), torch.tensor([1, 0, 0, 0, 1, 0, 0, 0])
    never, once = torch.zeros(9, dtype=torch.bool), torch.arange(9) == 4
    same = torch.rand(13, generator=generator) < 0.5
    same[:2] = torch.tensor([True, False])
    return [
        Case("one hit, three false alarms, one miss", (hand[0], hand[1].bool()), "hand"),
        Case("a rare label", drawn(200, 0.07, 0.8, 0.1)),
        Case("a frequent label", drawn(90, 0.7, 0.6, 0.3)),
        Case("always says yes", (~never, same[:9]), "property"),
        Case("never says yes", (never, once), "property"),
        Case("nothing to find", (once, never), "property"),
        Case("nothing said, nothing there", (never, never), "property"),
        Case("always right", (same, same), "truth"),
        Case("always wrong", (~same, same), "truth"),
    ]


PRECISION_RECALL_F1 = Exercise(
    id="03.6",
    function="precision_recall_f1",
    title="Score a verdict on a rare label",
    points=2,
    stars=1,
    minutes=10,
    reference=precision_recall_f1,
    cases=_score_cases,
    alternatives=(_by_means,),
    wrong=(
        Wrong(
            "precision and recall exchanged",
            lambda said, actual: precision_recall_f1(actual, said),
            "exchanged",
            "precision and recall are exchanged: precision is of those called true",
        ),
        Wrong(
            "arithmetic mean",
            _mean_in_place,
            "the harmonic mean",
            "F1 is the harmonic mean of precision and recall: the plain mean forgives too much",
        ),
        Wrong(
            "geometric mean",
            _geometric,
            "geometric mean",
            "the last number is the geometric mean: F1 is 2 p r / (p + r)",
        ),
        Wrong(
            "accuracy for precision",
            _accuracy,
            "the first number is the accuracy",
            "the first number is the accuracy: precision is hits over all that was called true",
        ),
        Wrong(
            "accuracy for F1",
            _f1_of_accuracy,
            "the last number is the accuracy",
            "the last number is the accuracy: F1 forgets the rightly called no",
        ),
        Wrong(
            "half of F1",
            _half,
            "the factor 2",
            "the factor 2 is missing in F1: a perfect verdict scores 1",
        ),
        Wrong("undefined without a yes", _undefined, "not finite"),
    ),
    hints=(
        "Count the hits (said and true). Precision is hits over all that was said to be true, "
        "recall hits over all that is true, F1 twice the hits over the sum of both counts.",
        "`(said & actual).sum()`; `.clamp(min=1)` below the line keeps 0 / 0 away, as the hits are "
        "0 then.",
        "`torch.stack([precision, recall, f1])` has shape `[3]`.",
    ),
    groups={"random": 1, "property": 1},
    axes="measure",
)
