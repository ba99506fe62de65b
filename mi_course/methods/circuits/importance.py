"""Importance of heads and of edges: the size of an attribution, prompt by prompt.

    importance(node) = mean over prompts of | (carried - written) . d loss / d output of the node |

The slope at a node's output is the sum of the slopes at all that read it, so a node's attribution
is the sum of its edges' (HISP, head importance score for pruning). An edge is kept as long as both
of its ends are, so it gets the smaller of their importances. Edge importance takes the edge's own
attribution. Neither knows a sign: what helps on one prompt and hurts on the next counts. Sources:
[Michel19], section 2; [Conmy23], section 4 and appendix on baselines. In go a bridge and a
`CircuitTask`; out come `EdgeScores`.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from mi_course.methods.circuits.attribution import Model, attribution_by_prompt, unit_of
from mi_course.methods.circuits.graph import graph_of
from mi_course.methods.circuits.task import CircuitTask
from mi_course.results.circuit_graph import CircuitGraph, owner
from mi_course.results.circuit_scores import EdgeScores

__all__ = ["edge_importance", "head_importance", "node_importance"]


def node_importance(
    by_prompt: Float[Tensor, "prompt edge"], graph: CircuitGraph
) -> dict[str, float]:
    """Return the importance of every writer, in the order of the graph.

    Args:
        by_prompt: attributions of all edges.
        graph: whose edges.
    """
    place = {writer: i for i, writer in enumerate(graph.writers)}
    at = torch.tensor([place[writer] for writer, _ in graph.edges], device=by_prompt.device)
    nodes = by_prompt.new_zeros(len(by_prompt), len(graph.writers)).index_add_(1, at, by_prompt)
    return dict(zip(graph.writers, nodes.abs().mean(dim=0).tolist(), strict=True))


def head_importance(
    model: Model,
    task: CircuitTask,
    *,
    graph: CircuitGraph | None = None,
    ablation: str = "corrupted",
    batch_size: int | None = None,
) -> EdgeScores:
    """Return for every edge the importance of the less important of its two nodes (HISP).

    The logits are always kept, so an edge to them has the importance of its writer.

    Args:
        model: a bridge, or its plain form.
        task: its metric must have a slope at the clean run, which "kl" and "distance" do not.
        graph: the model's own, with q, k and v apart, when None.
        ablation: what a removed node carries: "corrupted", "zero" or "mean".
        batch_size: prompts at once; all when None.

    Raises:
        ValueError: as `edge_attribution`.
    """
    graph = graph or graph_of(model)
    given = {"graph": graph, "ablation": ablation, "batch_size": batch_size}
    nodes = node_importance(attribution_by_prompt(model, task, **given), graph)
    nodes["logits"] = float("inf")
    values = [min(nodes[writer], nodes[owner(reader)]) for writer, reader in graph.edges]
    return EdgeScores(torch.tensor(values), graph.edges, "HISP", unit_of(task))


def edge_importance(
    model: Model,
    task: CircuitTask,
    *,
    graph: CircuitGraph | None = None,
    ablation: str = "corrupted",
    batch_size: int | None = None,
) -> EdgeScores:
    """Return the mean size of every edge's attribution over prompts.

    Args:
        model: as in `head_importance`.
        task: as in `head_importance`.
        graph: as in `head_importance`.
        ablation: as in `head_importance`.
        batch_size: as in `head_importance`.

    Raises:
        ValueError: as `edge_attribution`.
    """
    graph = graph or graph_of(model)
    given = {"graph": graph, "ablation": ablation, "batch_size": batch_size}
    sizes = attribution_by_prompt(model, task, **given).abs().mean(dim=0).cpu()
    return EdgeScores(sizes, graph.edges, "edge importance", unit_of(task))
