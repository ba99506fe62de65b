"""Many linear probes at once: ridge-logistic regression by Newton's method, batched.

Each probe minimises, over its weight w and bias b,

    sum_i s_i log(1 + exp(-y_i (w x_i + b))) + penalty / 2 |w|^2,     y_i = 1 or -1,

with example weights s_i; scikit-learn's C is 1 / penalty. The ridge does not change when x is
turned, so each layer's x is centred and turned to its principal axes once, for all probes: there
the Hessian is nearly diagonal, and conjugate gradients with its diagonal find Newton's step in
few products. Losses, gradients and steps are in double precision, products with the Hessian in
single (a step that is slightly off is mended by the next).

Sources: [Belinkov22]; Lin, Weng and Keerthi (2008), "Trust Region Newton Method for Large-Scale
Logistic Regression" (Newton-CG). In go activations by layer and labels; out come `Probes`.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor
from torch.nn.functional import softplus

from mi_course.results import Probes

__all__ = ["check_examples", "example_weights", "fit_probes"]

MAX_PRODUCTS = 40  # of the Hessian with a vector, for one step


def fit_probes(
    x: Float[Tensor, "layer example d_in"],
    y: Bool[Tensor, "example feature"],
    *,
    penalty: float = 1.0,
    weights: Shaped[Tensor, "example feature"] | None = None,
    class_balance: bool = False,
    tolerance: float = 1e-8,
    max_steps: int = 100,
) -> Probes:
    """Return the ridge-logistic probe of every layer and feature, at its optimum.

    Seeds are more features: put the choices of `balanced` for several seeds side by side.

    Args:
        x: activations.
        y: whether each feature holds.
        penalty: ridge strength on the sum of losses, 1 / C of scikit-learn; the bias is free.
        weights: how much each example counts for each feature; a mask from `balanced` does.
        class_balance: both classes of a feature count alike, as scikit-learn's
            `class_weight="balanced"`.
        tolerance: stop when no entry of the gradient, divided by the sum of weights, is larger.
        max_steps: Newton steps at most.

    Returns:
        Probes on the device of x, in double precision where the device has it.

    Raises:
        ValueError: lengths differ, NaNs, a feature of one class, or a penalty that is not above 0.
    """
    check_examples(x, y, penalty)
    counted = example_weights(y, weights, class_balance=class_balance)
    fits = [_fit(layer, y, counted, penalty, tolerance, max_steps) for layer in x]
    weight, bias, objective, gradient = (torch.stack(part) for part in zip(*fits, strict=True))
    return Probes(weight, bias, objective, gradient, penalty)


def check_examples(
    x: Float[Tensor, "*layer rows d_in"], y: Bool[Tensor, "example feature"], penalty: float
) -> None:
    """Raise ValueError unless activations and labels fit together and can be fitted."""
    if x.shape[-2] != len(y):
        raise ValueError(
            f"expected a label for each of {x.shape[-2]} examples, got {len(y)}, "
            "try y [example feature]"
        )
    if not x.isfinite().all():
        raise ValueError("expected finite activations, got NaN or infinity, try nan_to_num")
    if not penalty > 0:
        raise ValueError(f"expected a penalty above 0, got {penalty}, try 1.0")


def example_weights(
    y: Bool[Tensor, "example feature"],
    weights: Shaped[Tensor, "rows columns"] | None = None,
    *,
    class_balance: bool = False,
) -> Float[Tensor, "example feature"]:
    """Return how much each example counts for each feature, in double precision where there is.

    Raises:
        ValueError: weights of another shape, below 0 or not finite; a feature of which no
            example, or every one, counts as true.
    """
    exact = _exact(y)
    counted = torch.ones(y.shape, dtype=exact, device=y.device)
    if weights is not None:
        if weights.shape != y.shape:
            raise ValueError(
                f"expected weights {tuple(y.shape)}, got {tuple(weights.shape)}, try one for each "
                "example and feature"
            )
        counted = weights.to(y.device, exact)
    if not counted.isfinite().all() or (counted < 0).any():
        raise ValueError("expected finite weights from 0 on, got others, try a mask")
    total, true = counted.sum(0), (counted * y).sum(0)
    if ((true <= 0) | (true >= total)).any():
        one = ((true <= 0) | (true >= total)).nonzero().flatten().tolist()
        raise ValueError(
            f"expected examples of both classes for every feature, got one class for {one}, try "
            "more examples or fewer features"
        )
    if class_balance:
        counted = counted * torch.where(y, total / (2 * true), total / (2 * (total - true)))
    return counted


def _exact(tensor: Tensor) -> torch.dtype:
    return torch.float32 if tensor.device.type == "mps" else torch.float64


class _Axes(NamedTuple):
    """Centred activations on their principal axes, with a last column of ones for the bias."""

    exact: Float[Tensor, "example axis"]  # double precision
    single: Float[Tensor, "example axis"]
    squared: Float[Tensor, "example axis"]  # single precision
    turn: Float[Tensor, "d_in turned"]
    mean: Float[Tensor, " d_in"]


def _principal_axes(x: Float[Tensor, "example d_in"]) -> _Axes:
    x = x.to(_exact(x))
    mean = x.mean(0)
    x = x - mean
    if len(x) < x.shape[1]:  # the weights lie in the span of the examples
        turn = torch.linalg.qr(x.T)[0]
        x = x @ turn
        inner = torch.linalg.eigh(x.T @ x)[1]
        turn = turn @ inner
        turned = x @ inner
    else:
        turn = torch.linalg.eigh(x.T @ x)[1]
        turned = x @ turn
    turned = torch.cat([turned, torch.ones_like(turned[:, :1])], dim=1)
    single = turned.float()
    return _Axes(turned, single, single.square(), turn, mean)


def _fit(
    x: Float[Tensor, "example d_in"],
    y: Bool[Tensor, "example feature"],
    counted: Float[Tensor, "example feature"],
    penalty: float,
    tolerance: float,
    max_steps: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return weight, bias, objective and gradient of one layer's probes."""
    axes = _principal_axes(x)
    ridge = torch.full_like(axes.exact[0], penalty)[:, None]
    ridge[-1] = 0
    total = counted.sum(0)
    w = torch.zeros(len(ridge), y.shape[1], dtype=axes.exact.dtype, device=x.device)
    gradient = torch.zeros_like(total)
    objective = torch.zeros_like(total)
    open_ = torch.arange(y.shape[1], device=x.device)
    z = torch.zeros_like(counted)
    for step in range(max_steps + 1):
        truth, share = y[:, open_].to(z.dtype), counted[:, open_]
        told = z.sigmoid()
        slope = axes.exact.T @ (share * (told - truth)) + ridge * w[:, open_]
        gradient[open_] = slope.abs().amax(0) / total[open_]
        objective[open_] = _objective(z, truth, share, ridge, w[:, open_])
        going = gradient[open_] > tolerance
        if not going.any() or step == max_steps:
            break
        open_, z, truth, share, told, slope = (
            part[..., going] for part in (open_, z, truth, share, told, slope)
        )
        curvature = (share * told * (1 - told)).float()
        direction = _newton_direction(axes, curvature, ridge.float(), slope)
        size, z = _line_search(axes, z, truth, share, ridge, w[:, open_], direction, slope)
        w[:, open_] += size * direction
    weight = (axes.turn @ w[:-1]).T
    return weight, w[-1] - weight @ axes.mean, objective, gradient


def _objective(z: Tensor, truth: Tensor, share: Tensor, ridge: Tensor, w: Tensor) -> Tensor:
    losses = share * (softplus(z) - truth * z)
    return losses.sum(0) + 0.5 * (ridge * w.square()).sum(0)


def _newton_direction(
    axes: _Axes,
    curvature: Float[Tensor, "example feature"],
    ridge: Float[Tensor, "axis 1"],
    slope: Float[Tensor, "axis feature"],
) -> Float[Tensor, "axis feature"]:
    """Return about -H^-1 slope by conjugate gradients with the diagonal of H."""
    size = slope.norm(dim=0)
    residual = -(slope / size).float()
    diagonal = axes.squared.T @ curvature + ridge + 1e-12
    wanted = size.sqrt().clamp(max=0.1).float()
    found = torch.zeros_like(residual)
    towards = residual / diagonal
    inner = (residual * towards).sum(0)
    for _ in range(MAX_PRODUCTS):
        product = axes.single.T @ (curvature * (axes.single @ towards)) + ridge * towards
        step = inner / (towards * product).sum(0).clamp(min=1e-30)
        found += step * towards
        residual = residual - step * product
        if (residual.norm(dim=0) <= wanted).all():
            break
        conditioned = residual / diagonal
        new = (residual * conditioned).sum(0)
        towards = conditioned + new / inner.clamp(min=1e-30) * towards
        inner = new
    return found.to(slope.dtype) * size


def _line_search(
    axes: _Axes,
    z: Tensor,
    truth: Tensor,
    share: Tensor,
    ridge: Tensor,
    w: Tensor,
    direction: Tensor,
    slope: Tensor,
) -> tuple[Float[Tensor, " feature"], Float[Tensor, "example feature"]]:
    """Return the step that lowers each objective enough (1, 1/2, 1/4, ...), and the new logits."""
    along = axes.exact @ direction
    now = _objective(z, truth, share, ridge, w)
    promised = (slope * direction).sum(0)
    size = torch.ones_like(now)
    for _ in range(30):
        then = _objective(z + size * along, truth, share, ridge, w + size * direction)
        # Close to the optimum rounding hides the gain.
        enough = then <= now + 1e-4 * size * promised + 1e-12 * now.abs()
        if enough.all():
            break
        size = torch.where(enough, size, size / 2)
    return size, z + size * along
