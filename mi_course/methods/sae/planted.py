"""Activations whose features are known: planted directions, few of them active at a time.

    x = sum_i c_i f_i + noise,      c_i > 0 with probability p_i, uniform from 0 to 1 where it is

Where the next active feature stands is drawn at once: gaps between successes are geometric, so work
follows the number of active features and not the width, and the codes come out sparse. In goes a
seed; out come batches with their true codes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from mi_course.methods.sae.sparse import Codes

__all__ = ["PlantedStream", "planted_dictionary", "planted_stream"]


def planted_dictionary(n_features: int, d_in: int, seed: int = 0) -> Float[Tensor, "feature d_in"]:
    """Return random directions of length 1.

    Args:
        n_features: how many.
        d_in: width of an activation.
        seed: of the directions.
    """
    generator = torch.Generator().manual_seed(seed)
    return normalize(torch.randn(n_features, d_in, generator=generator), dim=1)


@dataclass(frozen=True, eq=False)
class PlantedStream:
    """Batches of planted activations, the same each time it is read.

    Attributes:
        directions: of the features.
        probability: that each feature is active.
        batch_size: activations in a batch.
        n_batches: how many batches; without end when None.
        noise: standard deviation of noise in each entry.
        seed: of codes and noise.
        skipped: batches left out at the start.
    """

    directions: Float[Tensor, "feature d_in"]
    probability: Float[Tensor, " feature"]
    batch_size: int
    n_batches: int | None = None
    noise: float | int = 0.0
    seed: int = 0
    skipped: int = 0

    def skip(self, n: int) -> "PlantedStream":
        """Return the stream without its first n batches."""
        return replace(self, skipped=self.skipped + n)

    def __iter__(self) -> Iterator[Float[Tensor, "batch d_in"]]:
        """Yield activations."""
        numbers = count() if self.n_batches is None else range(self.n_batches)
        for number in numbers:
            if number >= self.skipped:
                yield self.batch(number)[0]

    def batch(self, number: int) -> tuple[Float[Tensor, "batch d_in"], Codes]:
        """Return one batch and its true codes."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + number)
        codes = _codes(self.probability, self.batch_size, generator)
        x = codes.decode(self.directions)
        if self.noise:
            x += self.noise * torch.randn(x.shape, generator=generator)
        return x, codes


def planted_stream(
    directions: Float[Tensor, "feature d_in"],
    active: float | int | Float[Tensor, "..."],
    *,
    batch_size: int,
    n_batches: int | None = None,
    noise: float | int = 0.0,
    seed: int = 0,
) -> PlantedStream:
    """Return batches of activations that planted features make.

    Args:
        directions: of the features.
        active: mean number of features active at a time; or each one's probability.
        batch_size: activations in a batch.
        n_batches: how many batches; without end when None.
        noise: standard deviation of noise in each entry.
        seed: of codes and noise.

    Returns:
        A stream that can be read again; its `batch(number)` tells the true codes too.

    Raises:
        ValueError: probabilities that are not from 0 to 1 or all 0, or no batch.
    """
    n = len(directions)
    probability = active if isinstance(active, Tensor) else torch.full((n,), active / n)
    fits = probability.shape == (n,) and probability.min() >= 0
    if not fits or not 0 < probability.max() <= 1:
        raise ValueError(
            f"expected 0 to {n} active features, or a probability for each of {n}, got {active}"
        )
    if batch_size < 1 or (n_batches is not None and n_batches < 1):
        raise ValueError(f"expected at least 1 batch of 1, got {n_batches} of {batch_size}")
    return PlantedStream(directions, probability, batch_size, n_batches, noise, seed)


def _codes(probability: Float[Tensor, " feature"], batch: int, generator: torch.Generator) -> Codes:
    """Return independent codes: places by geometric gaps, thinned where a feature is rarer."""
    n, most = len(probability), probability.max().item()
    size = batch * n
    where = torch.empty(0, dtype=torch.long)
    while not len(where) or where[-1] < size:
        gaps = torch.ones(int(1.1 * size * most) + 100, dtype=torch.long)
        if most < 1:
            gaps.geometric_(most, generator=generator)
        start = where[-1] if len(where) else -1
        where = torch.cat([where, gaps.cumsum(0) + start])
    where = where[where < size]
    if (probability < most).any():
        kept = torch.rand(len(where), generator=generator) * most < probability[where % n]
        where = where[kept]
    values = torch.rand(len(where), generator=generator)
    starts = torch.searchsorted(where, torch.arange(0, size + 1, n))
    return Codes(starts, where % n, values, n)
