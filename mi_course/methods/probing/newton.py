"""Newton's method for all logistic probes of a layer at once.

A layer's x is centred and turned to its principal axes once, for all probes; the ridge stays what
it was, and the Hessian is at first diagonal. There conjugate gradients find each Newton step from
products with the Hessian, helped by an approximate inverse that is made anew only where it went
stale. Losses, gradients and line searches are in double precision, products with the
Hessian in single: a step that is slightly off is mended by the next.

    H = X^T diag(s p (1 - p)) X + penalty        step = -H^-1 gradient

Source: Lin, Weng and Keerthi (2008), "Trust Region Newton Method for Large-Scale Logistic
Regression". In go activations, labels and weights by feature; out come the fitted directions.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import softplus

__all__ = ["exact_dtype", "fit_layer"]

MAX_PRODUCTS = 40  # of the Hessian with a vector, for one step
PATIENCE = 8  # products after which an approximate inverse Hessian is made anew
HELD = 0.98  # share of the curvature whose examples enter it as they are
INVERSES = 2**24  # numbers in the inverses that are held at once


def exact_dtype(tensor: Tensor) -> torch.dtype:
    """Return double precision, or single where the device has no other."""
    return torch.float32 if tensor.device.type == "mps" else torch.float64


class _Design(NamedTuple):
    """Centred activations with a last column of ones for the bias, and their principal axes."""

    exact: Float[Tensor, "example column"]  # double precision
    turn: Float[Tensor, "column axis"]  # single precision, as all that follows
    turned: Float[Tensor, "example axis"]
    squared: Float[Tensor, "example axis"]


def fit_layer(
    x: Float[Tensor, "example d_in"],
    y: Bool[Tensor, "feature example"],
    counted: Float[Tensor, "feature example"],
    penalty: float,
    tolerance: float,
    max_steps: int,
) -> list[Tensor]:
    """Return weight [feature d_in] and bias, objective, gradient [feature] of one layer's probes.

    Args:
        x: activations.
        y: whether each feature holds.
        counted: how much each example counts.
        penalty: ridge strength.
        tolerance: for the largest entry of the gradient, divided by the sum of weights.
        max_steps: Newton steps at most.

    Returns:
        The four, in double precision where the device has it.
    """
    x = x.to(exact_dtype(x))
    mean = x.mean(0)
    x = x - mean
    span = None
    if len(x) < x.shape[1]:  # the weights lie in the span of the examples
        span = torch.linalg.qr(x.T)[0]
        x = x @ span
    design = _design(x)
    width = max(1, INVERSES // design.exact.shape[1] ** 2)
    fits = [
        _fit(design, truth.to(counted.dtype), share.contiguous(), penalty, tolerance, max_steps)
        for truth, share in zip(y.split(width), counted.split(width), strict=True)
    ]
    w, objective, gradient = (torch.cat(part) for part in zip(*fits, strict=True))
    weight = w[:, :-1] if span is None else w[:, :-1] @ span.T
    return [weight, w[:, -1] - weight @ mean, objective, gradient]


def _design(x: Float[Tensor, "example d_in"]) -> _Design:
    exact = torch.cat([x, torch.ones_like(x[:, :1])], dim=1)
    single = exact.float()
    # The column of ones is an axis of its own: the others have mean 0.
    turn = torch.eye(exact.shape[1], dtype=single.dtype, device=x.device)
    turn[:-1, :-1] = torch.linalg.eigh(single[:, :-1].T @ single[:, :-1])[1]
    turned = single @ turn
    return _Design(exact, turn, turned, turned.square())


def _fit(
    design: _Design,
    y: Float[Tensor, "feature example"],
    counted: Float[Tensor, "feature example"],
    penalty: float,
    tolerance: float,
    max_steps: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return weights (the bias last), objective and gradient of each feature."""
    ridge = torch.full_like(design.exact[0], penalty)
    ridge[-1] = 0
    total = counted.sum(1)
    w = torch.zeros(len(y), len(ridge), dtype=y.dtype, device=y.device)
    gradient, objective, z = torch.zeros_like(total), torch.zeros_like(total), torch.zeros_like(y)
    left = torch.arange(len(y), device=y.device)  # the features that have not arrived
    inverse, products = None, torch.zeros_like(left)
    for step in range(max_steps + 1):
        truth, share = y[left], counted[left]
        told = z.sigmoid()
        slope = (share * (told - truth)) @ design.exact + ridge * w[left]
        gradient[left] = slope.abs().amax(1) / total[left]
        objective[left] = _objective(z, truth, share, ridge, w[left])
        going = gradient[left] > tolerance
        if not going.any() or step == max_steps:
            break
        left, z, truth, share, told, slope, products = (
            part[going] for part in (left, z, truth, share, told, slope, products)
        )
        curvature = (share * told * (1 - told)).float()
        if inverse is not None and not going.all():
            inverse = inverse[going]
        inverse = _inverses(design, curvature, ridge.float(), inverse, products)
        direction, products = _newton_direction(design, curvature, ridge.float(), slope, inverse)
        size, z = _line_search(design, z, truth, share, ridge, w[left], direction, slope)
        w[left] += size[:, None] * direction
    return w, objective, gradient


def _objective(z: Tensor, truth: Tensor, share: Tensor, ridge: Tensor, w: Tensor) -> Tensor:
    losses = share * (softplus(z) - truth * z)
    return losses.sum(1) + 0.5 * (ridge * w.square()).sum(1)


def _inverses(
    design: _Design,
    curvature: Float[Tensor, "feature example"],
    ridge: Float[Tensor, " axis"],
    old: Float[Tensor, "feature axis axis"] | None,
    products: Int[Tensor, " feature"],
) -> Float[Tensor, "feature axis axis"]:
    """Return about the inverse Hessian of each feature, made anew where the old one went stale.

    Few examples are still undecided once a probe is good: those that hold most of the curvature
    enter as they are, the others by the diagonal, and at first all do.
    """
    diagonals = curvature @ design.squared + ridge
    if old is None:
        return torch.diag_embed(1 / diagonals.clamp(min=1e-30))
    for number in (products > PATIENCE).nonzero().flatten().tolist():
        ordered = curvature[number].sort(descending=True)
        running = ordered.values.cumsum(0)
        few = ordered.indices[: int((running < HELD * running[-1]).sum()) + 1]
        heavy = design.turned[few] * curvature[number, few].sqrt()[:, None]
        hessian = heavy.T @ heavy
        rest = (diagonals[number] - hessian.diagonal()).clamp(min=0)
        # A little more than the diagonal keeps rounding from making it indefinite.
        hessian.diagonal().add_(rest + 1e-5 * diagonals[number])
        factor, failed = torch.linalg.cholesky_ex(hessian)
        old[number] = (
            torch.diag(1 / diagonals[number]) if failed else torch.cholesky_inverse(factor)
        )
    return old


def _newton_direction(
    design: _Design,
    curvature: Float[Tensor, "feature example"],
    ridge: Float[Tensor, " axis"],
    slope: Float[Tensor, "feature column"],
    inverse: Float[Tensor, "feature axis axis"],
) -> tuple[Float[Tensor, "feature column"], Int[Tensor, " feature"]]:
    """Return about -H^-1 slope by conjugate gradients, and how many products each took."""
    size = slope.norm(dim=1)
    residual = -(slope / size[:, None]).float() @ design.turn
    wanted = size.sqrt().clamp(max=0.1).float()
    found = torch.zeros_like(residual)
    towards = _times(inverse, residual)
    inner = (residual * towards).sum(1)
    products = torch.zeros_like(size, dtype=torch.long)
    for _ in range(MAX_PRODUCTS):
        product = (curvature * (towards @ design.turned.T)) @ design.turned + ridge * towards
        step = inner / (towards * product).sum(1).clamp(min=1e-30)
        products += residual.norm(dim=1) > wanted
        found += step[:, None] * towards
        residual = residual - step[:, None] * product
        if (residual.norm(dim=1) <= wanted).all():
            break
        conditioned = _times(inverse, residual)
        new = (residual * conditioned).sum(1)
        towards = conditioned + (new / inner.clamp(min=1e-30))[:, None] * towards
        inner = new
    return (found @ design.turn.T).to(slope.dtype) * size[:, None], products


def _times(
    inverse: Float[Tensor, "feature axis axis"], right: Float[Tensor, "feature axis"]
) -> Float[Tensor, "feature axis"]:
    # From the left, which is several times faster; the inverse is symmetric.
    return (right[:, None] @ inverse)[:, 0]


def _line_search(
    design: _Design,
    z: Tensor,
    truth: Tensor,
    share: Tensor,
    ridge: Tensor,
    w: Tensor,
    direction: Tensor,
    slope: Tensor,
) -> tuple[Float[Tensor, " feature"], Float[Tensor, "feature example"]]:
    """Return the step that lowers each objective enough (1, 1/2, 1/4, ...), and the new logits."""
    along = direction @ design.exact.T
    now = _objective(z, truth, share, ridge, w)
    promised = (slope * direction).sum(1)
    size = torch.ones_like(now)
    for _ in range(30):
        then = _objective(
            z + size[:, None] * along, truth, share, ridge, w + size[:, None] * direction
        )
        # Close to the optimum rounding hides the gain.
        enough = then <= now + 1e-4 * size * promised + 1e-12 * now.abs()
        if enough.all():
            break
        size = torch.where(enough, size, size / 2)
    return size, z + size[:, None] * along
