"""Features on a circle: what it costs to read them, and how many may be active."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from mi_course.results.checks import finite, labelled, within

__all__ = ["CircleCodes"]


@dataclass(frozen=True, eq=False)
class CircleCodes:
    """The exact construction of [Gurnee23], appendix C, for several numbers of features.

    Attributes:
        ns: numbers of features, all in two dimensions.
        gain: factor of the read-out.
        bias: of the read-out, after the factor.
        one_hot_error: largest error of any output when one feature is active.
        two_read_right: fraction of pairs of active features that are read as exactly these two.
    """

    ns: tuple[int, ...]
    gain: Float[Tensor, " n"]
    bias: Float[Tensor, " n"]
    one_hot_error: Float[Tensor, " n"]
    two_read_right: Float[Tensor, " n"]

    def __post_init__(self) -> None:
        for name in ("gain", "bias", "one_hot_error"):
            finite(name, getattr(self, name))
            labelled("n", len(getattr(self, name)), self.ns)
        within("two_read_right", self.two_read_right, 0, 1)

    def summary(self) -> str:
        """Return one sentence: exactness and gain for the most features, and pairs."""
        return (
            f"{self.ns[-1]} one-hot features in two dimensions are read with an error of at most "
            f"{self.one_hot_error.max():.0e}; the gain grows from {self.gain[0]:.2g} for "
            f"{self.ns[0]} features to {self.gain[-1]:.3g} for {self.ns[-1]}. Two active features "
            f"are read as these two in {self.two_read_right[0]:.0%} of pairs of {self.ns[0]} "
            f"features and {self.two_read_right[-1]:.0%} of pairs of {self.ns[-1]}."
        )
