"""How much of a dimension a feature has for itself.

A feature that is orthogonal to all others has a dimension of its own; two antipodal features share
one, five in a pentagon share two. With W^ the direction of W without its length,

    D_i = |W_i|^2 / sum_j (W^_i . W_j)^2

which is between 0 and 1 and sums to at most the number of dimensions. Source: [Elhage22], "The
Geometry of Superposition". In go directions `[instance n_features d_hidden]`, out come numbers for
each feature or instance.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mi_course.results.superposition import PLATEAUS, Plateaus

__all__ = [
    "count_polysemantic",
    "dimensions_per_feature",
    "feature_dimensionality",
    "feature_norms",
    "interference",
    "plateaus",
]

# A feature with a shorter direction is not represented: trained lengths are near 0 or near 1.
REPRESENTED = 0.5


def feature_norms(
    W: Float[Tensor, "instance n_features d_hidden"],
) -> Float[Tensor, "instance n_features"]:
    """Return the length of each feature's direction: near 1 if it is represented, near 0 if not."""
    return W.norm(dim=-1)


def feature_dimensionality(
    W: Float[Tensor, "instance n_features d_hidden"],
) -> Float[Tensor, "instance n_features"]:
    """Return the fraction of a dimension that each feature has for itself, 0 for a zero direction.

    Args:
        W: direction of each feature.

    Returns:
        From 0 to 1, by feature; the sum is at most the number of dimensions.

    Source: [Elhage22], "The Geometry of Superposition".
    """
    squared = W.square().sum(dim=-1)
    shared = (W @ W.mT).square().sum(dim=-1)  # sum of (W_i . W_j)^2, which has |W_i|^2 too much
    return torch.where(shared > 0, squared.square() / shared.clamp(min=1e-30), 0.0)


def interference(
    W: Float[Tensor, "instance n_features d_hidden"],
) -> Float[Tensor, "instance n_features"]:
    """Return how much other features push along each feature's direction: sum of (W^_i . W_j)^2.

    Args:
        W: direction of each feature.

    Returns:
        0 where a feature is orthogonal to all others or is zero; 1 for one antipodal partner.

    Source: [Elhage22], "Demonstrating Superposition", the colour of the bars.
    """
    unit = torch.nn.functional.normalize(W, dim=-1)
    overlap = (unit @ W.mT).square()
    return overlap.sum(dim=-1) - overlap.diagonal(dim1=-2, dim2=-1)


def dimensions_per_feature(
    W: Float[Tensor, "instance n_features d_hidden"],
) -> Float[Tensor, " instance"]:
    """Return hidden dimensions divided by the sum of all squared lengths, for each instance.

    Args:
        W: direction of each feature.

    Returns:
        About 1 where each represented feature has a dimension, 1/2 where two share one.

    Raises:
        ValueError: all directions of an instance are zero.

    Source: [Elhage22], "The Geometry of Superposition", D* = m / |W|^2.
    """
    total = W.square().sum(dim=(1, 2))
    if not (total > 0).all():
        raise ValueError("expected a feature that is represented, got only zeros in an instance")
    return W.shape[2] / total


def plateaus(
    W: Float[Tensor, "instance n_features d_hidden"],
    density: Float[Tensor, " instance"],
    *,
    tolerance: float = 0.01,
) -> Plateaus:
    """Return how many features stand at each of the dimensionalities that have a name.

    Args:
        W: direction of each feature.
        density: probability that a feature is active.
        tolerance: largest distance from a plateau that counts; below 1/80, half of the distance
            between the two closest.

    Returns:
        Counts by instance and plateau.

    Raises:
        ValueError: a tolerance at which plateaus overlap.

    Source: [Elhage22], "The Geometry of Superposition".
    """
    if not 0 < tolerance < 1 / 80:
        raise ValueError(f"expected a tolerance above 0 and below 1/80, got {tolerance:g}")
    values = torch.tensor(list(PLATEAUS.values()), device=W.device)
    represented = feature_norms(W) >= REPRESENTED
    near = (feature_dimensionality(W)[..., None] - values).abs() <= tolerance
    return Plateaus(
        names=tuple(PLATEAUS),
        values=values,
        counts=(near & represented[..., None]).float().sum(dim=1),
        n_represented=represented.float().sum(dim=1),
        density=density,
        tolerance=tolerance,
    )


def count_polysemantic(
    W: Float[Tensor, "instance n_features neuron"], *, least: float = 0.2
) -> Int[Tensor, " instance"]:
    """Return how many neurons read two or more features.

    Args:
        W: weight from each feature to each neuron.
        least: a neuron reads a feature whose weight is at least this part of its largest one.

    Returns:
        Neurons, from 0 to all; one without any weight reads nothing.

    Source: [Elhage22], "Superposition in a Privileged Basis".
    """
    size = W.abs()
    read = (size >= least * size.amax(dim=1, keepdim=True)) & (size > 1e-6)
    return (read.sum(dim=1) >= 2).sum(dim=-1)
