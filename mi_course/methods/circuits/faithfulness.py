"""Faithfulness against size: how many of the best edges does it take to do what the model does?

The n edges of largest score are kept, all others carry what removed edges carry, and the loss is
measured. Nothing else asks whether scores are right where no true circuit is known; it cannot tell
a circuit that works from one that the model uses. Source: [Hanna24], section 4. In go scores; out
comes a `FaithfulnessCurve`.
"""

from collections.abc import Sequence

import torch
from transformer_lens.model_bridge import TransformerBridge

from mi_course.methods.circuits.attribution import unit_of
from mi_course.methods.circuits.runs import EdgeRuns, edge_runs
from mi_course.methods.circuits.task import CircuitTask
from mi_course.models.plain import PlainTransformer
from mi_course.results.circuit_graph import CircuitGraph
from mi_course.results.circuit_scores import EdgeScores, FaithfulnessCurve

__all__ = ["faithfulness_by_size"]


@torch.no_grad()
def faithfulness_by_size(
    model: TransformerBridge | PlainTransformer | EdgeRuns,
    task: CircuitTask | None,
    scores: EdgeScores,
    sizes: Sequence[int],
    *,
    graph: CircuitGraph | None = None,
    ablation: str = "corrupted",
) -> FaithfulnessCurve:
    """Return the loss with only the n edges of largest score, for each n.

    Args:
        model: a bridge, its plain form, or `edge_runs`, which then says all but scores and sizes.
        task: the task; None with `edge_runs`.
        scores: of all edges of the graph.
        sizes: numbers of edges, rising.
        graph: as in `edge_runs`.
        ablation: as in `edge_runs`.

    Raises:
        ValueError: scores of another graph, sizes that do not rise, or as `edge_runs`.
    """
    runs = model
    if not isinstance(runs, EdgeRuns):
        runs = edge_runs(model, task, graph=graph, ablation=ablation)
    if scores.edges != runs.graph.edges:
        raise ValueError("expected scores of this graph's edges in its order, got others")
    order = [runs.graph.number[edge] for edge in scores.top(len(scores.edges))]
    kept = torch.zeros(len(order), dtype=torch.bool, device=runs.clean.device)
    losses = []
    for size in sizes:
        kept[order[:size]] = True
        losses.append(runs.loss_of(kept))
    everything, nothing = torch.ones_like(kept), torch.zeros_like(kept)
    return FaithfulnessCurve(
        torch.tensor(losses),
        tuple(sizes),
        whole=runs.loss_of(everything),
        empty=runs.loss_of(nothing),
        name=scores.name,
        unit=unit_of(runs.task),
    )
