"""The last one or two neurons of a probe, by bounds that one Gram matrix gives for all pairs.

T are neurons already chosen, fitted with p_i of the wrong answer. Adding neurons J to them
lowers the loss by no more than

    1/2 c_J (M_JJ + penalty)^{-1} c_J,      c_j = sum_i s_i y_i p_i x_ij,

with M the Gram matrix of the activations under the weights s_i p_i (1 - p_i) / kappa_i, after T
and the bias are projected out. Why: move the dual point to p_i + p_i (1 - p_i) u_i. The entropy
falls short of its tangent by a Kullback-Leibler divergence, and that is at most
kappa_i / 2 p_i (1 - p_i) u_i^2 for |u_i| <= 1, where with q = min(p_i, 1 - p_i)

    kappa_i = KL(q^2 || q) / (q (1 - q) / 2),      from 1.05 at p_i = 1/2 to 2 at 0 and 1.

What remains is a quadratic problem, solved in closed form; the bound holds where its u is within
1, which is looked up. The few choices that pass are fitted.

Source: ours; the dual is that of `subsets`. In go examples and a node of the search; out comes the
best completion.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mi_course.methods.probing.subsets import Examples, evaluated, fit_subsets

__all__ = ["Completed", "complete", "promising"]

LOOKED_UP = 512  # moves that are looked up example by example at once


class Completed(NamedTuple):
    """The best way to go on from some neurons."""

    loss: float  # infinity when none is below the limit
    neurons: Int[Tensor, " k"]
    fitted: int  # choices that no bound ruled out


class _Model(NamedTuple):
    """The quadratic bound around the probe on T."""

    base: float  # the loss of that probe, or a little less
    w: Float[Tensor, " known"]  # its weights, the bias last
    c: Float[Tensor, " free"]
    x: Float[Tensor, "free example"]  # without what T and the bias tell of it
    told: Float[Tensor, "free known"]  # their weights in what they tell
    curvature: Float[Tensor, " example"]  # s_i p_i (1 - p_i) / kappa_i
    kappa: Float[Tensor, " example"]


def complete(
    data: Examples,
    inside: Int[Tensor, " inside"],
    free: Int[Tensor, " free"],
    remaining: int,
    *,
    penalty: float,
    limit: float,
    squares: tuple[Float[Tensor, " free"], float] | None = None,
) -> Completed:
    """Return the best probe on `inside` and one or two of `free`, if its loss is below the limit.

    Args:
        data: examples of one feature.
        inside: neurons fixed in.
        free: the candidates, at least as many as are added.
        remaining: how many are added: 1 or 2.
        penalty: ridge strength.
        limit: what a loss must be below to count.
        squares: c_j^2 of a relaxation (`relaxation`) by candidate, and the sum that those of a
            choice must exceed for its bound to be below the limit.

    Returns:
        The least loss and its neurons; every other choice is at or above it or the limit.
    """
    places, start = promising(data, inside, free, remaining, penalty=penalty, limit=limit)
    if squares is not None:
        open_ = squares[0][places].sum(dim=1) > squares[1]
        places, start = places[open_], start[open_]
    subsets = torch.cat([inside.expand(len(places), -1), free[places]], dim=1)
    if not len(subsets):
        return Completed(float("inf"), inside, 0)
    fits = fit_subsets(data, subsets, penalty=penalty, limit=limit, start=start)
    at = int(fits.loss.argmin())
    # A probe that was given up shows the loss of an early step, which is above the limit too.
    loss = float(fits.loss[at]) if fits.loss[at] < limit else float("inf")
    return Completed(loss, subsets[at], len(subsets))


def promising(
    data: Examples,
    inside: Int[Tensor, " inside"],
    free: Int[Tensor, " free"],
    remaining: int,
    *,
    penalty: float,
    limit: float,
) -> tuple[Int[Tensor, "choice added"], Float[Tensor, "choice parameter"]]:
    """Return one or two neurons that may bring the loss below a limit, for each such choice.

    Args:
        data: examples of one feature.
        inside: neurons fixed in.
        free: the candidates.
        remaining: 1 or 2.
        penalty: ridge strength.
        limit: what the loss must be below.

    Returns:
        Places in `free`, one row for each choice that the bound does not rule out; and the
        weights (bias last) that the quadratic problem gives to it, to start from.
    """
    model = _model(data, inside, free, penalty)
    places = torch.combinations(torch.arange(len(free), device=free.device), remaining)
    if remaining == 1:
        power = model.x.square() @ model.curvature + penalty
        weights = (model.c / power)[:, None]
    else:
        weights = _pair_weights(model, places, penalty)
    gain = 0.5 * (model.c[places] * weights).sum(dim=1)
    refuted = model.base - gain >= limit
    farthest = (model.x.abs() / model.kappa).amax(dim=1)
    near = (weights.abs() * farthest[places]).sum(dim=1) <= 1
    for some in (refuted & ~near).nonzero().flatten().split(LOOKED_UP):
        moves = (weights[some, :, None] * model.x[places[some]]).sum(dim=1) / model.kappa
        near[some] = moves.abs().amax(dim=1) <= 1
    places, weights = places[~(refuted & near)], weights[~(refuted & near)]
    known = model.w - (model.told[places] * weights[..., None]).sum(dim=1)
    return places, torch.cat([known[:, :-1], weights, known[:, -1:]], dim=1)


def _pair_weights(model: _Model, pairs: Int[Tensor, "pair 2"], penalty: float) -> Tensor:
    """Return the weights that two neurons would get in the quadratic model."""
    gram = (model.x * model.curvature) @ model.x.T
    power = gram.diagonal() + penalty
    (a, b), (c_a, c_b) = power[pairs].T, model.c[pairs].T
    cross = gram[pairs[:, 0], pairs[:, 1]]
    det = (a * b - cross.square()).clamp(min=1e-300)
    return torch.stack([b * c_a - cross * c_b, a * c_b - cross * c_a], dim=1) / det[:, None]


def _model(
    data: Examples, inside: Int[Tensor, " inside"], free: Int[Tensor, " free"], penalty: float
) -> _Model:
    fit = fit_subsets(data, inside[None], penalty=penalty)
    bias = fit.bias + (fit.weight * data.mean[inside]).sum(dim=1)
    fixed = data.design(inside)
    w = torch.cat([fit.weight[0], bias])
    at = evaluated(data, fixed, w)
    kappa = _kappa(at.p)
    curvature = data.weighed(at.p - at.p * at.p) / kappa
    known = (fixed * curvature) @ fixed.T
    known.diagonal()[:-1] += penalty
    known.diagonal().add_(1e-12)
    x = data.rows[free]
    c = x @ data.weighed(at.p)
    told = torch.linalg.solve(known, fixed * curvature @ x.T).T
    return _Model(float(fit.bound), w, c, x - told @ fixed, told, curvature, kappa)


def _kappa(p: Float[Tensor, " example"]) -> Float[Tensor, " example"]:
    q = torch.minimum(p, 1 - p).clamp(min=1e-300)
    divergence = q.square() * q.log() + (1 - q.square()) * q.log1p()
    return (2 * divergence / (q * (1 - q))).clamp(1, 2)
