"""A model run edge by edge: each reader has an input of its own, summed over its parents.

    input(reader) = sum over kept edges of what the writer writes in this run
                  + sum over removed edges of what they carry instead
                  + the attention biases b_O of earlier layers, which belong to no head

What a removed edge carries is the writer's output on the corrupted prompt ("corrupted"), the mean
of these over prompts at each position ("mean"), or nothing ("zero"). This is the plain way, one
whole forward pass for one circuit; `live` is the fast one. Source: [Conmy23], section 3. In go a
model, a task and edges; out come losses.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from einops import einsum, reduce
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.methods.circuits.graph import CircuitGraph, Edge, matching_graph
from mi_course.methods.circuits.loss import TaskLoss, task_loss
from mi_course.methods.circuits.task import CircuitTask
from mi_course.models.plain import PlainTransformer, plain

__all__ = ["ABLATIONS", "EdgeRuns", "circuit_loss", "edge_runs", "layer_of"]

ABLATIONS = ("corrupted", "zero", "mean")
TRIED_SIZES = (0.0, 0.3, 0.8)
SMALLEST_CHANGE = 1e-6  # of the loss; less is rounding


@dataclass(frozen=True, eq=False)
class EdgeRuns:
    """What is needed to run circuits of one model on one task.

    Attributes:
        model: the model.
        graph: its graph.
        task: prompts, cut after the last scored position where attention is causal.
        ablation: what removed edges carry.
        clean: what each writer writes on the clean prompts when all edges are kept.
        removed: what removed edges carry, by writer.
        loss: from streams at scored positions to a number.
    """

    model: PlainTransformer
    graph: CircuitGraph
    task: CircuitTask
    ablation: str
    clean: Float[Tensor, "writer batch pos d_model"]
    removed: Float[Tensor, "writer batch pos d_model"]
    loss: TaskLoss

    @cached_property
    def scored(self) -> tuple[Int[Tensor, " scored"], Int[Tensor, " scored"]]:
        """Return row and position of what is scored."""
        return self.task.mask.nonzero(as_tuple=True)

    @cached_property
    def rounding(self) -> float:
        """Return how far off a loss in this precision may be, by a generous measurement.

        Twenty times the largest difference from double precision over a few circuits, the empty one
        and random ones of several sizes; and never less than eight units in the last place.
        """
        n = len(self.graph.edges)
        generator = torch.Generator().manual_seed(0)
        drawn = torch.rand(len(TRIED_SIZES), n, generator=generator)
        circuits = (drawn < torch.tensor(TRIED_SIZES)[:, None]).to(self.clean.device)
        losses = [self.loss_of(kept) for kept in circuits]
        last_places = 8 * torch.finfo(self.clean.dtype).eps * max(1.0, *map(abs, losses))
        if self.clean.dtype == torch.float64:
            return last_places
        exact = [self.double.loss_of(kept) for kept in circuits]
        return max(last_places, *(20 * abs(a - b) for a, b in zip(losses, exact, strict=True)))

    @cached_property
    def clean_inputs(self) -> dict[int, Float[Tensor, "batch pos d_model"]]:
        """Return the input of readers in the whole model, by their number of parents."""
        readers = {len(self.graph.parents(reader)): reader for reader in self.graph.readers}
        found, total, done = {}, torch.zeros_like(self.clean[0]), 0
        for n, reader in sorted(readers.items()):
            total = total + self.clean[done:n].sum(dim=0)
            layer = layer_of(reader, self.graph.n_layers)
            found[n] = total + self.biases(layer, mlp=reader.startswith("MLP"))
            done = n
        return found

    def first_change(self) -> int:
        """Return the first position at which removing edges can change anything, or is scored."""
        if self.ablation != "corrupted" or not self.model.causal:
            return 0
        differs = (self.task.clean != self.task.corrupted) | self.task.mask
        return int(differs.any(dim=0).nonzero().min())

    @cached_property
    def double(self) -> "EdgeRuns":
        """Return the same in double precision, for decisions that single precision cannot make."""
        model = self.model.to(torch.float64)
        return edge_runs(model, self.task, graph=self.graph, ablation=self.ablation)

    def loss_of(self, kept: Bool[Tensor, " edge"]) -> float:
        """Return the loss when only some edges are kept, by one whole forward pass."""
        rows = kept.split([len(self.graph.parents(reader)) for reader in self.graph.readers])
        keeps = dict(zip(self.graph.readers, rows, strict=True))
        # By how much what is written in this run differs from what a removed edge carries.
        gained = self.clean - self.removed
        place = {writer: i for i, writer in enumerate(self.graph.writers)}
        for group in self._computed_together:
            inputs = [
                self._inputs([keeps[r] for r in readers], gained, group[0])
                for readers in zip(*map(self.graph.readers_of, group), strict=True)
            ]
            first = place[group[0]]
            own = slice(first, first + len(group))
            gained[own] = self._outputs(group[0], inputs) - self.removed[own]
        last = self._inputs([keeps["logits"]], gained, "logits")[:, :, 0]
        return self.loss(last[self.scored][None]).item()

    @cached_property
    def _computed_together(self) -> list[list[str]]:
        """Return the nodes after the embedding in order, the heads of a layer as one group."""
        groups = []
        for layer in range(self.graph.n_layers):
            groups.append([f"L{layer}H{head}" for head in range(self.graph.n_heads)])
            groups += [[f"MLP{layer}"]] if self.graph.mlps else []
        return groups

    def _inputs(
        self,
        keeps: list[Bool[Tensor, " parent"]],
        gained: Float[Tensor, "writer batch pos d_model"],
        node: str,
    ) -> Float[Tensor, "batch pos reader d_model"]:
        """Return the inputs of readers with the same parents: what each edge carries, summed."""
        n = len(keeps[0])
        axes = "reader writer, writer batch pos d_model -> batch pos reader d_model"
        through = einsum(torch.stack(keeps).to(gained.dtype), gained[:n], axes)
        constant = reduce(
            self.removed[:n], "writer batch pos d_model -> batch pos 1 d_model", "sum"
        )
        layer = layer_of(node, self.graph.n_layers)
        return through + constant + self.biases(layer, mlp=node.startswith("MLP"))

    def biases(self, layer: int, *, mlp: bool = False) -> Float[Tensor, " d_model"]:
        """Return the sum of the attention biases that a reader of this layer reads."""
        n = layer + (1 if mlp and not self.graph.parallel else 0)
        return sum((w.b_O for w in self.model.layers[:n]), torch.zeros_like(self.model.W_E[0]))

    def _outputs(
        self, node: str, inputs: list[Float[Tensor, "batch pos node d_model"]]
    ) -> Float[Tensor, "node batch pos d_model"]:
        layer = layer_of(node, self.graph.n_layers)
        if node.startswith("MLP"):
            return self.model.mlp(layer, inputs[0]).movedim(2, 0)
        z = self.model.attend(*self.model.qkv(layer, *inputs))
        return self.model.heads_out(layer, z).movedim(2, 0)


def layer_of(name: str, n_layers: int) -> int:
    """Return the layer of a node or reader; `n_layers` for "logits"."""
    if name == "logits":
        return n_layers
    return int(name[3:]) if name.startswith("MLP") else int(name[1:].partition("H")[0])


@torch.no_grad()
def edge_runs(
    model: TransformerBridge | PlainTransformer,
    task: CircuitTask,
    *,
    graph: CircuitGraph | None = None,
    ablation: str = "corrupted",
) -> EdgeRuns:
    """Return a model prepared to run circuits on a task.

    Args:
        model: a bridge, or its plain form.
        task: the task.
        graph: the model's graph, with its choice of splits; the default one when None.
        ablation: "corrupted", "zero" or "mean".

    Raises:
        ValueError: an unknown ablation, a graph of another model, predictions that are not finite,
            or a loss that is the same with all edges and with none.
    """
    if ablation not in ABLATIONS:
        raise ValueError(f"expected one of {ABLATIONS}, got {ablation!r}, try 'corrupted'")
    taken = model if isinstance(model, PlainTransformer) else plain(model)
    graph, task = matching_graph(taken, graph), _cut(task.to(taken.W_E.device), taken)
    clean, resid = _outputs(taken, graph, task.clean)
    removed = (
        torch.zeros_like(clean) if ablation == "zero" else _outputs(taken, graph, task.corrupted)[0]
    )
    if ablation == "mean":
        removed = removed.mean(dim=1, keepdim=True).expand_as(clean)
    loss = task_loss(taken, task, resid[task.mask])
    runs = EdgeRuns(taken, graph, task, ablation, clean, removed, loss)
    _check_that_something_happens(runs)
    return runs


@torch.no_grad()
def circuit_loss(
    model: TransformerBridge | PlainTransformer | EdgeRuns,
    task: CircuitTask | None,
    kept: Iterable[Edge],
    *,
    graph: CircuitGraph | None = None,
    ablation: str = "corrupted",
) -> float:
    """Return the loss of a circuit, in the metric's unit.

    Args:
        model: a bridge, its plain form, or `edge_runs`, which then says all but the edges.
        task: the task; None with `edge_runs`.
        kept: the circuit's edges.
        graph: as in `edge_runs`.
        ablation: as in `edge_runs`.

    Raises:
        ValueError: an edge that the graph does not have; or as `edge_runs`.
    """
    if not isinstance(model, EdgeRuns):
        model = edge_runs(model, task, graph=graph, ablation=ablation)
    mask = torch.zeros(len(model.graph.edges), dtype=torch.bool, device=model.clean.device)
    mask[[model.graph.number[edge] for edge in model.graph.check(kept)]] = True
    return model.loss_of(mask)


def _cut(task: CircuitTask, model: PlainTransformer) -> CircuitTask:
    """Return the task without what stands after the last scored position and so cannot matter."""
    if not model.causal:
        return task
    stop = int(task.mask.any(dim=0).nonzero().max()) + 1
    parts = {name: getattr(task, name)[:, :stop] for name in ("clean", "corrupted", "mask")}
    return replace(task, **parts)


def _outputs(
    model: PlainTransformer, graph: CircuitGraph, tokens: Int[Tensor, "batch pos"]
) -> tuple[Float[Tensor, "writer batch pos d_model"], Float[Tensor, "batch pos d_model"]]:
    """Return what each writer writes when nothing is removed, and the last residual stream."""
    positions = model.embed_positions(tokens.shape[1])
    x = model.embed(tokens)
    parts = [model.embed_tokens(tokens), positions.expand_as(x)] if graph.split_embed else [x]
    written = [torch.stack(parts)]
    for layer in range(model.n_layers):
        z = model.attend(*model.qkv(layer, x))
        written.append(model.heads_out(layer, z).movedim(2, 0))
        mid = x + model.attn_out(layer, z)
        if not model.attn_only:
            written.append(model.mlp(layer, x if model.parallel else mid)[None])
        x = mid if model.attn_only else mid + written[-1][0]
    return torch.cat(written), x


def _check_that_something_happens(runs: EdgeRuns) -> None:
    everything = torch.ones(len(runs.graph.edges), dtype=torch.bool, device=runs.clean.device)
    whole, empty = runs.loss_of(everything), runs.loss_of(~everything)
    if not (math.isfinite(whole) and math.isfinite(empty)):
        raise ValueError(f"expected a finite loss, got {whole} and {empty}, try another task")
    if abs(whole - empty) <= SMALLEST_CHANGE * max(1, abs(whole)):
        raise ValueError(
            f"expected a loss that changes when all edges are removed, got {whole:.4g} with all "
            f"and {empty:.4g} with none, try prompts whose corrupted twins have another answer"
        )
