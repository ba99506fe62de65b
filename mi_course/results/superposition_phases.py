"""Phases of a feature: ignored, with a dimension of its own, or in superposition."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mi_course.results.checks import finite, labelled, within

__all__ = ["PHASES", "PhaseDiagram"]

PHASES = ("ignored", "own dimension", "superposition")


@dataclass(frozen=True, eq=False)
class PhaseDiagram:
    """What becomes of the last feature, by density of all features and its own importance.

    Attributes:
        length: of its direction in trained models.
        interference: what the others push along it in trained models, sum of squares.
        measured: phase in trained models; 0 ignored, 1 own dimension, 2 superposition.
        analytic: phase of the solution whose expected loss is the least.
        boundary: highest density at which superposition is the best solution; NaN if there is none.
        density: of all features, falling.
        importance: of the last feature; the others have 1.
        n_features: of a model.
        d_hidden: of a model.
    """

    length: Float[Tensor, "importance density"]
    interference: Float[Tensor, "importance density"]
    measured: Int[Tensor, "importance density"]
    analytic: Int[Tensor, "importance density"]
    boundary: Float[Tensor, " importance"]
    density: Float[Tensor, " density"]
    importance: Float[Tensor, " importance"]
    n_features: int
    d_hidden: int

    def __post_init__(self) -> None:
        finite("lengths", self.length)
        for name in ("measured", "analytic"):
            within(name, getattr(self, name), 0, len(PHASES) - 1)
            labelled("importance", len(getattr(self, name)), self.importance.tolist())
            labelled("density", getattr(self, name).shape[1], self.density.tolist())
        if not (self.density.diff() < 0).all():
            raise ValueError(f"expected falling densities, got {self.density.tolist()}")

    def agreement(self) -> float:
        """Return the fraction of points at which trained models are in the analytic phase."""
        return (self.measured == self.analytic).float().mean().item()

    def measured_boundary(self) -> Float[Tensor, " importance"]:
        """Return the density at which trained models begin to superpose, for each importance.

        It is the geometric mean of the first density, counted from the highest, at which they do
        and the one before; NaN where they never do or do at once.
        """
        shared = self.measured == 2
        first = shared.int().argmax(dim=1)
        middle = (self.density[first] * self.density[(first - 1).clamp(min=0)]).sqrt()
        return middle.where(shared.any(dim=1) & (first > 0), torch.full_like(middle, torch.nan))

    def boundary_factors(self) -> Float[Tensor, " importance"]:
        """Return by which factor the two boundaries differ, 1 or more; NaN where one is missing."""
        return (self.measured_boundary() / self.boundary).log().abs().exp()

    def summary(self) -> str:
        """Return one sentence: agreement, and how far the boundaries are apart."""
        factors = self.boundary_factors()
        known = factors[~factors.isnan()]
        apart = "; no boundary was met"
        if len(known):
            apart = (
                f"; superposition begins at a density that differs from the analytic one by a "
                f"factor of {known.median():.2f} (median of {len(known)} importances), "
                f"{known.max():.2f} at most"
            )
        return (
            f"{self.n_features} features in {self.d_hidden} dimension{'s' * (self.d_hidden > 1)}: "
            f"{self.agreement():.0%} of {self.measured.numel()} trained points are in the phase "
            f"of the best solution{apart}."
        )
