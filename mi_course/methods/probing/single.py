"""Probes that see one neuron: thousands of two-parameter logistic regressions at once.

The Hessian of each is 2 x 2 and is solved by hand. Neurons are taken in blocks that stay in the
processor's cache, in single precision; the last step is taken from a gradient in double
precision. A step that overshoots is cut where the slope along it, which a convex loss changes
from minus to plus, is about to vanish: so no loss is computed on the way.

    sum_i s_i log(1 + exp(-y_i (w a_i + b))) + penalty / 2 w^2     for each neuron a and feature y

Source: [Gurnee23], probes at k = 1. In go activations of one layer; out come `NeuronProbes`.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor
from torch.nn.functional import softplus

from mi_course.methods.probing.linear import check_examples, example_weights
from mi_course.results import NeuronProbes

__all__ = ["fit_neuron_probes"]

BLOCK = 2**17  # numbers in a block of neurons: half a megabyte
QUICK_STEPS = 15  # in single precision
MAX_STEPS = 100  # in double precision
LOOSE = 1e-4  # tolerance in single precision


def fit_neuron_probes(
    x: Float[Tensor, "example neuron"],
    y: Bool[Tensor, "truths feature"],
    *,
    penalty: float = 1.0,
    weights: Shaped[Tensor, "rows columns"] | None = None,
    class_balance: bool = False,
    tolerance: float = 1e-8,
) -> NeuronProbes:
    """Return the ridge-logistic probe of every neuron by itself, for every feature.

    Args:
        x: activations of one layer.
        y: whether each feature holds.
        penalty: ridge strength on the sum of losses, 1 / C of scikit-learn; the bias is free.
        weights: how much each example counts for each feature; a mask from `balanced` does.
        class_balance: both classes of a feature count alike.
        tolerance: stop where Newton's step would lower the loss, divided by the sum of weights,
            by less than the square of this.

    Returns:
        Probes on the device of x.

    Raises:
        ValueError: lengths differ, NaNs, a feature of one class, or a penalty that is not above 0.
    """
    check_examples(x, y, penalty)
    counted = example_weights(y, weights, class_balance=class_balance)
    width = max(1, BLOCK // len(x)) if x.device.type == "cpu" else x.shape[1]
    blocks = [
        _fit_block(block.T.contiguous(), y, counted, penalty, tolerance)
        for block in x.split(width, dim=1)
    ]
    return NeuronProbes(*(torch.cat(part, dim=1) for part in zip(*blocks, strict=True)), penalty)


def _fit_block(
    x: Float[Tensor, "neuron example"],
    y: Bool[Tensor, "truths feature"],
    counted: Float[Tensor, "example feature"],
    penalty: float,
    tolerance: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return weight, bias and objective [feature neuron] of some neurons."""
    exact = x.to(counted.dtype)
    mean = exact.mean(1)
    scale = exact.std(1, correction=0)
    # A silent neuron tells nothing: its weight stays 0.
    scale = torch.where(scale > 0, scale, 1)
    exact = (exact - mean[:, None]) / scale[:, None]
    single, ridge = exact.float(), penalty / scale.square()
    fits = []
    for truth, share in zip(y.T.to(counted.dtype), counted.T, strict=True):
        w, b, objective = _fit_feature(exact, single, truth, share, ridge, tolerance)
        weight = w / scale
        fits.append((weight, b - weight * mean, objective))
    weight, bias, objective = zip(*fits, strict=True)
    return torch.stack(weight), torch.stack(bias), torch.stack(objective)


class _Slopes(NamedTuple):
    """Gradient and Hessian of each probe, divided by the sum of weights."""

    w: Float[Tensor, " neuron"]
    b: Float[Tensor, " neuron"]
    ww: Float[Tensor, " neuron"]
    wb: Float[Tensor, " neuron"]
    bb: Float[Tensor, " neuron"]

    def direction(self) -> tuple[Float[Tensor, " neuron"], Float[Tensor, " neuron"]]:
        """Return Newton's step."""
        # Where predictions have saturated the Hessian is flat: keep it invertible.
        tiny = torch.finfo(self.ww.dtype).tiny ** 0.5
        ww, bb = self.ww + tiny, self.bb + tiny
        rounding = 16 * torch.finfo(ww.dtype).eps
        det = (ww * bb - self.wb.square()).clamp(min=0) + rounding * ww * bb
        return (self.wb * self.b - bb * self.w) / det, (self.wb * self.w - ww * self.b) / det


def _slopes(
    u: Tensor, truth: Tensor, share: Tensor, ridge: Tensor, w: Tensor, b: Tensor
) -> _Slopes:
    told = torch.addcmul(b[:, None], u, w[:, None]).sigmoid_()
    wrong = (told - truth).mul_(share)
    curved = told.mul_(1 - told).mul_(share)
    along = curved * u
    return _Slopes(
        (wrong * u).sum(1) + ridge * w,
        wrong.sum(1),
        (along * u).sum(1) + ridge,
        along.sum(1),
        curved.sum(1),
    )


def _fit_feature(
    exact: Float[Tensor, "neuron example"],
    single: Float[Tensor, "neuron example"],
    truth: Float[Tensor, " example"],
    share: Float[Tensor, " example"],
    ridge: Float[Tensor, " neuron"],
    tolerance: float,
) -> tuple[Tensor, Tensor, Tensor]:
    total = share.sum()
    ridge, part = ridge / total, share / total
    base = (part * truth).sum().logit()
    w, b = torch.zeros_like(ridge), base.expand(len(ridge)).clone()
    quick = (single, truth.float(), part.float(), ridge.float())
    w, b = _descended(quick, w.float(), b.float(), max(LOOSE, tolerance), QUICK_STEPS)
    slow = (exact, truth, part, ridge)
    w, b = _descended(slow, w.to(exact.dtype), b.to(exact.dtype), tolerance, MAX_STEPS)
    z = torch.addcmul(b[:, None], exact, w[:, None])
    losses = (softplus(z) - truth * z) @ part + 0.5 * ridge * w.square()
    return w, b, losses * total


def _descended(
    problem: tuple[Tensor, Tensor, Tensor, Tensor],
    w: Tensor,
    b: Tensor,
    tolerance: float,
    steps: int,
) -> tuple[Float[Tensor, " neuron"], Float[Tensor, " neuron"]]:
    """Return w and b from which Newton's method hopes to gain less than the tolerance squared."""
    u, truth, share, ridge = problem
    at = _slopes(u, truth, share, ridge, w, b)
    for step in range(steps):
        dw, db = at.direction()
        promised = -(at.w * dw + at.b * db)
        going = promised > tolerance**2
        if not going.any():
            break
        if 2 * going.sum() < len(going):  # most have arrived: go on with the others
            some = (u[going], truth, share, ridge[going])
            w, b = w.clone(), b.clone()
            w[going], b[going] = _descended(some, w[going], b[going], tolerance, steps - step)
            break
        dw, db = torch.where(going, dw, 0), torch.where(going, db, 0)
        size, then = torch.ones_like(w), _slopes(u, truth, share, ridge, w + dw, b + db)
        for _ in range(20):
            beyond = then.w * dw + then.b * db
            far = beyond > 0.5 * promised.clamp(min=tolerance**2)
            if not far.any():
                break
            size = torch.where(far, size * (promised / (promised + beyond)).clamp(0.1, 0.7), size)
            then = _slopes(u, truth, share, ridge, w + size * dw, b + size * db)
        w, b, at = w + size * dw, b + size * db, then
    return w, b
