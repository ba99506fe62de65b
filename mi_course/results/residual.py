"""Numbers about the residual stream: how long it is, and what each part that writes to it does."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from mi_course.results.checks import finite, labelled


@dataclass(frozen=True, eq=False)
class ResidualNorms:
    """Length of the residual stream at each point of the network, for each token of one text.

    Attributes:
        values: Euclidean norms.
        points: where it was measured, from the embedding to the last layer.
        tokens: the text.
    """

    values: Float[Tensor, "point pos"]
    points: tuple[str, ...]
    tokens: tuple[str, ...]

    def __post_init__(self) -> None:
        finite("norms", self.values)
        labelled("point", self.values.shape[0], self.points)
        labelled("position", self.values.shape[1], self.tokens)
        if self.values.shape[1] < 2 or (self.values < 0).any():
            raise ValueError(
                f"expected norms of at least two tokens, none below 0, got {self.values.shape[1]} "
                f"tokens and {self.values.min():.3g}, try a longer text"
            )

    def typical(self) -> Float[Tensor, " point"]:
        """Return the mean over all tokens but the first, which is often an outlier."""
        return self.values[:, 1:].mean(dim=1)

    def growth(self) -> float:
        """Return how many times as long the stream is at the end as at the embedding."""
        start, *_, end = self.typical().tolist()
        return end / start if start else float("inf")

    def summary(self) -> str:
        """Return one sentence: where the length starts and ends."""
        ends = [(self.typical()[i].item(), self.values[i, 0].item()) for i in (0, -1)]
        (start, first), (end, last) = ends
        return (
            f"Length of the residual stream: {start:.2f} at the embedding and {end:.2f} at the end "
            f"(mean over tokens but the first, {self.tokens[0]!r}: {first:.2f} and {last:.2f})."
        )


@dataclass(frozen=True, eq=False)
class PartEffects:
    """What the loss does when each part alone is silenced.

    Attributes:
        values: rise in mean loss in nats; below 0 where the model does better without the part.
        parts: their names, such as "attention 0", in the order in which the model runs them.
        edit: what was done to a part, such as "set to zero".
    """

    values: Float[Tensor, " part"]
    parts: tuple[str, ...]
    edit: str = "set to zero"

    def __post_init__(self) -> None:
        finite("effects", self.values)
        labelled("part", len(self.values), self.parts)

    def of(self, part: str) -> float:
        """Return the effect of one part, in nats.

        Raises:
            ValueError: there is no such part.
        """
        if part not in self.parts:
            raise ValueError(f"expected one of {list(self.parts)}, got {part!r}")
        return self.values[self.parts.index(part)].item()

    def ranked(self) -> list[tuple[str, float]]:
        """Return the parts with their effects, the largest first."""
        pairs = zip(self.parts, self.values.tolist(), strict=True)
        return sorted(pairs, key=lambda pair: -pair[1])

    def summary(self) -> str:
        """Return one sentence with the effect of every part, the largest first."""
        told = ", ".join(f"{part} {effect:z.2f}" for part, effect in self.ranked())
        return f"Loss added (nats) when a part is {self.edit}: {told}."
