"""Exercise 04.3: what the toy model is trained on."""

import torch
from einops import einsum
from jaxtyping import Float
from torch import Tensor

from mi_course.exercises.core import Case, Exercise, Wrong

Features = Float[Tensor, "instance batch n_features"]
Importance = Float[Tensor, "instance n_features"]
Losses = Float[Tensor, " instance"]


def toy_loss(x: Features, out: Features, importance: Importance) -> Losses:
    """Return importance times squared error, its mean over batch and features."""
    error = (x - out).square() * importance[:, None]
    return error.mean(dim=(1, 2))


def _by_feature(x: Features, out: Features, importance: Importance) -> Losses:
    each = ((out - x) ** 2).mean(dim=1)
    total = einsum(each, importance, "instance n_features, instance n_features -> instance")
    return total / x.shape[-1]


def _summed(x: Features, out: Features, importance: Importance) -> Losses:
    return ((x - out).square() * importance[:, None]).mean(dim=1).sum(dim=1)


def _inside(x: Features, out: Features, importance: Importance) -> Losses:
    return ((x - out) * importance[:, None]).square().mean(dim=(1, 2))


def _absolute(x: Features, out: Features, importance: Importance) -> Losses:
    return ((x - out).abs() * importance[:, None]).mean(dim=(1, 2))


def _unweighted(x: Features, out: Features, importance: Importance) -> Losses:
    return (x - out).square().mean(dim=(1, 2))


def _normalised(x: Features, out: Features, importance: Importance) -> Losses:
    return toy_loss(x, out, importance / importance.mean(dim=1, keepdim=True))


def _active_alone(x: Features, out: Features, importance: Importance) -> Losses:
    return toy_loss(x, out * (x > 0), importance)


def _one_importance(x: Features, out: Features, importance: Importance) -> Losses:
    return toy_loss(x, out, importance[:1].expand(importance.shape))


def _all_together(x: Features, out: Features, importance: Importance) -> Losses:
    return toy_loss(x, out, importance).mean().expand(len(x))


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(instance: int, batch: int, n: int) -> tuple[Features, Features, Importance]:
        x, out, own = (torch.rand(instance, batch, n, generator=generator) for _ in range(3))
        x = x * (own < 0.5)
        return x, out, 0.2 + torch.rand(instance, n, generator=generator)

    hand = (
        torch.tensor([[[1.0, 0.0], [0.0, 3.0]]]),
        torch.tensor([[[0.0, 0.0], [1.0, 1.0]]]),
        torch.tensor([[3.0, 0.5]]),
    )
    x, out, importance = drawn(3, 6, 4)
    # Instances whose errors lie in one feature only, of an importance that we know.
    one = torch.zeros(3, 4)
    one[:, 1] = torch.rand(3, generator=generator) + 0.5
    missed = x + 0.5 * (torch.arange(4) == 1)
    return [
        Case("two examples of two features", hand, "hand"),
        Case("3 instances, 4 features", (x, out, importance)),
        Case("4 instances, 11 features", drawn(4, 8, 11)),
        Case("5 features matter, 5 hardly", _uneven(drawn(2, 7, 10)), "property"),
        Case("an error in one feature", (x, missed, one), "truth"),
    ]


def _uneven(
    drawn: tuple[Features, Features, Importance],
) -> tuple[Features, Features, Importance]:
    x, out, importance = drawn
    return x, out, importance * torch.where(torch.arange(10) < 5, 3.0, 0.05)


TOY_LOSS = Exercise(
    id="04.3",
    function="toy_loss",
    title="Weigh the errors",
    points=2,
    stars=1,
    minutes=10,
    reference=toy_loss,
    cases=_cases,
    alternatives=(_by_feature,),
    wrong=(
        Wrong(
            "summed over features",
            _summed,
            "mean over features",
            "the features are summed: take the mean over features as well",
        ),
        Wrong(
            "importance squared",
            _inside,
            "outside the square",
            "the importance is squared too: it stands outside the square",
        ),
        Wrong(
            "absolute error",
            _absolute,
            "the square of the error",
            "this is the absolute error: take the square of the error",
        ),
        Wrong(
            "no importance",
            _unweighted,
            "the importance is missing",
            "the importance is missing: errors in important features cost more",
        ),
        Wrong(
            "a weighted mean",
            _normalised,
            "divided by its mean",
            "the importance is divided by its mean: use it as it is",
        ),
        Wrong(
            "active features alone",
            _active_alone,
            "a feature that is zero",
            "only active features count here: reading a feature that is zero as active is an "
            "error as well",
        ),
        Wrong(
            "one importance for all instances",
            _one_importance,
            "its own importances",
            "the first instance's importances are used for all: each instance has its own "
            "importances",
        ),
        Wrong(
            "one loss for all instances",
            _all_together,
            "one loss for each instance",
            "the instances are averaged: keep one loss for each instance, they are trained apart",
        ),
    ),
    hints=(
        "For each example and feature, the squared distance between x and out, times the "
        "feature's importance; then the mean over examples and features.",
        "`(x - out).square()`, times `importance[:, None]`, then `.mean(dim=(1, 2))`.",
        "The error has axes `instance batch n_features`; the mean over the last two leaves "
        "`instance`.",
    ),
    groups={"random": 1, "truth": 1},
    axes="instance",
)
