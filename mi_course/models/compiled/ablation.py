"""What a true edge must do, executed: logits of a model some of whose edges are removed.

Every reader receives the sum of what all writers before it wrote; along a removed edge it receives
what the writer wrote in a run on corrupted tokens, or nothing ("zero"). Biases of attention outputs
belong to no writer and always arrive. One plain loop over readers, meant as the definition that
fast methods are compared with. In go a `PlainTransformer`, tokens and edges; out come logits.
"""

from collections.abc import Collection, Iterable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mi_course.metrics import kl_divergence
from mi_course.models.compiled.model import Prompts
from mi_course.models.plain import PlainTransformer
from mi_course.results.circuit_graph import CircuitGraph, Edge

__all__ = ["edge_ablated_logits", "edge_effects"]

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
        removed: edges (writer, reader) of any of the model's graphs: "embed" stands for "tokens"
            and "positions", and "L1H2" for its three inputs.
        corrupted: what removed edges carry comes from a run on these; nothing when None.

    Raises:
        ValueError: an edge that the model does not have.
    """
    finest = _finest(model, removed)
    other = None if corrupted is None else _run(model, corrupted, set(), None)[1]
    return _run(model, tokens, finest, other)[0]


@torch.no_grad()
def edge_effects(
    model: PlainTransformer, prompts: Prompts, edges: Iterable[Edge], ablation: str
) -> dict[Edge, float]:
    """Return by how much the answer changes when one edge alone is removed, in nats.

    Args:
        model: the weights.
        prompts: the mean of KL(whole || ablated) is taken over their scored positions.
        edges: which to remove, one after the other.
        ablation: "zero" or "corrupted".

    Returns:
        Edge -> effect.
    """
    whole = _run(model, prompts.clean, set(), None)[0][prompts.mask]
    source = prompts.corrupted if ablation == "corrupted" else None
    other = None if source is None else _run(model, source, set(), None)[1]
    effects = {}
    for edge in edges:
        without = _run(model, prompts.clean, _finest(model, [edge]), other)[0][prompts.mask]
        effects[edge] = kl_divergence(whole, without).mean().item()
    return effects


def _finest(model: PlainTransformer, edges: Iterable[Edge]) -> set[Edge]:
    """Return edges in the graph that tells everything apart."""
    shape = (model.n_layers, model.n_heads, not model.attn_only)
    graph = CircuitGraph(*shape, split_embed=True)
    embed = {"embed": ("tokens", "positions")}
    finest = [
        (writer, reader)
        for whole, head in edges
        for writer in embed.get(whole, (whole,))
        for reader in ((head,) if "." in head else graph.readers_of(head))
    ]
    return set(graph.check(finest))


def _run(
    model: PlainTransformer, tokens: Tensor, removed: set[Edge], other: Written | None
) -> tuple[Tensor, Written]:
    """Return the logits, and what each writer wrote."""
    positions = model.embed_positions(tokens.shape[1]).expand(len(tokens), -1, -1)
    wrote = {"tokens": model.embed_tokens(tokens), "positions": positions}
    cut = {reader for _, reader in removed}
    stream = wrote["tokens"] + positions
    biases = torch.zeros_like(stream[:1, :1])

    def arriving(reader: str) -> Tensor:
        if reader not in cut:
            return stream
        parts = [
            out if (w, reader) not in removed else out * 0 if other is None else other[w]
            for w, out in wrote.items()
        ]
        return sum(parts, start=biases)

    for layer, weights in enumerate(model.layers):
        heads = [f"L{layer}H{h}" for h in range(model.n_heads)]
        ports = [[f"{head}.{port}" for head in heads] for port in "qkv"]
        inputs = [
            torch.stack([arriving(r) for r in readers], dim=2) if cut & set(readers) else stream
            for readers in ports
        ]
        out = model.heads_out(layer, model.attend(*model.qkv(layer, *inputs)))
        wrote |= dict(zip(heads, out.unbind(dim=2), strict=True))
        biases = biases + weights.b_O
        stream = stream + out.sum(dim=2) + weights.b_O
        if not model.attn_only:
            wrote[f"MLP{layer}"] = model.mlp(layer, arriving(f"MLP{layer}"))
            stream = stream + wrote[f"MLP{layer}"]
    return model.logits(arriving("logits")), wrote
