"""Numbers about edges: one score for each, and how well scores or kept edges agree with a truth.

An edge is a pair (writer, reader), such as ("L0H1", "L1H2.k"), printed as "L0H1->L1H2.k". Scores
say how much the loss would rise without an edge, so that a negative one belongs to an edge that
works against the task.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mi_course.results.checks import finite, labelled, within
from mi_course.results.circuit_graph import Edge, edge_name

__all__ = ["EdgeScores", "EdgeStability", "FaithfulnessCurve", "RocCurve"]


@dataclass(frozen=True, eq=False)
class EdgeScores:
    """One number for each edge of a graph.

    Attributes:
        values: how much the loss rises without the edge, as the method estimates it; for methods
            that know no sign, a number at least 0 that is large for important edges.
        edges: in the graph's order.
        name: of the method, such as "EAP".
        unit: such as "logits".
    """

    values: Float[Tensor, " edge"]
    edges: tuple[Edge, ...]
    name: str
    unit: str

    def __post_init__(self) -> None:
        finite(f"scores of {self.name}", self.values)
        labelled("edge", len(self.values), self.edges)
        if len(set(self.edges)) < len(self.edges):
            raise ValueError("expected each edge once, got some twice")

    def of(self, edge: Edge) -> float:
        """Return one edge's score.

        Raises:
            ValueError: no such edge.
        """
        if edge not in self.edges:
            raise ValueError(f"expected an edge of the graph, got {edge_name(edge)}")
        return self.values[self.edges.index(edge)].item()

    def top(self, n: int) -> tuple[Edge, ...]:
        """Return the n edges of largest score, its sign apart; among equals the first in order."""
        order = self.values.abs().argsort(descending=True, stable=True)
        return tuple(self.edges[i] for i in order[:n].tolist())

    def above(self, tau: float) -> tuple[Edge, ...]:
        """Return the edges whose score, its sign apart, is at least tau, in the graph's order."""
        kept = (self.values.abs() >= tau).tolist()
        return tuple(edge for edge, keep in zip(self.edges, kept, strict=True) if keep)

    def summary(self) -> str:
        """Return one sentence: the edges of largest score."""
        told = ", ".join(f"{edge_name(edge)} {self.of(edge):.3g}" for edge in self.top(4))
        return f"{self.name} scores of {len(self.edges)} edges, largest {told} ({self.unit})."


@dataclass(frozen=True, eq=False)
class RocCurve:
    """How many true edges are found for how many false ones, from the strictest threshold on.

    Attributes:
        false_positive: fraction of the edges outside the truth that are kept.
        true_positive: fraction of the true edges that are kept.
        n_true: number of true edges.
        n_edges: number of all edges.
        name: of the method.
    """

    false_positive: Float[Tensor, " point"]
    true_positive: Float[Tensor, " point"]
    n_true: int
    n_edges: int
    name: str

    def __post_init__(self) -> None:
        for each in (self.false_positive, self.true_positive):
            within("rates", each, 0, 1)
            if each[0] != 0 or each[-1] != 1 or (each.diff() < 0).any():
                raise ValueError("expected rates that rise from 0 to 1, got others")
        labelled("point", len(self.true_positive), self.false_positive.tolist())

    def area(self) -> float:
        """Return the area under the curve: 1 is perfect, 0.5 is chance."""
        return torch.trapezoid(self.true_positive, self.false_positive).item()

    def summary(self) -> str:
        """Return one sentence: the area."""
        return (
            f"{self.name}: area under the ROC curve {self.area():.3f} for {self.n_true} true edges "
            f"of {self.n_edges}."
        )


@dataclass(frozen=True, eq=False)
class FaithfulnessCurve:
    """How much of what the model does a circuit does, for circuits of several sizes.

    Attributes:
        loss: mean loss of the task when only the kept edges carry what the prompt says.
        sizes: numbers of kept edges, rising.
        whole: loss of the whole model.
        empty: loss with every edge ablated.
        name: of the method that ordered the edges.
        unit: of the loss.
    """

    loss: Float[Tensor, " size"]
    sizes: tuple[int, ...]
    whole: float
    empty: float
    name: str
    unit: str

    def __post_init__(self) -> None:
        finite("losses", self.loss)
        labelled("size", len(self.loss), self.sizes)
        if list(self.sizes) != sorted(set(self.sizes)) or self.sizes[0] < 0:
            raise ValueError(f"expected rising sizes, got {self.sizes}")
        if self.whole == self.empty:
            raise ValueError("expected a task that ablating every edge changes, got equal losses")

    def recovered(self) -> Float[Tensor, " size"]:
        """Return the fraction of the way from all ablated (0) to the whole model (1)."""
        return (self.empty - self.loss) / (self.empty - self.whole)

    def needed(self, share: float) -> int | None:
        """Return the least tried size from which on at least `share` is recovered; None if none."""
        reached = (self.recovered() >= share).tolist()
        last_below = max((i for i, yes in enumerate(reached) if not yes), default=-1)
        return self.sizes[last_below + 1] if last_below + 1 < len(self.sizes) else None

    def summary(self) -> str:
        """Return one sentence: what is recovered at some sizes."""
        places = sorted({0, len(self.sizes) // 3, 2 * len(self.sizes) // 3, len(self.sizes) - 1})
        shares = self.recovered().tolist()
        told = ", ".join(f"{shares[i]:z.0%} with {self.sizes[i]} edges" for i in places)
        return f"{self.name}: recovered {told}."


@dataclass(frozen=True, eq=False)
class EdgeStability:
    """How much the kept edges depend on the prompts that happened to be drawn.

    Attributes:
        values: score of each edge on all prompts.
        low: lower end of the interval that holds 95 % of the scores on resampled prompts.
        high: its upper end.
        kept: fraction of the resamples in which the edge is kept.
        jaccard: of the kept sets of two resamples, for each pair of neighbouring resamples:
            edges in both over edges in either.
        edges: in the graph's order.
        name: what was resampled, such as "EAP, 20 edges".
    """

    values: Float[Tensor, " edge"]
    low: Float[Tensor, " edge"]
    high: Float[Tensor, " edge"]
    kept: Float[Tensor, " edge"]
    jaccard: Float[Tensor, " pair"]
    edges: tuple[Edge, ...]
    name: str

    def __post_init__(self) -> None:
        for each in (self.values, self.low, self.high, self.kept):
            finite("scores", each)
            labelled("edge", len(each), self.edges)
        within("fractions kept", self.kept, 0, 1)
        within("Jaccard indices", self.jaccard, 0, 1)
        if (self.low > self.high).any():
            raise ValueError("expected low ends below high ends, got others")

    def sure(self, share: float = 0.95) -> tuple[Edge, ...]:
        """Return the edges kept in at least this fraction of the resamples."""
        return tuple(
            edge for edge, kept in zip(self.edges, self.kept.tolist(), strict=True) if kept >= share
        )

    def doubtful(self, low: float = 0.05, high: float = 0.95) -> tuple[Edge, ...]:
        """Return the edges kept in some of the resamples and dropped in others."""
        pairs = zip(self.edges, self.kept.tolist(), strict=True)
        return tuple(edge for edge, kept in pairs if low < kept < high)

    def summary(self) -> str:
        """Return one sentence: the mean Jaccard index, and how many edges are sure or doubtful."""
        return (
            f"{self.name}: two resamples share {self.jaccard.mean():.0%} of the edges that either "
            f"keeps; {len(self.sure())} edges are kept nearly always, {len(self.doubtful())} "
            "sometimes."
        )
