"""What is seen while a sparse autoencoder learns."""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from mi_course.results.checks import finite, labelled, within


@dataclass(frozen=True, eq=False)
class TrainingCurves:
    """Measures of training batches, on the way.

    Attributes:
        steps: batches learned from so far, at each point.
        loss: with all penalties; 1 is about the variance of the activations.
        l0: mean number of latents active on an activation.
        fvu: fraction of the batch's variance about its mean that is unexplained; 0 is perfect, 1
            no better than the mean.
        dead: fraction of latents that have been silent for long.
        name: of the architecture.
    """

    steps: Int[Tensor, " point"]
    loss: Float[Tensor, " point"]
    l0: Float[Tensor, " point"]
    fvu: Float[Tensor, " point"]
    dead: Float[Tensor, " point"]
    name: str

    def __post_init__(self) -> None:
        for name in ("loss", "l0", "fvu", "dead"):
            values = getattr(self, name)
            finite(name, values)
            labelled("step", len(values), self.steps.tolist())
        within("dead", self.dead, 0, 1)

    def summary(self) -> str:
        """Return one sentence: L0, FVU and dead latents at the end."""
        return (
            f"{self.name} after {self.steps[-1]} steps: {self.l0[-1]:.1f} features are active on "
            f"an activation, {self.fvu[-1]:.3f} of the variance is unexplained, "
            f"{self.dead[-1]:.1%} of the features are dead."
        )
