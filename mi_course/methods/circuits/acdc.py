"""ACDC exactly, without running the whole model for every edge.

The rule is that of `sequential_acdc`: from the logits backwards, remove an edge if the loss rises
by less than tau. Four things make it fast, none of which changes a decision:

1. An edge into a node that nothing live reads has effect exactly 0, and so has one that carries
   the same on both prompts where it is read. Both are removed unseen.
2. Only live nodes downstream of the edge are run, at the positions that are read (`live`).
3. Decisions are guessed, and the circuits that follow from the guesses are run in one batch. The
   longest run of right guesses counts, and the first wrong one, whose own loss is known too; what
   was guessed beyond it is thrown away.
4. The effects found at a neighbouring tau are a good guess.

Where |effect - tau| is so small that single precision could decide wrongly, the edge is decided by
two whole forward passes in double precision. Source: [Conmy23], algorithm 1. In go a model, a task
and tau; out comes a `Circuit`.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from tqdm.auto import tqdm
from transformer_lens.model_bridge import TransformerBridge

from mi_course.methods.circuits.graph import CircuitGraph, Edge, edge_name
from mi_course.methods.circuits.live import LiveGraph
from mi_course.methods.circuits.runs import EdgeRuns, edge_runs
from mi_course.methods.circuits.sequential import above_zero
from mi_course.methods.circuits.task import CircuitTask
from mi_course.models.plain import PlainTransformer
from mi_course.results import Circuit

__all__ = ["Search", "acdc", "variants"]

FIRST_BATCH = 8
SMALLEST_BATCH = 4
COUNTS = ("now", "calls", "evaluated", "replayed")


@torch.no_grad()
def acdc(
    model: TransformerBridge | PlainTransformer | EdgeRuns,
    task: CircuitTask | None,
    tau: float,
    *,
    graph: CircuitGraph | None = None,
    ablation: str = "corrupted",
    guess: Circuit | None = None,
    chunk: int = 32,
) -> Circuit:
    """Return the circuit that ACDC keeps: the same edges as `sequential_acdc`.

    Args:
        model: a bridge, its plain form, or `edge_runs`, which then says all but tau.
        task: the task; None with `edge_runs`.
        tau: an edge is removed when the loss rises by less than this.
        graph: the model's graph; the default one when None.
        ablation: what a removed edge carries: "corrupted", "zero" or "mean".
        guess: a circuit found at another tau. It saves time and changes no decision.
        chunk: circuits in one batch, at most; memory grows with it.

    Raises:
        ValueError: tau is not above 0, a guess from another graph, or as `edge_runs`.
    """
    if not isinstance(model, EdgeRuns):
        model = edge_runs(model, task, graph=graph, ablation=ablation)
    search = Search(model, tau, guess=guess, chunk=chunk)
    for node in tqdm(search.pending, desc=f"ACDC at {tau:g}", leave=False):
        search.visit(node)
    return search.circuit()


class Search:
    """ACDC at one threshold, node by node from the logits backwards.

    Attributes:
        pending: the nodes with inputs still to visit, in this order.
        kept: which edges are kept; those not decided yet are.
        effects: by how much the loss rose, by edge.
        now: the loss with the edges kept now.
        replayed: edges decided in double precision.
    """

    def __init__(
        self, runs: EdgeRuns, tau: float, *, guess: Circuit | None = None, chunk: int = 32
    ) -> None:
        if chunk < 1:
            raise ValueError(f"expected a chunk of at least 1 circuit, got {chunk}, try 32")
        if guess is not None and guess.graph != runs.graph:
            raise ValueError(f"expected a guess for {runs.graph}, got one for {guess.graph}")
        self.runs, self.tau, self.chunk = runs, above_zero(tau), chunk
        self.guessed = None if guess is None else guess.effects.double() < tau
        self.live = LiveGraph(runs)
        n_edges = len(runs.graph.edges)
        self.kept = torch.ones(n_edges, dtype=torch.bool)
        self.effects = torch.zeros(n_edges, dtype=torch.float64)
        self.full_loss = self.now = runs.loss_of(self.kept.to(runs.clean.device))
        self.calls = self.evaluated = 1
        self.replayed = 0
        self.pending = _nodes_with_inputs(runs.graph)
        self._batch = FIRST_BATCH if guess is None else chunk

    def visit(self, node: str) -> None:
        """Decide all edges into a node, the first of those pending."""
        self.pending = self.pending[1:]
        readers = self.runs.graph.readers_of(node)
        if self.live.admit(node):
            for reader in reversed(readers):
                self._visit_reader(reader)
        else:
            for reader in readers:
                for writer in self.runs.graph.parents(reader):
                    self.kept[self.runs.graph.number[writer, reader]] = False

    def circuit(self) -> Circuit:
        """Return what is kept after all nodes were visited."""
        edges = zip(self.runs.graph.edges, self.kept.tolist(), strict=True)
        return Circuit(
            graph=self.runs.graph,
            kept=tuple(edge for edge, keep in edges if keep),
            effects=self.effects.clone(),
            tau=self.tau,
            metric=self.runs.task.metric,
            ablation=self.runs.ablation,
            loss=self.now,
            full_loss=self.full_loss,
            calls=self.calls,
            evaluated=self.evaluated,
            multiply_adds=self.live.multiply_adds,
            replayed=self.replayed,
            task=self.runs.task.name,
        )

    def state(self) -> tuple[dict[str, Tensor], dict[str, float]]:
        """Return all that `resume` needs: decisions by edge, and numbers."""
        counts = {name: getattr(self, name) for name in COUNTS}
        counts |= {"multiply_adds": self.live.multiply_adds, "n_pending": len(self.pending)}
        return {"kept": self.kept, "effects": self.effects}, counts

    def resume(self, state: Mapping[str, Tensor], counts: Mapping[str, float]) -> None:
        """Go on where the search was whose `state` this is: decisions stand, the rest is rerun."""
        self.kept, self.effects = state["kept"].clone(), state["effects"].clone()
        shifts = {}
        n_visited = len(self.pending) - counts["n_pending"]
        for node in self.pending[:n_visited]:
            if self.live.admit(node):
                for reader in self.runs.graph.readers_of(node):
                    shifts[reader] = self._shift_of_decisions(reader)
        self.live.advance(shifts)
        self.pending = self.pending[n_visited:]
        for name in COUNTS:
            setattr(self, name, counts[name])
        self.live.multiply_adds = counts["multiply_adds"]

    def _shift_of_decisions(self, reader: str) -> Float[Tensor, "1 *where d_model"]:
        """Return the offset of all edges that were removed from a reader, and note those kept."""
        removed = []
        for writer in reversed(self.runs.graph.parents(reader)):
            if self.kept[self.runs.graph.number[writer, reader]]:
                self.live.keep(writer, reader)
            else:
                removed.append(self.live.offset(writer, reader))
        first = self.live.offset(self.runs.graph.writers[0], reader)
        return sum(removed, torch.zeros_like(first))[None]

    def _visit_reader(self, reader: str) -> None:
        offsets: dict[str, Tensor] = {}
        for writer in reversed(self.runs.graph.parents(reader)):
            offset = self.live.offset(writer, reader)
            if offset.any():
                offsets[writer] = offset
            else:
                self.kept[self.runs.graph.number[writer, reader]] = False
        if not offsets:
            return
        waiting = list(offsets)
        removed = torch.zeros_like(offsets[waiting[0]])
        while waiting:
            batch = waiting[: self._batch]
            stacked = torch.stack([offsets[writer] for writer in batch])
            done, removed = self._decide(reader, batch, stacked, removed)
            waiting = waiting[done:]
        if removed.any():
            self.live.advance({reader: removed[None]})

    def _decide(
        self,
        reader: str,
        writers: Sequence[str],
        offsets: Float[Tensor, "edge *where d_model"],
        removed: Float[Tensor, "*where d_model"],
    ) -> tuple[int, Float[Tensor, "*where d_model"]]:
        """Return how many edges were decided, and the offset of all edges removed so far."""
        edges = [(writer, reader) for writer in writers]
        guesses = self._guesses(edges)
        tried = torch.tensordot(variants(guesses).to(offsets), offsets, dims=1) + removed
        losses = self.live.losses(reader, tried).tolist()
        self.calls += 1
        self.evaluated += len(losses)
        right = 0
        for edge, loss, guess, offset in zip(edges, losses, guesses.tolist(), tried, strict=True):
            goes = self._settle(edge, loss)
            removed = offset if goes else removed
            if goes != guess:
                break
            right += 1
        all_right = right == len(edges)
        self._batch = min(self.chunk, 2 * self._batch) if all_right else max(SMALLEST_BATCH, right)
        return (right if all_right else right + 1), removed

    def _guesses(self, edges: Sequence[Edge]) -> Bool[Tensor, " edge"]:
        """Return whether each edge is guessed to be removed, as most are."""
        if self.guessed is None:
            return torch.ones(len(edges), dtype=torch.bool)
        return self.guessed[[self.runs.graph.number[edge] for edge in edges]]

    def _settle(self, edge: Edge, loss: float) -> bool:
        """Return whether an edge is removed, given the loss without it."""
        if not math.isfinite(loss):
            raise ValueError(f"expected a finite loss without {edge_name(edge)}, got {loss}")
        i = self.runs.graph.number[edge]
        effect = loss - self.now
        if abs(effect - self.tau) <= self.runs.rounding:
            effect = self._replay(i)
        self.effects[i] = effect
        if effect < self.tau:
            self.kept[i] = False
            self.now = loss
        else:
            self.live.keep(*edge)
        return effect < self.tau

    def _replay(self, i: int) -> float:
        """Return the effect of removing an edge now, by two whole runs in double precision."""
        without = self.kept.clone()
        without[i] = False
        self.replayed += 1
        device = self.runs.clean.device
        runs = self.runs.double
        return runs.loss_of(without.to(device)) - runs.loss_of(self.kept.to(device))


def variants(guesses: Bool[Tensor, " edge"]) -> Bool[Tensor, "variant edge"]:
    """Return which edges each variant removes: one more edge, beside those guessed before it.

    Args:
        guesses: whether each edge is guessed to be removed.
    """
    n = len(guesses)
    before = torch.ones(n, n, dtype=torch.bool, device=guesses.device).tril(-1)
    return (before & guesses) | torch.eye(n, dtype=torch.bool, device=guesses.device)


def _nodes_with_inputs(graph: CircuitGraph) -> tuple[str, ...]:
    n_embeddings = 2 if graph.split_embed else 1
    return ("logits", *reversed(graph.writers[n_embeddings:]))
