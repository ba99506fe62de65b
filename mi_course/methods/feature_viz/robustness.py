"""Small random moves of a picture, so that what is drawn does not hang on single pixels.

A network answers to patterns of single pixels that no camera could take. If the picture is moved,
turned and scaled a little before each step, only what survives this is rewarded. All of it is one
bilinear sampling with its own draw for each image; what lies outside of the picture is a plain
colour. Source: [Olah17], "The Enemy of Feature Visualization". In go images, out come views.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import radians

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from mi_course.methods.feature_viz.parametrisations import SPREAD

__all__ = ["STILL", "Robustness"]


@dataclass(frozen=True)
class Robustness:
    """How far a picture may move before each step.

    Attributes:
        jitter: pixels to any side, at most.
        scale: a picture is shown between 1 / (1 + scale) and 1 + scale of its size.
        rotation: degrees to either side, at most.
        pad: pixels of plain colour around the picture.
    """

    jitter: float = 3.0
    scale: float = 0.1
    rotation: float = 8.0
    pad: int = 4

    def __post_init__(self) -> None:
        if min(self.jitter, self.scale, self.rotation, self.pad) < 0:
            raise ValueError(f"expected moves of 0 or more, got {self}")

    @property
    def still(self) -> bool:
        """Whether nothing moves."""
        return not (self.jitter or self.scale or self.rotation or self.pad)

    def draws(self, steps: int, keys: Sequence[int], seed: int) -> Float[Tensor, "step batch 4"]:
        """Return the moves of each step: down, right, ln(scale), angle; in -1 to 1 of the most.

        Args:
            steps: how many.
            keys: an image's moves depend on its key and the seed only.
            seed: of all.
        """
        drawn = []
        for key in keys:
            generator = torch.Generator().manual_seed((seed * SPREAD + key) % 2**63)
            drawn.append(2 * torch.rand(steps, 4, generator=generator) - 1)
        return rearrange(drawn, "batch step move -> step batch move")

    def views(
        self,
        images: Float[Tensor, "batch 3 size size"],
        draw: Float[Tensor, "batch 4"],
        fill: Float[Tensor, " 3"],
    ) -> Float[Tensor, "batch 3 view view"]:
        """Return each image as its draw moves it, with `pad` more pixels at every side.

        Args:
            images: pictures.
            draw: one step of `draws`.
            fill: the colour around.

        Returns:
            Views; the images themselves if nothing moves.
        """
        if self.still:
            return images
        size = images.shape[-1]
        view = size + 2 * self.pad
        smaller = torch.exp(-draw[:, 2] * torch.tensor(1 + self.scale).log().to(draw))
        angle = draw[:, 3] * radians(self.rotation)
        cos, sin = smaller * view / size * angle.cos(), smaller * view / size * angle.sin()
        down, right = (2 * self.jitter / size * draw[:, i] for i in (0, 1))
        theta = rearrange(
            [cos, -sin, right, sin, cos, down], "(row col) batch -> batch row col", row=2
        )
        grid = affine_grid(theta, [len(images), 3, view, view], align_corners=False)
        around = rearrange(fill.to(images), "rgb -> rgb 1 1")
        # Beyond the picture the sampling gives 0, which then is the colour around.
        return grid_sample(images - around, grid, align_corners=False) + around


STILL = Robustness(jitter=0.0, scale=0.0, rotation=0.0, pad=0)
