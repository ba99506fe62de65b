"""Probes on a few chosen neurons, for many choices at once.

For a choice S of neurons the probe minimises, over weights w of S and a bias b,

    sum_i s_i log(1 + exp(-m_i)) + penalty / 2 |w|^2,     m_i = y_i (w x_i + b),   y_i = 1 or -1,

by Newton's method, all choices side by side. Each step yields a lower bound too: for any
probabilities p_i between 0 and 1 with sum_i s_i y_i p_i = 0, and c_j = sum_i s_i y_i p_i x_ij,

    minimum  >=  sum_i s_i H(p_i) - 1 / (2 penalty) sum_{j in S} c_j^2,     H the entropy in nats,

since log(1 + exp(-m)) is the largest H(p) - p m. So a choice is given up as soon as its bound
passes a limit, and has converged once the bound meets the loss. The sum of H costs nothing: at
p_i = 1 / (1 + exp(m_i)) it is the sum of losses plus w c.

Source: the dual is that of Yu, Huang and Lin (2011), "Dual coordinate descent methods for
logistic regression". In go activations and choices; out come weights, losses and bounds.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mi_course.results.checks import boolean

__all__ = [
    "Evaluated",
    "Examples",
    "Labels",
    "SubsetFits",
    "evaluated",
    "examples",
    "fit_subsets",
    "silent",
]

CELLS = 400_000  # numbers of one batch of designs, which stay in the cache
MAX_STEPS = 60
# Of loss minus bound, as a share of the loss; and what rounding may hide of a bound.
TOLERANCE = {torch.float32: 1e-3, torch.float64: 1e-10}
ROUNDING = {torch.float32: 1e-4, torch.float64: 0.0}


# One label for each example, or one for each example and feature.
Labels = Bool[Tensor, "labelled *feature"]


class Examples(NamedTuple):
    """Examples of one feature, those that have it first, in double precision.

    Attributes:
        rows: centred activations times y_i, which is 1 or -1; the last row, for the bias, is y_i.
        share: s_i of the true and of the false examples.
        n_true: how many are true.
        mean: of the activations, before.
    """

    rows: Float[Tensor, "parameter example"]
    share: tuple[float, float]
    n_true: int
    mean: Float[Tensor, " neuron"]

    def design(
        self, neurons: Int[Tensor, "*subset k"]
    ) -> Float[Tensor, "*subset parameter example"]:
        """Return the rows of some neurons and, last, that of the bias."""
        return self.rows[torch.nn.functional.pad(neurons, (0, 1), value=len(self.rows) - 1)]

    def weighed(self, values: Float[Tensor, "*subset example"]) -> Float[Tensor, "*subset example"]:
        """Return values times s_i."""
        if self.share == (1.0, 1.0):
            return values
        true, false = values[..., : self.n_true], values[..., self.n_true :]
        return torch.cat([true * self.share[0], false * self.share[1]], dim=-1)


class SubsetFits(NamedTuple):
    """What was fitted to each choice, with a lower bound on what can be reached."""

    weight: Float[Tensor, "subset k"]
    bias: Float[Tensor, " subset"]  # at activations 0, not at their mean
    loss: Float[Tensor, " subset"]
    bound: Float[Tensor, " subset"]


class Evaluated(NamedTuple):
    """The sum of losses at some weights, and a dual point beside them."""

    p: Float[Tensor, "*subset example"]
    loss: Float[Tensor, " *subset"]  # without the ridge
    slope: Float[Tensor, "*subset parameter"]  # of that sum
    c: Float[Tensor, "*subset parameter"]  # of the dual point; 0 for the bias
    entropy: Float[Tensor, " *subset"]  # sum_i s_i H(p_i) of the dual point, or a little less


def examples(
    x: Float[Tensor, "example neuron"],
    y: Bool[Tensor, " labelled"],
    *,
    class_balance: bool = False,
) -> Examples:
    """Return activations and labels of one feature as the fits of this package want them.

    Args:
        x: activations.
        y: whether the feature holds.
        class_balance: both classes weigh alike, as `class_weight="balanced"` of scikit-learn.

    Returns:
        The examples, in double precision.

    Raises:
        ValueError: lengths differ, NaNs, or one class only.
    """
    check(x, y)
    order = (~y).int().argsort(stable=True)
    exact = x.to(torch.float64).T.contiguous()
    mean, n_true = exact.mean(dim=1), int(y.sum())
    sign = torch.ones_like(exact[0])
    sign[n_true:] = -1
    half = len(y) / 2
    share = (half / n_true, half / (len(y) - n_true)) if class_balance else (1.0, 1.0)
    rows = torch.cat([(exact - mean[:, None])[:, order] * sign, sign[None]])
    return Examples(rows, share, n_true, mean)


def check(x: Float[Tensor, "example neuron"], y: Labels) -> None:
    """Raise ValueError unless activations and labels fit together and both classes occur."""
    boolean("labels", y)
    if len(x) != len(y):
        raise ValueError(
            f"expected a label for each of {len(x)} examples, got {len(y)}, try y [example]"
        )
    if x.numel() == 0 or not x.isfinite().all():
        raise ValueError("expected finite activations, got NaN, infinity or none, try nan_to_num")
    true = y.sum(dim=0)
    if ((true == 0) | (true == len(y))).any():
        raise ValueError(
            f"expected examples of both classes, got {true.tolist()} of {len(y)} true, try more "
            "examples"
        )


def single(x: Tensor) -> Tensor:
    """Return activations in single precision at least: half of it cannot rank or sum many."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def fit_subsets(
    data: Examples,
    subsets: Int[Tensor, "subset k"],
    *,
    penalty: float = 1.0,
    limit: float = float("inf"),
    start: Float[Tensor, "subset parameter"] | None = None,
) -> SubsetFits:
    """Return the probe of every choice of neurons.

    Args:
        data: see `examples`.
        subsets: the neurons of each choice, none twice.
        penalty: ridge strength on the sum of losses; the bias is free.
        limit: a choice is given up, its loss not yet least, once its bound passes this.
        start: weights, and last the bias at the activations' mean, to start from.

    Returns:
        Weights, biases, losses in nats, and lower bounds of the losses.

    Raises:
        ValueError: a penalty that is not above 0.
    """
    if not penalty > 0:
        raise ValueError(f"expected a penalty above 0, got {penalty}, try 1.0")
    if start is None:
        start = silent(data).expand(len(subsets), -1)[:, -subsets.shape[1] - 1 :]
    # Most steps are taken in single precision, where a bound counts less a margin for rounding.
    single = data._replace(rows=data.rows.float())
    blur = 1e-6 * float(data.rows.abs().sum(dim=1).max())
    margin = blur * blur / (2 * penalty)
    w, loss, bound = _fitted(single, subsets, penalty, limit, start.float(), margin)
    w, loss, bound = w.double(), loss.double(), bound.double()
    alive = (bound <= limit).nonzero().flatten()
    if len(alive):
        fits = _fitted(data, subsets[alive], penalty, limit, w[alive], 0.0)
        w[alive], loss[alive], bound[alive] = fits
    bias = w[:, -1] - (w[:, :-1] * data.mean[subsets]).sum(dim=1)
    return SubsetFits(w[:, :-1], bias, loss, bound)


def _fitted(
    data: Examples, subsets: Tensor, penalty: float, limit: float, start: Tensor, margin: float
) -> list[Tensor]:
    """Return weights with the bias last, losses and bounds, batch by batch."""
    # On a graphics card large batches pay.
    cells = CELLS if data.rows.device.type == "cpu" else 100 * CELLS
    size = max(1, cells // (start.shape[1] * data.rows.shape[1]))
    parts = [
        _newton(data, data.design(some), penalty, limit, begin, margin)
        for some, begin in zip(subsets.split(size), start.split(size), strict=True)
    ]
    return [torch.cat(part) for part in zip(*parts, strict=True)]


def silent(data: Examples) -> Float[Tensor, " parameter"]:
    """Return weights of 0 and the bias that is best with them."""
    w = torch.zeros_like(data.rows[:, 0])
    true, false = data.n_true * data.share[0], (data.rows.shape[1] - data.n_true) * data.share[1]
    w[-1] = math.log(true / false)
    return w


def evaluated(
    data: Examples,
    design: Float[Tensor, "*subset parameter example"],
    w: Float[Tensor, "*subset parameter"],
) -> Evaluated:
    """Return losses, slopes and a dual point at some weights.

    The dual point is p_i = 1 / (1 + exp(m_i)), those of one class made smaller by a factor until
    both classes have the same sum; as H is concave and H(0) = 0, H shrinks by no more than that.
    """
    m = (w[..., None, :] @ design)[..., 0, :]
    small = m.abs().neg_().exp_()
    loss = small.log1p().sub_(m.clamp(max=0))
    high = (1 + small).reciprocal_()
    p = torch.where(m > 0, small.mul_(high), high)
    slopes, losses = [], []
    for share, side in zip(data.share, (slice(data.n_true), slice(data.n_true, None)), strict=True):
        slopes.append(share * (design[..., side] @ p[..., side, None])[..., 0])
        losses.append(share * loss[..., side].sum(-1))
    (c_true, c_false), (loss_true, loss_false) = slopes, losses
    up, down = c_true[..., -1], -c_false[..., -1]
    least = torch.minimum(up, down)
    up, down = least / up.clamp(min=1e-37), least / down.clamp(min=1e-37)
    entropy = up * (loss_true + (w * c_true).sum(-1)).clamp(min=0)
    entropy += down * (loss_false + (w * c_false).sum(-1)).clamp(min=0)
    c = up[..., None] * c_true + down[..., None] * c_false
    c[..., -1] = 0
    return Evaluated(p, loss_true + loss_false, -(c_true + c_false), c, entropy)


def _newton(
    data: Examples,
    design: Float[Tensor, "subset parameter example"],
    penalty: float,
    limit: float,
    start: Float[Tensor, "subset parameter"],
    margin: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return weights with the bias last, losses and bounds; each step tries one point for each."""
    tolerance = TOLERANCE[start.dtype]
    ridge = torch.full_like(start[0], penalty)
    ridge[-1] = 0
    best, move = start.clone(), torch.zeros_like(start)
    loss = torch.full_like(start[:, 0], float("inf"))
    bound = -loss
    open_ = torch.arange(len(start), device=start.device)
    for _ in range(MAX_STEPS):
        w = best[open_] + move[open_]
        at = evaluated(data, design, w)
        least = at.entropy - at.c.square().sum(1) / (2 * penalty)
        bound[open_] = bound[open_].maximum(least * (1 - ROUNDING[start.dtype]) - margin)
        value = at.loss + 0.5 * (ridge * w * w).sum(1)
        better = value <= loss[open_]
        best[open_] = torch.where(better[:, None], w, best[open_])
        loss[open_] = loss[open_].minimum(value)
        going = (loss - bound)[open_] > tolerance * (1 + loss[open_])
        going &= (bound[open_] <= limit) & (better | (move[open_].abs().amax(1) > tolerance / 1e4))
        if not going.any():
            break
        slope, p = at.slope + ridge * w, at.p
        if not going.all():
            design, open_, better, slope, p = (
                part[going] for part in (design, open_, better, slope, p)
            )
        curvature = data.weighed(p - p * p)
        hessian = (design * curvature[:, None]) @ design.mT
        # Saturated examples have no curvature left; the floor keeps the bias's row regular.
        diagonal = hessian.diagonal(dim1=1, dim2=2)
        # And a large entry would swallow the ridge, without which equal neurons have no solution.
        diagonal.add_(ridge + 1e-9 + 4 * torch.finfo(start.dtype).eps * diagonal)
        # A step that was too long is halved.
        step = -torch.linalg.solve(hessian, slope)
        move[open_] = torch.where(better[:, None], step, move[open_] / 2)
    return best, loss, bound
