"""A feature with holes in it: more special features have taken its place.

A latent should be active on all tokens of a label, but is silent on those of a special kind: the
special latent writes the label's direction too, and sparsity makes one latent cheaper than two. So
among a label's tokens on which its best latent is silent we look for latents that are active only
inside the label, and there more often than where the best latent speaks.

Source: Chanin et al. (2024), "A is for Absorption". In go a dictionary, `LabelledActivations` and
`LabelScores`; out come `Absorption`s.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from mi_course.methods.sae.dictionary import Dictionary, check_width
from mi_course.methods.sae.labelled import LabelledActivations
from mi_course.results import Absorption, LabelScores

__all__ = ["feature_absorption", "most_absorbed"]

COMMON = 5  # tokens of the vocabulary that are named for an absorbing latent


class _Counts(NamedTuple):
    """On how many tokens each latent is active: missed by a label's best one, found by it, all."""

    missed: Float[Tensor, "label latent"]
    found: Float[Tensor, "label latent"]
    anywhere: Float[Tensor, " latent"]
    is_missed: Bool[Tensor, "token label"]
    is_found: Bool[Tensor, "token label"]

    def recall(self, i: int) -> tuple[float, int]:
        n_missed, n_found = int(self.is_missed[:, i].sum()), int(self.is_found[:, i].sum())
        return n_found / max(n_missed + n_found, 1), n_missed


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
    rules = {"precision": precision, "k": k, "chunk": chunk}
    return most_absorbed(dictionary, data, scores, [label], **rules)[0]


@torch.no_grad()
def most_absorbed(
    dictionary: Dictionary,
    data: LabelledActivations,
    scores: LabelScores,
    labels: Sequence[str] | None = None,
    *,
    precision: float = 0.8,
    k: int = 10,
    chunk: int = 4096,
) -> tuple[Absorption, ...]:
    """Return the absorption of several labels, first that of which most tokens are absorbed.

    Args:
        dictionary: any dictionary.
        data: activations with labels.
        scores: of this dictionary, from `label_f1`.
        labels: as "collection: label", such as `scores.above(0.5)`: what no latent tells is split
            rather than absorbed; all labels when None.
        precision: fraction of an absorbing latent's active tokens that have the label, at least.
        k: absorbing latents that are told at most.
        chunk: tokens that are encoded at a time.

    Returns:
        One result for each label.

    Raises:
        ValueError: no label, an unknown one, scores of another dictionary, or another width.
    """
    check_width(data.x, dictionary.d_in)
    if scores.matrix.shape[0] != dictionary.n_features:
        raise ValueError(
            f"expected scores of {dictionary.n_features} features, got {scores.matrix.shape[0]}"
        )
    names = list(scores.labels if labels is None else labels)
    if not names:
        raise ValueError("expected at least one label, got none, try scores.above with a lower F1")
    at = torch.tensor([scores.of(name) for name in names])
    inside = data.labels[:, [data.column(name) for name in names]]
    counts = _counted(dictionary, data.x, inside, scores.best[at], scores.thresholds[at], chunk)
    found = []
    for i, name in enumerate(names):
        parent = int(scores.best[at[i]])
        chosen, fractions = _absorbing(counts, i, parent, precision, k)
        taken = _taken(dictionary, data, counts.is_missed[:, i], chosen, chunk)
        cosines = dictionary.directions @ _difference_of_means(data.x, inside[:, i])
        favourites = tuple(scores.labels[j] for j in scores.favourite[chosen.cpu()].tolist())
        found.append(
            Absorption(
                name,
                parent,
                *counts.recall(i),
                chosen.cpu(),
                *fractions.cpu(),
                cosines[chosen].cpu(),
                cosines[parent].item(),
                *taken,
                favourites,
            )
        )
    return tuple(sorted(found, key=lambda each: -each.absorbed))


def _counted(
    dictionary: Dictionary,
    x: Float[Tensor, "token d_in"],
    inside: Bool[Tensor, "token label"],
    parents: Int[Tensor, " label"],
    bounds: Float[Tensor, " label"],
    chunk: int,
) -> _Counts:
    """Return how often every latent is active, for all labels at once."""
    parents, bounds = parents.to(x.device), bounds.to(x)
    missed, found = torch.zeros(2, inside.shape[1], dictionary.n_features, device=x.device)
    anywhere, silent = torch.zeros(dictionary.n_features, device=x.device), []
    for some, here in zip(x.split(chunk), inside.split(chunk), strict=True):
        codes = dictionary.encode(some)
        active, speaks = (codes > 0).float(), codes[:, parents] > bounds
        missed += (here & ~speaks).float().T @ active
        found += (here & speaks).float().T @ active
        anywhere += active.sum(0)
        silent.append(here & ~speaks)
    is_missed = torch.cat(silent)
    return _Counts(missed, found, anywhere, is_missed, inside & ~is_missed)


def _absorbing(
    counts: _Counts, i: int, parent: int, precision: float, k: int
) -> tuple[Int[Tensor, " absorber"], Float[Tensor, "3 absorber"]]:
    """Return latents that take tokens of label i, with three fractions.

    These are of the missed tokens, of the found ones, and of their own tokens: inside the label.
    """
    on_missed = counts.missed[i] / counts.is_missed[:, i].sum().clamp(min=1)
    on_found = counts.found[i] / counts.is_found[:, i].sum().clamp(min=1)
    within = (counts.missed[i] + counts.found[i]) / counts.anywhere.clamp(min=1)
    takes = (within >= precision) & (on_missed > on_found)
    takes[parent] = False
    order = (on_missed * takes).argsort(descending=True, stable=True)[:k]
    chosen = order[takes[order]]
    return chosen, torch.stack([on_missed, on_found, within])[:, chosen]


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


def _difference_of_means(
    x: Float[Tensor, "token d_in"], inside: Bool[Tensor, " token"]
) -> Float[Tensor, " d_in"]:
    """Return the direction from the other tokens' mean to that of a label's tokens."""
    return normalize(x[inside].mean(0) - x[~inside].mean(0), dim=0)
