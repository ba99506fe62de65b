"""Any number of features in two dimensions, exactly, as long as one is active at a time.

Feature i of n sits on the unit circle at the angle 2 pi i / n. Its neighbours have cosine
c = cos(2 pi / n) with it and all others less, so one bias silences everything but the right one:

    hidden = x W,  W_i = (cos(2 pi i / n), sin(2 pi i / n))
    out    = ReLU(hidden W^T - c) / (1 - c)

The price is the gain 1 / (1 - c), about n^2 / 20: large weights and a negative bias betray it. Two
active features break it. Source: [Gurnee23], appendix C. In go numbers of features, out come
directions, decoded features and `CircleCodes`.
"""

from collections.abc import Sequence
from math import cos, pi

import torch
from jaxtyping import Float
from torch import Tensor

from mi_course.results.superposition_codes import CircleCodes

__all__ = ["circle_codes", "circle_decode", "circle_embedding", "circle_gain"]

ACTIVE = 0.5  # an output above this is read as active


def circle_embedding(n: int) -> Float[Tensor, "n 2"]:
    """Return the directions of n features, evenly on the unit circle, in double precision.

    Raises:
        ValueError: n is below 2.

    Source: [Gurnee23], appendix C.
    """
    _checked(n)
    angle = 2 * pi * torch.arange(n, dtype=torch.float64) / n
    return torch.stack([angle.cos(), angle.sin()], dim=1)


def circle_decode(hidden: Float[Tensor, "*batch 2"], n: int) -> Float[Tensor, "*batch n"]:
    """Return the features that are read from points of the plane: exactly x if x is one-hot.

    A single feature of any value v up to 1 is read as the only one, its value too small:
    (v - c) / (1 - c), or nothing if v is below c.

    Args:
        hidden: points in the plane.
        n: number of features.

    Returns:
        Features; all are 0 or more.

    Raises:
        ValueError: n is below 2.

    Source: [Gurnee23], appendix C.
    """
    W = circle_embedding(n).to(hidden)
    c = _neighbour(n)
    return (hidden @ W.T - c).relu() * circle_gain(n)


def circle_gain(n: int) -> float:
    """Return by how much the read-out must multiply: 1 / (1 - cos(2 pi / n)).

    Raises:
        ValueError: n is below 2.
    """
    _checked(n)
    return 1 / (1 - _neighbour(n))


def circle_codes(ns: Sequence[int] = (3, 5, 10, 30, 100, 300, 1000)) -> CircleCodes:
    """Return what the construction costs and where it ends, for several numbers of features.

    Args:
        ns: numbers of features, each 3 or more: two have no third to be confused with.

    Returns:
        Gains, biases, errors with one active feature, and how often two are read as they are.

    Raises:
        ValueError: no number, or one below 3.

    Source: [Gurnee23], appendix C.
    """
    if not ns or min(ns) < 3:
        raise ValueError(f"expected numbers of features of 3 or more, got {list(ns)}")
    one = [(circle_decode(circle_embedding(n), n) - torch.eye(n)).abs().max() for n in ns]
    return CircleCodes(
        ns=tuple(ns),
        gain=torch.tensor([circle_gain(n) for n in ns], dtype=torch.float64),
        bias=torch.tensor([-_neighbour(n) * circle_gain(n) for n in ns], dtype=torch.float64),
        one_hot_error=torch.stack(one),
        two_read_right=torch.tensor([_pairs_right(n) for n in ns], dtype=torch.float64),
    )


def _neighbour(n: int) -> float:
    return cos(2 * pi / n)


def _pairs_right(n: int) -> float:
    """Return the fraction of pairs of active features for which exactly these two are read."""
    W = circle_embedding(n)
    # By symmetry the first of the two can be feature 0.
    read = circle_decode(W[:1] + W[1:], n) > ACTIVE
    true = torch.zeros(n - 1, n, dtype=torch.bool)
    true[:, 0] = True
    true[torch.arange(n - 1), torch.arange(1, n)] = True
    return (read == true).all(dim=1).double().mean().item()


def _checked(n: int) -> None:
    if n < 2:
        raise ValueError(f"expected two or more features, got {n}")
