"""Exercise 04.6: any number of features in a plane, each read back exactly.

There are many such constructions: a circle turned by any angle, a parabola, any points of which
none lies between others. The judge tries the reader on every feature and on none.
"""

from math import pi

import torch
from jaxtyping import Float
from torch import Tensor

from mi_course.exercises.compare import as_array
from mi_course.exercises.core import Case, Exercise, Wrong

Embedding = tuple[
    Float[Tensor, "n_features 2"], Float[Tensor, "2 n_features"], Float[Tensor, " n_features"]
]

# A reader with a higher threshold than needed is right as well, but it magnifies rounding more: in
# single precision by 1e-3 for dozens of features. Slips leave more than 0.05.
CLOSE = 5e-3


def circle_embedding(n_features: int) -> Embedding:
    """Return directions, and a reader with which ReLU(h reader + bias) names the active feature."""
    angle = 2 * pi * torch.arange(n_features) / n_features
    directions = torch.stack([angle.cos(), angle.sin()], dim=1)
    neighbour = torch.tensor(2 * pi / n_features).cos()
    reader = directions.T / (1 - neighbour)
    bias = -neighbour / (1 - neighbour)
    return directions, reader, bias.expand(n_features)


def _on_a_parabola(n_features: int) -> Embedding:
    t = torch.arange(n_features).float()
    directions = torch.stack([t, t**2], dim=1)
    # 1 - (t_i - t_j)^2 is 1 for the feature itself and at most 0 for all others.
    return directions, torch.stack([2 * t, -torch.ones(n_features)]), 1 - t**2


def _turned(n_features: int) -> Embedding:
    directions, reader, bias = circle_embedding(n_features)
    turn = torch.tensor([[0.6, 0.8], [-0.8, 0.6]])
    return 3 * directions @ turn, turn.T @ reader / 3, bias


def _not_scaled(n_features: int) -> Embedding:
    directions, _, _ = circle_embedding(n_features)
    neighbour = torch.tensor(2 * pi / n_features).cos()
    return directions, directions.T, -neighbour.expand(n_features)


def _no_bias(n_features: int) -> Embedding:
    directions, _, bias = circle_embedding(n_features)
    return directions, directions.T, 0 * bias


def _highest_bias(n_features: int) -> Embedding:
    directions, _, bias = circle_embedding(n_features)
    return directions, directions.T, -torch.ones_like(bias)


def _ends_meet(n_features: int) -> Embedding:
    angle = torch.linspace(0, 2 * pi, n_features)
    _, _, bias = circle_embedding(n_features)
    directions = torch.stack([angle.cos(), angle.sin()], dim=1)
    return directions, directions.T * (1 - bias[0]), bias


def _half_a_step(n_features: int) -> Embedding:
    directions, _, _ = circle_embedding(n_features)
    half = torch.tensor(pi / n_features).cos()
    return directions, directions.T / (1 - half), (-half / (1 - half)).expand(n_features)


def _two_steps(n_features: int) -> Embedding:
    directions, _, _ = circle_embedding(n_features)
    second = torch.tensor(4 * pi / n_features).cos()
    return directions, directions.T / (1 - second), (-second / (1 - second)).expand(n_features)


def _bias_not_scaled(n_features: int) -> Embedding:
    directions, reader, _ = circle_embedding(n_features)
    return directions, reader, -torch.tensor(2 * pi / n_features).cos().expand(n_features)


def _in_degrees(n_features: int) -> Embedding:
    angle = 360 * torch.arange(n_features) / n_features
    directions = torch.stack([angle.cos(), angle.sin()], dim=1)
    _, _, bias = circle_embedding(n_features)
    return directions, directions.T * (1 - bias[0]), bias


def _judge(_case: Case, got: Embedding, _expected: Embedding) -> str | None:
    directions, reader, bias = (torch.from_numpy(as_array(part)).double() for part in got)
    told = (directions @ reader + bias).relu()
    if (torch.pdist(directions) < 1e-6 * directions.abs().max()).any():
        return "two features have the same direction: nothing can tell them apart"
    own, others = told.diagonal(), told - told.diag().diag()
    if others.max() > CLOSE:
        i, j = divmod(int(others.argmax()), len(told))
        return (
            "a feature is read where another one is active\n"
            f"got {told[i, j]:.3g} for feature {j} where feature {i} is active"
        )
    if (own - 1).abs().max() > CLOSE:
        i = int((own - 1).abs().argmax())
        return f"an active feature is to be read as 1\ngot {own[i]:.3g} for feature {i}"
    return None


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(least: int, most: int) -> int:
        return int(torch.randint(least, most + 1, (), generator=generator))

    return [
        Case("three features", (3,), "hand"),
        Case("a few features", (drawn(5, 12),)),
        Case("a dozen and more", (drawn(13, 29),), "property"),
        Case("dozens", (drawn(30, 50),), "truth"),
    ]


CIRCLE_EMBEDDING = Exercise(
    id="04.6",
    function="circle_embedding",
    title="Any number of features in a plane",
    points=3,
    stars=3,
    minutes=20,
    reference=circle_embedding,
    cases=_cases,
    alternatives=(_on_a_parabola, _turned, _half_a_step),
    wrong=(
        Wrong("not scaled", _not_scaled, "an active feature is to be read as 1"),
        Wrong(
            "no bias",
            _no_bias,
            "the bias is missing",
            "the bias is missing: neighbours overlap, and only a threshold tells them apart",
        ),
        Wrong(
            "the highest bias",
            _highest_bias,
            "the feature itself does not pass",
            "the threshold is so high that the feature itself does not pass: it may be as low as "
            "the overlap of two neighbours",
        ),
        Wrong(
            "the ends meet",
            _ends_meet,
            "same direction",
            "the first and the last feature have the same direction: a circle of n steps has no "
            "end, leave out the angle 2 pi",
        ),
        Wrong(
            "two steps",
            _two_steps,
            "two steps away",
            "the threshold is the overlap with a feature two steps away: neighbours pass, take "
            "theirs",
        ),
        Wrong(
            "bias not scaled",
            _bias_not_scaled,
            "the bias has another scale",
            "the bias has another scale than the reader: divide both by 1 minus the threshold",
        ),
        Wrong(
            "degrees",
            _in_degrees,
            "angles in radians",
            "cos and sin want angles in radians: a full turn is 2 pi",
        ),
    ),
    hints=(
        "Put the features on a circle, evenly. Read each along its own direction: 1 for itself, at "
        "most cos(2 pi / n) for all others. A bias takes that overlap away, a factor brings 1 "
        "back.",
        "`torch.stack([angle.cos(), angle.sin()], dim=1)` with `angle = 2 * pi * "
        "torch.arange(n) / n`; with c = cos(2 pi / n), reader and bias are both divided by 1 - c.",
        "directions `[n_features 2]`, reader `[2 n_features]`, bias `[n_features]`; `directions @ "
        "reader + bias` has a row for each feature that is active.",
    ),
    judge=_judge,
    groups={"random": 1, "property": 1, "truth": 1},
)
