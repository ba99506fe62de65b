"""Would other prompts have given another circuit? Resampled scores, and how alike kept sets are.

Prompts are drawn anew from those at hand, with replacement; the scores of each draw are means over
its prompts, so one attribution serves for thousands of draws. Two kept sets are compared by their
Jaccard index, |both| / |either|. In go scores by prompt, or circuits; out come `EdgeStability` and
fractions. Source of the bootstrap: Efron and Tibshirani 1993, chapter 13.
"""

from collections.abc import Collection, Sequence
from itertools import combinations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mi_course.methods.circuits.scoring import jaccard
from mi_course.results.circuit_graph import Edge
from mi_course.results.circuit_scores import EdgeStability

__all__ = ["bootstrap", "mean_jaccard"]

INTERVAL = 0.95


def bootstrap(
    by_prompt: Float[Tensor, "prompt edge"],
    edges: Sequence[Edge],
    n_kept: int,
    *,
    n_draws: int = 500,
    seed: int = 0,
    name: str = "EAP",
) -> EdgeStability:
    """Return intervals of edge scores, and how often each edge is among the largest.

    Args:
        by_prompt: each prompt's scores.
        edges: their names.
        n_kept: how many edges of largest mean score, its sign apart, make a circuit.
        n_draws: resamples of the prompts.
        seed: the same seed draws the same prompts.
        name: of the method.

    Raises:
        ValueError: fewer than two prompts or draws, or more edges to keep than there are.
    """
    n_prompts, n_edges = by_prompt.shape
    if n_prompts < 2 or n_draws < 2 or not 0 < n_kept <= n_edges:
        raise ValueError(
            f"expected at least 2 prompts and draws and 1 to {n_edges} edges to keep, "
            f"got {n_prompts}, {n_draws} and {n_kept}"
        )
    generator = torch.Generator().manual_seed(seed)
    draws = torch.randint(n_prompts, (n_draws, n_prompts), generator=generator)
    counts = torch.zeros(n_draws, n_prompts).scatter_add_(1, draws, torch.ones(draws.shape))
    means = counts.to(by_prompt) @ by_prompt / n_prompts
    kept = torch.zeros(means.shape, dtype=torch.bool, device=means.device)
    kept.scatter_(1, means.abs().topk(n_kept, dim=1).indices, value=True)
    ends = torch.tensor([(1 - INTERVAL) / 2, (1 + INTERVAL) / 2]).to(means)
    low, high = means.quantile(ends, dim=0)
    told = f"{name}, {n_kept} edges"
    mean, share = by_prompt.mean(dim=0), kept.float().mean(dim=0)
    return EdgeStability(mean, low, high, share, _neighbours(kept), tuple(edges), told)


def mean_jaccard(circuits: Sequence[Collection[Edge]]) -> float:
    """Return the mean Jaccard index over all pairs of circuits, such as ACDC's on other prompts.

    Raises:
        ValueError: fewer than two circuits.
    """
    if len(circuits) < 2:
        raise ValueError(f"expected at least two circuits, got {len(circuits)}")
    each = [jaccard(one, other) for one, other in combinations(circuits, 2)]
    return sum(each) / len(each)


def _neighbours(kept: Bool[Tensor, "draw edge"]) -> Float[Tensor, " pair"]:
    """Return the Jaccard index of each draw with the next one."""
    one, other = kept[:-1], kept[1:]
    return (one & other).sum(dim=1) / (one | other).sum(dim=1)
