"""What is measured about channels of an image network: tuning, kernels, matches, maps."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mi_course.results.checks import finite, labelled, within
from mi_course.results.feature_viz import Pictures

TUNED = 0.3  # selectivity from which on a channel is called tuned
PREFERS = 0.1  # preference from which on a channel is said to prefer a property


@dataclass(frozen=True, eq=False)
class TuningCurves:
    """Responses of channels to stimuli of which one property varies.

    Attributes:
        values: largest activation of the middle unit at each angle.
        angles: in radians, from 0 up to 2 pi.
        rows: what each row of a channel was shown, such as "radius 9".
        reference: activation for the stimulus that lacks the property.
        property: such as "a curve".
        layer: where.
        channels: their numbers.
    """

    values: Float[Tensor, "channel row angle"]
    angles: Float[Tensor, " angle"]
    rows: tuple[str, ...]
    reference: Float[Tensor, " channel"]
    property: str
    layer: str
    channels: tuple[int, ...]

    def __post_init__(self) -> None:
        finite("responses", self.values)
        finite("references", self.reference)
        for axis, size, labels in (
            ("channel", len(self.values), self.channels),
            ("channel", len(self.reference), self.channels),
            ("row", self.values.shape[1], self.rows),
            ("angle", self.values.shape[2], tuple(self.angles)),
        ):
            labelled(axis, size, labels)

    def peak(self) -> Float[Tensor, " channel"]:
        """Return each channel's largest response."""
        return self.values.amax(dim=(1, 2))

    def best_rows(self) -> Float[Tensor, "channel angle"]:
        """Return of each channel the row with its largest response."""
        row = self.values.amax(dim=2).argmax(dim=1)
        return self.values[torch.arange(len(row)), row]

    def preferred_angles(self) -> Float[Tensor, " channel"]:
        """Return the angle of each channel's largest response, in radians."""
        return self.angles[self.best_rows().argmax(dim=1)]

    def selectivity(self) -> Float[Tensor, " channel"]:
        """Return how sharply each channel is tuned to an angle, 0 (flat or silent) to 1.

        A bar detector answers to an angle and to its opposite; that counts as tuned, too.
        """
        rows = self.best_rows().clamp(min=0).to(torch.complex128)
        turns = torch.stack([torch.exp(1j * n * self.angles.double()) for n in (1, 2)])
        lengths = (rows @ turns.T).abs().amax(dim=1)
        return (lengths / rows.real.sum(dim=1).clamp(min=1e-12)).float()

    def preference(self) -> Float[Tensor, " channel"]:
        """Return (peak - reference) / (peak + reference), -1 to 1; 0 for a silent channel."""
        peak, reference = self.peak().clamp(min=0), self.reference.clamp(min=0)
        return (peak - reference) / (peak + reference).clamp(min=1e-12)

    def tuned(self, least: float = TUNED) -> tuple[int, ...]:
        """Return the channels whose selectivity is at least this, the most selective first."""
        return self._at_least(self.selectivity(), least)

    def preferring(self, least: float = PREFERS) -> tuple[int, ...]:
        """Return the channels that prefer the property to its absence by at least this."""
        return self._at_least(self.preference(), least)

    def _at_least(self, scores: Tensor, least: float) -> tuple[int, ...]:
        order = scores.argsort(descending=True, stable=True).tolist()
        return tuple(self.channels[i] for i in order if scores[i] >= least)

    def summary(self) -> str:
        """Return one sentence: how many channels are tuned, and how many prefer the property."""
        tuned, preferring = self.tuned(), self.preferring()
        best = f", channel {tuned[0]} most sharply" if tuned else ""
        return (
            f"Of {len(self.channels)} channels of {self.layer}, {len(tuned)} are tuned to the "
            f"angle of {self.property} (selectivity {TUNED} or more){best}; {len(preferring)} "
            f"answer clearly more to {self.property} than without it."
        )


@dataclass(frozen=True, eq=False)
class ExpandedKernels:
    """How channels of one layer depend on those of an earlier one, all between taken as linear.

    Attributes:
        values: activation of the target for one unit of the source at each place.
        source: the earlier layer.
        target: the later layer.
        channels: of the target, their numbers.
        adjacent: whether the kernels are the network's own.
    """

    values: Float[Tensor, "channel source_channel height width"]
    source: str
    target: str
    channels: tuple[int, ...]
    adjacent: bool

    def __post_init__(self) -> None:
        finite("kernels", self.values)
        labelled("channel", len(self.values), self.channels)

    def of(self, channel: int) -> Float[Tensor, "source_channel height width"]:
        """Return the kernels of one target channel.

        Raises:
            ValueError: it was not asked for.
        """
        if channel not in self.channels:
            raise ValueError(f"expected a channel of {self.target} that was read, got {channel}")
        return self.values[self.channels.index(channel)]

    def strongest(self, channel: int, n: int = 8) -> tuple[int, ...]:
        """Return the source channels with the largest kernels (norm), the largest first."""
        norms = self.of(channel).flatten(start_dim=1).norm(dim=1)
        return tuple(norms.argsort(descending=True, stable=True)[:n].tolist())

    def lower_minus_upper(self, channel: int) -> Float[Tensor, " source_channel"]:
        """Return the weight below the middle row less that above it; positive wants it below."""
        kernels = self.of(channel)
        height = kernels.shape[1]
        return kernels[:, (height + 1) // 2 :].sum((1, 2)) - kernels[:, : height // 2].sum((1, 2))

    def summary(self) -> str:
        """Return one sentence: the size of the kernels and the strongest of the first channel."""
        height, width = self.values.shape[2:]
        kind = "Kernels" if self.adjacent else "Expanded kernels"
        best = ", ".join(map(str, self.strongest(self.channels[0], 3)))
        return (
            f"{kind} of {height}x{width} places from {self.source} to {len(self.channels)} "
            f"channels of {self.target}; channel {self.channels[0]} depends most on channels "
            f"{best} of {self.source}."
        )


@dataclass(frozen=True, eq=False)
class UnitMatches:
    """Which channels of two networks answer alike.

    Attributes:
        correlation: over places of images, -1 to 1; 0 for a channel that never changes.
        layer: of both networks.
        names: of the two networks.
    """

    correlation: Float[Tensor, "unit other_unit"]
    layer: str
    names: tuple[str, str]

    def __post_init__(self) -> None:
        within("correlations", self.correlation, -1, 1)

    def best(self) -> Int[Tensor, " unit"]:
        """Return the unit of the other network that correlates most with each unit."""
        return self.correlation.argmax(dim=1)

    def values(self) -> Float[Tensor, " unit"]:
        """Return the correlation of each unit with its match."""
        return self.correlation.amax(dim=1)

    def mutual(self) -> Bool[Tensor, " unit"]:
        """Return whether a unit is also the best match of its match."""
        back = self.correlation.argmax(dim=0)
        return back[self.best()] == torch.arange(len(self.correlation), device=back.device)

    def summary(self) -> str:
        """Return one sentence: how well channels match, and how many pairs choose each other."""
        values = self.values()
        return (
            f"{self.layer}: the channels of {self.names[0]} correlate with their best matches in "
            f"{self.names[1]} by {values.median():z.2f} in the median, "
            f"{int((values >= 0.5).sum())} of {len(values)} by 0.5 or more; "
            f"{int(self.mutual().sum())} pairs choose each other."
        )


@dataclass(frozen=True, eq=False)
class ActivationAtlas:
    """A layer's activations laid out in the plane, a picture for each cell.

    Attributes:
        pictures: of each cell's mean activation.
        rows: of the cells, from the top.
        columns: of the cells, from the left.
        counts: activations in each cell.
        labels: the commonest label of the images in each cell.
        shares: fraction of the cell's images that carry it.
        grid: cells along each side.
        layer: where.
        n_points: activations laid out.
    """

    pictures: Pictures
    rows: Int[Tensor, " cell"]
    columns: Int[Tensor, " cell"]
    counts: Int[Tensor, " cell"]
    labels: tuple[str, ...]
    shares: Float[Tensor, " cell"]
    grid: int
    layer: str
    n_points: int

    def __post_init__(self) -> None:
        within("shares", self.shares, 0, 1)
        for size in map(len, (self.rows, self.columns, self.counts, self.labels, self.shares)):
            labelled("picture", size, self.pictures.names)

    def summary(self) -> str:
        """Return one sentence: how many cells, and how pure they are."""
        by_label = {label: self.labels.count(label) for label in sorted(set(self.labels))}
        commonest = sorted(by_label, key=lambda label: -by_label[label])[:3]
        return (
            f"{self.n_points} activations of {self.layer} in {len(self.pictures)} cells; in the "
            f"middle cell {self.shares.median():.0%} carry the commonest label. Most cells: "
            f"{', '.join(f'{label} ({by_label[label]})' for label in commonest)}."
        )


@dataclass(frozen=True, eq=False)
class OcclusionMap:
    """What a channel's peak loses when a square of an image is covered.

    Attributes:
        values: lost activation; negative where covering raised the peak.
        baseline: the peak on the whole image.
        image: from 0 to 1.
        side: of the square, in pixels.
        stride: pixels from one square to the next.
        name: of the channel, such as "conv5:3".
    """

    values: Float[Tensor, "row column"]
    baseline: float
    image: Float[Tensor, "3 height width"]
    side: int
    stride: int
    name: str

    def __post_init__(self) -> None:
        finite("losses", self.values)
        within("pixels", self.image, 0, 1)

    def summary(self) -> str:
        """Return one sentence: where covering costs most."""
        row, column = divmod(int(self.values.argmax()), self.values.shape[1])
        part = self.values.max() / self.baseline if self.baseline > 0 else 0.0
        return (
            f"Covering {self.side}x{self.side} pixels from row {row * self.stride}, column "
            f"{column * self.stride} costs {self.name} most: {self.values.max():.2f} of "
            f"{self.baseline:.2f} ({part:.0%})."
        )
