"""Two kinds of interference, and why features that are on or off suffer less.

- Alternating: another feature is active and this one is not. The other's push must not be taken
  for this feature. A bias below zero and ReLU can silence it.
- Simultaneous: both are active. Then the push adds to the true value, and nothing tells them apart
  unless the feature can only be 0 or 1.

Errors are averages over all ordered pairs of features and over their values, at quadrature points,
not samples. Sources: [Elhage22]; [Gurnee23], section 2. In go toy models, out come
`InterferenceKinds` and `BinaryComparison`.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mi_course.methods.superposition.dimensionality import REPRESENTED, feature_norms
from mi_course.methods.superposition.training import toy_loss, train_toy_models
from mi_course.models.toy import ToyModel
from mi_course.results.superposition_costs import BinaryComparison, InterferenceKinds

__all__ = ["binary_against_continuous", "interference_kinds"]

NODES = 6  # quadrature points for the value of an active feature


def interference_kinds(model: ToyModel, *, binary: bool = False) -> InterferenceKinds:
    """Return the squared error of an output when its feature, another, or both are active.

    Args:
        model: toy models with two or more features.
        binary: whether an active feature is 1; otherwise it is uniform on (0, 1).

    Returns:
        Means over represented features and, where there is another feature, over all others; NaN
        where none is represented.

    Raises:
        ValueError: there is only one feature.
    """
    n = model.n_features
    if n < 2:
        raise ValueError(f"expected two or more features, got {n}")
    values, mass = _values(binary, model.W)
    eye = torch.eye(n).to(model.W)
    one = values[:, None, None] * eye  # [value, active, feature]
    first = values[:, None, None, None, None] * eye[:, None]
    second = values[:, None, None, None] * eye
    both = first + second  # [value, value, active, other, feature]
    error_one = _squared(model, one)
    error_both = _squared(model, both)
    alone = error_one.diagonal(dim1=2, dim2=3)
    off = ~torch.eye(n, dtype=torch.bool, device=eye.device)
    others = torch.einsum("kvao,v->kao", error_one, mass) * off
    # In `error_both` the output that counts is that of the first active feature.
    shared = torch.einsum("kvwabo,ao->kvwab", error_both, eye)
    shared = torch.einsum("kvwab,v,w->kab", shared, mass, mass) * off
    kept = feature_norms(model.W) >= REPRESENTED
    return InterferenceKinds(
        alone=_mean(torch.einsum("kvi,v->ki", alone, mass), kept),
        alternating=_mean(others.sum(dim=1) / (n - 1), kept),
        simultaneous=_mean(shared.sum(dim=2) / (n - 1), kept),
        density=model.density,
        binary=binary,
        kind=model.kind,
    )


def binary_against_continuous(
    n_features: int = 5,
    d_hidden: int = 2,
    density: Float[Tensor, " density"] | None = None,
    *,
    n_seeds: int = 5,
    steps: int = 1500,
    seed: int = 0,
) -> BinaryComparison:
    """Return how much of binary and of continuous features is lost, by density.

    Args:
        n_features: features of a model.
        d_hidden: hidden dimensions of a model.
        density: of the features; seven from 0.5 to 0.02 when None.
        n_seeds: models at each density; the best one is kept, since some get stuck.
        steps: of training.
        seed: of weights and inputs.

    Returns:
        Fractions of variance unexplained, and kinds of interference.

    Raises:
        ValueError: sizes or densities that make no sense.
    """
    density = torch.logspace(-0.3, -1.7, 7) if density is None else density
    found = {}
    for binary in (True, False):
        model = train_toy_models(
            n_features,
            d_hidden,
            density.repeat(n_seeds),
            steps=steps,
            seed=seed,
            binary=binary,
        ).model
        losses = toy_loss(model, binary=binary).view(n_seeds, -1)
        best = losses.argmin(dim=0) * len(density) + torch.arange(len(density))
        p = density
        variance = p * (1 - p) if binary else p / 3 - p**2 / 4
        found[binary] = losses.amin(dim=0) / variance, model.chosen(best)
    return BinaryComparison(
        fvu_binary=found[True][0],
        fvu_continuous=found[False][0],
        kinds_binary=interference_kinds(found[True][1], binary=True),
        kinds_continuous=interference_kinds(found[False][1]),
        density=density,
        n_features=n_features,
        d_hidden=d_hidden,
    )


def _values(binary: bool, like: Tensor) -> tuple[Tensor, Tensor]:
    if binary:
        return like.new_ones(1), like.new_ones(1)
    at, mass = np.polynomial.legendre.leggauss(NODES)
    return torch.from_numpy(at / 2 + 0.5).to(like), torch.from_numpy(mass / 2).to(like)


def _squared(model: ToyModel, x: Tensor) -> Tensor:
    """Return squared errors, with an axis for the instance in front."""
    flat = x.flatten(end_dim=-2).expand(len(model), -1, -1)
    return (flat - model(flat)).square().unflatten(1, x.shape[:-1])


def _mean(values: Tensor, kept: Tensor) -> Tensor:
    """Return the mean over the features that are kept; NaN where there are none."""
    return (values * kept).sum(dim=1) / kept.sum(dim=1)
