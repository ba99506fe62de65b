"""What superposition costs: interference of two kinds, and inputs made to mislead."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mi_course.results.checks import finite, labelled, within

__all__ = ["AdversarialCurve", "BinaryComparison", "InterferenceKinds"]


@dataclass(frozen=True, eq=False)
class AdversarialCurve:
    """How vulnerable models are, beside how many features they pack into a dimension.

    Attributes:
        vulnerability: growth of the squared error under the worst small change, in units of the
            change's squared length; at most 1 for a model without superposition.
        random_change: the same for a random change.
        features_per_dimension: sum of squared lengths of directions over hidden dimensions.
        density: probability that a feature is active.
        epsilon: length of a change.
        n_features: of a model.
        d_hidden: of a model.
    """

    vulnerability: Float[Tensor, " instance"]
    random_change: Float[Tensor, " instance"]
    features_per_dimension: Float[Tensor, " instance"]
    density: Float[Tensor, " instance"]
    epsilon: float
    n_features: int
    d_hidden: int

    def __post_init__(self) -> None:
        for name in ("vulnerability", "random_change", "features_per_dimension"):
            finite(name, getattr(self, name))
            labelled("instance", len(getattr(self, name)), self.density.tolist())

    def correlation(self) -> float:
        """Return Pearson's correlation of vulnerability and features per dimension."""
        return torch.corrcoef(torch.stack([self.vulnerability, self.features_per_dimension]))[
            0, 1
        ].item()

    def summary(self) -> str:
        """Return one sentence: the least and the most vulnerable model, and the correlation."""
        low, high = int(self.vulnerability.argmin()), int(self.vulnerability.argmax())
        ends = " and ".join(
            f"{self.vulnerability[i]:.2f} with {self.features_per_dimension[i]:.2f} features per "
            f"dimension (density {self.density[i]:.2g})"
            for i in (low, high)
        )
        return (
            f"{self.n_features} features in {self.d_hidden} dimensions, changes of length "
            f"{self.epsilon:g}: vulnerability is between {ends}; a random change does at most "
            f"{self.random_change.max():.2f}; the correlation of vulnerability and features per "
            f"dimension is {self.correlation():z.2f}."
        )


@dataclass(frozen=True, eq=False)
class InterferenceKinds:
    """Squared error of an output when its feature, another one, or both are active.

    Attributes:
        alone: only its own feature is active.
        alternating: only another one is.
        simultaneous: both are.
        density: probability that a feature is active.
        binary: whether an active feature is 1.
        kind: of the models, "relu" or "linear".
    """

    alone: Float[Tensor, " instance"]
    alternating: Float[Tensor, " instance"]
    simultaneous: Float[Tensor, " instance"]
    density: Float[Tensor, " instance"]
    binary: bool
    kind: str

    def __post_init__(self) -> None:
        for name in ("alone", "alternating", "simultaneous"):
            labelled("instance", len(getattr(self, name)), self.density.tolist())

    def summary(self) -> str:
        """Return one sentence: the three errors at the lowest density."""
        i = int(self.density.argmin())
        features = "binary" if self.binary else "continuous"
        return (
            f"{self.kind} models, {features} features, density {self.density[i]:.2g}: squared "
            f"error {self.alone[i]:.3f} alone, {self.alternating[i]:.3f} when only another "
            f"feature is active, {self.simultaneous[i]:.3f} when both are."
        )


@dataclass(frozen=True, eq=False)
class BinaryComparison:
    """How much of binary and of continuous features toy models lose.

    Attributes:
        fvu_binary: fraction of variance unexplained of features that are 0 or 1.
        fvu_continuous: of features that are 0 or uniform on (0, 1).
        kinds_binary: kinds of interference in the models of binary features.
        kinds_continuous: in the models of continuous features.
        density: probability that a feature is active.
        n_features: of a model.
        d_hidden: of a model.
    """

    fvu_binary: Float[Tensor, " density"]
    fvu_continuous: Float[Tensor, " density"]
    kinds_binary: InterferenceKinds
    kinds_continuous: InterferenceKinds
    density: Float[Tensor, " density"]
    n_features: int
    d_hidden: int

    def __post_init__(self) -> None:
        for name in ("fvu_binary", "fvu_continuous"):
            within(name, getattr(self, name), 0, 2)
            labelled("density", len(getattr(self, name)), self.density.tolist())

    def summary(self) -> str:
        """Return one sentence: both at the lowest density."""
        i = int(self.density.argmin())
        return (
            f"{self.n_features} features in {self.d_hidden} dimensions at density "
            f"{self.density[i]:.2g}: {self.fvu_binary[i]:.1%} of the variance of binary features "
            f"is lost and {self.fvu_continuous[i]:.1%} of that of continuous ones. "
            f"{self.kinds_binary.summary()} {self.kinds_continuous.summary()}"
        )
