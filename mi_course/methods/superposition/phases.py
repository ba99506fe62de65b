"""When does a feature get a dimension, share one, or get none? Trained models beside arithmetic.

All features have density p, all but the last have importance 1, the last has r. Trained models end
near one of a few solutions with unit directions, whose expected loss can be written down. With
V = p/3 - p^2/4, the variance of a feature, a feature's squared error is

    ignored     V                        its output is its mean, p / 2
    dedicated   0                        no other feature is near
    digon       p^2 / 6                  both active: the mean of min(x, y)^2
    triangle    p^2 (1-p) / 8 + p^3 / 6  two or three active: min(x, (y + z) / 2)^2

The best solution at each (p, r) is the analytic phase diagram. For two features in one dimension
superposition wins below p = 4 r / (2 + 5 r), r at most 1. Source: [Elhage22], "Superposition as a
Phase Change"; the integrals are ours. In go sizes and ranges, out comes `PhaseDiagram`.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mi_course.methods.superposition.dimensionality import REPRESENTED, feature_norms, interference
from mi_course.methods.superposition.expectation import expected_loss
from mi_course.methods.superposition.training import train_toy_models
from mi_course.models.toy import ToyModel
from mi_course.results.superposition_phases import PhaseDiagram

__all__ = [
    "SOLUTIONS",
    "Solution",
    "analytic_boundary",
    "analytic_phases",
    "antipodal_length",
    "phase_diagram",
    "phases_of",
    "solution_loss",
]

IGNORED, DEDICATED, SUPERPOSED = 0, 1, 2
FINE = 2000  # densities among which an analytic boundary is looked for
SHARED = 0.5  # interference from which on a represented feature counts as superposed


@dataclass(frozen=True)
class Solution:
    """Who shares a dimension with whom; features named nowhere have one of their own.

    Attributes:
        phase: of the last feature.
        ignored: features without a direction.
        digons: pairs on one axis.
        triangles: triples in one plane.
    """

    phase: int
    ignored: tuple[int, ...] = ()
    digons: tuple[tuple[int, int], ...] = ()
    triangles: tuple[tuple[int, int, int], ...] = ()


# For each (n_features, d_hidden); solutions that differ by which of the equal features take part
# are listed once.
SOLUTIONS = {
    (2, 1): (
        Solution(IGNORED, ignored=(1,)),
        Solution(DEDICATED, ignored=(0,)),
        Solution(SUPERPOSED, digons=((0, 1),)),
    ),
    (3, 2): (
        Solution(IGNORED, ignored=(2,)),
        Solution(DEDICATED, ignored=(0,)),
        Solution(DEDICATED, digons=((0, 1),)),
        Solution(SUPERPOSED, digons=((0, 2),)),
        Solution(SUPERPOSED, triangles=((0, 1, 2),)),
    ),
}


def solution_loss(
    solution: Solution, density: Float[Tensor, "*grid"], importance: Float[Tensor, "*grid n"]
) -> Float[Tensor, "*grid"]:
    """Return the expected importance-weighted squared error of a solution, mean over features.

    Args:
        solution: with unit directions; biases are 0, or the mean for an ignored feature.
        density: probability that a feature is active.
        importance: of each feature.

    Returns:
        Loss at each point.

    Source: the table in this module's docstring.
    """
    p, each = density, importance.unbind(dim=-1)
    total = torch.zeros_like(p)
    for i in solution.ignored:
        total = total + each[i] * (p / 3 - p**2 / 4)
    for pair in solution.digons:
        total = total + sum(each[i] for i in pair) * p**2 / 6
    for triple in solution.triangles:
        total = total + sum(each[i] for i in triple) * (p**2 * (1 - p) / 8 + p**3 / 6)
    return total / len(each)


def analytic_phases(
    n_features: int,
    d_hidden: int,
    density: Float[Tensor, " density"],
    importance: Float[Tensor, " importance"],
) -> Int[Tensor, "importance density"]:
    """Return the phase of the last feature in the best solution.

    Args:
        n_features: 2 or 3.
        d_hidden: one less.
        density: of all features.
        importance: of the last feature; the others have 1.

    Returns:
        0 where it is ignored, 1 where it has a dimension of its own, 2 where it shares one.

    Raises:
        ValueError: other sizes.
    """
    solutions = _solutions(n_features, d_hidden)
    p, weights = _grid(n_features, density.double(), importance.double())
    losses = torch.stack([solution_loss(each, p, weights) for each in solutions])
    phases = torch.tensor([each.phase for each in solutions], device=density.device)
    return phases[losses.argmin(dim=0)]


def analytic_boundary(
    n_features: int, d_hidden: int, importance: Float[Tensor, " importance"]
) -> Float[Tensor, " importance"]:
    """Return the highest density at which the last feature is best put in superposition.

    Args:
        n_features: 2 or 3.
        d_hidden: one less.
        importance: of the last feature.

    Returns:
        Density, within 0.3 %; NaN where superposition is the best at no density above 0.001.

    Raises:
        ValueError: other sizes.
    """
    fine = torch.logspace(0, -3, FINE, dtype=torch.float64, device=importance.device)
    shared = analytic_phases(n_features, d_hidden, fine, importance) == SUPERPOSED
    first = fine[shared.int().argmax(dim=1)]
    return first.where(shared.any(dim=1), torch.full_like(first, torch.nan)).float()


def antipodal_length(density: Float[Tensor, " density"]) -> Float[Tensor, " density"]:
    """Return the best length of two antipodal directions, for equal importance and no bias.

    With s the squared length, the squared error of a feature is p (1-p) (1-s)^2 / 3 where it is
    active alone and p^2 (1/3 - s/4 + s^2/12) where both are. It is least at
    s = ((1-p) / 3 + p / 8) / ((1-p) / 3 + p / 12), which is above 1: a longer direction makes up
    for what the other feature takes away.

    Args:
        density: of both features.

    Returns:
        Length, 1 for rare features and 1.22 for features that are always active.
    """
    alone = (1 - density) / 3
    return ((alone + density / 8) / (alone + density / 12)).sqrt()


def phase_diagram(
    n_features: int = 2,
    d_hidden: int = 1,
    *,
    density: Float[Tensor, " density"] | None = None,
    importance: Float[Tensor, " importance"] | None = None,
    n_seeds: int = 6,
    steps: int = 1500,
    batch_size: int = 128,
    seed: int = 0,
) -> PhaseDiagram:
    """Return what trained models do with their last feature, beside the best solution.

    Args:
        n_features: 2 or 3.
        d_hidden: one less.
        density: of all features, falling; ten from 1 to 0.03 when None.
        importance: of the last feature; eight from 0.1 to 10 when None.
        n_seeds: models trained at each point; the one with the least expected loss is kept, since
            some get stuck.
        steps: of training.
        batch_size: examples of a step, for each model.
        seed: of weights and inputs.

    Returns:
        Measured and analytic phases.

    Raises:
        ValueError: other sizes.

    Source: [Elhage22], "Superposition as a Phase Change".
    """
    _solutions(n_features, d_hidden)
    density = torch.logspace(0, -1.5, 10) if density is None else density
    importance = torch.logspace(-1, 1, 8) if importance is None else importance
    p, weights = (part.flatten(0, 1) for part in _grid(n_features, density, importance))
    trained = train_toy_models(
        n_features,
        d_hidden,
        p.repeat(n_seeds),
        weights.repeat(n_seeds, 1),
        steps=steps,
        batch_size=batch_size,
        seed=seed,
    )
    model = _best_seed(trained.model, n_seeds)
    shape = len(importance), len(density)
    return PhaseDiagram(
        length=feature_norms(model.W)[:, -1].view(shape),
        interference=interference(model.W)[:, -1].view(shape),
        measured=phases_of(model.W).view(shape),
        analytic=analytic_phases(n_features, d_hidden, density, importance),
        boundary=analytic_boundary(n_features, d_hidden, importance),
        density=density,
        importance=importance,
        n_features=n_features,
        d_hidden=d_hidden,
    )


def phases_of(W: Float[Tensor, "instance n_features d_hidden"]) -> Int[Tensor, " instance"]:
    """Return the phase of each model's last feature: 0 ignored, 1 dedicated, 2 superposed.

    It is ignored if its direction is shorter than 0.5, and superposed if, besides, the squares of
    what the others push along its direction sum to 0.5 or more.
    """
    shared = interference(W)[:, -1] >= SHARED
    phase = torch.where(shared, SUPERPOSED, DEDICATED)
    return torch.where(feature_norms(W)[:, -1] >= REPRESENTED, phase, IGNORED)


def _best_seed(model: ToyModel, n_seeds: int) -> ToyModel:
    losses = expected_loss(model).view(n_seeds, -1)
    points = losses.shape[1]
    return model.chosen(losses.argmin(dim=0) * points + torch.arange(points, device=losses.device))


def _solutions(n_features: int, d_hidden: int) -> tuple[Solution, ...]:
    if (n_features, d_hidden) not in SOLUTIONS:
        raise ValueError(
            f"expected sizes {' or '.join(map(str, SOLUTIONS))}, got {(n_features, d_hidden)}"
        )
    return SOLUTIONS[n_features, d_hidden]


def _grid(n_features: int, density: Tensor, importance: Tensor) -> tuple[Tensor, Tensor]:
    """Return densities [importance density] and importances [importance density n_features]."""
    p = density.expand(len(importance), -1)
    weights = density.new_ones(*p.shape, n_features)
    weights[..., -1] = importance[:, None]
    return p, weights
