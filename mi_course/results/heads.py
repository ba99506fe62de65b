"""Numbers about attention heads: one for each, one for each pair, or a whole pattern."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from mi_course.results.checks import finite, labelled, within


def head_name(layer: int, head: int) -> str:
    """Return how a head is written: (1, 4) is "L1H4"."""
    return f"L{layer}H{head}"


def known_heads(heads: Sequence[tuple[int, int]], config: Any) -> Sequence[tuple[int, int]]:
    """Return the heads, or raise ValueError where a model of that config lacks one of them."""
    n_layers, n_heads = config.n_layers, config.n_heads
    for layer, head in heads:
        if not (0 <= layer < n_layers and 0 <= head < n_heads):
            raise ValueError(
                f"expected layer 0-{n_layers - 1} and head 0-{n_heads - 1}, got L{layer}H{head}, "
                "try (layer, head_index) pairs"
            )
    return heads


@dataclass(frozen=True, eq=False)
class HeadScores:
    """One number for each attention head.

    Attributes:
        values: the scores.
        name: what was measured, such as "prefix-matching score".
        unit: "probability", "fraction", "nats" or "ratio".
        signed: whether values below zero mean the opposite of values above it.
    """

    values: Float[Tensor, "layer head_index"]
    name: str
    unit: str
    signed: bool = False

    def __post_init__(self) -> None:
        finite("scores", self.values)
        if self.unit in {"probability", "fraction"} and not self.signed:
            within("scores", self.values, 0, 1)

    def top(self, k: int = 1) -> list[tuple[int, int, float]]:
        """Return the k highest scores as (layer, head_index, score), best first."""
        n_heads = self.values.shape[1]
        best = self.values.flatten().topk(min(k, self.values.numel()))
        indices = best.indices.tolist()
        return [
            (*divmod(i, n_heads), s) for i, s in zip(indices, best.values.tolist(), strict=True)
        ]

    def summary(self) -> str:
        """Return one sentence: the best three heads and the mean."""
        best = ", ".join(f"{head_name(layer, head)} {s:z.2f}" for layer, head, s in self.top(3))
        mean = self.values.mean().item()
        return f"{self.name} ({self.unit}): highest {best}; mean of all heads {mean:z.2f}."


@dataclass(frozen=True, eq=False)
class HeadPairs:
    """One number for each pair of an earlier head and a head of a later layer.

    Attributes:
        values: indexed by the earlier head, then the later one; NaN where the second head is not
            in a later layer than the first.
        name: what was measured, such as "K-composition".
        unit: "ratio", "probability" or "nats".
        baseline: the value that chance would give, if known.
        signed: whether values below zero mean the opposite of values above it.
    """

    values: Float[Tensor, "layer head_index later_layer later_head_index"]
    name: str
    unit: str
    baseline: float | None = None
    signed: bool = False

    def __post_init__(self) -> None:
        n_layers, n_heads = self.values.shape[:2]
        if self.values.shape[2:] != (n_layers, n_heads):
            raise ValueError(
                f"expected values [layer head layer head], got shape {tuple(self.values.shape)}, "
                "try one row and one column for each head"
            )
        layers = torch.arange(n_layers, device=self.values.device)
        later = layers[:, None, None, None] < layers[None, None, :, None]
        if (self.values.isnan() == later).any() or self.values.isinf().any():
            raise ValueError(
                "expected a finite number where the second head is in a later layer and NaN "
                "elsewhere, got something else, try a mask of the layers"
            )

    def top(self, k: int = 1) -> list[tuple[int, int, int, int, float]]:
        """Return the k pairs of largest magnitude: (layer, head, later layer, head, value)."""
        order = self.values.abs().flatten().nan_to_num(-1).argsort(descending=True, stable=True)
        n_heads = self.values.shape[1]
        found = []
        for index in order[: min(k, int((~self.values.isnan()).sum()))].tolist():
            first, later = divmod(index, self.values.shape[2] * n_heads)
            place = (*divmod(first, n_heads), *divmod(later, n_heads))
            found.append((*place, self.values[place].item()))
        return found

    def summary(self) -> str:
        """Return one sentence: the strongest three pairs and what chance would give."""
        pairs = [
            f"{head_name(a, b)} to {head_name(c, d)} {value:z.2f}"
            for a, b, c, d, value in self.top(3)
        ]
        if not pairs:
            return f"{self.name}: a model of one layer has no pair of heads that could compose."
        chance = "" if self.baseline is None else f"; chance {self.baseline:.2f}"
        return f"{self.name} ({self.unit}): strongest {', '.join(pairs)}{chance}."


@dataclass(frozen=True, eq=False)
class Attention:
    """Where some heads look in one text.

    Attributes:
        patterns: attention probabilities; each row sums to 1 or less.
        tokens: the text.
        heads: a name for each head, such as "L1H4".
    """

    patterns: Float[Tensor, "head_index query_pos key_pos"]
    tokens: tuple[str, ...]
    heads: tuple[str, ...]

    def __post_init__(self) -> None:
        within("patterns", self.patterns, 0, 1)
        labelled("head", len(self.patterns), self.heads)
        labelled("query position", self.patterns.shape[1], self.tokens)
        labelled("key position", self.patterns.shape[2], self.tokens)

    def head(self, name: str) -> "Attention":
        """Return the same text seen by one head only.

        Raises:
            ValueError: there is no head of this name.
        """
        if name not in self.heads:
            raise ValueError(f"expected one of {list(self.heads)}, got {name!r}")
        at = self.heads.index(name)
        return Attention(self.patterns[at : at + 1], self.tokens, (name,))

    def summary(self) -> str:
        """Return one sentence for each head: where its last token looks most."""
        places = self.patterns[:, -1].argmax(dim=-1).tolist()
        told = [
            f"{name} looks most at {self.tokens[place]!r} (position {place}, "
            f"{self.patterns[i, -1, place]:.2f})"
            for i, (name, place) in enumerate(zip(self.heads, places, strict=True))
        ]
        return f"From the last token {self.tokens[-1]!r}: " + "; ".join(told) + "."
