"""How many nats a neuron tells about a feature, from distances to nearest neighbours.

For each example take the distance to its third nearest neighbour of the same class (k neighbours),
and count the m examples of either class that are nearer, itself included. With n examples, n_y of
the class, and digamma psi,

    information = psi(n) + mean psi(k) - mean psi(n_y) - mean psi(m).

A neuron is one number, so sorting finds neighbours: the third nearest in a sorted row is one of
four windows, and the examples within a distance are two binary searches away. Rows are sorted once
for all features. Where more than k neighbours have the same activation (silent neurons), k becomes
their number and the estimate that of a discrete variable.

Sources: Ross (2014), "Mutual information between discrete and continuous data sets"; Gao et al.
(2017), "Estimating mutual information for discrete-continuous mixtures" (ties). In go activations
and labels; out come nats.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mi_course.methods.probing.subsets import Labels, check, single

__all__ = ["mutual_information"]

BLOCK = 2**17  # activations in a block of neurons: a megabyte
EPSILON = torch.finfo(torch.float64).eps


def mutual_information(
    x: Float[Tensor, "example neuron"],
    y: Labels,
    *,
    n_neighbors: int = 3,
) -> Float[Tensor, "*feature neuron"]:
    """Return an estimate of the mutual information of each neuron and feature, in nats.

    Args:
        x: activations.
        y: whether each feature holds.
        n_neighbors: more of them vary less and blur more.

    Returns:
        Nats, from 0 to log 2 but for the error of the estimate.

    Raises:
        ValueError: lengths differ, NaNs, a class of fewer than two examples, or no neighbours.
    """
    check(x, y)
    x, labels = single(x), y.reshape(len(y), -1)
    counts = labels.sum(0)
    if ((counts < 2) | (counts > len(y) - 2)).any() or n_neighbors < 1:
        raise ValueError(
            f"expected at least two examples of each class and n_neighbors from 1 on, got "
            f"{counts.tolist()} of {len(y)} and {n_neighbors}, try more examples"
        )
    psi = torch.arange(len(x) + 1, device=x.device).double().digamma()
    width = max(1, BLOCK // len(x))
    blocks = [_information(block.T, labels, n_neighbors, psi) for block in x.split(width, dim=1)]
    return torch.cat(blocks, dim=1).to(x.dtype).reshape(*y.shape[1:], x.shape[1])


def _information(
    x: Float[Tensor, "neuron example"],
    y: Bool[Tensor, "example feature"],
    n_neighbors: int,
    psi: Float[Tensor, " count"],
) -> Float[Tensor, "feature neuron"]:
    ordered, order = x.contiguous().sort(dim=1)
    ordered = ordered.double()
    found = []
    for truth in y.T:
        labels, sums = truth[order], torch.zeros_like(ordered[:, 0])
        for side in (labels, ~labels):
            # Each row has as many examples of a class, in rising order still.
            values = ordered[side].reshape(len(x), -1)
            size = values.shape[1]
            k, m = _neighbours(values, ordered, min(n_neighbors, size - 1))
            sums += (psi[k] - psi[m]).sum(1) - size * psi[size]
        found.append((psi[len(truth)] + sums / len(truth)).clamp(min=0))
    return torch.stack(found)


def _neighbours(
    values: Float[Tensor, "neuron own"], ordered: Float[Tensor, "neuron example"], k: int
) -> tuple[Tensor, Tensor]:
    """Return for each value how many neighbours it has, and how many examples are as near."""
    size = values.shape[1]
    radius = torch.full_like(values, float("inf"))
    for before in range(k + 1):
        # A window of k + 1 values in a row with `before` of them below.
        at = values[:, before : size - k + before]
        low, high = values[:, : size - k], values[:, k:]
        within = torch.maximum(at - low, high - at)
        spot = radius[:, before : size - k + before]
        torch.minimum(spot, within, out=spot)
    tied = radius == 0
    # The neighbour itself is not nearer than itself, rounding or not.
    radius = (radius - 4 * EPSILON * (values.abs() + radius)).clamp_(min=0)
    near = torch.searchsorted(ordered, values + radius, right=True)
    near -= torch.searchsorted(ordered, values - radius)
    count = torch.full_like(near, k)
    if tied.any():
        same = torch.searchsorted(values, values, right=True) - torch.searchsorted(values, values)
        count = torch.where(tied, same, count)
    return count, near
