"""Numbers about changed activations: what was erased or added, and what the model then said."""

from dataclasses import dataclass

from einops import einsum
from jaxtyping import Float
from torch import Tensor

from mi_course.results.checks import finite, labelled


@dataclass(frozen=True, eq=False)
class Erasure:
    """An affine map that removes what linear probes can read: x - removed read (x - mean).

    It is a function from activations to activations, so `activations.edit` takes it as it is.

    Attributes:
        removed: what is subtracted, one column for each direction.
        read: what decides how much of it; `read @ removed` is the identity.
        mean: where nothing is subtracted.
    """

    removed: Float[Tensor, "d_in rank"]
    read: Float[Tensor, "rank d_in"]
    mean: Float[Tensor, " d_in"]

    def __post_init__(self) -> None:
        finite("means", self.mean)
        if self.removed.shape != self.read.T.shape or len(self.removed) != len(self.mean):
            raise ValueError(
                f"expected removed [d_in rank], read [rank d_in] and mean [d_in], got "
                f"{tuple(self.removed.shape)}, {tuple(self.read.shape)}, {tuple(self.mean.shape)}"
            )

    @property
    def rank(self) -> int:
        """How many directions are removed."""
        return len(self.read)

    def __call__(self, x: Float[Tensor, "... d_in"]) -> Float[Tensor, "... d_in"]:
        """Return the activations without what was to be erased."""
        removed, read, mean = (part.to(x.device, x.dtype) for part in self._parts())
        amount = einsum(x - mean, read, "... d_in, rank d_in -> ... rank")
        return x - einsum(amount, removed, "... rank, d_in rank -> ... d_in")

    def _parts(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.removed, self.read, self.mean

    def summary(self) -> str:
        """Return one sentence: how much of how wide a space is erased."""
        return f"An erasure of {self.rank} of {len(self.mean)} directions."


@dataclass(frozen=True, eq=False)
class ChoiceEffects:
    """How the model chooses between two next tokens when its activations are changed.

    Attributes:
        log_odds: logit(yes) - logit(no), in nats, for each change and prompt.
        changes: what was done, such as "none" or "erased after layer 1".
        yes: what the first token means, such as "flawed".
        no: what the second one means.
    """

    log_odds: Float[Tensor, "change prompt"]
    changes: tuple[str, ...]
    yes: str = "yes"
    no: str = "no"

    def __post_init__(self) -> None:
        finite("log odds", self.log_odds)
        labelled("change", len(self.log_odds), self.changes)

    def of(self, change: str) -> Float[Tensor, " prompt"]:
        """Return the log odds under one change.

        Raises:
            ValueError: there is no such change.
        """
        if change not in self.changes:
            raise ValueError(f"expected one of {list(self.changes)}, got {change!r}")
        return self.log_odds[self.changes.index(change)]

    def share(self) -> Float[Tensor, " change"]:
        """Return the fraction of prompts in which `yes` is the likelier token."""
        return (self.log_odds > 0).float().mean(1)

    def summary(self) -> str:
        """Return one sentence: how often the model chooses `yes` under each change."""
        means = self.log_odds.mean(1).tolist()
        told = ", ".join(
            f"{change} {share:.0%} ({mean:+z.2f} nats)"
            for change, share, mean in zip(self.changes, self.share().tolist(), means, strict=True)
        )
        return (
            f"How often {self.yes} is likelier than {self.no} in {self.log_odds.shape[1]} prompts: "
            f"{told}."
        )


@dataclass(frozen=True, eq=False)
class SteeringEffects:
    """How a choice follows a direction that is added, beside random directions of that length.

    Attributes:
        log_odds: mean over prompts of logit(yes) - logit(no), in nats.
        random: the same for random directions.
        coefficients: by how much the direction was multiplied.
        layer: the layer after which it was added.
        yes: what the first token means.
        no: what the second one means.
    """

    log_odds: Float[Tensor, " coefficient"]
    random: Float[Tensor, "direction coefficient"]
    coefficients: tuple[float, ...]
    layer: int
    yes: str = "yes"
    no: str = "no"

    def __post_init__(self) -> None:
        finite("log odds", self.log_odds)
        labelled("coefficient", len(self.log_odds), self.coefficients)
        labelled("coefficient", self.random.shape[1], self.coefficients)

    def slope(self) -> float:
        """Return the change in log odds from the lowest to the highest coefficient, in nats."""
        order = sorted(range(len(self.coefficients)), key=self.coefficients.__getitem__)
        return (self.log_odds[order[-1]] - self.log_odds[order[0]]).item()

    def random_slopes(self) -> Float[Tensor, " direction"]:
        """Return the same change for each random direction."""
        order = sorted(range(len(self.coefficients)), key=self.coefficients.__getitem__)
        return self.random[:, order[-1]] - self.random[:, order[0]]

    def summary(self) -> str:
        """Return one sentence: what the direction does, and what random ones do."""
        low, high = min(self.coefficients), max(self.coefficients)
        largest = self.random_slopes().abs().max().item() if len(self.random) else 0.0
        return (
            f"Steering after layer {self.layer} from {low:g} to {high:g}: log odds of {self.yes} "
            f"over {self.no} change by {self.slope():+z.2f} nats; by at most {largest:.2f} in "
            f"{len(self.random)} random directions of the same length."
        )
