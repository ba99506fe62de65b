"""The network of `shapes-a` and `shapes-b`: five convolutions, and a narrow one beside the last.

Each class is read from the peak of every channel of conv5 over the image (global max pooling), so a
channel stands for something that may be anywhere. The layer "narrow" has fewer channels than there
are classes and a readout of its own: its channels must share. No normalisation, so a kernel is all
that lies between two layers.

In go images that `VisionModel` normalised; out come activations after the ReLU, or logits.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mi_course.models.staged import Relu, StagedNetwork

WIDTHS = (24, 32, 48, 64, 64)
KERNELS = (7, 5, 3, 3, 5)
STRIDES = (2, 2, 1, 2, 1)
NARROW = 6


class ShapesCNN(StagedNetwork):
    """A small network without normalisation.

    Args:
        n_classes: number of logits.
        widths: channels of conv1 ... conv5.
        narrow: channels of the narrow layer.
    """

    layers = ("conv1", "conv2", "conv3", "conv4", "conv5", "narrow")

    def __init__(
        self, n_classes: int, *, widths: Sequence[int] = WIDTHS, narrow: int = NARROW
    ) -> None:
        super().__init__()
        before = (3, *widths)
        for i, (kernel, stride) in enumerate(zip(KERNELS, STRIDES, strict=True)):
            conv = nn.Conv2d(before[i], widths[i], kernel, stride, kernel // 2)
            self.add_module(f"conv{i + 1}", conv)
        self.narrow = nn.Conv2d(widths[3], narrow, KERNELS[4], 1, KERNELS[4] // 2)
        self.head = nn.Linear(widths[4], n_classes)
        self.narrow_head = nn.Linear(narrow, n_classes)
        self.windows = {
            name: ((conv.kernel_size[0], conv.stride[0], conv.padding[0]),)
            for name in self.layers
            for conv in (getattr(self, name),)
        }
        for name in self.layers:
            nn.init.kaiming_normal_(getattr(self, name).weight, nonlinearity="relu")
            nn.init.zeros_(getattr(self, name).bias)
        # Peaks are large before training: logits that start small do not tear channels apart.
        for head in (self.head, self.narrow_head):
            nn.init.normal_(head.weight, std=0.01)
            nn.init.zeros_(head.bias)

    def path(self, layer: str) -> tuple[str, ...]:
        """Return the stages from the image to a layer, that one last."""
        if layer == "narrow":
            return (*self.layers[:4], "narrow")
        return super().path(layer)

    def after(self, layer: str) -> tuple[str, ...]:
        """Return the stages between a layer and its readout: by way of conv5, not of "narrow"."""
        return () if layer == "narrow" else super().after(layer)[:-1]

    def stage(self, layer: str, x: Tensor, relu: Relu) -> Tensor:
        """Return the activations of a layer, given those of the one before."""
        return relu(getattr(self, layer)(x))

    def readout(self, layer: str, x: Tensor) -> Float[Tensor, "batch n_classes"]:
        """Return the logits that the peaks of conv5, or of "narrow", stand for."""
        head = self.narrow_head if layer == "narrow" else self.head
        return head(x.amax(dim=(2, 3)))

    def forward(self, x: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch n_classes"]:
        """Return the logits of the main readout."""
        return self.run_from(self.run_to(x, "conv5"), "conv5")

    def everything(
        self, x: Tensor, relu: Relu = torch.relu
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Return both readouts' logits and the activations of all layers, in one pass."""
        found: dict[str, Tensor] = {}
        for name in self.layers[:5]:
            x = found[name] = self.stage(name, x, relu)
        found["narrow"] = self.stage("narrow", found["conv4"], relu)
        return self.readout("conv5", x), self.readout("narrow", found["narrow"]), found
