"""How well edges agree with a circuit that is known: ROC, precision and recall, edit distance.

A method that orders edges by a score gives one kept set for each threshold; a method such as ACDC
gives one for each tau, and these need not lie within each other. Both become points of

    true positive rate  = |kept and true| / |true|
    false positive rate = |kept and not true| / |not true|

Source: [Conmy23], section 4. In go edges as pairs of names; out come `RocCurve`s and fractions.
"""

from collections.abc import Collection, Sequence

import torch
from jaxtyping import Bool
from torch import Tensor

from mi_course.results.circuit_graph import Edge, edge_name
from mi_course.results.circuit_scores import EdgeScores, RocCurve

__all__ = ["edit_distance", "jaccard", "precision_recall", "roc", "roc_auc", "roc_of_circuits"]


def precision_recall(kept: Collection[Edge], truth: Collection[Edge]) -> tuple[float, float]:
    """Return the fraction of kept edges that are true, and of true edges that are kept.

    Args:
        kept: what a method found; where it is empty, nothing false was claimed: precision 1.
        truth: the circuit.

    Raises:
        ValueError: no true edge.
    """
    kept, truth = frozenset(kept), _some(truth)
    both = len(kept & truth)
    return (both / len(kept) if kept else 1.0), both / len(truth)


def edit_distance(kept: Collection[Edge], truth: Collection[Edge]) -> int:
    """Return how many edges must be added to or removed from `kept` to get the truth."""
    return len(frozenset(kept) ^ frozenset(truth))


def jaccard(one: Collection[Edge], other: Collection[Edge]) -> float:
    """Return the fraction of the edges in either set that are in both; 1 for two empty sets."""
    one, other = frozenset(one), frozenset(other)
    return len(one & other) / len(one | other) if one or other else 1.0


def roc(scores: EdgeScores, truth: Collection[Edge]) -> RocCurve:
    """Return the ROC curve of scores, their sign apart: edges are kept from the largest on.

    Edges of equal score are kept together, so that the area is the probability that a true edge
    scores above a false one, equal scores counting half.

    Args:
        scores: of all edges of a graph.
        truth: its true edges; some, and not all.

    Raises:
        ValueError: a true edge that the graph lacks, no true edge or none but true ones.
    """
    true = _labels(scores.edges, truth)
    size, order = scores.values.abs().sort(descending=True)
    last_of_equals = torch.cat([size.diff() != 0, torch.ones(1, dtype=torch.bool)])
    hits = true[order].cumsum(0)[last_of_equals]
    kept = torch.arange(1, len(size) + 1)[last_of_equals]
    return _curve(kept - hits, hits, true, scores.name)


def roc_auc(scores: EdgeScores, truth: Collection[Edge]) -> float:
    """Return the area under the ROC curve of scores: 1 is perfect, 0.5 is chance."""
    return roc(scores, truth).area()


def roc_of_circuits(
    circuits: Sequence[Collection[Edge]],
    truth: Collection[Edge],
    edges: Sequence[Edge],
    *,
    name: str = "ACDC",
) -> RocCurve:
    """Return the ROC curve of kept sets, such as those of a sweep over thresholds.

    For each number of false edges the best set with no more of them counts, and points are joined
    by straight lines, from nothing kept to everything kept.

    Args:
        circuits: kept edges of each.
        truth: true edges; some, and not all.
        edges: all edges of the graph.
        name: of the method.

    Raises:
        ValueError: no circuit, an edge that the graph lacks, no true edge or none but true ones.
    """
    if not circuits:
        raise ValueError("expected at least one circuit, got none")
    true = _labels(edges, truth)
    found = torch.stack([_labels(edges, kept, some=False) for kept in circuits])
    false, hits = (found & ~true).sum(dim=1), (found & true).sum(dim=1)
    order = sorted(range(len(circuits)), key=lambda i: (false[i].item(), hits[i].item()))
    return _curve(false[order], hits[order].cummax(0).values, true, name)


def _curve(false: Tensor, hits: Tensor, true: Bool[Tensor, " edge"], name: str) -> RocCurve:
    n_true, n_false = int(true.sum()), int((~true).sum())
    ends = [torch.tensor([0.0]), torch.tensor([1.0])]
    rates = [torch.cat([ends[0], x / n, ends[1]]) for x, n in ((false, n_false), (hits, n_true))]
    return RocCurve(*rates, n_true, len(true), name)


def _labels(
    edges: Sequence[Edge], chosen: Collection[Edge], *, some: bool = True
) -> Bool[Tensor, " edge"]:
    """Which of the graph's edges are chosen."""
    chosen = _some(chosen) if some else frozenset(chosen)
    if unknown := chosen.difference(edges):
        told = sorted(map(edge_name, unknown))[:3]
        raise ValueError(f"expected edges of the graph, got {told}, try another graph or truth")
    if some and len(chosen) == len(edges):
        raise ValueError("expected edges outside the truth, got none, try precision_recall")
    return torch.tensor([edge in chosen for edge in edges])


def _some(truth: Collection[Edge]) -> frozenset[Edge]:
    if not truth:
        raise ValueError("expected at least one true edge, got none")
    return frozenset(truth)
