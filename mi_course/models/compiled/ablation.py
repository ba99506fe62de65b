"""What a true edge must do, executed: logits of a model some of whose edges are removed.

Every reader receives the sum of what all writers before it wrote; along a removed edge it receives
what the writer wrote in a run on corrupted tokens, or nothing ("zero"). Biases of attention outputs
belong to no writer and always arrive. One plain loop over readers, meant as the definition that
fast methods are compared with. In go a `PlainTransformer`, tokens and edges; out come logits.
"""

from collections.abc import Collection

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mi_course.models.compiled.dataflow import Edge
from mi_course.models.plain import PlainTransformer

__all__ = ["all_edges", "edge_ablated_logits"]

Written = dict[str, Tensor]


@torch.no_grad()
def edge_ablated_logits(
    model: PlainTransformer,
    tokens: Int[Tensor, "batch pos"],
    removed: Collection[Edge],
    corrupted: Int[Tensor, "batch pos"] | None = None,
) -> Float[Tensor, "batch pos d_vocab_out"]:
    """Return the logits without some edges.

    Args:
        model: the weights.
        tokens: clean tokens.
        removed: edges (writer, reader) with readers split and the embedding as "tokens" and
            "positions".
        corrupted: what removed edges carry comes from a run on these; nothing when None.

    Raises:
        ValueError: an edge that the model does not have.
    """
    unknown = set(removed) - set(all_edges(model))
    if unknown:
        raise ValueError(
            f"expected edges of the model, got {sorted(unknown)}, try all_edges(model)"
        )
    other = None if corrupted is None else _run(model, corrupted, set(), None)[1]
    return _run(model, tokens, set(removed), other)[0]


def all_edges(model: PlainTransformer) -> list[Edge]:
    """Return every edge of a model: readers from first to last, each with its writers."""
    writers, edges = ["tokens", "positions"], []
    for layer in range(model.n_layers):
        heads = [f"L{layer}H{h}" for h in range(model.n_heads)]
        edges += [(w, f"{head}.{port}") for head in heads for port in "qkv" for w in writers]
        writers += heads
        if not model.attn_only:
            edges += [(w, f"MLP{layer}") for w in writers]
            writers.append(f"MLP{layer}")
    return edges + [(w, "logits") for w in writers]


def _run(
    model: PlainTransformer, tokens: Tensor, removed: set[Edge], other: Written | None
) -> tuple[Tensor, Written]:
    """Return the logits, and what each writer wrote."""
    positions = model.embed_positions(tokens.shape[1]).expand(len(tokens), -1, -1)
    wrote = {"tokens": model.embed_tokens(tokens), "positions": positions}
    biases = torch.zeros_like(positions[:1, :1])

    def arriving(reader: str) -> Tensor:
        parts = [
            out if (w, reader) not in removed else out * 0 if other is None else other[w]
            for w, out in wrote.items()
        ]
        return sum(parts, start=biases)

    for layer, weights in enumerate(model.layers):
        heads = [f"L{layer}H{h}" for h in range(model.n_heads)]
        ports = [torch.stack([arriving(f"{h}.{p}") for h in heads], dim=2) for p in "qkv"]
        out = model.heads_out(layer, model.attend(*model.qkv(layer, *ports)))
        wrote |= dict(zip(heads, out.unbind(dim=2), strict=True))
        biases = biases + weights.b_O
        if not model.attn_only:
            wrote[f"MLP{layer}"] = model.mlp(layer, arriving(f"MLP{layer}"))
    return model.logits(arriving("logits")), wrote
