"""How toy models arrange features that come in pairs."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from mi_course.results.checks import labelled, within
from mi_course.results.superposition import FeatureGeometry

__all__ = ["PairedFeatures"]

BETWEEN = 0.5  # cosines nearer to 0 than this count as a right angle


@dataclass(frozen=True, eq=False)
class PairedFeatures:
    """Directions of paired features; features 2i and 2i + 1 are partners.

    Attributes:
        geometry: of one model at each density.
        within: cosine between partners.
        across: mean absolute cosine between features that are not partners.
        pairing: "correlated" or "anticorrelated".
    """

    geometry: FeatureGeometry
    within: Float[Tensor, "density pair"]
    across: Float[Tensor, " density"]
    pairing: str

    def __post_init__(self) -> None:
        within("cosines", self.within, -1, 1)
        labelled("density", len(self.within), self.geometry.density.tolist())
        labelled("density", len(self.across), self.geometry.density.tolist())

    def arrangement(self, i: int) -> str:
        """Return how partners stand at a density: merged, at right angles, antipodal, or mixed."""
        cosines = self.within[i]
        if (cosines > BETWEEN).all():
            return "merged"
        if (cosines < -BETWEEN).all():
            return "antipodal"
        return "at right angles" if (cosines.abs() <= BETWEEN).all() else "mixed"

    def summary(self) -> str:
        """Return one sentence: partners' cosines at each density."""
        each = "; ".join(
            f"density {p:.2g}: {self.arrangement(i)} (mean cosine {self.within[i].mean():z.2f})"
            for i, p in enumerate(self.geometry.density.tolist())
        )
        return f"Partners that are {self.pairing}. {each}."
