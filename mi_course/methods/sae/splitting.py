"""One feature in a small dictionary, several in a wide one; and a feature with holes in it.

A latent of the wide dictionary is a child of the nearest latent of the small one, if their
directions agree and the parent is active on most tokens on which the child is. A feature is
absorbed where more special latents take its place: it should be active on all tokens of a label,
but is silent on those of a special kind, because the special latent writes its direction too and
sparsity makes one latent cheaper than two. Sources: [Bricken23], feature splitting; Chanin et al.
(2024), "A is for Absorption". In go dictionaries and activations; out come `Splitting` and
`Absorption`.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from mi_course.methods.sae.dictionary import Dictionary, check_width
from mi_course.methods.sae.labelled import LabelledActivations
from mi_course.methods.sae.matching import matched_features
from mi_course.results import Absorption, LabelScores, Splitting

__all__ = ["feature_absorption", "feature_splitting"]

COMMON = 5  # tokens of the vocabulary that are named for an absorbing latent


@torch.no_grad()
def feature_splitting(
    small: Dictionary,
    wide: Dictionary,
    x: Float[Tensor, "token d_in"],
    *,
    cosine: float = 0.5,
    inside: float = 0.5,
    chunk: int = 4096,
) -> Splitting:
    """Return which latents of a wide dictionary are children of which of a small one.

    Args:
        small: the dictionary of parents.
        wide: the dictionary of children.
        x: activations on which both are compared.
        cosine: that a child's direction has at least with its parent's.
        inside: fraction of the child's active tokens on which the parent is active, at least.
        chunk: tokens that are encoded at a time.

    Returns:
        A parent for each latent of the wide dictionary, and whether it is one, on the CPU.

    Raises:
        ValueError: widths that differ.
    """
    check_width(x, small.d_in)
    nearest = matched_features(wide, small)
    parent = nearest.partner.to(x.device)
    both, children, parents = (torch.zeros(wide.n_features, device=x.device) for _ in range(3))
    for some in x.split(chunk):
        active = wide.encode(some) > 0
        above = (small.encode(some) > 0)[:, parent]
        both += (active & above).sum(0)
        children += active.sum(0)
        parents += above.sum(0)
    return Splitting(
        parent=nearest.partner,
        cosines=nearest.cosines,
        inside=(both / children.clamp(min=1)).cpu(),
        covered=(both / parents.clamp(min=1)).cpu(),
        n_parents=small.n_features,
        least_cosine=cosine,
        least_inside=inside,
        names=(small.name, wide.name),
    )


@torch.no_grad()
def feature_absorption(
    dictionary: Dictionary,
    data: LabelledActivations,
    scores: LabelScores,
    label: str,
    *,
    precision: float = 0.8,
    k: int = 10,
    chunk: int = 4096,
) -> Absorption:
    """Return the tokens of a label on which its best latent is silent, and who is active there.

    Args:
        dictionary: any dictionary.
        data: activations with labels.
        scores: of this dictionary, from `label_f1`.
        label: one of the labels, as "collection: label".
        precision: fraction of an absorbing latent's active tokens that have the label, at least.
        k: absorbing latents that are told at most.
        chunk: tokens that are encoded at a time.

    Returns:
        Latents that are active only inside the label and mostly where the best one is silent.

    Raises:
        ValueError: an unknown label, scores of another dictionary, or another width.
    """
    _check(dictionary, data, scores)
    at, inside = scores.of(label), data.labels[:, data.column(label)]
    parent, bound = int(scores.best[at]), scores.thresholds[at].item()
    missed, counts = _activity(dictionary, data.x, inside, parent, bound, chunk)
    n_missed, n_found = int(missed.sum()), int((inside & ~missed).sum())
    on_missed, on_found = counts[0] / max(n_missed, 1), counts[1] / max(n_found, 1)
    within = (counts[0] + counts[1]) / counts[2].clamp(min=1)
    takes = (within >= precision) & (on_missed > on_found)
    takes[parent] = False
    order = (on_missed * takes).argsort(descending=True, stable=True)[:k]
    chosen = order[takes[order]]
    explained, common = _taken(dictionary, data, missed, chosen, chunk)
    cosines = dictionary.directions @ _difference_of_means(data.x, inside)
    return Absorption(
        label=label,
        parent=parent,
        recall=n_found / max(n_missed + n_found, 1),
        n_missed=n_missed,
        latents=chosen.cpu(),
        on_missed=on_missed[chosen].cpu(),
        on_found=on_found[chosen].cpu(),
        precision=within[chosen].cpu(),
        cosines=cosines[chosen].cpu(),
        parent_cosine=cosines[parent].item(),
        explained=explained,
        tokens=common,
        favourites=tuple(scores.labels[i] for i in scores.favourite[chosen.cpu()].tolist()),
    )


def _check(dictionary: Dictionary, data: LabelledActivations, scores: LabelScores) -> None:
    check_width(data.x, dictionary.d_in)
    if scores.matrix.shape[0] != dictionary.n_features:
        raise ValueError(
            f"expected scores of {dictionary.n_features} features, got {scores.matrix.shape[0]}"
        )


def _difference_of_means(
    x: Float[Tensor, "token d_in"], inside: Bool[Tensor, " token"]
) -> Float[Tensor, " d_in"]:
    """Return the direction from the other tokens' mean to that of a label's tokens."""
    return normalize(x[inside].mean(0) - x[~inside].mean(0), dim=0)


def _activity(
    dictionary: Dictionary,
    x: Float[Tensor, "token d_in"],
    inside: Bool[Tensor, " token"],
    parent: int,
    bound: float,
    chunk: int,
) -> tuple[Bool[Tensor, " token"], Float[Tensor, "3 latent"]]:
    """Return the label's tokens on which the parent is silent, and each latent's active tokens.

    These are counted on tokens that the parent misses, on those that it finds, and anywhere.
    """
    counts = torch.zeros(3, dictionary.n_features, device=x.device)
    missed = []
    for some, here in zip(x.split(chunk), inside.split(chunk), strict=True):
        codes = dictionary.encode(some)
        silent = here & (codes[:, parent] <= bound)
        active = (codes > 0).float()
        groups = torch.stack([silent, here & ~silent, torch.ones_like(here)]).float()
        counts += groups @ active
        missed.append(silent)
    return torch.cat(missed), counts


def _taken(
    dictionary: Dictionary,
    data: LabelledActivations,
    missed: Bool[Tensor, " token"],
    chosen: Int[Tensor, " absorber"],
    chunk: int,
) -> tuple[float, tuple[tuple[int, ...], ...]]:
    """Return the fraction of missed tokens with an absorbing latent, and the commonest of each."""
    places = missed.nonzero()[:, 0]
    if not len(places) or not len(chosen):
        return 0.0, ()
    active = torch.cat(
        [dictionary.encode(some)[:, chosen] > 0 for some in data.x[places].split(chunk)]
    )
    common = []
    for column in active.T:
        ids, number = data.token_ids[places[column]].unique(return_counts=True)
        most = number.argsort(descending=True, stable=True)[:COMMON]
        common.append(tuple(ids[most].tolist()))
    return active.any(1).float().mean().item(), tuple(common)
