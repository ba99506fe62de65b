"""What the channels of a vision model respond to, told by the labels of parts."""

from dataclasses import dataclass
from typing import NamedTuple

from jaxtyping import Float, Int
from torch import Tensor

from mi_course.results.checks import labelled, within


class TwoParts(NamedTuple):
    """A channel that tells two parts which no class has together.

    Attributes:
        channel: its number.
        parts: the two, the better told one first.
        aucs: of both.
        shares: fraction of the channel's strongest images that show each of them.
    """

    channel: int
    parts: tuple[str, str]
    aucs: tuple[float, float]
    shares: tuple[float, float]


@dataclass(frozen=True, eq=False)
class PartScores:
    """How well each channel's peak tells that a part lies under it.

    Attributes:
        auc: area under the ROC curve over images, score: the channel's peak; 0.5 is chance, and
            what a part has that is under too few peaks.
        precision: fraction of the images with the highest peaks in which the part is under the
            peak.
        counts: images in which the part is under the peak.
        layer: whose channels these are.
        parts: names.
        n_images: how many images there are.
        top: how many images are "the highest".
        window: side of the square around the peak's middle that counts as under it, in pixels.
    """

    auc: Float[Tensor, "channel part"]
    precision: Float[Tensor, "channel part"]
    counts: Int[Tensor, "channel part"]
    layer: str
    parts: tuple[str, ...]
    n_images: int
    top: int
    window: int

    def __post_init__(self) -> None:
        within("areas", self.auc, 0, 1)
        within("precisions", self.precision, 0, 1)
        labelled("part", self.auc.shape[1], self.parts)

    def best(self, part: str) -> int:
        """Return the channel that tells a part best.

        Raises:
            ValueError: there is no such part.
        """
        return int(self.auc[:, self._number(part)].argmax())

    def auc_of(self, part: str) -> float:
        """Return the area of the channel that tells a part best."""
        return float(self.auc[:, self._number(part)].max())

    def about(self, part: str, *, at_least: float = 0.8) -> tuple[int, ...]:
        """Return the channels of whose highest peaks this fraction or more lie on a part."""
        chosen = self.precision[:, self._number(part)] >= at_least
        return tuple(chosen.nonzero().ravel().tolist())

    def favourite(self, channel: int) -> str:
        """Return the part that lies under most of a channel's highest peaks."""
        return self.parts[int(self.precision[channel].argmax())]

    def summary(self) -> str:
        """Return one sentence: the parts that a channel tells well, with the channel and area."""
        areas = self.auc.amax(dim=0)
        order = [i for i in areas.argsort(descending=True).tolist() if areas[i] >= 0.9]
        told = ", ".join(
            f"{self.parts[i]} (channel {self.best(self.parts[i])}, {areas[i]:.2f})" for i in order
        )
        return (
            f"In {self.layer}, {len(order)} of {len(self.parts)} parts have a channel whose peak "
            f"tells with AUC 0.9 or more that the part lies under it: {told or 'none'}."
        )

    def _number(self, part: str) -> int:
        if part not in self.parts:
            raise ValueError(f"expected one of {list(self.parts)}, got {part!r}")
        return self.parts.index(part)
