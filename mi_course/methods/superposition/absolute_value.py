"""Computing in superposition: |x| of more features than there are neurons for.

A ReLU neuron is half of an absolute value, so one feature takes two neurons:
|x| = ReLU(x) + ReLU(-x). A trained layer

    out = ReLU(ReLU(x W_in) W_out + b),    loss = mean_i I_i (|x_i| - out_i)^2

does just that while features are dense. When they are sparse, a neuron serves several features,
and other neurons take back what it says too much. Source: [Elhage22], "Computation in
Superposition". In go sizes and densities, out come `AbsoluteValueModel` and `NeuronStacks`.
"""

from math import cos, pi

import torch
from jaxtyping import Float
from torch import Tensor

from mi_course.methods.superposition.dimensionality import count_polysemantic
from mi_course.methods.superposition.features import checked
from mi_course.models.toy import AbsoluteValueModel
from mi_course.results.superposition_computing import NeuronStacks

__all__ = ["neuron_stacks", "sample_signed", "train_absolute_value"]

READ = 0.2  # least weight of a feature in a neuron, as a part of the largest one


def sample_signed(
    batch: int, density: Float[Tensor, " instance"], n_features: int, generator: torch.Generator
) -> Float[Tensor, "instance batch n_features"]:
    """Return features from -1 to 1, each active with its instance's density, uniform if it is.

    Args:
        batch: examples for each instance.
        density: probability that a feature is active, above 0 and at most 1.
        n_features: how many.
        generator: on the device of `density`.

    Returns:
        Features.

    Raises:
        ValueError: a density or a size that makes no sense.
    """
    checked(density, n_features, None)
    u = density.new_empty(len(density), batch, n_features)
    u.uniform_(-1, 1, generator=generator)
    return (1 - u.abs() / density[:, None, None]).relu() * u.sign()


@torch.enable_grad()
def train_absolute_value(
    n_features: int,
    n_neurons: int,
    density: Float[Tensor, " instance"],
    importance: Float[Tensor, " n_features"] | None = None,
    *,
    steps: int = 3000,
    batch_size: int = 256,
    lr: float = 3e-3,
    seed: int = 0,
) -> AbsoluteValueModel:
    """Return layers of neurons trained to compute the absolute value of each feature.

    Args:
        n_features: inputs and outputs.
        n_neurons: hidden neurons.
        density: one for each instance.
        importance: of each feature; 0.9^i when None.
        steps: of AdamW; the rate falls to zero along half a cosine.
        batch_size: examples of a step, for each instance.
        lr: learning rate at first.
        seed: of weights and inputs.

    Returns:
        One layer for each instance.

    Raises:
        ValueError: sizes or densities that make no sense.

    Source: [Elhage22], "Computation in Superposition".
    """
    checked(density, n_features, None)
    if min(n_neurons, steps, batch_size) < 1:
        raise ValueError(f"expected sizes above 0, got {n_neurons}, {steps} and {batch_size}")
    if importance is None:
        importance = 0.9 ** torch.arange(n_features, device=density.device)
    generator = torch.Generator(density.device).manual_seed(seed)
    scale = (2 / (n_features + n_neurons)) ** 0.5
    shape = (len(density), n_features, n_neurons)
    W_in = scale * torch.randn(
        shape, generator=generator, device=density.device, dtype=density.dtype
    )
    # An output that starts below zero for both signs of its input would never learn.
    W_out = W_in.abs().mT.contiguous()
    model = AbsoluteValueModel(W_in, W_out, density.new_zeros(shape[:2]), density)
    weights = [part.requires_grad_() for part in (model.W_in, model.W_out, model.b)]
    optimiser = torch.optim.AdamW(weights, lr=lr, fused=True)
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = lr * (0.5 + 0.5 * cos(pi * step / steps))
        x = sample_signed(batch_size, density, n_features, generator)
        error = (x.abs() - model(x)).square() * importance
        optimiser.zero_grad()
        error.mean(dim=(1, 2)).sum().backward()
        optimiser.step()
    return AbsoluteValueModel(*(part.detach() for part in weights), density)


def neuron_stacks(model: AbsoluteValueModel) -> NeuronStacks:
    """Return the weights of each neuron by feature, and which features are computed.

    A feature is computed if its output rises by at least 0.5 from an input of 0 to one of 1, and
    to one of -1, while all others are 0. A neuron reads a feature whose weight is at least a
    fifth of its largest.

    Args:
        model: trained layers.

    Returns:
        Weights and counts.

    Source: [Elhage22], "Computation in Superposition", the stack plots.
    """
    one = torch.eye(model.W_in.shape[1]).to(model.W_in).expand(len(model.W_in), -1, -1)
    silent, up, down = (model(v * one).diagonal(dim1=1, dim2=2) for v in (0, 1, -1))
    size = model.W_in.abs()
    alive = size.amax(dim=1) * model.W_out.abs().amax(dim=2) > READ
    return NeuronStacks(
        W_in=model.W_in,
        W_out=model.W_out,
        density=model.density,
        least_rise=torch.minimum(up, down) - silent,
        polysemantic=count_polysemantic(model.W_in * alive[:, None], least=READ),
        alive=alive.sum(dim=1),
    )
