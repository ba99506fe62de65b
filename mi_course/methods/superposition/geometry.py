"""Which features form a digon, a triangle, a pentagon: shapes by a rule that can be checked.

1. A feature is represented if its direction is at least half as long as 1.
2. Two represented features touch if the cosine between them is above 0.15 in size. Features that
   are connected through touching ones form a group; groups are orthogonal to each other.
3. A group spans as many dimensions as its directions have singular values of at least 0.3 of the
   largest one.
4. A group of k features in r dimensions is named after its k and r if each of its features has a
   dimensionality within 0.05 of r / k; otherwise it is irregular.

So eight features in three dimensions that share them equally are a square antiprism: no other
arrangement of trained directions with these numbers is known. Source: [Elhage22], "The Geometry
of Superposition". In go directions `[instance n_features d_hidden]`, out comes `FeatureGeometry`.
"""

import torch
from jaxtyping import Float
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from mi_course.methods.superposition.dimensionality import (
    REPRESENTED,
    feature_dimensionality,
    feature_norms,
)
from mi_course.results.superposition import FeatureGeometry, Shape

__all__ = ["SHAPES", "geometry"]

SHAPES = {
    (1, 1): "own dimension",
    (2, 1): "digon",
    (3, 2): "triangle",
    (4, 3): "tetrahedron",
    (5, 4): "5-cell",
    (5, 2): "pentagon",
    (8, 3): "square antiprism",
}
TOUCHING = 0.15
SPANNED = 0.3
EQUAL = 0.05


def geometry(
    W: Float[Tensor, "instance n_features d_hidden"],
    density: Float[Tensor, " instance"] | None = None,
) -> FeatureGeometry:
    """Return the shapes that each model's features form.

    Args:
        W: direction of each feature.
        density: probability that a feature is active; 1 when None.

    Returns:
        Directions, dimensionalities and shapes.

    Source: [Elhage22], "The Geometry of Superposition"; the rule is this module's.
    """
    dimensionality = feature_dimensionality(W)
    represented = feature_norms(W) >= REPRESENTED
    density = W.new_ones(len(W)) if density is None else density
    return FeatureGeometry(
        W=W,
        density=density,
        dimensionality=dimensionality.where(represented, torch.zeros_like(dimensionality)),
        shapes=tuple(map(_shapes, W.cpu(), dimensionality.cpu(), represented.cpu())),
    )


def _shapes(W: Tensor, dimensionality: Tensor, represented: Tensor) -> tuple[Shape, ...]:
    kept = represented.nonzero()[:, 0]
    unit = torch.nn.functional.normalize(W[kept], dim=-1)
    touching = (unit @ unit.T).abs() > TOUCHING
    n_groups, group = connected_components(touching.numpy(), directed=False)
    members = [kept[torch.from_numpy(group == g)] for g in range(n_groups)]
    found = [_shape(W[m], dimensionality[m], m) for m in members]
    return tuple(sorted(found, key=lambda shape: (-len(shape.features), shape.features)))


def _shape(W: Tensor, dimensionality: Tensor, members: Tensor) -> Shape:
    singular = torch.linalg.svdvals(W)
    rank = int((singular >= SPANNED * singular[0]).sum())
    equal = bool(((dimensionality - rank / len(members)).abs() <= EQUAL).all())
    name = SHAPES.get((len(members), rank), "irregular") if equal else "irregular"
    return Shape(tuple(members.tolist()), rank, name)
