"""Which feature tells what kind of text this is: F1 over whole texts, not over tokens.

Some labels are about a token (a closing bracket), others about a text (the language that it is
in). For the second sort a feature is read as its mean over the text's tokens, as the sparse probes
of [Gurnee23] read neurons (table 2), and a text has a label when more than half of its tokens do.
In go a dictionary and `LabelledActivations`; out come `LabelScores` whose counts are texts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mi_course.methods.sae.dictionary import Dictionary
from mi_course.methods.sae.label_scores import LEVELS, label_f1
from mi_course.methods.sae.labelled import LabelledActivations
from mi_course.results import LabelScores

__all__ = ["mean_codes", "text_label_f1"]

LEAST = 5  # texts with a label in each half: F1 of fewer is mostly chance


@dataclass(frozen=True)
class _Given:
    """Codes that are there already, as a dictionary that leaves them as they are."""

    name: str
    n_features: int

    @property
    def d_in(self) -> int:
        return self.n_features

    @property
    def directions(self) -> Float[Tensor, "n_features d_in"]:
        return torch.eye(self.n_features)

    def encode(self, x: Float[Tensor, "*batch d_in"]) -> Float[Tensor, "*batch n_features"]:
        return x

    def decode(
        self, feature_acts: Float[Tensor, "*batch n_features"]
    ) -> Float[Tensor, "*batch d_in"]:
        return feature_acts


@torch.no_grad()
def text_label_f1(
    dictionary: Dictionary,
    data: LabelledActivations,
    *,
    levels: Sequence[float] = LEVELS,
    least: int = LEAST,
    chunk: int = 4096,
) -> LabelScores:
    """Return F1 of each feature's mean over a text for each label of texts.

    Args:
        dictionary: any dictionary.
        data: activations with labels of tokens.
        levels: thresholds as fractions of a feature's largest mean, rising.
        least: texts in each half that a label must have to be scored.
        chunk: tokens that are encoded at a time.

    Returns:
        Held-out scores, on the CPU; counts are texts.

    Raises:
        ValueError: widths differ, unfit levels, or no label of enough texts.
    """
    codes, document = mean_codes(dictionary, data, chunk=chunk)
    held = _mean_by_text([data.labels.float()], document) > 0.5
    numbers = data.document.unique()
    even = numbers % 2 == 0
    enough = (held[even].sum(0) >= least) & (held[~even].sum(0) >= least)
    if not enough.any():
        raise ValueError(
            f"expected a label of at least {least} texts in each half, got none in {len(codes)} "
            "texts, try more documents"
        )
    names = tuple(name for name, keep in zip(data.names, enough.tolist(), strict=True) if keep)
    texts = LabelledActivations(codes, held[:, enough], names, numbers, numbers)
    given = _Given(dictionary.name, dictionary.n_features)
    return label_f1(given, texts, levels=levels, chunk=chunk)


@torch.no_grad()
def mean_codes(
    dictionary: Dictionary, data: LabelledActivations, *, chunk: int = 4096
) -> tuple[Float[Tensor, "text latent"], Int[Tensor, " token"]]:
    """Return each feature's mean over each text, and the text that each token belongs to.

    Args:
        dictionary: any dictionary.
        data: activations of tokens; texts come in the order of their numbers.
        chunk: tokens that are encoded at a time.

    Returns:
        Means, and each token's row among them.

    Raises:
        ValueError: widths differ.
    """
    _, document = data.document.unique(return_inverse=True)
    return _mean_by_text(map(dictionary.encode, data.x.split(chunk)), document), document


def _mean_by_text(
    parts: Iterable[Float[Tensor, "_token value"]], document: Int[Tensor, " token"]
) -> Float[Tensor, "text value"]:
    """Return the mean over each text of what comes in parts of some tokens, in their order."""
    counts, sums, start = torch.bincount(document), 0, 0
    for part in parts:
        here = document[start : start + len(part)]
        sums = part.new_zeros(len(counts), part.shape[1]).index_add_(0, here, part) + sums
        start += len(part)
    return sums / counts[:, None]
