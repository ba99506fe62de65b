"""A forward pass that remembers what every writer wrote, and the loss's slope at every reader.

Heads are kept as z, since what a head writes is linear in it, and slopes as gradients of queries,
keys and values, which are carried back to a head's own input only where they are needed: nothing
is ever held for each head and token of the whole network at once. In go pieces of a
`PlainTransformer`; out come differences of writers and slopes of readers, in graph order.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from einops import rearrange, repeat
from jaxtyping import Float, Int
from torch import Tensor

from mi_course.models.plain import PlainTransformer
from mi_course.results.circuit_graph import CircuitGraph

__all__ = ["Trace", "differences", "mean_written", "slopes", "start", "streams", "trace"]

Stream = Float[Tensor, "batch pos d_model"]
Written = tuple[Tensor, ...]


@dataclass(frozen=True, eq=False)
class Trace:
    """One forward pass.

    Attributes:
        reads: the stream as each layer's heads, its MLP, and at last the logits read it.
        qkv: queries, keys and values of each layer.
        z: of each layer, `[batch pos head_index d_head]`.
        mlp_out: of each layer; empty without MLPs.
    """

    reads: tuple[Stream, ...]
    qkv: tuple[tuple[Tensor, Tensor, Tensor], ...]
    z: tuple[Tensor, ...]
    mlp_out: tuple[Stream, ...]

    def written(self, embeddings: Sequence[Stream]) -> Written:
        """Return what was written, embeddings first, then z and the MLP of each layer."""
        layers = zip(self.z, self.mlp_out, strict=True) if self.mlp_out else zip(self.z)
        return (*embeddings, *(part for layer in layers for part in layer))


def start(
    model: PlainTransformer, graph: CircuitGraph, tokens: Int[Tensor, "batch pos"]
) -> tuple[Stream, ...]:
    """Return what the embeddings write, one stream or two as the graph has it."""
    if not graph.split_embed:
        return (model.embed(tokens),)
    positions = model.embed_positions(tokens.shape[1])
    return model.embed_tokens(tokens), repeat(positions, "pos d -> batch pos d", batch=len(tokens))


def trace(
    model: PlainTransformer,
    resid: Stream,
    *,
    toward: Sequence[Stream] | None = None,
    share: float = 0.0,
) -> Trace:
    """Return a forward pass from the embeddings' sum on.

    Args:
        model: its weights.
        resid: the stream before the first layer.
        toward: other streams, one for each reading: what is read is a mixture of both.
        share: of the other streams in the mixture.
    """
    reads, qkv, zs, outs = [], [], [], []

    def read(stream: Stream) -> Stream:
        # A view of its own, so that its slope is this reader's alone.
        mixed = stream.view_as(stream)
        if toward is not None:
            mixed = torch.lerp(stream, toward[len(reads)], share)
        reads.append(mixed)
        return mixed

    for layer in range(model.n_layers):
        before = resid
        qkv.append(model.qkv(layer, read(resid)))
        zs.append(model.attend(*qkv[-1]))
        resid = resid + model.attn_out(layer, zs[-1])
        if not model.attn_only:
            outs.append(model.mlp(layer, read(before if model.parallel else resid)))
            resid = resid + outs[-1]
    read(resid)
    return Trace(tuple(reads), tuple(qkv), tuple(zs), tuple(outs))


def streams(model: PlainTransformer, graph: CircuitGraph, written: Written) -> tuple[Stream, ...]:
    """Return what each layer's heads, its MLP, and the logits read when this was written."""
    n = 1 + graph.split_embed
    resid, parts, reads = sum(written[:n]), iter(written[n:]), []
    for layer in range(model.n_layers):
        before = resid
        reads.append(resid)
        resid = resid + model.attn_out(layer, next(parts))
        if graph.mlps:
            reads.append(before if model.parallel else resid)
            resid = resid + next(parts)
    return (*reads, resid)


def mean_written(runs: Sequence[Written]) -> Written:
    """Return the mean over the prompts of all runs, with a batch axis of length 1."""
    n = sum(len(run[0]) for run in runs)
    return tuple(
        sum(part.sum(dim=0, keepdim=True) for part in parts) / n
        for parts in zip(*runs, strict=True)
    )


def differences(
    model: PlainTransformer, graph: CircuitGraph, to: Written, since: Written
) -> Float[Tensor, "batch writer pos d_model"]:
    """Return by how much the output of each writer differs, in graph order.

    Args:
        model: its weights.
        graph: whose writers.
        to: what was written in one run.
        since: what was written in the other, which is subtracted.
    """
    n_batch, n_pos, d_model = since[0].shape
    out = since[0].new_empty(n_batch, len(graph.writers), n_pos, d_model)
    n_embeddings = 1 + graph.split_embed
    at = 0
    for i, (there, here) in enumerate(zip(to, since, strict=True)):
        change = (there - here).detach()
        if change.ndim == 4:
            layer = (i - n_embeddings) // (1 + graph.mlps)
            heads = model.heads_out(layer, change)
            out[:, at : at + graph.n_heads] = rearrange(heads, "b p head d -> b head p d")
        else:
            out[:, at] = change
        at += graph.n_heads if change.ndim == 4 else 1
    return out


def slopes(
    model: PlainTransformer,
    graph: CircuitGraph,
    run: Trace,
    loss: Callable[[Stream], Float[Tensor, ""]],
) -> Iterator[Tensor]:
    """Yield d loss / d input `[batch reader pos d_model]`, readers of the same writers together.

    Args:
        model: its weights.
        graph: whose readers.
        run: a forward pass from a stream that requires gradients.
        loss: of the stream that the logits read.
    """
    n = 1 + graph.mlps  # readings of a layer
    heads = [one for layer in run.qkv for one in layer]
    others = [*(run.reads[1::2] if graph.mlps else ()), run.reads[-1]]
    with torch.enable_grad():
        score = loss(run.reads[-1])
    found = torch.autograd.grad(score, [*heads, *others], materialize_grads=True)
    for layer in range(model.n_layers):
        by_head = _by_head(model, layer, run.reads[n * layer], found[3 * layer : 3 * layer + 3])
        yield by_head.flatten(1, 2) if graph.split else by_head.sum(dim=2)
        if graph.mlps:
            yield found[len(heads) + layer][:, None]
    yield found[-1][:, None]


def _by_head(
    model: PlainTransformer, layer: int, read: Stream, found: Sequence[Tensor]
) -> Float[Tensor, "batch head_index which pos d_model"]:
    """Return the slopes at each head's own inputs, from those of queries, keys and values."""
    own = repeat(read.detach(), "b p d -> b p head d", head=model.n_heads).requires_grad_()
    n_batch, n_pos, n_heads, d_model = own.shape
    out = own.new_empty(n_batch, n_heads, 3, n_pos, d_model)
    for i, (which, slope) in enumerate(zip("qkv", found, strict=True)):
        with torch.enable_grad():
            projected = model.project(layer, which, own)
        (back,) = torch.autograd.grad(projected, own, slope)
        out[:, :, i] = rearrange(back, "b p head d -> b head p d")
    return out
