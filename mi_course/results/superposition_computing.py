"""Neurons that compute for several features at once."""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from mi_course.results.checks import finite, labelled

__all__ = ["NeuronStacks"]

COMPUTED = 0.5


@dataclass(frozen=True, eq=False)
class NeuronStacks:
    """The weights of layers trained on |x|, by neuron and feature.

    Attributes:
        W_in: weight from each feature to each neuron.
        W_out: weight from each neuron to each output.
        density: probability that a feature is active.
        least_rise: of each feature, by how much its output rises from an input of 0 to one of 1
            or -1, whichever is less.
        polysemantic: neurons that read two or more features.
        alive: neurons that read and write anything.
    """

    W_in: Float[Tensor, "instance n_features neuron"]
    W_out: Float[Tensor, "instance neuron n_features"]
    density: Float[Tensor, " instance"]
    least_rise: Float[Tensor, "instance n_features"]
    polysemantic: Int[Tensor, " instance"]
    alive: Int[Tensor, " instance"]

    def __post_init__(self) -> None:
        finite("W_in", self.W_in)
        finite("W_out", self.W_out)
        labelled("instance", len(self.W_in), self.density.tolist())
        if (self.polysemantic > self.alive).any():
            raise ValueError(
                f"expected polysemantic neurons among the living, got {self.polysemantic.tolist()} "
                f"of {self.alive.tolist()}"
            )

    def computed(self) -> Int[Tensor, " instance"]:
        """Return how many features rise by at least 0.5 both for 1 and for -1."""
        return (self.least_rise >= COMPUTED).sum(dim=1)

    def summary(self) -> str:
        """Return one sentence: features computed and polysemantic neurons at each density."""
        counts = zip(
            self.density.tolist(), self.computed(), self.polysemantic, self.alive, strict=True
        )
        each = "; ".join(
            f"density {p:.2g}: {done} features computed, {several} of {alive} living neurons read "
            "two or more"
            for p, done, several, alive in counts
        )
        n_neurons = self.W_in.shape[2]
        return (
            f"|x| with {n_neurons} neurons, two for each feature if each had its own, so "
            f"{n_neurons // 2} features. {each}."
        )
