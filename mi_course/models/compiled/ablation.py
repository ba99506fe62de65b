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

__all__ = ["edge_ablated_logits", "edge_effects", "scored_effects"]

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
    other = None if corrupted is None else _run(model, corrupted)[1]
    return _run(model, tokens, finest, other)[0]


def edge_effects(
    model: PlainTransformer, prompts: Prompts, edges: Collection[Edge], ablation: str
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
    means = scored_effects(model, prompts, edges, ablation).mean(dim=1)
    return dict(zip(edges, means.tolist(), strict=True))


@torch.no_grad()
def scored_effects(
    model: PlainTransformer, prompts: Prompts, edges: Collection[Edge], ablation: str
) -> Float[Tensor, "edge scored"]:
    """Return the effects at each scored position, in the order of `prompts.mask.nonzero()`."""
    whole, known = _run(model, prompts.clean)
    other = _run(model, prompts.corrupted)[1] if ablation == "corrupted" else None
    effects = []
    for edge in edges:
        without, _ = _run(model, prompts.clean, _finest(model, [edge]), other, known)
        effects.append(kl_divergence(whole[prompts.mask], without[prompts.mask]))
    return torch.stack(effects)


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
    model: PlainTransformer,
    tokens: Tensor,
    removed: Collection[Edge] = (),
    other: Written | None = None,
    known: Written | None = None,
) -> tuple[Tensor, Written]:
    """Return the logits, and what each writer wrote.

    Args:
        model: the weights.
        tokens: what is read.
        removed: edges of the finest graph.
        other: what removed edges carry; nothing when None.
        known: what each writer writes without removals: what comes before them is not run again.
    """
    run = _Run(model, tokens, frozenset(removed), other, known)
    for layer in range(model.n_layers):
        run.attend(layer)
        if not model.attn_only:
            run.think(layer)
    return model.logits(run.arriving("logits")), run.wrote


class _Run:
    """A forward pass in which each reader may receive something else.

    Attributes:
        wrote: what each writer wrote so far.
        stream: the sum of that and of biases; what a reader receives whose edges all stand.
        biases: of attention outputs so far.
        cut: readers with removed edges.
        known: what is written as long as nothing was removed; None from the first removal on.
    """

    def __init__(self, model, tokens, removed, other, known) -> None:
        positions = model.embed_positions(tokens.shape[1]).expand(len(tokens), -1, -1)
        self.model, self.removed, self.other, self.known = model, removed, other, known
        self.wrote: Written = {"tokens": model.embed_tokens(tokens), "positions": positions}
        self.stream = self.wrote["tokens"] + positions
        self.biases = torch.zeros_like(self.stream[:1, :1])
        self.cut = {reader for _, reader in removed}

    def arriving(self, reader: str) -> Tensor:
        """Return what a reader receives."""
        if reader not in self.cut:
            return self.stream
        parts = [
            out if (w, reader) not in self.removed else self._instead(w, out)
            for w, out in self.wrote.items()
        ]
        return sum(parts, start=self.biases)

    def _instead(self, writer: str, out: Tensor) -> Tensor:
        return torch.zeros_like(out) if self.other is None else self.other[writer]

    def attend(self, layer: int) -> None:
        """Run a layer's heads."""
        heads = [f"L{layer}H{h}" for h in range(self.model.n_heads)]
        ports = [[f"{head}.{port}" for head in heads] for port in "qkv"]
        self._note_cuts({reader for readers in ports for reader in readers})
        if self.known is None:
            inputs = [
                torch.stack([self.arriving(reader) for reader in readers], dim=2)
                if self.cut & set(readers)
                else self.stream
                for readers in ports
            ]
            z = self.model.attend(*self.model.qkv(layer, *inputs))
            self._add(zip(heads, self.model.heads_out(layer, z).unbind(dim=2), strict=True))
        else:
            self._add((head, self.known[head]) for head in heads)
        bias = self.model.layers[layer].b_O
        self.biases, self.stream = self.biases + bias, self.stream + bias

    def think(self, layer: int) -> None:
        """Run a layer's MLP."""
        name = f"MLP{layer}"
        self._note_cuts({name})
        out = self.model.mlp(layer, self.arriving(name)) if self.known is None else self.known[name]
        self._add([(name, out)])

    def _note_cuts(self, readers: set[str]) -> None:
        if self.cut & readers:
            self.known = None

    def _add(self, written: Iterable[tuple[str, Tensor]]) -> None:
        for name, out in written:
            self.wrote[name] = out
            self.stream = self.stream + out
