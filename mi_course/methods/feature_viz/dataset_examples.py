"""The images of a world that excite a channel most, cut to what the excited unit sees.

An optimised picture shows what a channel could see; dataset examples show what it does see. Of each
image counts the channel's peak, and the patch is the receptive field of the place with the peak.
Source: [Olah17], "Dataset examples". In go images, out come `DatasetExamples`.
"""

from collections.abc import Sequence

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from mi_course.methods.feature_viz.objectives import checked_channels
from mi_course.models.vision import VisionModel
from mi_course.results.feature_viz import DatasetExamples

__all__ = ["peaks", "top_examples"]


@torch.no_grad()
def top_examples(
    model: VisionModel,
    layer: str,
    images: Float[Tensor, "image 3 height width"],
    channels: Sequence[int] | None = None,
    *,
    n: int = 9,
    chunk: int = 128,
) -> DatasetExamples:
    """Return for each channel the n images with the highest peaks, and the patches around them.

    Args:
        model: any.
        layer: where.
        images: from 0 to 1.
        channels: which; all when None.
        n: examples for each channel.
        chunk: images in one forward pass.

    Returns:
        Examples, on the images' device.

    Raises:
        ValueError: an unknown layer or channel, or fewer than n images.

    Source: [Olah17].
    """
    wanted = checked_channels(model, layer, channels)
    if not 1 <= n <= len(images):
        raise ValueError(f"expected 1 to {len(images)} examples, as there are images, got {n}")
    values, rows, columns = peaks(model, layer, images, wanted, chunk=chunk)
    top, indices = values.T.topk(n, dim=1)
    places = torch.stack([each.T.gather(1, indices) for each in (rows, columns)], dim=-1)
    field = model.receptive_field(layer)
    side = min(field.size, images.shape[-1])
    # The middle of what the unit sees, less half of the patch.
    corner = (field.start + field.stride * places - (side - 1) / 2).round().long()
    limits = torch.tensor(images.shape[-2:], device=corner.device)
    boxes = [corner.clamp(min=0), torch.minimum(corner + side, limits)]
    return DatasetExamples(
        layer=layer,
        channels=wanted,
        indices=indices,
        values=top,
        boxes=torch.cat(boxes, dim=-1),
        patches=_patches(images, indices, corner, side),
        n_images=len(images),
    )


@torch.no_grad()
def peaks(
    model: VisionModel,
    layer: str,
    images: Float[Tensor, "image 3 height width"],
    channels: Sequence[int],
    *,
    chunk: int = 128,
) -> tuple[
    Float[Tensor, "image channel"], Int[Tensor, "image channel"], Int[Tensor, "image channel"]
]:
    """Return each channel's largest activation in each image, with its row and column in the map.

    Args:
        model: any.
        layer: where.
        images: from 0 to 1.
        channels: which.
        chunk: images in one forward pass.
    """
    values, places = [], []
    for some in images.split(chunk):
        acts = model.activations(some.to(model.device), layer)[:, list(channels)]
        value, place = rearrange(acts, "image channel h w -> image channel (h w)").max(dim=2)
        values.append(value.to(images.device))
        places.append(place.to(images.device))
    width = acts.shape[3]
    place = torch.cat(places)
    return torch.cat(values), place // width, place % width


def _patches(
    images: Tensor, indices: Tensor, corner: Tensor, side: int
) -> Float[Tensor, "channel example 3 side side"]:
    """Return squares of images; what lies beyond an image is white."""
    reach = torch.arange(side, device=images.device)
    rows, columns = (corner[..., i, None] + reach for i in (0, 1))
    height, width = images.shape[-2:]
    inside = rearrange((rows >= 0) & (rows < height), "channel example y -> channel example 1 y 1")
    inside = inside & rearrange(
        (columns >= 0) & (columns < width), "channel example x -> channel example 1 1 x"
    )
    found = images[
        indices[..., None, None, None],
        torch.arange(3, device=images.device)[:, None, None],
        rows.clamp(0, height - 1)[:, :, None, :, None],
        columns.clamp(0, width - 1)[:, :, None, None, :],
    ]
    return torch.where(inside, found, 1.0)
