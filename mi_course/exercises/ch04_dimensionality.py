"""Exercise 04.4: how much of a dimension a feature has for itself."""

import torch
from einops import einsum
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from mi_course.exercises.ch04_shapes import (
    DIGON,
    TETRAHEDRON,
    polygon,
    side_by_side,
    turned,
    weights,
)
from mi_course.exercises.core import Case, Exercise, Wrong

Weights = Float[Tensor, "instance n_features d_hidden"]
ByFeature = Float[Tensor, "instance n_features"]


def feature_dimensionality(W: Weights) -> ByFeature:
    """Return |W_i|^2 divided by the sum over j of (W^_i . W_j)^2; 0 for a zero direction."""
    squared = W.square().sum(dim=-1)
    shared = (W @ W.mT).square().sum(dim=-1)
    return squared.square() / shared.clamp(min=1e-12)


def _by_unit_vectors(W: Weights) -> ByFeature:
    unit = normalize(W, dim=-1)
    cosines = einsum(unit, W, "instance i d_hidden, instance j d_hidden -> instance i j")
    own = W.norm(dim=-1)
    found = own**2 / (cosines**2).sum(dim=-1)
    return torch.where(own > 0, found, torch.zeros(()))


def _both_units(W: Weights) -> ByFeature:
    unit = normalize(W, dim=-1)
    return W.square().sum(-1) / (unit @ unit.mT).square().sum(dim=-1).clamp(min=1e-12)


def _neither_unit(W: Weights) -> ByFeature:
    return W.square().sum(-1) / (W @ W.mT).square().sum(dim=-1).clamp(min=1e-12)


def _without_itself(W: Weights) -> ByFeature:
    squared = W.square().sum(dim=-1)
    shared = (W @ W.mT).square().sum(dim=-1) - squared.square()
    return squared.square() / shared.clamp(min=1e-12)


def _not_squared(W: Weights) -> ByFeature:
    overlap = (normalize(W, dim=-1) @ W.mT).abs().sum(dim=-1)
    return W.square().sum(-1) / overlap.clamp(min=1e-12)


def _length_alone(W: Weights) -> ByFeature:
    overlap = (normalize(W, dim=-1) @ W.mT).square().sum(dim=-1)
    return W.norm(dim=-1) / overlap.clamp(min=1e-12)


def _upside_down(W: Weights) -> ByFeature:
    found = feature_dimensionality(W)
    return torch.where(found > 0, 1 / found, 0.0)


def _undefined(W: Weights) -> ByFeature:
    unit = W / W.norm(dim=-1, keepdim=True)
    return W.square().sum(-1) / (unit @ W.mT).square().sum(dim=-1)


def _over_the_others(W: Weights) -> ByFeature:
    overlap = (normalize(W, dim=-1) @ W.mT).square().sum(dim=-2)
    return W.square().sum(-1) / overlap.clamp(min=1e-12)


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)
    # Lengths differ, and one feature is not represented.
    hand = torch.tensor([[[2.0, 0.0], [-1.0, 0.0], [0.0, 0.5], [0.0, 0.0]]])
    shapes = side_by_side(polygon(5), DIGON, TETRAHEDRON, polygon(3))
    lost = weights(generator, 2, 6, 3)
    lost[0, 2], lost[1, 4] = 0, 0
    return [
        Case("two in one dimension, one alone, one lost", (hand,), "hand"),
        Case("3 instances, 7 features in 4 dimensions", (weights(generator, 3, 7, 4),)),
        Case("2 instances, 5 features in 9 dimensions", (weights(generator, 2, 5, 9),)),
        Case("a feature with a zero direction", (lost,), "property"),
        Case(
            "pentagon, digon, tetrahedron, triangle",
            (torch.stack([turned(shapes, generator) for _ in range(2)]),),
            "truth",
        ),
    ]


FEATURE_DIMENSIONALITY = Exercise(
    id="04.4",
    function="feature_dimensionality",
    title="Measure a feature's share of a dimension",
    points=3,
    stars=2,
    minutes=15,
    reference=feature_dimensionality,
    cases=_cases,
    alternatives=(_by_unit_vectors,),
    wrong=(
        Wrong(
            "both directions normalised",
            _both_units,
            "only W_i is divided",
            "only W_i is divided by its length: a short W_j takes little room",
        ),
        Wrong(
            "no direction normalised",
            _neither_unit,
            "divide W_i by its length",
            "W_i is as long as it is below the line: divide W_i by its length there",
        ),
        Wrong(
            "without itself",
            _without_itself,
            "the sum is over all j",
            "the feature itself is left out: the sum is over all j, so that one alone scores 1",
        ),
        Wrong(
            "overlaps not squared",
            _not_squared,
            "square the overlaps",
            "the overlaps are summed by their size: square the overlaps before the sum",
        ),
        Wrong(
            "length not squared",
            _length_alone,
            "the squared length",
            "the length stands above the line: it is the squared length",
        ),
        Wrong(
            "upside down",
            _upside_down,
            "upside down",
            "this is upside down: features that share a dimension score below 1",
        ),
        Wrong(
            "summed over i",
            _over_the_others,
            "the sum runs over i",
            "the sum runs over i: in row i of the overlaps, sum over the columns j",
        ),
        Wrong("undefined for a zero direction", _undefined, "not finite"),
    ),
    hints=(
        "Above the line is the squared length of a feature's direction; below it, the squared "
        "overlaps of its unit vector with all directions, its own included.",
        "`unit @ W.mT` holds all overlaps of an instance. Where W_i is zero so are both sides: "
        "`torch.nn.functional.normalize` and `.clamp(min=1e-12)` keep 0 / 0 away.",
        "`unit @ W.mT` has axes `instance i j`; summed over the last it has `instance n_features`.",
    ),
    groups={"random": 1, "property": 1, "truth": 1},
    axes="instance n_features",
)
