"""Pictures that excite a part of a network, and images that do."""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from mi_course.results.checks import finite, labelled, within


@dataclass(frozen=True, eq=False)
class Pictures:
    """Optimised pictures with the course of their optimisation.

    Attributes:
        images: from 0 to 1.
        names: what each is to excite, such as "conv3:12".
        losses: minus the objective (in units of the activation), on the moved picture of each step.
        values: the objective on the finished picture, which does not move.
        start_values: the same on the noise that each started from.
    """

    images: Float[Tensor, "image 3 height width"]
    names: tuple[str, ...]
    losses: Float[Tensor, "step image"]
    values: Float[Tensor, " image"]
    start_values: Float[Tensor, " image"]

    def __post_init__(self) -> None:
        within("pixels", self.images, 0, 1)
        for name in ("values", "start_values"):
            finite(name, getattr(self, name))
            labelled("image", len(getattr(self, name)), self.names)
        labelled("image", len(self.images), self.names)
        labelled("image", self.losses.shape[1], self.names)

    def __len__(self) -> int:
        return len(self.names)

    def of(self, name: str) -> int:
        """Return the place of the picture with this name.

        Raises:
            ValueError: there is none.
        """
        if name not in self.names:
            raise ValueError(f"expected one of {', '.join(self.names[:8])} ..., got {name!r}")
        return self.names.index(name)

    def summary(self) -> str:
        """Return one sentence: how many pictures, of what, and how much they excite it."""
        size = self.images.shape[-1]
        risen = int((self.values > self.start_values).sum())
        ends = self.names[0] if len(self) == 1 else f"{self.names[0]} to {self.names[-1]}"
        return (
            f"{len(self)} optimised picture{'s' if len(self) > 1 else ''} of {size}x{size} pixels "
            f"for {ends}: after {len(self.losses)} steps {risen} excite their goal more than noise "
            f"does, by {(self.values - self.start_values).mean():z.2f} on average."
        )


@dataclass(frozen=True, eq=False)
class DatasetExamples:
    """For each channel, the images that excite it most and the patch that does it.

    Attributes:
        layer: where.
        channels: their numbers.
        indices: of the images, the strongest first.
        values: the channel's largest activation in each.
        boxes: top, left, bottom and right (the last two exclusive) of the receptive field of the
            place with that activation, cut at the image's border.
        patches: what the images hold there; white beyond the border, in the middle of which the
            place lies.
        n_images: among how many was searched.
    """

    layer: str
    channels: tuple[int, ...]
    indices: Int[Tensor, "channel example"]
    values: Float[Tensor, "channel example"]
    boxes: Int[Tensor, "channel example 4"]
    patches: Float[Tensor, "channel example 3 patch_height patch_width"]
    n_images: int

    def __post_init__(self) -> None:
        finite("values", self.values)
        for name in ("indices", "values", "boxes", "patches"):
            labelled("channel", len(getattr(self, name)), self.channels)
        if self.indices.max() >= self.n_images:
            raise ValueError(f"expected images below {self.n_images}, got {self.indices.max()}")

    def of(self, channel: int) -> int:
        """Return the place of a channel.

        Raises:
            ValueError: it was not asked for.
        """
        if channel not in self.channels:
            raise ValueError(f"expected a channel of {self.layer} that was read, got {channel}")
        return self.channels.index(channel)

    def summary(self) -> str:
        """Return one sentence: what was searched and how strong the strongest are."""
        best = self.values[:, 0]
        silent = int((best <= 0).sum())
        height, width = self.patches.shape[-2:]
        return (
            f"The {self.indices.shape[1]} of {self.n_images} images that excite each of "
            f"{len(self.channels)} channels of {self.layer} most, cut to receptive fields of "
            f"{height}x{width} pixels; the strongest reach {best.median():.2f} in the middle "
            f"channel, {silent} channels are silent on all."
        )
