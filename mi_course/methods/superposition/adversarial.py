"""Superposition makes a model easy to attack: a small push along many features adds up in one.

An attack adds to an input a change of length at most epsilon that makes the reconstruction of the
*unchanged* features as bad as it can. A model with a dimension for each feature only passes the
change on, so its squared error grows by epsilon^2 at most; that is the unit here. In superposition
the change can be spread over all features that interfere with one.

It is a measure of this autoencoder, not of networks in general: the error grows because outputs
that should be zero are part of the loss. Source: [Elhage22], "The Connection to Adversarial
Examples". In go models, out comes `AdversarialCurve`.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from mi_course.methods.superposition.features import sample_features
from mi_course.models.toy import ToyModel
from mi_course.results.superposition_costs import AdversarialCurve

__all__ = ["adversarial_curve", "adversarial_examples"]


@torch.enable_grad()
def adversarial_examples(
    model: ToyModel,
    x: Float[Tensor, "instance batch n_features"],
    *,
    epsilon: float = 0.1,
    steps: int = 20,
    seed: int = 0,
) -> Float[Tensor, "instance batch n_features"]:
    """Return changes of length at most epsilon that make each input's reconstruction worst.

    Projected gradient ascent from a random start; the gradient's direction counts, not its length.

    Args:
        model: toy models.
        x: features, one batch for each instance.
        epsilon: length of the change.
        steps: of the ascent, each of a quarter of epsilon.
        seed: of the start.

    Returns:
        What to add to `x`.

    Raises:
        ValueError: epsilon is not above 0.

    Source: [Elhage22], "The Connection to Adversarial Examples".
    """
    if epsilon <= 0:
        raise ValueError(f"expected epsilon above 0, got {epsilon:g}")
    generator = torch.Generator(x.device).manual_seed(seed)
    change = torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
    change = _of_length(change, epsilon / 2)
    for _ in range(steps):
        change = change.detach().requires_grad_()
        _error(model, x, change).sum().backward()
        moved = change.detach() + _of_length(change.grad, epsilon / 4)
        size = moved.norm(dim=-1, keepdim=True)
        change = moved * (epsilon / size.clamp(min=epsilon))
    return change.detach()


def adversarial_curve(
    model: ToyModel, *, batch_size: int = 128, epsilon: float = 0.1, seed: int = 0
) -> AdversarialCurve:
    """Return how vulnerable each model is, beside how many features it packs into a dimension.

    Args:
        model: toy models of several densities.
        batch_size: inputs attacked, for each instance; at least one of their features is active.
        epsilon: length of a change.
        seed: of inputs and attacks.

    Returns:
        Growth of the squared error (sum over features, mean over inputs) in units of epsilon^2.

    Raises:
        ValueError: epsilon is not above 0.

    Source: [Elhage22], "The Connection to Adversarial Examples".
    """
    generator = torch.Generator(model.W.device).manual_seed(seed)
    x = _never_silent(model, batch_size, generator)
    change = adversarial_examples(model, x, epsilon=epsilon, seed=seed)
    noise = _of_length(torch.randn(x.shape, generator=generator, device=x.device).to(x), epsilon)
    clean = _error(model, x, torch.zeros_like(x))
    attacked, shaken = (_error(model, x, each) - clean for each in (change, noise))
    return AdversarialCurve(
        vulnerability=attacked.mean(dim=1) / epsilon**2,
        random_change=shaken.mean(dim=1) / epsilon**2,
        features_per_dimension=model.W.square().sum(dim=(1, 2)) / model.d_hidden,
        density=model.density,
        epsilon=epsilon,
        n_features=model.n_features,
        d_hidden=model.d_hidden,
    )


def _never_silent(model: ToyModel, batch: int, generator: torch.Generator) -> Tensor:
    """Return features of which at least one is active: where ReLU is silent, no gradient leads."""
    x = sample_features(batch, model.density, model.n_features, generator)
    at = torch.randint(model.n_features, x.shape[:2], generator=generator, device=x.device)
    value = 1 - torch.rand(x.shape[:2], generator=generator, device=x.device, dtype=x.dtype)
    only = torch.nn.functional.one_hot(at, model.n_features) * value[..., None]
    return torch.where(x.any(dim=-1, keepdim=True), x, only)


def _error(model: ToyModel, x: Tensor, change: Tensor) -> Tensor:
    squared = (x - model(x + change)).square() * model.importance[:, None]
    return squared.sum(dim=-1)


def _of_length(vectors: Tensor, length: float) -> Tensor:
    return length * torch.nn.functional.normalize(vectors, dim=-1)
