"""Exercise 03.6: how well a verdict fits a label that may be rare.

Labels are rare in one case and frequent in another, so that a score that counts every right no is
told apart from one that does not.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mi_course.exercises.core import Case, Exercise, Wrong

Truth = Bool[Tensor, " example"]
Three = Float[Tensor, "3"]


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
