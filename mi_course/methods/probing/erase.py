"""Remove from activations what a linear probe reads, and nothing else where that is possible.

Projecting a probe's direction u away leaves other directions that tell the same. Least-squares
concept erasure removes all of them at once, by the smallest change that does: afterwards every
label has the same mean activation, so no linear probe beats the constant one.

    r(x) = x - W^+ P W (x - E[x])     W = Cov(x)^(-1/2),  P projects onto the columns of W Cov(x, y)

Source: Belrose et al. (2023), "LEACE: Perfect linear concept erasure in closed form", theorem 4.3.
In go activations and labels; out come activations, or an `Erasure` that `activations.edit` takes.
"""

from collections.abc import Callable

import torch
from einops import einsum
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from mi_course.results import Erasure

__all__ = ["erase_direction", "least_squares_erasure", "where"]

# Variances, and singular values, below this fraction of the largest count as zero. Residual streams
# have dimensions a thousand times as loud as others, whose variances differ by a million.
RANK_TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-6}


def erase_direction(
    x: Float[Tensor, "... d_in"],
    direction: Float[Tensor, " width"],
    *,
    mean: Float[Tensor, " d_in"] | None = None,
) -> Float[Tensor, "... d_in"]:
    """Return the activations without their component along a direction.

    Args:
        x: activations.
        direction: what is projected out; its length does not matter.
        mean: the component of this point is put in its place, so that activations stay where
            the model expects them; zero when None.

    Returns:
        Activations whose product with the direction is the same for all: 0, or that of `mean`.

    Raises:
        ValueError: the direction is zero, not finite, or of another width.
    """
    unit = _unit(direction, x.shape[-1]).to(x.device, x.dtype)
    centred = x if mean is None else x - mean.to(x.device, x.dtype)
    along = einsum(centred, unit, "... d_in, d_in -> ...")
    return x - along[..., None] * unit


def least_squares_erasure(
    x: Float[Tensor, "example d_in"], y: Shaped[Tensor, "label ..."]
) -> Erasure:
    """Return the smallest change of activations after which no linear probe can read the labels.

    Args:
        x: activations.
        y: the labels, several features at once or numbers.

    Returns:
        The erasure, in double precision where the device has it; its rank is that of Cov(x, y).

    Raises:
        ValueError: lengths differ, NaNs, or activations or labels that are the same for all
            examples.
    """
    exact = torch.float32 if x.device.type == "mps" else torch.float64
    x, y = x.to(exact), y.to(x.device, exact).reshape(len(y), -1)
    if len(x) != len(y):
        raise ValueError(f"expected a label for each of {len(x)} examples, got {len(y)}")
    if not (x.isfinite().all() and y.isfinite().all()):
        raise ValueError("expected finite activations and labels, got NaN or infinity")
    mean = x.mean(0)
    x, y = x - mean, y - y.mean(0)
    if not y.any():
        raise ValueError("expected labels that differ, got one class, try more examples")
    if not x.any():
        raise ValueError("expected activations that differ, got constant ones, try another hook")
    values, vectors = torch.linalg.eigh(x.T @ x / len(x))
    kept = values > values[-1] * RANK_TOLERANCE[exact]
    root, vectors = values[kept].sqrt(), vectors[:, kept]
    # Whitened covariance with the labels; its columns span what probes can use.
    whitened = (vectors / root).T @ (x.T @ y / len(x))
    left, sizes, _ = torch.linalg.svd(whitened, full_matrices=False)
    span = left[:, sizes > sizes[0] * RANK_TOLERANCE[exact]]
    return Erasure((vectors * root) @ span, span.T @ (vectors / root).T, mean)


def where(
    positions: Bool[Tensor, "*batch pos"], change: Callable[[Tensor], Tensor]
) -> Callable[[Tensor], Tensor]:
    """Return an edit that changes activations at some positions only.

    Args:
        positions: true where the change is made, for all rows or for each one.
        change: an edit, such as an `Erasure`.

    Returns:
        An edit for `activations.edit`.
    """

    def changed(x: Tensor) -> Tensor:
        return torch.where(positions.to(x.device)[..., None], change(x), x)

    return changed


def _unit(direction: Float[Tensor, " width"], width: int) -> Float[Tensor, " width"]:
    if direction.shape != (width,):
        raise ValueError(f"expected a direction of width {width}, got {tuple(direction.shape)}")
    norm = direction.norm()
    if not norm.isfinite() or norm == 0:
        raise ValueError("expected a direction with a finite length above 0, got none")
    return direction / norm
