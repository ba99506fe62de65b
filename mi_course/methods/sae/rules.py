"""Which latents speak on an activation, and what the rule adds to their gradients.

A rule selects entries of `pre` and keeps them as `Codes`. Going back, it is told the gradient of
the loss by each entry's code and returns the gradient by its pre-activation:

    topk, batchtopk   d pre = d code where code > 0
    relu (l1)         d pre = d code + l1 / batch
    jumprelu          d pre = d code where pre > theta, and from entries in a window of width eps
                      around theta, straight through: d theta = -(theta d code + l0 / batch) / eps

Thresholds are learned as logarithms, so that they stay positive. Sources: [Gao24] section 2.3,
[Bussmann24] section 3, [Rajamanoharan24] equations 9 to 12.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mi_course.methods.sae.config import SAEConfig
from mi_course.methods.sae.sparse import Codes

__all__ = ["BatchTopK", "JumpReLU", "Relu", "TopK", "rule_of"]

SAMPLED_ROWS = 64
MEMORY = 0.99  # of the mean of batch thresholds


class TopK:
    """The k largest pre-activations of each row, where positive."""

    def __init__(self, config: SAEConfig) -> None:
        self.k = config.k

    def select(self, pre: Float[Tensor, "batch d_sae"]) -> Codes:
        """Return the entries that are kept."""
        values, cols = pre.topk(self.k, dim=1, sorted=False)
        starts = torch.arange(0, cols.numel() + 1, self.k, device=pre.device)
        return Codes(starts, cols.flatten(), values.flatten().relu_(), pre.shape[1])

    def active(self, codes: Codes) -> Bool[Tensor, " entry"]:
        """Return which of the selected entries speak."""
        return codes.values > 0

    def backward(
        self, codes: Codes, slopes: Float[Tensor, " entry"], penalty: float
    ) -> tuple[Float[Tensor, " entry"], Float[Tensor, ""]]:
        """Return the loss's gradient by pre-activation, and what the rule adds to the loss.

        Args:
            codes: as selected.
            slopes: gradient of the loss by each code.
            penalty: share of the sparsity penalty that holds.
        """
        return slopes.mul_(codes.values > 0), slopes.new_zeros(())


class BatchTopK(TopK):
    """The k times batch largest pre-activations of a batch, where positive.

    Everything above nine tenths of the last batch's threshold is enough to choose from, so nothing
    else is ever sorted. The mean of batch thresholds serves single activations later.
    """

    def __init__(self, config: SAEConfig) -> None:
        super().__init__(config)
        self.threshold = 0.0
        self.weight = 0.0
        self._last: float | None = None

    def select(self, pre: Float[Tensor, "batch d_sae"]) -> Codes:
        """Return the entries that are kept, in the order of rows and columns."""
        wanted = self.k * len(pre)
        last = _first_bound(pre, self.k) if self._last is None else self._last
        for bound in (0.9 * last, 0.5 * last, 0.0):
            where, values = _above(pre, bound)
            if len(values) >= wanted:
                break
        if len(values) > wanted:
            least = values.kthvalue(len(values) - wanted + 1).values
            kept = values >= least
            where, values = where[kept], values[kept]
        self._learn(values)
        return _codes(where, values, pre)

    def _learn(self, values: Float[Tensor, " entry"]) -> None:
        self._last = values.min().item() if len(values) else 0.0
        self.weight = MEMORY * self.weight + (1 - MEMORY)
        self.threshold += (self._last - self.threshold) * (1 - MEMORY) / self.weight


class Relu(TopK):
    """Every positive pre-activation, each paying for its size."""

    def __init__(self, config: SAEConfig) -> None:
        self.l1 = config.l1

    def select(self, pre: Float[Tensor, "batch d_sae"]) -> Codes:
        """Return the positive entries."""
        where, values = _above(pre, 0.0)
        return _codes(where, values, pre)

    def backward(
        self, codes: Codes, slopes: Float[Tensor, " entry"], penalty: float
    ) -> tuple[Float[Tensor, " entry"], Float[Tensor, ""]]:
        """Return the gradient by pre-activation, and l1 times the mean sum of codes."""
        weight = penalty * self.l1 / codes.n_rows
        return slopes.add_(weight), weight * codes.values.sum()


class JumpReLU(TopK):
    """Every pre-activation above its latent's threshold, each paying for being there.

    Attributes:
        log_threshold: logarithms of the thresholds, shared with the optimiser.
        grad: gradient by `log_threshold`, after `backward`.
    """

    def __init__(self, config: SAEConfig, log_threshold: Float[Tensor, " d_sae"]) -> None:
        self.config = config
        self.log_threshold = log_threshold
        self.grad = torch.zeros_like(log_threshold)

    def select(self, pre: Float[Tensor, "batch d_sae"]) -> Codes:
        """Return the entries above the threshold, and with a code of 0 those just below it."""
        threshold = self.log_threshold.exp()
        where, self._pre = _above(pre, threshold - self.config.bandwidth / 2)
        self._theta = threshold[where % pre.shape[1]]
        return _codes(where, torch.where(self._pre > self._theta, self._pre, 0), pre)

    def backward(
        self, codes: Codes, slopes: Float[Tensor, " entry"], penalty: float
    ) -> tuple[Float[Tensor, " entry"], Float[Tensor, ""]]:
        """Return the gradient by pre-activation and the penalty; leaves that by thresholds."""
        on, width = codes.values > 0, self.config.bandwidth
        near = (self._pre - self._theta).abs() < width / 2
        added, price = l0_penalty(self.config, on.sum() / codes.n_rows, penalty)
        pulls = (self._theta * slopes + price / codes.n_rows) * near
        self.grad = codes.column_totals(pulls * self._theta) / -width
        return slopes.mul_(on), added


def l0_penalty(
    config: SAEConfig, l0: Float[Tensor, ""], share: float
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Return what L0 adds to the loss, and the derivative of that by L0."""
    weight = share * config.l0
    if config.target_l0 is None:
        return weight * l0, torch.full_like(l0, weight)
    off = l0 / config.target_l0 - 1
    return weight * off.square(), 2 * weight * off / config.target_l0


def rule_of(config: SAEConfig, log_threshold: Float[Tensor, " d_sae"] | None) -> TopK:
    """Return the rule of an architecture."""
    if config.architecture == "jumprelu":
        return JumpReLU(config, log_threshold)
    kinds = {"topk": TopK, "batchtopk": BatchTopK, "matryoshka": BatchTopK}
    return kinds.get(config.architecture, Relu)(config)


def _above(
    pre: Float[Tensor, "batch d_sae"], bound: float | Float[Tensor, " d_sae"]
) -> tuple[Tensor, Tensor]:
    """Return the places, in the flattened matrix, of what lies above a bound, and its values."""
    where = (pre > bound).view(-1).nonzero()[:, 0]
    return where, pre.view(-1)[where]


def _codes(where: Tensor, values: Tensor, pre: Float[Tensor, "batch d_sae"]) -> Codes:
    d_sae = pre.shape[1]
    edges = torch.arange(0, pre.numel() + 1, d_sae, device=pre.device)
    return Codes(torch.searchsorted(where, edges), where % d_sae, values, d_sae)


def _first_bound(pre: Float[Tensor, "batch d_sae"], k: int) -> float:
    """Return about the value that k entries a row exceed, from a few rows."""
    few = pre[:: max(1, len(pre) // SAMPLED_ROWS)]
    wanted = min(k * len(few), few.numel())
    return max(0.0, few.flatten().kthvalue(few.numel() - wanted + 1).values.item())
