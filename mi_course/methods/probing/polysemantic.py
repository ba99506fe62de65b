"""Compound-word neurons: each answers to many things, and only together do they mean one.

Against the two phrases that share a word with it, a single neuron picks out "social security".
Against all tokens of the corpus it does not: it fires for unrelated things too. A few such neurons
with different unrelated things agree on the compound only: superposition.

    yes = AND over neurons j of (activation_j > threshold_j)

Source: Gurnee et al. (2023), "Finding Neurons in a Haystack", compound words and figure 5. In go
activations of all tokens and which of them are the compound; out comes a `Conjunction`.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mi_course.methods.probing.scores import best_thresholds, classification_scores
from mi_course.results import Conjunction

__all__ = ["conjunction"]

USUAL = 4000


def conjunction(
    x: Float[Tensor, "token neuron"],
    positive: Bool[Tensor, " label"],
    rivals: Bool[Tensor, " label"],
    held: Bool[Tensor, " label"],
    *,
    k: int = 4,
    layer: int = 0,
    recall: float = 0.95,
    candidates: int = 50,
    label: str = "feature",
) -> Conjunction:
    """Return neurons that are polysemantic alone and separate a feature together.

    The first neuron is the one that best tells the feature from its rivals; each further one is
    that which, above the threshold that keeps most of the positive tokens, leaves the fewest
    false alarms among all tokens. Thresholds and neurons come from tokens that are not held out.

    Args:
        x: activations of one layer at every token.
        positive: tokens that have the feature.
        rivals: tokens that are nearest to it, such as distractors of a compound.
        held: tokens by which the result is judged.
        k: neurons.
        layer: their layer's number.
        recall: fraction of the positive tokens above each neuron's threshold.
        candidates: neurons that are tried: those of the largest standardised difference of means.
        label: what the feature is called.

    Returns:
        Held-out precision and recall, alone and together.

    Raises:
        ValueError: no positive token or no rival on a side, lengths differ, or k is not between 1
            and the number of neurons that are tried.
    """
    _check(x, positive, rivals, held)
    fit = ~held
    tried = _candidates(x, positive, fit, candidates)
    if not 1 <= k <= len(tried):
        raise ValueError(f"expected k from 1 to {len(tried)} neurons, got {k}, try 1")
    seen = x[:, tried]
    thresholds = seen[fit & positive].quantile(1 - recall, dim=0)
    fires = seen > thresholds
    chosen = _greedy(fires[fit], positive[fit], rivals[fit], k)
    both = fires[held][:, chosen].cumprod(1).bool()
    near = held & (positive | rivals)
    true = positive[held]
    return Conjunction(
        neurons=tuple((layer, int(tried[i])) for i in chosen),
        alone=_precision(fires[held][:, chosen], true).cpu(),
        against=_precision(fires[near][:, chosen[:1]], positive[near]).item(),
        precision=_precision(both, true).cpu(),
        recall=both[true].float().mean(0).cpu(),
        best_alone=_best_alone(seen, positive, held),
        label=label,
    )


def _greedy(
    fires: Bool[Tensor, "token neuron"],
    positive: Bool[Tensor, " token"],
    rivals: Bool[Tensor, " token"],
    k: int,
) -> list[int]:
    """Return the neuron that fires for fewest rivals, then those that leave fewest false alarms."""
    # A neuron that no positive token excites raises no false alarm either.
    silent = ~fires[positive].any(0)
    chosen = [int(fires[rivals].float().mean(0).masked_fill(silent, 2).argmin())]
    together = fires[:, chosen[0]]
    for _ in range(k - 1):
        agree = fires & together[:, None]
        # A false alarm less is worth nothing where the positive tokens go with it.
        kept = agree[positive].float().mean(0)
        cost = agree[~positive].float().sum(0) / kept.clamp(min=1e-6)
        cost[kept == 0] = torch.finfo(cost.dtype).max
        cost[chosen] = torch.inf
        chosen.append(int(cost.argmin()))
        together = agree[:, chosen[-1]]
    return chosen


def _best_alone(
    x: Float[Tensor, "token neuron"], positive: Bool[Tensor, " token"], held: Bool[Tensor, " token"]
) -> float:
    fitted, judged = x[~held].T, x[held].T
    thresholds = best_thresholds(fitted, positive[~held])[:, None]
    best = int(classification_scores(fitted > thresholds, positive[~held]).f1.argmax())
    return float(classification_scores(judged > thresholds, positive[held]).f1[best])


def _candidates(
    x: Float[Tensor, "token neuron"],
    positive: Bool[Tensor, " token"],
    fit: Bool[Tensor, " token"],
    n: int,
) -> Tensor:
    tokens = fit.nonzero().flatten()
    # What is usual for a neuron shows in a few thousand tokens.
    usual = x[tokens[:: max(1, len(tokens) // USUAL)]]
    spread = usual.std(0, correction=0)
    gap = (x[fit & positive].mean(0) - usual.mean(0)) / torch.where(spread > 0, spread, 1)
    return gap.topk(min(n, x.shape[1])).indices


def _precision(
    said: Bool[Tensor, "token k"], actual: Bool[Tensor, " token"]
) -> Float[Tensor, " k"]:
    return (said & actual[:, None]).sum(0).float() / said.sum(0).clamp(min=1)


def _check(x: Tensor, positive: Tensor, rivals: Tensor, held: Tensor) -> None:
    lengths = [len(part) for part in (x, positive, rivals, held)]
    if len(set(lengths)) > 1:
        raise ValueError(f"expected one entry for each of {lengths[0]} tokens, got {lengths[1:]}")
    counts = [int((part & side).sum()) for part in (positive, rivals) for side in (~held, held)]
    if not all(counts):
        raise ValueError(
            "expected positive tokens and rivals on both sides, got {} and {} positive, {} and {} "
            "rivals, try more documents".format(*counts)
        )
