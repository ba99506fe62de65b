"""ACDC as it is written down: one whole forward pass for every edge.

    for each edge, from the logits back to the embedding:
        if loss(without it) - loss(now) < tau: remove it

In double precision, so that rounding decides nothing. It is what `acdc` must agree with edge for
edge, and what `verify` replays. Source: [Conmy23], algorithm 1. In go a model, a task and tau; out
comes a `Circuit`.
"""

import torch
from tqdm.auto import tqdm
from transformer_lens.model_bridge import TransformerBridge

from mi_course.methods.circuits.graph import CircuitGraph
from mi_course.methods.circuits.runs import edge_runs
from mi_course.methods.circuits.task import CircuitTask
from mi_course.models.plain import PlainTransformer, plain
from mi_course.results import Circuit

__all__ = ["above_zero", "sequential_acdc"]


@torch.no_grad()
def sequential_acdc(
    model: TransformerBridge | PlainTransformer,
    task: CircuitTask,
    tau: float,
    *,
    graph: CircuitGraph | None = None,
    ablation: str = "corrupted",
) -> Circuit:
    """Return the circuit that ACDC keeps, found the slow way: minutes for 1,500 edges.

    Args:
        model: a bridge, or its plain form.
        task: the task.
        tau: an edge is removed when the loss rises by less than this.
        graph: the model's graph; the default one when None.
        ablation: what a removed edge carries: "corrupted", "zero" or "mean".

    Raises:
        ValueError: tau is not above 0; or as `edge_runs`.
    """
    taken = model if isinstance(model, PlainTransformer) else plain(model)
    runs = edge_runs(taken.to(torch.float64), task, graph=graph, ablation=ablation)
    tau = above_zero(tau)
    n_edges = len(runs.graph.edges)
    kept = torch.ones(n_edges, dtype=torch.bool, device=runs.clean.device)
    effects = torch.zeros(n_edges, dtype=torch.float64)
    now = whole = runs.loss_of(kept)
    for edge in tqdm(runs.graph.reverse_order, desc="sequential ACDC", leave=False):
        i = runs.graph.number[edge]
        kept[i] = False
        without = runs.loss_of(kept)
        effects[i] = without - now
        if effects[i] < tau:
            now = without
        else:
            kept[i] = True
    names = tuple(edge for edge, keep in zip(runs.graph.edges, kept.tolist(), strict=True) if keep)
    return Circuit(
        graph=runs.graph,
        kept=names,
        effects=effects,
        tau=tau,
        metric=task.metric,
        ablation=ablation,
        loss=now,
        full_loss=whole,
        calls=n_edges + 1,
        evaluated=n_edges + 1,
        task=task.name,
    )


def above_zero(tau: float) -> float:
    """Return tau.

    Raises:
        ValueError: it is not a number above 0, so that edges that do nothing would be kept.
    """
    if not 0 < tau < float("inf"):
        raise ValueError(f"expected a tau above 0, got {tau}, try 0.01")
    return float(tau)
