"""How sure a mean over prompts is: prompts are drawn again, with repetition, many times.

    effect* = mean over drawn prompts of the patched metric, normalised by the same drawn prompts

The interval holds the middle 95 % of these. It tells about other prompts of the same kind, not
about other tasks. Source: Efron (1979). In go the metric of each prompt; out come means and ends.
"""

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["bootstrap_means", "bootstrap_ratios"]

DRAWS, LEVEL = 1000, 0.95
CELLS_AT_ONCE = 4096


def bootstrap_means(
    by_prompt: Float[Tensor, "*cells prompt"], *, draws: int = DRAWS, seed: int = 0
) -> tuple[Float[Tensor, "*cells"], Float[Tensor, "*cells"], Float[Tensor, "*cells"]]:
    """Return the mean over prompts and the ends of its 95 % interval.

    Args:
        by_prompt: one value for each cell and prompt.
        draws: how often prompts are drawn again.
        seed: of the draws; the same prompts are drawn for every cell.
    """
    ones = by_prompt.new_ones(by_prompt.shape[-1])
    return bootstrap_ratios(by_prompt, ones * 0, ones, draws=draws, seed=seed)


def bootstrap_ratios(
    by_prompt: Float[Tensor, "*cells prompt"],
    zero: Float[Tensor, " prompt"],
    one: Float[Tensor, " prompt"],
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> tuple[Float[Tensor, "*cells"], Float[Tensor, "*cells"], Float[Tensor, "*cells"]]:
    """Return (mean - mean zero) / (mean one - mean zero) and the ends of its 95 % interval.

    Args:
        by_prompt: one value for each cell and prompt.
        zero: of each prompt the value that counts as 0.
        one: the value that counts as 1.
        draws: how often prompts are drawn again.
        seed: of the draws.
    """
    weights = _weights(by_prompt.shape[-1], draws, seed).to(by_prompt.device, torch.float64)
    flat = by_prompt.reshape(-1, by_prompt.shape[-1]).double()
    low_end, span = weights @ zero.double(), weights @ (one - zero).double()
    usable = span.abs() > 1e-9  # a draw whose two runs agree says nothing
    value = (flat.mean(1) - zero.double().mean()) / (one - zero).double().mean()
    levels = torch.tensor([(1 - LEVEL) / 2, (1 + LEVEL) / 2], dtype=torch.float64)
    ends = []
    for some in flat.split(CELLS_AT_ONCE):
        drawn = (some @ weights[usable].T - low_end[usable]) / span[usable]
        ends.append(drawn.quantile(levels.to(drawn.device), dim=1))
    low, high = torch.cat(ends, dim=1)
    return tuple(t.reshape(by_prompt.shape[:-1]).float() for t in (value, low, high))


def _weights(n: int, draws: int, seed: int) -> Float[Tensor, "draw prompt"]:
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(n, (draws, n), generator=generator)
    return torch.zeros(draws, n).scatter_add_(1, drawn, torch.full((draws, n), 1 / n))
