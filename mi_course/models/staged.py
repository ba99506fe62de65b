"""Image networks that can be run part of the way, and from there on.

A staged network is a chain of named stages, each ending in a ReLU, perhaps with a branch beside
the last ones, and a readout. What a stage returns can be looked at, changed and run on; the ReLU
can be replaced by another function, which is how dead channels get a gradient.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

Relu = Callable[[Tensor], Tensor]
Window = tuple[int, int, int]  # kernel, stride, padding


class ReceptiveField(NamedTuple):
    """What part of the image a unit can see.

    Attributes:
        size: side of the square, in pixels.
        stride: pixels between the middles of neighbouring units.
        start: the pixel in the middle of what the first unit sees.
    """

    size: int
    stride: int
    start: float


class StagedNetwork(nn.Module):
    """A network in stages.

    Attributes:
        layers: names of the stages, those of branches last.
        windows: for each stage the kernel, stride and padding of what it does, in order.
    """

    layers: tuple[str, ...]
    windows: dict[str, tuple[Window, ...]]

    def path(self, layer: str) -> tuple[str, ...]:
        """Return the stages from the image to a layer, that one last."""
        return self.layers[: self.layers.index(layer) + 1]

    def after(self, layer: str) -> tuple[str, ...]:
        """Return the stages between a layer and its readout."""
        return self.layers[self.layers.index(layer) + 1 :]

    def stage(self, layer: str, x: Tensor, relu: Relu) -> Tensor:
        """Return what one stage makes of the output of the stage before."""
        raise NotImplementedError

    def readout(self, layer: str, x: Tensor) -> Tensor:
        """Return the logits [batch class] that are read from the last stage of a path."""
        raise NotImplementedError

    def receptive_field(self, layer: str) -> ReceptiveField:
        """Return what one unit of a layer sees, padding not counted."""
        size, stride, start = 1, 1, 0.0
        for name in self.path(layer):
            for kernel, step, padding in self.windows[name]:
                start += ((kernel - 1) / 2 - padding) * stride
                size += (kernel - 1) * stride
                stride *= step
        return ReceptiveField(size, stride, start)

    def run_to(
        self, x: Float[Tensor, "batch 3 height width"], layer: str, relu: Relu = torch.relu
    ) -> Tensor:
        """Return a layer's output; nothing after it is computed."""
        for name in self.path(layer):
            x = self.stage(name, x, relu)
        return x

    def run_from(self, x: Tensor, layer: str) -> Float[Tensor, "batch n_classes"]:
        """Return the logits that follow from a layer's output."""
        last = layer
        for last in self.after(layer):
            x = self.stage(last, x, torch.relu)
        return self.readout(last, x)
