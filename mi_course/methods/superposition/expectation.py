"""The loss of a toy model without sampling: an average over all inputs, feature by feature.

Which features are active is one of 2^n subsets, whose values fill a unit cube; the average over
the cube is taken at Gauss-Legendre points. Nothing is random, so two solutions can be compared to
many digits, and gradients lead to the exact optimum. Sizes beyond four features are out of reach.
In go weights, out comes one loss for each instance.
"""

from itertools import product

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mi_course.models.toy import ToyModel

__all__ = ["expected_loss", "optimised"]

MAX_FEATURES = 4


def expected_loss(model: ToyModel, *, nodes: int = 12) -> Float[Tensor, " instance"]:
    """Return the expected importance-weighted squared error, mean over features.

    Args:
        model: toy models of at most four features, which are independent and not binary.
        nodes: points on each axis of the cube.

    Returns:
        One for each instance; differentiable in the model's weights.

    Raises:
        ValueError: there are more than four features.

    Source: [Elhage22], "Demonstrating Superposition", the loss.
    """
    n = model.n_features
    if n > MAX_FEATURES:
        raise ValueError(f"expected at most {MAX_FEATURES} features, got {n}, try toy_loss")
    points, weights, active = (part.to(model.W) for part in _cube(n, nodes))
    error = (points - model(points.expand(len(model), -1, -1))).square()
    by_point = (error * model.importance[:, None]).mean(dim=2)
    p = model.density[:, None]
    return (by_point * weights * p**active * (1 - p) ** (n - active)).sum(dim=1)


def optimised(model: ToyModel, *, steps: int = 400, lr: float = 0.02) -> ToyModel:
    """Return the models after descending the expected loss from where they are.

    Args:
        model: toy models of at most four features.
        steps: of Adam; the rate falls to zero.
        lr: learning rate at first.

    Returns:
        Models in double precision at a local optimum of the expected loss.
    """
    W, b = (part.detach().double().clone().requires_grad_() for part in (model.W, model.b))
    fixed = model.density.double(), model.importance.double()
    optimiser = torch.optim.Adam([W, b], lr=lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    with torch.enable_grad():
        for _ in range(steps):
            optimiser.zero_grad()
            # Instances share no weight: Adam makes the step the same for a sum as for each alone.
            expected_loss(ToyModel(W, b, *fixed, model.kind)).sum().backward()
            optimiser.step()
            schedule.step()
    return ToyModel(W.detach(), b.detach(), *fixed, model.kind)


def _cube(n: int, nodes: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return points with their weights and numbers of active features, over all 2^n subsets."""
    at, weight = np.polynomial.legendre.leggauss(nodes)
    axis, mass = torch.from_numpy(at / 2 + 0.5), torch.from_numpy(weight / 2)
    zero, one = torch.zeros(1, dtype=axis.dtype), torch.ones(1, dtype=axis.dtype)
    points, weights, active = [], [], []
    for subset in product((False, True), repeat=n):
        points.append(torch.cartesian_prod(*(axis if on else zero for on in subset)).view(-1, n))
        products = torch.cartesian_prod(*(mass if on else one for on in subset)).view(-1, n)
        weights.append(products.prod(dim=1))
        active.append(torch.full((len(weights[-1]),), float(sum(subset)), dtype=axis.dtype))
    return torch.cat(points), torch.cat(weights), torch.cat(active)
