"""Colours that vary as those of photographs do: mostly together, seldom against each other.

Red, green and blue of a picture go up and down together, so a gradient in red, green and blue is
mostly a gradient in brightness. In coordinates z that do not correlate, each direction of colour
gets its own step:

    pixel = sigmoid(logit(mean) + root z / (mean (1 - mean))),   root root^T = covariance of pixels

so that to first order pixel = mean + root z. Source: [Olah17], "Preconditioning and
Parameterization". In go images, out come `Colours`.
"""

from dataclasses import dataclass

import torch
from einops import einsum, rearrange
from jaxtyping import Float
from torch import Tensor

__all__ = ["Colours", "fitted_colours", "natural_colours", "plain_colours"]

# Variances and axes of the colours of ImageNet's pixels, from 0 to 1, as published with
# fb.resnet.torch (datasets/imagenet.lua) for the colour augmentation of Krizhevsky et al. (2012),
# section 4.1; the mean is the one in common use with it.
NATURAL_MEAN = (0.485, 0.456, 0.406)
NATURAL_VARIANCES = (0.2175, 0.0188, 0.0045)
NATURAL_AXES = ((-0.5675, 0.7192, 0.4009), (-0.5808, -0.0045, -0.8140), (-0.5836, -0.6948, 0.4203))
LEAST_STD = 0.02  # a world without some colour still lets a picture use a little of it


@dataclass(frozen=True, eq=False)
class Colours:
    """How pixels depend on coordinates that do not correlate.

    Attributes:
        mean: red, green and blue, between 0 and 1.
        root: of the covariance: `root @ root.T` is the covariance of the pixels.
    """

    mean: Float[Tensor, " 3"]
    root: Float[Tensor, "3 3"]

    def __post_init__(self) -> None:
        if not ((self.mean > 0) & (self.mean < 1)).all() or not self.root.isfinite().all():
            raise ValueError(
                f"expected a mean between 0 and 1 and a finite root, got {self.mean.tolist()} and "
                f"{self.root.tolist()}, try images from 0 to 1"
            )

    def pixels(
        self, z: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch 3 height width"]:
        """Return the colours, from 0 to 1, at coordinates z."""
        mean, root = self.mean.to(z), self.root.to(z)
        slope = (root / (mean * (1 - mean))[:, None]).contiguous()
        raw = einsum(slope, z, "rgb part, batch part height width -> batch rgb height width")
        return (raw + rearrange(mean.logit(), "rgb -> rgb 1 1")).sigmoid()

    def coordinates(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch 3 height width"]:
        """Return the coordinates z that have these pixels, to first order."""
        centred = images - rearrange(self.mean.to(images), "rgb -> rgb 1 1")
        inverse = self.root.double().inverse().to(images)
        return einsum(
            inverse, centred, "part rgb, batch rgb height width -> batch part height width"
        )


def fitted_colours(images: Float[Tensor, "batch 3 height width"]) -> Colours:
    """Return the colours of a world: mean and covariance of its pixels.

    Args:
        images: from 0 to 1.

    Returns:
        Colours; a direction that never varies gets a standard deviation of 0.02.

    Raises:
        ValueError: no image, or pixels that are not from 0 to 1.
    """
    if len(images) == 0 or not 0 <= images.min() <= images.max() <= 1:
        raise ValueError(f"expected images from 0 to 1, got {_range(images)}, try images / 255")
    pixels = rearrange(images, "batch rgb height width -> rgb (batch height width)").double()
    variances, axes = torch.linalg.eigh(pixels.cov(correction=0))
    root = axes * variances.clamp(min=LEAST_STD**2).sqrt()
    return Colours(pixels.mean(dim=1).clamp(0.02, 0.98).float(), root.float())


def natural_colours() -> Colours:
    """Return the colours of photographs, from published figures about ImageNet.

    Source: fb.resnet.torch, datasets/imagenet.lua; [Olah17] rests on much the same covariance.
    """
    root = torch.tensor(NATURAL_AXES) * torch.tensor(NATURAL_VARIANCES).sqrt()
    return Colours(torch.tensor(NATURAL_MEAN), root)


def plain_colours(std: float = 0.25) -> Colours:
    """Return red, green and blue by themselves, about grey: what decorrelation is compared with."""
    return Colours(torch.full((3,), 0.5), std * torch.eye(3))


def _range(images: Tensor) -> str:
    return f"{images.min():.3g} to {images.max():.3g}" if len(images) else "none"
