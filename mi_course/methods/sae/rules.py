"""Which latents speak on an activation, and what the rule adds to their gradients.

A rule selects entries of `pre` and keeps them as `Codes`. Going back, it is told the gradient of
the loss by each entry's code and returns the gradient by its pre-activation:

    topk, batchtopk   d pre = d code where code > 0
    relu (l1)         d pre = d code + l1 / batch
    jumprelu          d pre = d code where pre > theta, and from entries in a window of width eps
                      around theta, straight through: d theta = -(theta d code + l0 / batch) / eps

`pre` comes as a function that yields it in chunks of rows, so it is never held whole. Thresholds
are learned as logarithms, so that they stay positive. Sources: [Gao24] section 2.3, [Bussmann24]
section 3, [Rajamanoharan24] equations 9 to 12.
"""

from collections.abc import Callable, Iterator
from typing import Protocol, runtime_checkable

import torch
from einops import rearrange, repeat
from jaxtyping import Float
from torch import Tensor

from mi_course.methods.sae.config import SAEConfig
from mi_course.methods.sae.sparse import Codes

__all__ = ["BatchTopK", "JumpReLU", "Relu", "Rule", "TopK", "l0_penalty", "rule_of"]

GROUP = 8  # columns whose largest entry speaks for all of them
SAMPLED_ROWS = 64
MEMORY = 0.99  # of the mean of batch thresholds
Chunks = Callable[[], Iterator[Float[Tensor, "row d_sae"]]]


@runtime_checkable
class Rule(Protocol):
    """What every rule can do."""

    def select(self, chunks: Chunks) -> Codes:
        """Return the entries that are kept."""
        ...

    def backward(
        self, codes: Codes, slopes: Float[Tensor, " entry"], penalty: float | int
    ) -> tuple[Float[Tensor, " entry"], Float[Tensor, ""]]:
        """Return the loss's gradient by pre-activation, and what the rule adds to the loss.

        Args:
            codes: as selected.
            slopes: gradient of the loss by each code; changed in place.
            penalty: share of the sparsity penalty that holds.
        """
        ...


class TopK:
    """The k largest pre-activations of each row, where positive."""

    def __init__(self, config: SAEConfig) -> None:
        self.k = config.k

    def select(self, chunks: Chunks) -> Codes:
        """Return the entries that are kept."""
        found = []
        for pre in chunks():
            found.append(_largest(pre, self.k))
        values, cols = (torch.cat(each).flatten() for each in zip(*found, strict=True))
        starts = torch.arange(0, len(cols) + 1, self.k, device=cols.device)
        return Codes(starts, cols, values.relu_(), pre.shape[1])

    def backward(
        self, codes: Codes, slopes: Float[Tensor, " entry"], penalty: float | int
    ) -> tuple[Float[Tensor, " entry"], Float[Tensor, ""]]:
        """Return the gradient by pre-activation, and no penalty."""
        return slopes.mul_(codes.values > 0), slopes.new_zeros(())


class BatchTopK(TopK):
    """The k times batch largest pre-activations of a batch, where positive.

    Everything above nine tenths of the last batch's threshold is enough to choose from, so nothing
    else is ever sorted. The mean of batch thresholds serves single activations later.
    """

    def __init__(self, config: SAEConfig) -> None:
        super().__init__(config)
        self.last = -1.0
        self.threshold = 0.0
        self.weight = 0.0

    def select(self, chunks: Chunks) -> Codes:
        """Return the entries that are kept, in the order of rows and columns."""
        last = _first_bound(next(chunks()), self.k) if self.last < 0 else self.last
        for bound in (0.9 * last, 0.5 * last, 0.0):
            where, values, (batch, d_sae) = _above(chunks, bound)
            if len(values) >= self.k * batch:
                break
        if (surplus := len(values) - self.k * batch) > 0:
            kept = values >= values.kthvalue(surplus + 1).values
            where, values = where[kept], values[kept]
        self._learn(values)
        return _codes(where, values, batch, d_sae)

    def _learn(self, values: Float[Tensor, " entry"]) -> None:
        self.last = values.min().item() if len(values) else 0.0
        self.weight = MEMORY * self.weight + (1 - MEMORY)
        self.threshold += (self.last - self.threshold) * (1 - MEMORY) / self.weight


class Relu:
    """Every positive pre-activation, each paying for its size."""

    def __init__(self, config: SAEConfig) -> None:
        self.l1 = config.l1

    def select(self, chunks: Chunks) -> Codes:
        """Return the positive entries."""
        where, values, shape = _above(chunks, 0.0)
        return _codes(where, values, *shape)

    def backward(
        self, codes: Codes, slopes: Float[Tensor, " entry"], penalty: float | int
    ) -> tuple[Float[Tensor, " entry"], Float[Tensor, ""]]:
        """Return the gradient by pre-activation, and l1 times the mean sum of codes."""
        weight = penalty * self.l1 / codes.n_rows
        return slopes.add_(weight), weight * codes.values.sum()


class JumpReLU:
    """Every pre-activation above its latent's threshold, each paying for being there.

    Attributes:
        config: with the penalty and the width of the window.
        log_threshold: logarithms of the thresholds, shared with the optimiser.
        grad: gradient by `log_threshold`, after a step.
    """

    def __init__(self, config: SAEConfig, log_threshold: Float[Tensor, " d_sae"]) -> None:
        self.config = config
        self.log_threshold = log_threshold
        self.grad = torch.zeros_like(log_threshold)

    def select(self, chunks: Chunks) -> Codes:
        """Return the entries above the threshold, and with a code of 0 those just below it."""
        threshold = self.log_threshold.exp()
        where, self._pre, shape = _above(chunks, threshold - self.config.bandwidth / 2)
        self._theta = threshold[where % shape[1]]
        values = torch.where(self._pre > self._theta, self._pre, 0)
        return _codes(where, values, *shape)

    def backward(
        self, codes: Codes, slopes: Float[Tensor, " entry"], penalty: float | int
    ) -> tuple[Float[Tensor, " entry"], Float[Tensor, ""]]:
        """Return the gradient by pre-activation and the penalty; `learn` has the thresholds'."""
        on = codes.values > 0
        near = (self._pre - self._theta).abs() < self.config.bandwidth / 2
        pulled, crowd = codes.column_totals(slopes * near), codes.column_totals(near.to(slopes))
        added = self.learn(pulled, crowd, on.sum(), codes.n_rows, penalty)
        return slopes.mul_(on), added

    def learn(
        self,
        pulled: Float[Tensor, " d_sae"],
        crowd: Float[Tensor, " d_sae"],
        n_active: Tensor,
        batch: int,
        penalty: float | int,
    ) -> Float[Tensor, ""]:
        """Keep the gradient by log thresholds, and return what the penalty adds to the loss.

        Args:
            pulled: sum of the gradients by codes whose pre-activation is in the window.
            crowd: number of pre-activations in the window.
            n_active: number of codes above their thresholds.
            batch: activations.
            penalty: share of the penalty that holds.
        """
        theta = self.log_threshold.exp()
        added, price = l0_penalty(self.config, n_active.to(theta) / batch, penalty)
        self.grad = (theta * pulled + crowd * (price / batch)) * theta / -self.config.bandwidth
        return added


def l0_penalty(
    config: SAEConfig, l0: Float[Tensor, ""], share: float | int
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Return what L0 adds to the loss, and the derivative of that by L0."""
    weight = share * config.l0
    if config.target_l0 is None:
        return weight * l0, torch.full_like(l0, weight)
    off = l0 / config.target_l0 - 1
    return weight * off.square(), 2 * weight * off / config.target_l0


def rule_of(config: SAEConfig, log_threshold: Float[Tensor, " d_sae"] | None) -> Rule:
    """Return the rule of an architecture."""
    if config.architecture == "jumprelu":
        return JumpReLU(config, log_threshold)
    kinds = {"topk": TopK, "batchtopk": BatchTopK, "matryoshka": BatchTopK}
    return kinds.get(config.architecture, Relu)(config)


def _largest(pre: Float[Tensor, "row d_sae"], k: int) -> tuple[Tensor, Tensor]:
    """Return the k largest entries of each row, and their columns, in any order.

    They lie in the k groups with the largest maxima, so most of a row is only looked at once.
    """
    n_groups, left = divmod(pre.shape[1], GROUP)
    if left or n_groups < 2 * k:
        found = pre.topk(k, dim=1, sorted=False)
        return found.values, found.indices
    grouped = rearrange(pre, "row (member group) -> row member group", member=GROUP)
    groups = grouped.amax(1).topk(k, dim=1, sorted=False).indices
    members = grouped.gather(2, repeat(groups, "row group -> row member group", member=GROUP))
    found = rearrange(members, "row member group -> row (member group)").topk(k, 1, sorted=False)
    cols = groups.gather(1, found.indices % k)
    return found.values, cols.add_(found.indices.div_(k, rounding_mode="floor").mul_(n_groups))


def _above(
    chunks: Chunks, bound: float | Float[Tensor, " d_sae"]
) -> tuple[Tensor, Tensor, tuple[int, int]]:
    """Return the places, in the flattened matrix, of what lies above a bound; values; its shape."""
    places, values, rows = [], [], 0
    for pre in chunks():
        where = (pre > bound).view(-1).nonzero()[:, 0]
        values.append(pre.view(-1)[where])
        places.append(where.add_(rows * pre.shape[1]))
        rows += len(pre)
    return torch.cat(places), torch.cat(values), (rows, pre.shape[1])


def _codes(where: Tensor, values: Tensor, batch: int, d_sae: int) -> Codes:
    edges = torch.arange(0, batch * d_sae + 1, d_sae, device=where.device)
    return Codes(torch.searchsorted(where, edges), where % d_sae, values, d_sae)


def _first_bound(pre: Float[Tensor, "row d_sae"], k: int) -> float:
    """Return about the value that k entries a row exceed, from a few rows."""
    few = pre[:: max(1, len(pre) // SAMPLED_ROWS)]
    return max(0.0, few.flatten().kthvalue(few.numel() - k * len(few) + 1).values.item())
