"""Which labels of the world one latent tells, each judged on documents that did not choose it.

A latent says yes where its activation is above a threshold. Labels and thresholds are chosen by F1
on half of the documents, all labels at once from one sorting of the latent's active tokens; what
is told is F1 on the other half. In go a `LatentActivity`; out come `LatentLabels`.
"""

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor

from mi_course.methods.probing.scores import classification_scores, halfway
from mi_course.methods.sae.activity import LatentActivity
from mi_course.results import LatentLabels

__all__ = ["best_labels"]


def best_labels(activity: LatentActivity, latent: int, *, k: int = 6) -> LatentLabels:
    """Return the labels that a latent tells best.

    Args:
        activity: from `latent_activity`.
        latent: which latent.
        k: how many labels.

    Returns:
        Labels, best first where they were chosen, with held-out scores.

    Raises:
        ValueError: there is no such latent.
    """
    data = activity.data
    values, fit = activity.of(latent), data.fit
    f1, thresholds = best_cuts(values[fit], data.labels[fit])
    best = f1.topk(min(k, len(f1))).indices
    said = values[~fit] > rearrange(thresholds[best], "label -> label 1")
    scores = classification_scores(said, data.labels[~fit][:, best].T)
    return LatentLabels(
        labels=tuple(data.names[i] for i in best.tolist()),
        f1=scores.f1.cpu(),
        precision=scores.precision.cpu(),
        recall=scores.recall.cpu(),
        thresholds=thresholds[best].cpu(),
    )


def best_cuts(
    values: Float[Tensor, " token"], labels: Bool[Tensor, "token label"]
) -> tuple[Float[Tensor, " label"], Float[Tensor, " label"]]:
    """Return for each label the best F1 of "above a threshold of at least 0", and the threshold.

    Only tokens at which the latent is active are sorted, so a sparse latent costs little.

    Args:
        values: activations, at least 0.
        labels: which labels each token has.

    Returns:
        F1 and thresholds, halfway between two activations; F1 0 and threshold 0 for a latent that
        is never active.
    """
    active = (values > 0).nonzero().flatten()
    if not len(active):
        nothing = values.new_zeros(labels.shape[1])
        return nothing, nothing
    ordered, order = values[active].sort(descending=True)
    hits = labels[active][order].cumsum(0)
    yes = torch.arange(1, len(active) + 1, device=values.device)
    f1 = 2 * hits / (yes[:, None] + labels.sum(0))
    below = torch.cat([ordered[1:], ordered.new_zeros(1)])
    # Equal activations fall on one side of any threshold.
    f1 = f1.masked_fill((ordered == below)[:, None], -1)
    best, at = f1.max(dim=0)
    return best, halfway(below[at], ordered[at])
