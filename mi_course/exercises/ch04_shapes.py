"""Directions of features in shapes that we know, for the cases of chapter 04's exercises."""

from math import cos, pi, sin

import torch
from jaxtyping import Float
from torch import Tensor

Directions = Float[Tensor, "n_features d_hidden"]
Weights = Float[Tensor, "instance n_features d_hidden"]


def polygon(n: int) -> Directions:
    """Return n directions that share a plane evenly."""
    angles = [2 * pi * i / n for i in range(n)]
    return torch.tensor([[cos(angle), sin(angle)] for angle in angles])


DIGON = torch.tensor([[1.0], [-1.0]])
TETRAHEDRON = torch.tensor([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / 3**0.5


def side_by_side(*shapes: Float[Tensor, "_ _"]) -> Directions:
    """Return shapes at right angles to each other."""
    return torch.block_diag(*shapes)


def turned(W: Directions, generator: torch.Generator) -> Directions:
    """Return the same shape in another position, its features in another order."""
    rotation = torch.linalg.qr(torch.randn(W.shape[1], W.shape[1], generator=generator)).Q
    return W[torch.randperm(len(W), generator=generator)] @ rotation


def weights(generator: torch.Generator, instance: int, n: int, d: int) -> Weights:
    """Return directions that are unlike each other, in length too."""
    W = torch.randn(instance, n, d, generator=generator)
    return W * (0.2 + torch.rand(instance, n, 1, generator=generator))
