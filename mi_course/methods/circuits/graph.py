"""The graph of a model: how many layers and heads, and which writers its readers read.

GPT-2 small has 32,491 edges with query, key and value inputs told apart, and 11,611 without. In
goes a bridge; out comes a `CircuitGraph`.
"""

from transformer_lens.model_bridge import TransformerBridge

from mi_course.models.plain import PlainTransformer
from mi_course.results.circuit_graph import CircuitGraph, Edge, edge_name, owner, parse_edge

__all__ = ["CircuitGraph", "Edge", "edge_name", "graph_of", "matching_graph", "owner", "parse_edge"]


def graph_of(
    model: TransformerBridge | PlainTransformer, *, split: bool = True, split_embed: bool = False
) -> CircuitGraph:
    """Return a model's graph.

    Args:
        model: any bridge, or its plain form.
        split: a head's query, key and value inputs are three readers; otherwise one.
        split_embed: "tokens" and "positions" are two writers; otherwise one, "embed".

    Raises:
        ValueError: positions as a writer of their own in a model without learned positions.
    """
    if isinstance(model, PlainTransformer):
        shape = (model.n_layers, model.n_heads, not model.attn_only)
        learned, parallel = model.W_pos is not None, model.parallel
    else:
        cfg = model.cfg
        shape = (cfg.n_layers, cfg.n_heads, not cfg.attn_only)
        learned, parallel = hasattr(model, "pos_embed"), cfg.parallel_attn_mlp
    if split_embed and not learned:
        raise ValueError(
            "expected a model that adds learned positions to its tokens, got one without, "
            "try split_embed=False"
        )
    return CircuitGraph(*shape, split=split, split_embed=split_embed, parallel=parallel)


def matching_graph(model: PlainTransformer, graph: CircuitGraph | None) -> CircuitGraph:
    """Return the graph, or the model's own if None.

    Raises:
        ValueError: it is another model's graph.
    """
    if graph is None:
        return graph_of(model)
    fits = graph_of(model, split=graph.split, split_embed=graph.split_embed)
    if fits != graph:
        raise ValueError(f"expected this model's graph {fits}, got {graph}, try graph_of(model)")
    return graph
