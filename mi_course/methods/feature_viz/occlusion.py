"""Which part of an image a channel answers to: cover one square after another.

What the channel's peak loses when a square is covered is what that square contributed:

    saliency[square] = peak(image) - peak(image with the square covered)

No gradient is needed, and no ReLU is taken as open. A square can also raise the peak. Source:
Zeiler and Fergus (2014), section 4.2. In go one image, out comes `OcclusionMap`.
"""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from mi_course.methods.feature_viz.dataset_examples import peaks
from mi_course.methods.feature_viz.objectives import checked_channels
from mi_course.models.vision import VisionModel
from mi_course.results.channels import OcclusionMap

__all__ = ["covered", "occlusion_map"]


def occlusion_map(
    model: VisionModel,
    image: Float[Tensor, "3 height width"],
    layer: str,
    channel: int,
    *,
    side: int = 8,
    stride: int = 4,
    chunk: int = 128,
) -> OcclusionMap:
    """Return how much of a channel's peak each square of an image is worth, in activation units.

    Args:
        model: any.
        image: from 0 to 1.
        layer: where.
        channel: which.
        side: of the square, in pixels.
        stride: pixels from one square to the next.
        chunk: covered images in one forward pass.

    Returns:
        What is lost at each square.

    Raises:
        ValueError: an unknown layer or channel, or a square that does not fit into the image.

    Source: Zeiler and Fergus (2014), section 4.2.
    """
    (channel,) = checked_channels(model, layer, [channel])
    if not 1 <= side <= min(image.shape[1:]) or stride < 1:
        raise ValueError(
            f"expected squares of 1 to {min(image.shape[1:])} pixels and a stride above 0, got "
            f"{side} and {stride}"
        )
    fill = torch.tensor(model.colour_mean, device=image.device)
    rows, hidden = covered(image, fill, side, stride)
    whole, *_ = peaks(model, layer, image[None], [channel])
    left, *_ = peaks(model, layer, hidden, [channel], chunk=chunk)
    return OcclusionMap(
        values=rearrange(whole[0] - left[:, 0], "(row column) -> row column", row=rows),
        baseline=whole.item(),
        image=image,
        side=side,
        stride=stride,
        name=f"{layer}:{channel}",
    )


def covered(
    image: Float[Tensor, "3 height width"], fill: Float[Tensor, " 3"], side: int, stride: int
) -> tuple[int, Float[Tensor, "square 3 height width"]]:
    """Return the number of rows of squares, and the image with each square covered.

    Args:
        image: any.
        fill: colour of the cover.
        side: of the square, in pixels.
        stride: pixels from one square to the next.
    """
    below, right = (
        torch.arange(0, size - side + 1, stride, device=image.device) for size in image.shape[1:]
    )
    y, x = (torch.arange(size, device=image.device) for size in image.shape[1:])
    in_row = (y >= below[:, None]) & (y < below[:, None] + side)
    in_column = (x >= right[:, None]) & (x < right[:, None] + side)
    square = rearrange(in_row, "row y -> row 1 1 y 1") & rearrange(
        in_column, "column x -> 1 column 1 1 x"
    )
    hidden = torch.where(square, fill[:, None, None], image)
    return len(below), rearrange(hidden, "row column rgb y x -> (row column) rgb y x")
