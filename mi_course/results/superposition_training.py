"""How features find their places while a toy model is trained."""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from mi_course.results.checks import finite, labelled, within

__all__ = ["LearningDynamics"]


@dataclass(frozen=True, eq=False)
class LearningDynamics:
    """Loss and geometry of one toy model along its training.

    Attributes:
        steps: of training at each record.
        loss: importance-weighted squared error, mean over features.
        dimensionality: of each feature at each record.
        jumps: first and last record of each stretch in which the loss falls fast.
        density: probability that a feature is active.
        d_hidden: hidden dimensions.
    """

    steps: Int[Tensor, " record"]
    loss: Float[Tensor, " record"]
    dimensionality: Float[Tensor, "record n_features"]
    jumps: tuple[tuple[int, int], ...]
    density: float
    d_hidden: int

    def __post_init__(self) -> None:
        finite("losses", self.loss)
        within("dimensionality", self.dimensionality, 0, 1)
        for values in (self.loss, self.dimensionality):
            labelled("record", len(values), self.steps.tolist())

    def time_in_jumps(self) -> float:
        """Return the fraction of all steps that lie in jumps."""
        span = (self.steps[-1] - self.steps[0]).item()
        return sum((self.steps[end] - self.steps[begin]).item() for begin, end in self.jumps) / span

    def fall_in_jumps(self) -> float:
        """Return the fraction of the loss's whole fall that happens in jumps."""
        fall = (self.loss[0] - self.loss[-1]).item()
        return sum((self.loss[begin] - self.loss[end]).item() for begin, end in self.jumps) / fall

    def movement_in_jumps(self) -> float:
        """Return the fraction of all change of dimensionality that happens in jumps."""
        moved = self.dimensionality.diff(dim=0).abs().sum(dim=1)
        return (sum(moved[begin:end].sum() for begin, end in self.jumps) / moved.sum()).item()

    def summary(self) -> str:
        """Return one sentence: number of jumps, their time, and what happens in them."""
        at = ", ".join(f"{self.steps[begin]}-{self.steps[end]}" for begin, end in self.jumps)
        return (
            f"{self.dimensionality.shape[1]} features in {self.d_hidden} dimensions at density "
            f"{self.density:.2g}: {len(self.jumps)} jumps (steps {at}) take "
            f"{self.time_in_jumps():.0%} of the training; {self.fall_in_jumps():.0%} of the fall "
            f"of the loss and {self.movement_in_jumps():.0%} of the change in dimensionality "
            "happen in them."
        )
