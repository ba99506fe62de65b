"""A lower bound for all probes on k neurons at once, by the perspective relaxation.

Let a switch z_j between 0 and 1 say whether neuron j is used. With the ridge written as
penalty / 2 sum_j w_j^2 / z_j and sum_j z_j = k the problem stays convex when switches may stand
half-way. Fixed switches leave a ridge-logistic regression, solved by Newton's method; fixed
weights leave switches in closed form, proportional to |w_j| and at most 1. Alternating lowers the
relaxed loss, and the probabilities p of each step bound it from below:

    sum_i s_i H(p_i) - 1 / (2 penalty) (sum_{j fixed in} c_j^2 + the sum of the k - |fixed in|
        largest c_j^2 among the free j),      c_j = sum_i s_i y_i p_i x_ij,  sum_i s_i y_i p_i = 0,

as the dual of `subsets` lets the best choice of switches pick the largest c_j^2. The bound holds
for whatever p, so nothing has to converge. It also tells what forcing one more neuron in would
cost.

Sources: Frangioni and Gentile (2006), perspective cuts; Bertsimas, Pauphilet and Van Parys (2021),
"Sparse classification: a scalable discrete optimization perspective". In go examples and a node of
the search; out come bounds.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mi_course.methods.probing.subsets import Evaluated, Examples, evaluated

__all__ = ["Relaxed", "relax", "switches"]

STEPS = 25
LEAST_SWITCH = 1e-4  # a switch at 0 would never open again
WIDTH = 48  # free neurons whose weights move in one step; the bound looks at all


class Relaxed(NamedTuple):
    """Bounds for one node of the search."""

    bound: float  # no probe of this node has a smaller loss
    value: float  # of the relaxed problem, at or above its least
    squares: Float[Tensor, " free"]  # c_j^2 of the free neurons where the bound is best
    weight: Float[Tensor, " parameter"]  # relaxed weights and bias, to start from


def switches(size: Float[Tensor, " free"], total: float) -> Float[Tensor, " free"]:
    """Return the z between 0 and 1 of a given sum that minimise sum_j size_j^2 / z_j.

    They are min(1, t size_j) for the t at which the sum is right.
    """
    if total >= len(size):
        return torch.ones_like(size)
    ordered = size.clamp(min=1e-300).sort(descending=True).values
    # If the first m are at 1, the rest share total - m in proportion.
    rest = ordered.flip(0).cumsum(0).flip(0)
    full = torch.arange(len(size), device=size.device, dtype=size.dtype)
    factor = (total - full) / rest
    fits = (factor * ordered <= 1) & (factor >= 0)
    at = int(fits.int().argmax()) if fits.any() else 0
    return (factor[at] * size.clamp(min=1e-300)).clamp(max=1)


def relax(
    data: Examples,
    inside: Int[Tensor, " inside"],
    free: Int[Tensor, " free"],
    remaining: int,
    *,
    penalty: float,
    limit: float,
    start: Float[Tensor, " parameter"],
) -> Relaxed:
    """Return bounds on the loss of probes on `inside` and at most `remaining` of `free`.

    Args:
        data: examples of one feature.
        inside: neurons fixed in.
        free: neurons that may be chosen.
        remaining: how many of them.
        penalty: ridge strength.
        limit: stop as soon as the bound passes it.
        start: weights of all neurons, and the bias last, to start from.

    Returns:
        The best bound found, and the relaxed solution.
    """
    w, value = start, float("inf")
    best, best_squares = -float("inf"), w.new_zeros(len(free))
    for _ in range(STEPS):
        at = evaluated(data, data.rows, w)
        squares = at.c[free].square()
        top = squares.topk(min(remaining, len(free))).values.sum()
        bound = float(at.entropy - (at.c[inside].square().sum() + top) / (2 * penalty))
        if bound > best:
            best, best_squares = bound, squares
        if best > limit or value - best <= max(0.05 * (limit - best), 1e-9 * abs(limit)):
            break
        moving = _moving(w, squares, free)
        wish = w[moving].abs() + 1e-3 * at.c[moving].abs() / penalty
        opened = torch.cat([torch.ones_like(w[inside]), switches(wish, float(remaining))])
        ridge = penalty / opened.clamp(min=LEAST_SWITCH)
        w, value = _descended(data, w, torch.cat([inside, moving]), ridge, at)
    return Relaxed(best, value, best_squares, w)


def _moving(w: Tensor, squares: Tensor, free: Tensor) -> Int[Tensor, " moving"]:
    """Return the free neurons whose weights are large or want to be."""
    if len(free) <= 2 * WIDTH:
        return free
    wanted = squares.topk(WIDTH).indices
    large = w[free].abs().topk(WIDTH).indices
    return free[torch.cat([wanted, large]).unique()]


def _descended(
    data: Examples,
    w: Float[Tensor, " parameter"],
    columns: Int[Tensor, " column"],
    ridge: Float[Tensor, " column"],
    at: Evaluated,
) -> tuple[Float[Tensor, " parameter"], float]:
    """Return weights and loss after one Newton step with a ridge for each column."""
    design = data.design(columns)
    ridge = torch.cat([ridge, torch.zeros_like(ridge[:1])])
    picked = torch.cat([columns, columns.new_tensor([len(w) - 1])])
    now = w[picked]
    hessian = (design * data.weighed(at.p - at.p * at.p)) @ design.T
    hessian.diagonal().add_(ridge + 1e-9)
    step = -torch.linalg.solve(hessian, at.slope[picked] + ridge * now)
    before = _value(data, design, now, ridge)
    for _ in range(12):
        value = _value(data, design, now + step, ridge)
        if value <= before:
            break
        step = step / 2
    moved = torch.zeros_like(w)
    moved[picked] = now + step
    return moved, value


def _value(data: Examples, design: Tensor, w: Tensor, ridge: Tensor) -> float:
    return float(evaluated(data, design, w).loss + 0.5 * (ridge * w * w).sum())
