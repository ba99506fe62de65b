"""GoogLeNet as a plain module, with the parameter names of torchvision's published weights.

Three convolutions, then nine inception modules, each of four branches of different width whose
channels stand side by side. This is the network with batch normalisation, trained on ImageNet's
1,000 classes: it is not the network of the Distill articles, so their channel numbers mean nothing
here.

Download on any machine with a network (`https://download.pytorch.org/models/` +
`googlenet-1378be20.pth`, 52 MB) and give the file to `load_vision("googlenet", weights_file=...)`.

Source: [Szegedy15] Going Deeper with Convolutions, table 1.
"""

from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mi_course.models.staged import Relu, StagedNetwork
from mi_course.models.vision import VisionModel

N_CLASSES = 1000
IMAGE_SIZE = 224


class Widths(NamedTuple):
    """Channels of an inception module: of each branch, and before its wide convolution.

    Attributes:
        one: 1x1.
        reduce_three: 1x1 before the second branch.
        three: 3x3.
        reduce_five: 1x1 before the third branch.
        five: of the third branch; the paper's 5x5, which the published weights have as 3x3.
        pool: 1x1 after the max pooling of the fourth branch.
    """

    one: int
    reduce_three: int
    three: int
    reduce_five: int
    five: int
    pool: int


INCEPTION = {
    "inception3a": Widths(64, 96, 128, 16, 32, 32),
    "inception3b": Widths(128, 128, 192, 32, 96, 64),
    "inception4a": Widths(192, 96, 208, 16, 48, 64),
    "inception4b": Widths(160, 112, 224, 24, 64, 64),
    "inception4c": Widths(128, 128, 256, 24, 64, 64),
    "inception4d": Widths(112, 144, 288, 32, 64, 64),
    "inception4e": Widths(256, 160, 320, 32, 128, 128),
    "inception5a": Widths(256, 160, 320, 32, 128, 128),
    "inception5b": Widths(384, 192, 384, 48, 128, 128),
}
# Max pooling before some stages: kernel, stride, padding. A window that is cut off counts too.
POOLS = {
    "conv2": (3, 2, 0),
    "inception3a": (3, 2, 0),
    "inception4a": (3, 2, 0),
    "inception5a": (2, 2, 0),
}


class NormedConv(nn.Module):
    """A convolution without bias and its batch normalisation; the ReLU is the caller's."""

    def __init__(self, d_in: int, d_out: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(d_in, d_out, kernel, stride, kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(d_out, eps=0.001)

    def forward(self, x: Tensor, relu: Relu) -> Tensor:
        """Return what the convolution makes of x."""
        return relu(self.bn(self.conv(x)))


class Inception(nn.Module):
    """Four branches side by side."""

    def __init__(self, d_in: int, widths: Widths) -> None:
        super().__init__()
        one, reduce_three, three, reduce_five, five, pool = widths
        self.branch1 = NormedConv(d_in, one, 1)
        self.branch2 = nn.ModuleList(
            [NormedConv(d_in, reduce_three, 1), NormedConv(reduce_three, three, 3)]
        )
        self.branch3 = nn.ModuleList(
            [NormedConv(d_in, reduce_five, 1), NormedConv(reduce_five, five, 3)]
        )
        self.branch4 = nn.ModuleList([nn.MaxPool2d(3, 1, 1), NormedConv(d_in, pool, 1)])

    def forward(self, x: Tensor, relu: Relu) -> Tensor:
        """Return the channels of all branches, the first branch's first."""
        second = self.branch2[1](self.branch2[0](x, relu), relu)
        third = self.branch3[1](self.branch3[0](x, relu), relu)
        fourth = self.branch4[1](self.branch4[0](x), relu)
        return torch.cat([self.branch1(x, relu), second, third, fourth], dim=1)


class GoogLeNet(StagedNetwork):
    """The whole network without the two helper classifiers of its training."""

    layers = ("conv1", "conv2", "conv3", *INCEPTION)

    def __init__(self, n_classes: int = N_CLASSES) -> None:
        super().__init__()
        self.conv1 = NormedConv(3, 64, 7, 2)
        self.conv2 = NormedConv(64, 64, 1)
        self.conv3 = NormedConv(64, 192, 3)
        d_in = 192
        for name, widths in INCEPTION.items():
            self.add_module(name, Inception(d_in, widths))
            d_in = widths.one + widths.three + widths.five + widths.pool
        self.fc = nn.Linear(d_in, n_classes)
        own = {"conv1": (7, 2, 3), "conv2": (1, 1, 0)}
        self.windows = {
            name: (*((POOLS[name],) if name in POOLS else ()), own.get(name, (3, 1, 1)))
            for name in self.layers
        }

    def stage(self, layer: str, x: Tensor, relu: Relu) -> Tensor:
        """Return the activations of a layer, given those of the one before; pools first."""
        if layer in POOLS:
            kernel, stride, _ = POOLS[layer]
            x = nn.functional.max_pool2d(x, kernel, stride, ceil_mode=True)
        return getattr(self, layer)(x, relu)

    def readout(self, layer: str, x: Tensor) -> Float[Tensor, "batch n_classes"]:
        """Return the logits that the mean of each channel of the last layer stands for."""
        return self.fc(x.mean(dim=(2, 3)))

    def forward(self, x: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch n_classes"]:
        """Return the logits of normalised images."""
        return self.run_from(self.run_to(x, "inception5b"), "inception5b")


def load_googlenet(weights_file: str | Path | None = None) -> VisionModel:
    """Return GoogLeNet in evaluation mode, on the CPU.

    Args:
        weights_file: torchvision's published weights; random ones of a fixed seed when None.

    Raises:
        ValueError: no such file, or weights of another network.
    """
    torch_state = torch.get_rng_state()
    torch.manual_seed(0)
    module = GoogLeNet()
    torch.set_rng_state(torch_state)
    if weights_file is not None:
        module.load_state_dict(_published(Path(weights_file), module))
    names = tuple(f"class {number}" for number in range(N_CLASSES))
    # The published weights expect brightness from -1 to 1.
    half = (0.5, 0.5, 0.5)
    return VisionModel("googlenet", module, IMAGE_SIZE, names, half, half)


def _published(path: Path, module: GoogLeNet) -> dict[str, Tensor]:
    """Return the tensors of a weights file, those of the helper classifiers left out."""
    if not path.is_file():
        raise ValueError(
            f"expected the weights of GoogLeNet, got no file {path.name}, try the download that "
            "mi_course.models.googlenet describes"
        )
    state = torch.load(path, map_location="cpu", weights_only=True)
    state = {name: value for name, value in state.items() if not name.startswith("aux")}
    wanted = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    # Old files lack the counters of batches, which evaluation does not read.
    counters = {name: value for name, value in module.state_dict().items() if not value.ndim}
    state = {**counters, **state}
    found = {name: tuple(value.shape) for name, value in state.items()}
    if found != wanted:
        odd = sorted(name for name in {*found, *wanted} if found.get(name) != wanted.get(name))
        raise ValueError(
            f"expected torchvision's GoogLeNet weights, got others: {len(odd)} tensors differ, "
            f"{odd[0]!r} first, try googlenet-1378be20.pth"
        )
    return state
