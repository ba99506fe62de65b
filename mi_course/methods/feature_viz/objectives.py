"""What a picture is to excite: a neuron, a channel, a layer, a direction, or others than its like.

An objective reads activations and gives one number for each image of a batch, so that each image
can have a goal of its own: `channel("conv3", range(48))` is the goal "image i excites channel i".
Objectives add up and multiply,

    channel("conv5", 3) + 0.5 * channel("conv5", 9)        either will do
    channel("conv5", 3) * channel("conv5", 9)              both are needed

Source: [Olah17], "Optimization Objectives" and "Diversity". In go layers and channels, out come
`Objective`s; `render_objective` raises them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import add, mul

from einops import einsum, rearrange, reduce
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from mi_course.methods.feature_viz.reading import Reading
from mi_course.models.vision import VisionModel

__all__ = [
    "Objective",
    "channel",
    "checked_channels",
    "direction",
    "diversity",
    "layer_energy",
    "neuron",
]

LEAST_COSINE = 0.1  # a picture that starts opposite to its direction still feels it


@dataclass(frozen=True, eq=False)
class Objective:
    """A number for each image, from activations.

    Attributes:
        value: of each image, [batch], given what is read of a batch.
        asks: pairs of a layer and the channels that are read there; none means all of them.
        widths: pairs of a layer and the number of channels that it must have.
        names: what the images are about, one for each, or one for all.
    """

    value: Callable[[Reading], Tensor]
    asks: tuple[tuple[str, tuple[int, ...]], ...]
    names: tuple[str, ...]
    widths: tuple[tuple[str, int], ...] = ()

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that are read, each once."""
        return tuple(dict.fromkeys(layer for layer, _ in self.asks))

    def check(self, model: VisionModel) -> None:
        """Raise ValueError where the model lacks a layer or a channel."""
        for layer, channels in self.asks:
            checked_channels(model, layer, channels or None)
        for layer, width in self.widths:
            if width != model.channels(layer):
                raise ValueError(
                    f"expected {model.channels(layer)} numbers for a direction in {layer}, got "
                    f"{width}"
                )

    def __add__(self, other: "Objective | float") -> "Objective":
        return _combined(self, other, add, "+")

    def __mul__(self, other: "Objective | float") -> "Objective":
        return _combined(self, other, mul, "*")

    __radd__ = __add__
    __rmul__ = __mul__

    def __neg__(self) -> "Objective":
        return self * -1.0

    def __sub__(self, other: "Objective | float") -> "Objective":
        return self + -1.0 * other


def channel(layer: str, channels: int | Sequence[int]) -> Objective:
    """Return the mean activation of a channel over space.

    Args:
        layer: where.
        channels: one for all images, or one for each.

    Source: [Olah17], "Optimization Objectives".
    """
    wanted = _listed(channels)
    return Objective(
        lambda read: reduce(_own(read, layer, wanted), "batch height width -> batch", "mean"),
        ((layer, wanted),),
        tuple(f"{layer}:{number}" for number in wanted),
    )


def neuron(
    layer: str, channels: int | Sequence[int], at: tuple[int, int] | None = None
) -> Objective:
    """Return the activation of a channel at one place.

    Args:
        layer: where.
        channels: one for all images, or one for each.
        at: row and column of the layer's map; its centre when None. A place outside the map is
            refused when the objective reads the layer.

    Source: [Olah17], "Optimization Objectives".
    """
    wanted = _listed(channels)

    def value(read: Reading) -> Tensor:
        maps = _own(read, layer, wanted)
        row, column = (maps.shape[1] // 2, maps.shape[2] // 2) if at is None else at
        if not (0 <= row < maps.shape[1] and 0 <= column < maps.shape[2]):
            raise ValueError(
                f"expected a place in the {maps.shape[1]}x{maps.shape[2]} map of {layer}, got {at}"
            )
        return maps[:, row, column]

    place = "centre" if at is None else f"{at[0]},{at[1]}"
    return Objective(
        value, ((layer, wanted),), tuple(f"{layer}:{number}@{place}" for number in wanted)
    )


def layer_energy(layer: str) -> Objective:
    """Return the mean square of a layer's activations: whatever it sees, more of it (DeepDream)."""
    return Objective(
        lambda read: reduce(
            read.layer(layer).square(), "batch channel height width -> batch", "mean"
        ),
        ((layer, ()),),
        (layer,),
    )


def direction(
    layer: str,
    vectors: Float[Tensor, "*batch channel"],
    *,
    cosine_power: float = 0.0,
    names: Sequence[str] | None = None,
) -> Objective:
    """Return how far activations go along a direction: their product, as a mean over space.

    Args:
        layer: where.
        vectors: one for all images, or one for each; their length does not matter.
        cosine_power: the product is multiplied by the cosine to this power, at least 0.1: a high
            power asks for the direction and nothing else.
        names: of the directions.

    Raises:
        ValueError: a vector of zeros, or of values that are not finite.

    Source: [Olah17]; the cosine is that of Carter et al. (2019), Activation Atlas.
    """
    rows = vectors if vectors.ndim == 2 else vectors[None]
    if not rows.isfinite().all() or not rows.any(dim=1).all():
        raise ValueError("expected directions that are finite and not zero, got some that are")
    told = [f"{layer} direction {i}" for i in range(len(rows))] if names is None else names

    def value(read: Reading) -> Tensor:
        here = read.layer(layer)
        unit = normalize(rows.to(here), dim=1).expand(len(here), -1)
        along = einsum(here, unit, "batch channel h w, batch channel -> batch h w")
        if cosine_power:
            cosine = along / here.norm(dim=1).clamp(min=1e-8)
            along = along * cosine.clamp(min=LEAST_COSINE) ** cosine_power
        return reduce(along, "batch h w -> batch", "mean")

    return Objective(value, ((layer, ()),), tuple(told), ((layer, rows.shape[1]),))


def diversity(layer: str, group: int) -> Objective:
    """Return how little an image's textures are like those of the others of its group.

    Textures are the products of channels, summed over space (the Gram matrix). The value is minus
    the mean cosine to the other images' textures, from -1 (all alike) to 0.

    Args:
        layer: whose activations to compare.
        group: so many images in a row belong together.

    Raises:
        ValueError: groups of one, or images that make no whole groups.

    Source: [Olah17], "Diversity".
    """
    if group < 2:
        raise ValueError(f"expected groups of two or more images, got {group}")

    def value(read: Reading) -> Tensor:
        here = read.layer(layer)
        if len(here) % group:
            raise ValueError(f"expected whole groups of {group} images, got {len(here)} images")
        flat = rearrange(here, "batch channel height width -> batch channel (height width)")
        gram = normalize(rearrange(flat @ flat.mT, "batch i j -> batch (i j)"), dim=1)
        groups = rearrange(gram, "(set member) entry -> set member entry", member=group)
        cosines = groups @ groups.mT
        others = cosines.sum(dim=2) - cosines.diagonal(dim1=1, dim2=2)
        return -rearrange(others, "set member -> (set member)") / (group - 1)

    return Objective(value, ((layer, ()),), (f"diversity in {layer}",))


def checked_channels(
    model: VisionModel, layer: str, channels: Sequence[int] | None = None
) -> tuple[int, ...]:
    """Return channel numbers, all of the layer's when None.

    Raises:
        ValueError: the model lacks the layer, or the layer a channel.
    """
    n_channels = model.channels(layer)
    wanted = tuple(range(n_channels)) if channels is None else tuple(channels)
    if channels is not None and not wanted:
        raise ValueError(f"expected channels of {layer}, got none")
    if wrong := [number for number in wanted if not 0 <= number < n_channels]:
        raise ValueError(f"expected channels 0-{n_channels - 1} of {layer}, got {wrong[:5]}")
    return wanted


def _listed(channels: int | Sequence[int]) -> tuple[int, ...]:
    wanted = (channels,) if isinstance(channels, int) else tuple(channels)
    if not wanted:
        raise ValueError("expected a channel, got none")
    return wanted


def _own(read: Reading, layer: str, wanted: tuple[int, ...]) -> Tensor:
    """Return each image's own channel, or the one that all share."""
    if len(wanted) != 1 and len(wanted) != read.n_images:
        raise ValueError(
            f"expected one channel for each of {read.n_images} images, got {len(wanted)}"
        )
    return read.own(layer, wanted * (read.n_images if len(wanted) == 1 else 1))


def _combined(
    one: Objective, other: "Objective | float", operation: Callable, sign: str
) -> Objective:
    if not isinstance(other, Objective):
        return Objective(
            lambda read: operation(one.value(read), other), one.asks, one.names, one.widths
        )
    if len(one.names) > 1 and len(other.names) > 1 and len(one.names) != len(other.names):
        raise ValueError(
            f"expected objectives for as many images, got {len(one.names)} and {len(other.names)}"
        )
    n = max(len(one.names), len(other.names))
    left, right = (each.names * (n if len(each.names) == 1 else 1) for each in (one, other))
    return Objective(
        lambda read: operation(one.value(read), other.value(read)),
        one.asks + other.asks,
        tuple(f"{a} {sign} {b}" for a, b in zip(left, right, strict=True)),
        one.widths + other.widths,
    )
