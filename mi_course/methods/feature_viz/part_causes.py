"""What a channel needs, tested: leave a part away, silence channels, and see what is lost.

A correlation between a channel and a part may have another cause. Two experiments tell: the same
scenes without the part (how much of the channel's peak is left?), and the same network without the
channels that tell the part (which classes are no longer recognised?), beside as many channels
drawn by chance. In go a `VisionModel` and `Scenes`; out come fractions.
"""

from collections.abc import Sequence

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from mi_course.models.vision import VisionModel
from mi_course.worlds.shapes import CLASSES, Scenes

__all__ = ["as_images", "mean_peaks", "recall_without"]


def as_images(scenes: Scenes) -> Float[Tensor, "image 3 height width"]:
    """Return scenes as a model takes them."""
    images = torch.from_numpy(scenes.images)
    return rearrange(images, "image height width rgb -> image rgb height width").contiguous()


@torch.no_grad()
def mean_peaks(
    model: VisionModel,
    layer: str,
    images: Float[Tensor, "image 3 height width"],
    *,
    chunk: int = 128,
) -> Float[Tensor, " channel"]:
    """Return each channel's peak over an image, averaged over images, on the CPU.

    Divide what comes of changed images by what comes of the same images unchanged: the fraction of
    the response that is left.

    Args:
        model: any.
        layer: one of its layers.
        images: 0 to 1.
        chunk: images at a time.

    Raises:
        ValueError: unknown layer, or no image.
    """
    if not len(images):
        raise ValueError("expected at least one image, got none")
    peaks = [
        model.activations(some.to(model.device), layer).amax(dim=(2, 3))
        for some in images.split(chunk)
    ]
    return torch.cat(peaks).mean(dim=0).cpu()


@torch.no_grad()
def recall_without(
    model: VisionModel,
    layer: str,
    channels: Sequence[int],
    scenes: Scenes,
    *,
    chunk: int = 128,
) -> dict[str, float]:
    """Return the fraction of each class that is recognised while channels of a layer are silent.

    Args:
        model: a model of the shapes.
        layer: whose channels are set to 0.
        channels: which; none of them for the recall of the whole network.
        scenes: with labels.
        chunk: scenes at a time.

    Returns:
        Class -> recall, of the classes that occur.

    Raises:
        ValueError: unknown layer, or a channel that it does not have.
    """
    n_channels = model.channels(layer)
    if not all(0 <= channel < n_channels for channel in channels):
        raise ValueError(f"expected channels from 0 to {n_channels - 1}, got {list(channels)}")
    kept = torch.ones(n_channels, 1, 1, device=model.device)
    kept[list(channels)] = 0
    guesses = [
        model.logits_from(model.activations(some.to(model.device), layer) * kept, layer).argmax(1)
        for some in as_images(scenes).split(chunk)
    ]
    right = torch.cat(guesses).cpu() == torch.from_numpy(scenes.labels)
    present = sorted(set(scenes.labels.tolist()))
    return {
        CLASSES[label]: right[torch.from_numpy(scenes.labels == label)].float().mean().item()
        for label in present
    }
