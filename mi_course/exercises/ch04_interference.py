"""Exercise 04.5: how much other features push along a feature's direction."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from mi_course.exercises.ch04_shapes import DIGON, polygon, side_by_side, turned, weights
from mi_course.exercises.core import Case, Exercise, Wrong

Weights = Float[Tensor, "instance n_features d_hidden"]
ByFeature = Float[Tensor, "instance n_features"]


def interference(W: Weights) -> ByFeature:
    """Return the sum over j other than i of (W^_i . W_j)^2; 0 for a zero direction."""
    overlap = (normalize(W, dim=-1) @ W.mT).square()
    others = 1 - torch.eye(W.shape[1])
    return (overlap * others).sum(dim=-1)


def _by_loops(W: Weights) -> ByFeature:
    found = torch.zeros(W.shape[:2])
    for model, row in zip(W, found, strict=True):
        for i, own in enumerate(model):
            others = torch.cat([model[:i], model[i + 1 :]])
            if own.norm() > 0:
                row[i] = ((others @ own) ** 2).sum() / (own @ own)
    return found


def _others(overlap: Tensor) -> ByFeature:
    return overlap.sum(dim=-1) - overlap.diagonal(dim1=-2, dim2=-1)


def _with_itself(W: Weights) -> ByFeature:
    return (normalize(W, dim=-1) @ W.mT).square().sum(dim=-1)


def _less_one(W: Weights) -> ByFeature:
    return _with_itself(W) - 1


def _signed(W: Weights) -> ByFeature:
    return _others(normalize(W, dim=-1) @ W.mT)


def _absolute(W: Weights) -> ByFeature:
    return _others((normalize(W, dim=-1) @ W.mT).abs())


def _not_normalised(W: Weights) -> ByFeature:
    return _others((W @ W.mT).square())


def _both_units(W: Weights) -> ByFeature:
    unit = normalize(W, dim=-1)
    return _others((unit @ unit.mT).square())


def _turned_round(W: Weights) -> ByFeature:
    return _others((W @ normalize(W, dim=-1).mT).square())


def _undefined(W: Weights) -> ByFeature:
    unit = W / W.norm(dim=-1, keepdim=True)
    return _others((unit @ W.mT).square())


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)
    hand = torch.tensor([[[2.0, 0.0], [-4.0, 0.0], [0.0, 3.0]]])
    lost = weights(generator, 2, 6, 3)
    lost[0, 2], lost[1, 5] = 0, 0
    shapes = side_by_side(polygon(3), DIGON, polygon(5))
    rotation = torch.linalg.qr(torch.randn(2, 6, 6, generator=generator)).Q
    apart = rotation * (0.3 + torch.rand(2, 6, 1, generator=generator))
    return [
        Case("an opposite pair and one alone", (hand,), "hand"),
        Case("3 instances, 7 features in 4 dimensions", (weights(generator, 3, 7, 4),)),
        Case("2 instances, 5 features in 9 dimensions", (weights(generator, 2, 5, 9),)),
        Case("a feature with a zero direction", (lost,), "property"),
        Case("all at right angles", (apart,), "truth"),
        Case(
            "triangle, digon, pentagon",
            (torch.stack([turned(shapes, generator) for _ in range(3)]),),
            "truth",
        ),
    ]


INTERFERENCE = Exercise(
    id="04.5",
    function="interference",
    title="Find who disturbs whom",
    points=3,
    stars=2,
    minutes=10,
    reference=interference,
    cases=_cases,
    alternatives=(_by_loops,),
    wrong=(
        Wrong(
            "with itself",
            _with_itself,
            "a feature does not disturb itself",
            "the diagonal is among them: a feature does not disturb itself, leave out j = i",
        ),
        Wrong(
            "one taken off",
            _less_one,
            "not 1 but the squared length",
            "what a feature does to itself is not 1 but the squared length of W_i: take that off",
        ),
        Wrong(
            "signed",
            _signed,
            "cancel each other",
            "pushes to either side cancel each other here: square them first",
        ),
        Wrong(
            "absolute",
            _absolute,
            "summed by their size",
            "the overlaps are summed by their size: sum their squares",
        ),
        Wrong(
            "not normalised",
            _not_normalised,
            "divide W_i by its length",
            "W_i is as long as it is: divide W_i by its length",
        ),
        Wrong(
            "both directions normalised",
            _both_units,
            "leave W_j as long as it is",
            "both are divided by their length: leave W_j as long as it is",
        ),
        Wrong(
            "the other one normalised",
            _turned_round,
            "i and j are exchanged",
            "i and j are exchanged: W_i is the one divided by its length",
        ),
        Wrong("undefined for a zero direction", _undefined, "not finite"),
    ),
    hints=(
        "Take the unit vector of a feature, its overlaps with the directions of all other "
        "features, and sum their squares.",
        "`normalize(W, dim=-1) @ W.mT` from `torch.nn.functional` holds all overlaps; take away "
        "the diagonal, for example with `1 - torch.eye(n_features)`.",
        "The overlaps have axes `instance i j`; the sum over the last leaves `instance "
        "n_features`.",
    ),
    groups={"random": 1, "property": 1, "truth": 1},
    axes="instance n_features",
)
