"""Which feature tells which label: F1 of all features for all labels at once.

A feature says yes where its activation is above a threshold: 0, or a fraction of its largest
activation. One half of the documents chooses the threshold and the best feature of each label,
the other half judges, so a feature among thousands cannot win by chance. For each threshold all
hits are one product of two matrices; where few features are active only these are counted.

    F1 = 2 hits / (tokens that the feature calls + tokens that have the label)

In go a dictionary and `LabelledActivations`; out come `LabelScores`.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import embedding_bag
from tqdm.auto import tqdm

from mi_course.methods.sae.dictionary import Dictionary
from mi_course.methods.sae.labelled import LabelledActivations
from mi_course.results import LabelScores

__all__ = ["LEVELS", "label_f1"]

LEVELS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8)
FEW = 0.15  # fraction of codes above 0 up to which counting them is faster than multiplying


class _Counts(NamedTuple):
    """What F1 is made of, for each feature, threshold and label."""

    hits: Float[Tensor, "latent level label"]
    said: Float[Tensor, "latent level"]
    true: Float[Tensor, " label"]
    n_tokens: int

    def blind(self) -> Float[Tensor, " label"]:
        return 2 * self.true / (self.true + self.n_tokens)

    def f1(self) -> Float[Tensor, "latent level label"]:
        return 2 * self.hits / (self.said[..., None] + self.true).clamp(min=1)


@torch.no_grad()
def label_f1(
    dictionary: Dictionary,
    data: LabelledActivations,
    *,
    levels: Sequence[float] = LEVELS,
    chunk: int = 4096,
) -> LabelScores:
    """Return F1 of each feature for each label, and the best feature of each label.

    Args:
        dictionary: any dictionary.
        data: activations with labels.
        levels: thresholds as fractions of a feature's largest activation, rising.
        chunk: tokens that are encoded at a time.

    Returns:
        Held-out scores, on the CPU.

    Raises:
        ValueError: widths differ, levels that do not rise from 0 or more to below 1, or documents
            that cannot be halved.
    """
    _check(dictionary, data, levels)
    largest = _largest(dictionary, data.x[data.fit], chunk)
    thresholds = largest[:, None] * torch.tensor(levels).to(largest)
    chosen, judged = (
        _counted(dictionary, data.x[half], data.labels[half], thresholds, chunk)
        for half in (data.fit, ~data.fit)
    )
    fitted, level = chosen.f1().max(dim=1)
    gain = (fitted - chosen.blind()) / (1 - chosen.blind()).clamp(min=1e-6)
    best = fitted.argmax(dim=0)
    column = torch.arange(len(best), device=best.device)
    at = level[best, column]
    hits, said = judged.hits[best, at, column], judged.said[best, at]
    matrix = judged.f1().gather(1, level[:, None])[:, 0]
    return LabelScores(
        matrix=matrix.cpu(),
        best=best.cpu(),
        thresholds=thresholds[best, at].cpu(),
        f1=matrix.gather(0, best[None])[0].cpu(),
        precision=(hits / said.clamp(min=1)).cpu(),
        recall=(hits / judged.true.clamp(min=1)).cpu(),
        favourite=gain.argmax(dim=1).cpu(),
        blind=judged.blind().cpu(),
        counts=judged.true.long().cpu(),
        labels=data.names,
        name=dictionary.name,
    )


def _check(dictionary: Dictionary, data: LabelledActivations, levels: Sequence[float]) -> None:
    if dictionary.d_in != data.x.shape[1]:
        raise ValueError(
            f"expected a dictionary of width {data.x.shape[1]}, got {dictionary.d_in}, try the "
            f"hook it was trained at"
        )
    rising = all(a < b for a, b in itertools.pairwise(levels))
    if not levels or not rising or levels[0] < 0 or levels[-1] >= 1:
        raise ValueError(f"expected levels that rise from 0 or more to below 1, got {levels}")
    if data.fit.all() or not data.fit.any():
        raise ValueError("expected documents with even and with odd numbers, got one half only")


def _largest(
    dictionary: Dictionary, x: Float[Tensor, "token d_in"], chunk: int
) -> Float[Tensor, " latent"]:
    found = torch.zeros(dictionary.n_features, device=x.device)
    for some in x.split(chunk):
        found = torch.maximum(found, dictionary.encode(some).amax(dim=0))
    return found


def _counted(
    dictionary: Dictionary,
    x: Float[Tensor, "token d_in"],
    labels: Bool[Tensor, "token label"],
    thresholds: Float[Tensor, "latent level"],
    chunk: int,
) -> _Counts:
    """Return hits of some tokens; labels may be many, so that only one chunk of them is a float."""
    truth = torch.zeros(*thresholds.shape, labels.shape[1] + 1, device=x.device)
    pairs = zip(x.split(chunk), labels.split(chunk), strict=True)
    number = -(-len(x) // chunk)
    for some, held in tqdm(pairs, total=number, desc="labels", leave=False, disable=None):
        codes = dictionary.encode(some)
        # A label that every token has counts what the feature says.
        given = torch.cat([held, torch.ones_like(held[:, :1])], dim=1).to(codes.dtype)
        few = (codes > 0).sum() < FEW * codes.numel()
        (_add_sparse if few else _add_dense)(truth, codes, given, thresholds)
    return _Counts(truth[..., :-1], truth[..., -1], labels.sum(0).to(truth.dtype), len(x))


def _add_dense(truth: Tensor, codes: Tensor, given: Tensor, thresholds: Tensor) -> None:
    """Add up, for every threshold, the labels of the tokens above it."""
    for level, bounds in enumerate(thresholds.T):
        truth[:, level] += (codes > bounds).to(given.dtype).T @ given


def _add_sparse(truth: Tensor, codes: Tensor, given: Tensor, thresholds: Tensor) -> None:
    """Do the same where few codes are above 0: each falls between two thresholds of its feature."""
    n_latents, n_levels = thresholds.shape
    token, latent = (codes > 0).nonzero(as_tuple=True)
    passed = (codes[token, latent][:, None] > thresholds[latent]).sum(1)
    token, latent, passed = (values[passed > 0] for values in (token, latent, passed))
    row, order = (latent * n_levels + passed - 1).sort()
    size = torch.bincount(row, minlength=n_latents * n_levels)
    sums = embedding_bag(token[order], given, size.cumsum(0) - size, mode="sum")
    between = sums.reshape(n_latents, n_levels, -1)
    truth += between.flip(1).cumsum(1).flip(1)
