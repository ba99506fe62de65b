"""`load_vision(name)`: image models with named layers, all behind one interface.

Images go in as red, green and blue from 0 to 1; a model normalises them itself. A layer's
activations are those after its ReLU, and the network is run no further than that layer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from mi_course.models import weights
from mi_course.models.cnn import ShapesCNN
from mi_course.models.staged import ReceptiveField, Relu, StagedNetwork
from mi_course.worlds.shapes import CLASSES, SIZE

SHAPES = ("shapes-a", "shapes-b")


@dataclass(frozen=True, eq=False)
class VisionModel:
    """An image classifier whose layers can be read.

    Attributes:
        name: what `load_vision` was asked for.
        module: the network, in evaluation mode; its parameters ask for no gradient.
        image_size: side of the images it was trained on, in pixels.
        classes: names of the logits.
        colour_mean: subtracted from red, green and blue before the first layer.
        colour_std: what they are divided by then.
    """

    name: str
    module: StagedNetwork
    image_size: int
    classes: tuple[str, ...]
    colour_mean: tuple[float, float, float]
    colour_std: tuple[float, float, float]

    def __post_init__(self) -> None:
        self.module.eval().requires_grad_(False)

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers, from the image on."""
        return self.module.layers

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.module.parameters()).device

    def channels(self, layer: str) -> int:
        """Return how many channels a layer has."""
        return _channels(self.module, self._known(layer))

    def receptive_field(self, layer: str) -> ReceptiveField:
        """Return how much of the image one unit of a layer sees, and where."""
        return self.module.receptive_field(self._known(layer))

    def normalise(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch 3 height width"]:
        """Return images as the network takes them."""
        mean, std = (
            images.new_tensor(values)[:, None, None]
            for values in (self.colour_mean, self.colour_std)
        )
        return (images - mean) / std

    def activations(
        self,
        images: Float[Tensor, "batch 3 height width"],
        layer: str,
        *,
        relu: Relu = torch.relu,
    ) -> Float[Tensor, "batch channel layer_height layer_width"]:
        """Return what a layer makes of images; later layers are not run.

        Args:
            images: 0 to 1; another size than `image_size` is fine while the layer has room.
            layer: one of `layers`.
            relu: in place of every ReLU on the way, the layer's own too.

        Raises:
            ValueError: there is no such layer, or an image so small that a layer has no room.
        """
        self._known(layer)
        try:
            return self.module.run_to(self.normalise(images), layer, relu)
        except RuntimeError as error:
            if "size" not in str(error):
                raise
            raise ValueError(
                f"expected images with room for {layer!r}, got {tuple(images.shape[2:])}, try "
                f"{self.image_size} by {self.image_size}"
            ) from error

    def logits_from(
        self, activations: Float[Tensor, "batch channel layer_height layer_width"], layer: str
    ) -> Float[Tensor, "batch n_classes"]:
        """Return the logits that follow from a layer's activations, changed ones perhaps."""
        return self.module.run_from(activations, self._known(layer))

    def logits(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch n_classes"]:
        """Return the logits of images."""
        return self.module(self.normalise(images))

    def _known(self, layer: str) -> str:
        if layer not in self.layers:
            raise ValueError(f"expected a layer of {self.name}: {list(self.layers)}, got {layer!r}")
        return layer


@cache
def _channels(module: StagedNetwork, layer: str) -> int:
    size = 4 * module.receptive_field(layer).stride
    parameter = next(module.parameters())
    with torch.no_grad():
        return module.run_to(parameter.new_zeros(1, 3, size, size), layer).shape[1]


def load_vision(
    name: str, *, weights_file: str | Path | None = None, device: str | None = None
) -> VisionModel:
    """Return an image model in evaluation mode, on the GPU where there is one.

    Args:
        name: "shapes-a", "shapes-b" (embedded), or "googlenet".
        weights_file: the published weights of "googlenet"; random ones when None.
        device: "cpu", "cuda", ...; chosen when None.

    Raises:
        ValueError: an unknown name, weights for an embedded model, or damaged weights.
    """
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if name == "googlenet":
        from mi_course.models.googlenet import load_googlenet

        return _on(load_googlenet(weights_file), device)
    if name not in SHAPES:
        raise ValueError(f"expected one of {[*SHAPES, 'googlenet']}, got {name!r}")
    if weights_file is not None:
        raise ValueError(f"expected no weights file, got {weights_file}: {name!r} has its own")
    card = weights.read_card(name)
    state = weights.read(name, "model.safetensors", card["files"]["model.safetensors"])
    module = ShapesCNN(len(CLASSES))
    module.load_state_dict(state)
    return _on(shapes_model(module, name, card["colour_mean"], card["colour_std"]), device)


def shapes_model(
    module: ShapesCNN, name: str, colour_mean: Sequence[float], colour_std: Sequence[float]
) -> VisionModel:
    """Return a network of the shapes behind the common interface."""
    return VisionModel(name, module, SIZE, CLASSES, tuple(colour_mean), tuple(colour_std))


def _on(model: VisionModel, device: str) -> VisionModel:
    model.module.to(device)
    return model
