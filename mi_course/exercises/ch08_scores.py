"""Exercises 08.5 and 08.7: how to judge a kept set, and an order of edges, against a truth."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mi_course.exercises.core import Case, Exercise, Wrong


def precision_recall(
    kept: Bool[Tensor, " edge"], truth: Bool[Tensor, " edge"]
) -> tuple[float, float]:
    """Return the fraction of kept edges that are true, and of true edges that are kept."""
    both = (kept & truth).sum().item()
    n_kept, n_true = kept.sum().item(), truth.sum().item()
    return (both / n_kept if n_kept else 1.0), both / n_true


def _by_picking(kept: Bool[Tensor, " edge"], truth: Bool[Tensor, " edge"]) -> tuple[float, float]:
    precision = truth[kept].float().mean().item() if kept.any() else 1.0
    return precision, kept[truth].float().mean().item()


def _other_order(kept: Bool[Tensor, " edge"], truth: Bool[Tensor, " edge"]) -> tuple[float, float]:
    precision, recall = precision_recall(kept, truth)
    return recall, precision


def _accuracy(kept: Bool[Tensor, " edge"], truth: Bool[Tensor, " edge"]) -> tuple[float, float]:
    return (kept == truth).float().mean().item(), precision_recall(kept, truth)[1]


def _of_all_edges(kept: Bool[Tensor, " edge"], truth: Bool[Tensor, " edge"]) -> tuple[float, float]:
    both = (kept & truth).float().mean().item()
    return both, both


def _false_positives(
    kept: Bool[Tensor, " edge"], truth: Bool[Tensor, " edge"]
) -> tuple[float, float]:
    recall = precision_recall(kept, truth)[1]
    return (kept & ~truth).sum().item() / (~truth).sum().item(), recall


def _nothing_is_nothing(
    kept: Bool[Tensor, " edge"], truth: Bool[Tensor, " edge"]
) -> tuple[float, float]:
    precision, recall = precision_recall(kept, truth)
    return (precision if kept.any() else 0.0), recall


def _pr_cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(n: int, share: float) -> tuple[Tensor, Tensor]:
        kept = torch.rand(n, generator=generator) < share
        truth = torch.rand(n, generator=generator) < 0.3
        kept[:2], truth[:2] = torch.tensor([True, False]), torch.tensor([True, True])
        kept[2], truth[2:4] = True, False
        return kept, truth

    by_hand = torch.tensor([1, 1, 1, 0, 0, 0, 0]).bool(), torch.tensor([1, 1, 0, 1, 1, 0, 0]).bool()
    some = drawn(30, 0.5)[1]
    return [
        Case("seven edges", by_hand, "hand"),
        Case("nothing kept", (torch.zeros(4).bool(), torch.tensor([1, 0, 1, 0]).bool()), "hand"),
        Case("forty edges", drawn(40, 0.4)),
        Case("ninety edges, few kept", drawn(90, 0.1)),
        Case("all kept", (torch.ones(30).bool(), some), "property"),
        Case("exactly the truth", (some, some.clone()), "truth"),
    ]


PRECISION_RECALL = Exercise(
    id="08.5",
    function="precision_recall",
    title="How much is right, how much is found",
    points=2,
    stars=1,
    minutes=10,
    reference=precision_recall,
    cases=_pr_cases,
    alternatives=(_by_picking,),
    wrong=(
        Wrong("precision of nothing", _nothing_is_nothing, "nothing false was claimed",
              "where nothing is kept, nothing false was claimed: precision 1"),
        Wrong("swapped", _other_order, "swapped",
              "the two are swapped: precision divides by what is kept, recall by what is true"),
        Wrong("accuracy", _accuracy, "accuracy",
              "this is the accuracy, high for whoever keeps nothing, since most edges are false"),
        Wrong("of all edges", _of_all_edges, "not by all edges",
              "divide by the kept edges and by the true ones, not by all edges"),
        Wrong("false positive rate", _false_positives, "false positive rate",
              "this is the false positive rate: precision asks what part of the kept is true"),
    ),
    hints=(
        "Count the edges that are kept and true, those that are kept, and those that are true.",
        "`kept & truth`, `.sum().item()`; mind the division where nothing is kept.",
        "Precision is both / kept (1 where nothing is kept), recall is both / true.",
    ),
)  # fmt: skip


def roc_auc(scores: Float[Tensor, " edge"], truth: Bool[Tensor, " edge"]) -> float:
    """Return the probability that a true edge scores above a false one; equal scores count half."""
    true, false = scores[truth], scores[~truth]
    above = (true[:, None] > false).float() + 0.5 * (true[:, None] == false).float()
    return above.mean().item()


def _by_the_curve(scores: Float[Tensor, " edge"], truth: Bool[Tensor, " edge"]) -> float:
    """The area below the points that all thresholds give."""
    levels = scores.unique().flip(0)
    kept = scores[None] >= levels[:, None]
    rates = [
        torch.cat([torch.zeros(1), (kept & some).sum(dim=1) / some.sum()])
        for some in (~truth, truth)
    ]
    return torch.trapezoid(rates[1], rates[0]).item()


def _equal_for_nothing(scores: Float[Tensor, " edge"], truth: Bool[Tensor, " edge"]) -> float:
    return (scores[truth][:, None] > scores[~truth]).float().mean().item()


def _equal_for_all(scores: Float[Tensor, " edge"], truth: Bool[Tensor, " edge"]) -> float:
    return (scores[truth][:, None] >= scores[~truth]).float().mean().item()


def _below(scores: Float[Tensor, " edge"], truth: Bool[Tensor, " edge"]) -> float:
    return 1 - roc_auc(scores, truth)


def _of_sizes(scores: Float[Tensor, " edge"], truth: Bool[Tensor, " edge"]) -> float:
    return roc_auc(scores.abs(), truth)


def _one_threshold(scores: Float[Tensor, " edge"], truth: Bool[Tensor, " edge"]) -> float:
    kept = scores > scores.median()
    rates = [(kept & some).sum() / some.sum() for some in (truth, ~truth)]
    return ((1 + rates[0] - rates[1]) / 2).item()


def _against_all(scores: Float[Tensor, " edge"], truth: Bool[Tensor, " edge"]) -> float:
    return (scores[truth][:, None] > scores).float().mean().item()


def _auc_cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(n: int, *, ties: bool) -> tuple[Tensor, Tensor]:
        truth = torch.rand(n, generator=generator) < 0.35
        truth[:3] = torch.tensor([True, False, True])
        scores = torch.randn(n, generator=generator) + truth.float()
        return ((2 * scores).round() if ties else scores), truth

    by_hand = torch.tensor([5.0, 4.0, 3.0, 2.0, 1.0]), torch.tensor([1, 0, 1, 0, 0]).bool()
    equal = torch.ones(5), torch.tensor([1, 0, 0, 1, 0]).bool()
    some = drawn(20, ties=False)[1]
    return [
        Case("five edges", by_hand, "hand"),
        Case("equal scores", equal, "hand"),
        Case("thirty edges", drawn(30, ties=False)),
        Case("sixty edges, many equal scores", drawn(60, ties=True)),
        Case("scores below zero too", (drawn(25, ties=False)[0] - 1, drawn(25, ties=False)[1])),
        Case("scores that know the truth", (some.float() + 1, some), "truth"),
    ]


ROC_AUC = Exercise(
    id="08.7",
    function="roc_auc",
    title="Judge an order of edges",
    points=3,
    stars=2,
    minutes=15,
    reference=roc_auc,
    cases=_auc_cases,
    alternatives=(_by_the_curve,),
    wrong=(
        Wrong("equal scores count nothing", _equal_for_nothing, "counts half",
              "a pair of equal scores counts half: here it counts nothing"),
        Wrong("equal scores count whole", _equal_for_all, "it counts whole",
              "a pair of equal scores counts half: here it counts whole"),
        Wrong("upside down", _below, "one minus",
              "this is one minus what was asked: a true edge should score above a false one"),
        Wrong("sizes", _of_sizes, "as they are",
              "take the scores as they are: who wants sizes gives sizes"),
        Wrong("one threshold", _one_threshold, "all thresholds",
              "this looks at one threshold: the area takes all thresholds, or all pairs"),
        Wrong("against all edges", _against_all, "with the false ones",
              "compare each true edge with the false ones, not with all edges"),
    ),
    hints=(
        "Take every pair of a true and a false edge. In which share of the pairs does the true one "
        "have the higher score?",
        "`scores[truth]` and `scores[~truth]`; a new axis lets every one meet every other; equal "
        "scores count half.",
        "`scores[truth][:, None] > scores[~truth]` has axes `true false`; the mean over both.",
    ),
)  # fmt: skip
