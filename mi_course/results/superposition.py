"""Numbers about features in superposition: who shares which dimensions, and in what shape."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mi_course.results.checks import finite, labelled, within

__all__ = ["PLATEAUS", "FeatureGeometry", "Plateaus", "Shape"]

# Dimensions per feature at which trained models stop, and the shape that has it.
PLATEAUS = {
    "own dimension": 1.0,
    "tetrahedron": 3 / 4,
    "triangle": 2 / 3,
    "digon": 1 / 2,
    "pentagon": 2 / 5,
    "square antiprism": 3 / 8,
}


@dataclass(frozen=True)
class Shape:
    """Features of one model that interfere with each other and with no others.

    Attributes:
        features: their numbers.
        rank: how many dimensions they span.
        name: of the shape, such as "pentagon"; "irregular" where the features do not share their
            dimensions equally, or share them in no known shape.
    """

    features: tuple[int, ...]
    rank: int
    name: str


@dataclass(frozen=True, eq=False)
class FeatureGeometry:
    """The directions of each model's features, and the shapes that they form.

    Attributes:
        W: direction of each feature.
        density: probability that a feature is active.
        dimensionality: fraction of a dimension that each feature has for itself; 0 if it is not
            represented.
        shapes: of each instance, largest first; features that are not represented are in none.
    """

    W: Float[Tensor, "instance n_features d_hidden"]
    density: Float[Tensor, " instance"]
    dimensionality: Float[Tensor, "instance n_features"]
    shapes: tuple[tuple[Shape, ...], ...]

    def __post_init__(self) -> None:
        finite("directions", self.W)
        within("dimensionality", self.dimensionality, 0, 1)
        labelled("instance", len(self.W), self.shapes)
        labelled("instance", len(self.W), self.density.tolist())

    def __len__(self) -> int:
        return len(self.W)

    def instance(self, i: int) -> "FeatureGeometry":
        """Return one instance alone; its tensors keep an instance axis of size 1."""
        one = (tensor[[i]] for tensor in (self.W, self.density, self.dimensionality))
        return FeatureGeometry(*one, shapes=(self.shapes[i],))

    def dimensions_per_feature(self) -> Float[Tensor, " instance"]:
        """Return hidden dimensions divided by the sum of all squared lengths.

        Lengths are near 1 or 0, so the sum counts the features that are represented.
        """
        return self.W.shape[2] / self.W.square().sum(dim=(1, 2)).clamp(min=1e-9)

    def counts(self, i: int) -> dict[str, int]:
        """Return how many shapes of each name an instance has."""
        names = [shape.name for shape in self.shapes[i]]
        return {name: names.count(name) for name in dict.fromkeys(names)}

    def lengths(self) -> Float[Tensor, "instance n_features"]:
        """Return the length of each feature's direction."""
        return self.W.norm(dim=-1)

    def interference(self) -> Float[Tensor, "instance n_features"]:
        """Return the sum of squares of what other features push along each one's direction."""
        unit = torch.nn.functional.normalize(self.W, dim=-1)
        overlap = (unit @ self.W.mT).square()
        return overlap.sum(dim=-1) - overlap.diagonal(dim1=-2, dim2=-1)

    def told(self, i: int) -> str:
        """Return an instance's shapes in words, such as "2 digons and 1 own dimension"."""
        groups = {name: f"{name} group" if name == "irregular" else name for name in self.counts(i)}
        counts = [f"{k} {groups[name]}{'s' * (k > 1)}" for name, k in self.counts(i).items()]
        lost = self.W.shape[1] - sum(len(shape.features) for shape in self.shapes[i])
        counts += [f"{lost} not represented"] if lost else []
        return " and ".join(filter(None, [", ".join(counts[:-1]), counts[-1]]))

    def summary(self) -> str:
        """Return one sentence: the shapes at each density."""
        each = (f"density {p:.3g}: {self.told(i)}" for i, p in enumerate(self.density.tolist()))
        _, n_features, d_hidden = self.W.shape
        return f"{n_features} features in {d_hidden} dimensions. " + "; ".join(each) + "."


@dataclass(frozen=True, eq=False)
class Plateaus:
    """How many features stand at each of the named dimensionalities.

    Attributes:
        names: of the plateaus, from most to least of a dimension.
        values: dimensionality of each.
        counts: features within the tolerance of it, by instance.
        n_represented: features of each instance that are represented at all.
        density: probability that a feature is active.
        tolerance: largest distance that counts.
    """

    names: tuple[str, ...]
    values: Float[Tensor, " plateau"]
    counts: Float[Tensor, "instance plateau"]
    n_represented: Float[Tensor, " instance"]
    density: Float[Tensor, " instance"]
    tolerance: float

    def __post_init__(self) -> None:
        within("values", self.values, 0, 1)
        labelled("plateau", self.counts.shape[1], self.names)
        labelled("instance", len(self.counts), self.density.tolist())
        if (self.counts.sum(dim=1) > self.n_represented).any():
            raise ValueError(
                f"expected each feature at one plateau at most, got a tolerance of "
                f"{self.tolerance:g}, try a smaller one"
            )

    def found(self, *, least: int = 3) -> tuple[str, ...]:
        """Return the plateaus at which some instance has at least so many features."""
        most = self.counts.amax(dim=0)
        return tuple(name for name, k in zip(self.names, most.tolist(), strict=True) if k >= least)

    def share(self) -> float:
        """Return the fraction of all represented features that stand at some plateau."""
        return (self.counts.sum() / self.n_represented.sum().clamp(min=1)).item()

    def summary(self) -> str:
        """Return one sentence: the instance richest in each plateau."""
        most = torch.max(self.counts, dim=0)
        told = [
            f"{name} ({value:.3g}): {int(k)} of {int(self.n_represented[at])} features at density "
            f"{self.density[at]:.3g}"
            for name, value, k, at in zip(
                self.names, self.values.tolist(), most.values.tolist(), most.indices, strict=True
            )
        ]
        return f"{self.share():.0%} of features stand at a plateau. " + "; ".join(told) + "."
