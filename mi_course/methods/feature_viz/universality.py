"""Does another network, trained from another start, have the same channels?

Two channels of two networks are alike if they answer to the same places of the same images: their
activations correlate. A channel's match is the one of the other network that correlates most. Some
correlation is found in networks with random weights too; that is what a match is compared with.

    correlation[a, b] = cov(act_a, act_b) / (std act_a std act_b)       over places of images

Source: [Olah20], "Claim 3: Universality". In go two models and images, out come `UnitMatches`.
"""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from mi_course.models.vision import VisionModel
from mi_course.results.channels import UnitMatches

__all__ = ["channel_matches", "correlations", "sampled_activations"]


def correlations(
    one: Float[Tensor, "sample unit"], other: Float[Tensor, "other_sample other_unit"]
) -> Float[Tensor, "unit other_unit"]:
    """Return the correlation of every unit of one with every unit of the other.

    Args:
        one: activations of one network.
        other: of another, for the same inputs.

    Returns:
        -1 to 1; 0 for a unit that never changes.

    Raises:
        ValueError: other numbers of samples, or fewer than two.
    """
    if len(one) != len(other) or len(one) < 2:
        raise ValueError(
            f"expected as many samples of both, two or more, got {len(one)} and {len(other)}"
        )
    a, b = (each.double() - each.double().mean(dim=0) for each in (one, other))
    size = a.norm(dim=0)[:, None] * b.norm(dim=0)
    return torch.where(size > 0, (a.T @ b) / size.clamp(min=1e-300), 0.0).clamp(-1, 1).float()


@torch.no_grad()
def sampled_activations(
    model: VisionModel,
    layer: str,
    images: Float[Tensor, "image 3 height width"],
    *,
    places: int = 8,
    seed: int = 0,
    chunk: int = 128,
) -> Float[Tensor, "sample channel"]:
    """Return a layer's activations at random places of images, on the images' device.

    Args:
        model: any.
        layer: where.
        images: from 0 to 1.
        places: of each image; the same for every model whose layer has a map of the same size.
        seed: of the places.
        chunk: images in one forward pass.

    Raises:
        ValueError: an unknown layer, or no place.
    """
    if places < 1 or not len(images):
        raise ValueError(f"expected places and images, got {places} and {len(images)}")
    generator = torch.Generator().manual_seed(seed)
    found = []
    for some in images.split(chunk):
        acts = model.activations(some.to(model.device), layer)
        flat = rearrange(acts, "image channel h w -> image (h w) channel")
        drawn = torch.rand(len(some), places, generator=generator)
        at = (drawn * flat.shape[1]).long().to(flat.device)
        rows = torch.arange(len(some), device=flat.device)[:, None]
        chosen = rearrange(flat[rows, at], "image place channel -> (image place) channel")
        found.append(chosen.to(images.device))
    return torch.cat(found)


def channel_matches(
    one: VisionModel,
    other: VisionModel,
    layer: str,
    images: Float[Tensor, "image 3 height width"],
    *,
    places: int = 8,
    seed: int = 0,
) -> UnitMatches:
    """Return how well each channel of one network matches channels of another.

    Args:
        one: whose channels look for a match.
        other: a network of the same layout.
        layer: where, in both.
        images: from 0 to 1.
        places: of each image.
        seed: of the places.

    Raises:
        ValueError: an unknown layer, or maps of different sizes.

    Source: [Olah20], "Claim 3".
    """
    first, second = (each.activations(images[:1].to(each.device), layer) for each in (one, other))
    if first.shape[2:] != second.shape[2:]:
        raise ValueError(
            f"expected maps of one size, got {tuple(first.shape[2:])} and {tuple(second.shape[2:])}"
        )
    acts = [
        sampled_activations(each, layer, images, places=places, seed=seed) for each in (one, other)
    ]
    return UnitMatches(correlations(*acts), layer, (one.name, other.name))
