"""What an objective reads of a network, and nothing more than that.

The network runs stage by stage up to the layers that are asked for, each stage once. If each image
asks for a channel of its own, the last convolution need not compute the others: with 64 channels
that is a 64th of its work. In go a `VisionModel` and images, out come activations.
"""

from collections.abc import Sequence

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

from mi_course.models.cnn import ShapesCNN
from mi_course.models.staged import Relu
from mi_course.models.vision import VisionModel

__all__ = ["Reading", "own_convolution"]


class Reading:
    """The activations of a batch of images, computed when they are asked for.

    Args:
        model: any.
        images: from 0 to 1.
        relu: in place of every ReLU.
    """

    def __init__(
        self,
        model: VisionModel,
        images: Float[Tensor, "batch 3 height width"],
        relu: Relu = torch.relu,
    ) -> None:
        self._module, self._relu = model.module, relu
        # With channels last, convolutions need not rearrange their inputs first.
        self._x = model.normalise(images).contiguous(memory_format=torch.channels_last)
        self.n_images = len(images)
        self._found: dict[str, Tensor] = {}

    def layer(self, name: str) -> Float[Tensor, "batch channel height width"]:
        """Return the activations of a layer, all channels."""
        return self._run(self._module.path(name))

    def own(self, name: str, channels: Sequence[int]) -> Float[Tensor, "batch height width"]:
        """Return of each image the channel that it asks for.

        Args:
            name: of the layer.
            channels: one for each image.
        """
        # Here, and only here, a stage is known to be one convolution and its ReLU.
        if name not in self._found and isinstance(self._module, ShapesCNN):
            before = self._run(self._module.path(name)[:-1])
            return self._relu(own_convolution(before, getattr(self._module, name), channels))
        acts = self.layer(name)
        return acts[torch.arange(len(acts), device=acts.device), list(channels)]

    def _run(self, path: Sequence[str]) -> Tensor:
        x = self._x
        for stage in path:
            if stage not in self._found:
                self._found[stage] = self._module.stage(stage, x, self._relu)
            x = self._found[stage]
        return x


def own_convolution(
    x: Float[Tensor, "batch channel height width"], convolution: nn.Conv2d, channels: Sequence[int]
) -> Float[Tensor, "batch out_height out_width"]:
    """Return one output channel of a convolution for each image, each image its own.

    Args:
        x: input.
        convolution: neither grouped nor dilated, its kernel square.
        channels: output channel of each image.

    Returns:
        What `convolution(x)` has at these channels.
    """
    kernels = convolution.weight[list(channels)]
    bias = convolution.bias[list(channels), None, None]
    (size, _), (stride, _), (padding, _) = (
        convolution.kernel_size,
        convolution.stride,
        convolution.padding,
    )
    if size**2 > x.shape[1]:
        # One group for each image: the batch becomes channels.
        flat = rearrange(x, "batch channel height width -> 1 (batch channel) height width")
        out = conv2d(flat, kernels, None, stride, padding, groups=len(x))
        return out[0] + bias
    # First each place's product with each part of the kernel, then parts are shifted and added.
    parts = rearrange(kernels, "batch channel down right -> batch channel (down right)")
    places = rearrange(x, "batch channel height width -> batch (height width) channel")
    products = rearrange(places @ parts, "batch (h w) part -> batch part h w", h=x.shape[2])
    products = pad(products, (padding,) * 4)
    rows, columns = ((n + 2 * padding - size) // stride + 1 for n in x.shape[2:])
    shifted = (
        products[
            :, part, down : down + stride * rows : stride, right : right + stride * columns : stride
        ]
        for part, (down, right) in enumerate((i, j) for i in range(size) for j in range(size))
    )
    return sum(each[:, :rows, :columns] for each in shifted) + bias
