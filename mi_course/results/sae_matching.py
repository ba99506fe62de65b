"""Features of two dictionaries side by side: which are the same, which are split."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mi_course.results.checks import labelled, within


@dataclass(frozen=True, eq=False)
class Matching:
    """Each feature's nearest feature in another dictionary.

    Attributes:
        cosines: of the directions.
        partner: the nearest feature of the other dictionary.
        mutual: whether this one is also the nearest to its partner.
        names: of both dictionaries.
    """

    cosines: Float[Tensor, " latent"]
    partner: Int[Tensor, " latent"]
    mutual: Bool[Tensor, " latent"]
    names: tuple[str, str]

    def __post_init__(self) -> None:
        within("cosines", self.cosines, -1, 1)

    @property
    def mmcs(self) -> float:
        """Return the mean cosine with the nearest."""
        return self.cosines.mean().item()

    def fraction(self, threshold: float = 0.7) -> float:
        """Return the fraction of the features with a mutual partner of this cosine or more."""
        return (self.mutual & (self.cosines >= threshold)).float().mean().item()

    def summary(self) -> str:
        """Return one sentence: the mean cosine and the fraction that is shared."""
        return (
            f"Of {len(self.cosines)} features of {self.names[0]} {self.fraction(0.9):.0%} have a "
            f"mutual partner with a cosine of 0.9 or more in {self.names[1]}, "
            f"{self.fraction(0.7):.0%} of 0.7 or more; mean cosine with the nearest "
            f"{self.mmcs:.2f}."
        )


@dataclass(frozen=True, eq=False)
class Stability:
    """How many features dictionaries have in common, pair by pair.

    Attributes:
        fractions: of the row's features that have a mutual partner in the column.
        mmcs: mean cosine of the row's features with the nearest of the column.
        threshold: cosine from which a pair counts.
        names: of the dictionaries.
    """

    fractions: Float[Tensor, "row column"]
    mmcs: Float[Tensor, "row column"]
    threshold: float
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        within("fractions", self.fractions, 0, 1)
        within("mmcs", self.mmcs, -1, 1)
        for values in (self.fractions, self.mmcs, self.mmcs.T):
            labelled("dictionary", len(values), self.names)

    def mean(self) -> float:
        """Return the mean fraction over pairs of different dictionaries."""
        n = len(self.names)
        return self.fractions[~torch.eye(n, dtype=torch.bool)].mean().item()

    def summary(self) -> str:
        """Return one sentence: the mean fraction shared by two dictionaries."""
        return (
            f"Two of {len(self.names)} dictionaries ({', '.join(self.names)}) share "
            f"{self.mean():.0%} of their features on average: mutually nearest, with a cosine of "
            f"{self.threshold:g} or more."
        )


@dataclass(frozen=True, eq=False)
class Splitting:
    """For each latent of a wide dictionary the latent of a small one that it comes from.

    Attributes:
        parent: the latent of the small dictionary with the nearest direction.
        cosines: with the parent's direction.
        inside: fraction of the child's active tokens on which the parent is active.
        covered: fraction of the parent's active tokens on which the child is active.
        n_parents: latents of the small dictionary.
        least_cosine: from which a latent counts as a child.
        least_inside: from which a latent counts as a child.
        names: of the small and of the wide dictionary.
    """

    parent: Int[Tensor, " child"]
    cosines: Float[Tensor, " child"]
    inside: Float[Tensor, " child"]
    covered: Float[Tensor, " child"]
    n_parents: int
    least_cosine: float
    least_inside: float
    names: tuple[str, str]

    def __post_init__(self) -> None:
        within("cosines", self.cosines, -1, 1)
        within("inside", self.inside, 0, 1)
        within("covered", self.covered, 0, 1)
        if len(self.parent) and not 0 <= self.parent.min() <= self.parent.max() < self.n_parents:
            raise ValueError(
                f"expected parents from 0 to {self.n_parents - 1}, got {self.parent.min()} to "
                f"{self.parent.max()}"
            )

    @property
    def is_child(self) -> Bool[Tensor, " child"]:
        """Return which latents of the wide dictionary have a parent."""
        return (self.cosines >= self.least_cosine) & (self.inside >= self.least_inside)

    @property
    def sizes(self) -> Int[Tensor, " parent"]:
        """Return how many children each latent of the small dictionary has."""
        return torch.bincount(self.parent[self.is_child], minlength=self.n_parents)

    def children(self, parent: int) -> list[int]:
        """Return a latent's children, the one that covers most of its tokens first."""
        found = ((self.parent == parent) & self.is_child).nonzero()[:, 0]
        return found[self.covered[found].argsort(descending=True, stable=True)].tolist()

    def summary(self) -> str:
        """Return one sentence: how many latents have no child, one, or several."""
        none, one = ((self.sizes == n).float().mean().item() for n in (0, 1))
        most = int(self.sizes.argmax())
        return (
            f"From {self.names[0]} to {self.names[1]}: {none:.0%} of {self.n_parents} features "
            f"have no child, {one:.0%} have one, {1 - none - one:.0%} have several; feature {most} "
            f"has the most, {int(self.sizes[most])}. {(~self.is_child).float().mean():.0%} of "
            f"{len(self.parent)} features of the wide one are nobody's child."
        )
