"""A compiled model: a bridge, the prompts of its task, and the circuit that is true of it.

`CompiledModel.prompts(n, seed)` draws clean and corrupted tokens with their answers; `truth` is
data in the words that graphs, circuits and plots use: writers "tokens", "positions", "L0H1",
"MLP0", readers "L1H2.q", "MLP1", "logits". What an edge must do to be true depends on what an
ablated edge carries, so there is one set for "zero" and one for "corrupted" (see `dataflow`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Int, Shaped
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.models.compiled.dataflow import true_edges
from mi_course.models.compiled.program import Program
from mi_course.models.compiled.weights import compile_program
from mi_course.results.circuit_graph import CircuitGraph, Edge, owner

__all__ = ["ABLATIONS", "CompiledModel", "Prompts", "Truth", "compiled_model", "prompts_from"]

ABLATIONS = ("zero", "corrupted")


@dataclass(frozen=True, eq=False)
class Prompts:
    """Clean and corrupted tokens of one task.

    Attributes:
        clean: tokens whose answers are asked for.
        corrupted: tokens that differ from them in what the task is about.
        mask: positions at which the answer is scored.
        answers: the right answer at scored positions of the clean tokens (token ids, or a number),
            -1 elsewhere.
        wrongs: a wrong answer, by default the right one of the corrupted tokens.
    """

    clean: Int[Tensor, "batch pos"]
    corrupted: Int[Tensor, "batch pos"]
    mask: Bool[Tensor, "batch pos"]
    answers: Shaped[Tensor, "batch pos"]
    wrongs: Shaped[Tensor, "batch pos"]

    def __post_init__(self) -> None:
        """Check that all have one shape and that something is scored."""
        shapes = [tuple(getattr(self, name).shape) for name in self.__dataclass_fields__]
        if len(set(shapes)) > 1 or not self.mask.any(dim=1).all():
            raise ValueError(
                f"expected one shape and a scored position in each row, got {shapes} and "
                f"{self.mask.any(dim=1).sum()} of {len(self.mask)} rows, try another mask"
            )

    def __len__(self) -> int:
        """Return the number of prompts."""
        return len(self.clean)


def prompts_from(task: Callable[[np.ndarray], np.ndarray], clean, corrupted, mask) -> Prompts:
    """Return prompts whose answers are what `task` makes of the tokens, -1 where none is scored."""
    answers, wrongs = (np.where(mask, task(rows), -1) for rows in (clean, corrupted))
    return Prompts(*map(torch.tensor, (clean, corrupted, mask, answers, wrongs)))


@dataclass(frozen=True)
class Truth:
    """The circuit that a model was made of.

    Attributes:
        nodes: writers that do anything towards the answer.
        edges: ablation ("zero", "corrupted") -> true edges (writer, reader).
    """

    nodes: frozenset[str]
    edges: Mapping[str, frozenset[Edge]]

    def nodes_of(self, ablation: str) -> frozenset[str]:
        """Return the writers on true edges under one ablation.

        Raises:
            ValueError: there is no truth for that ablation.
        """
        if ablation not in self.edges:
            raise ValueError(f"expected one of {list(ABLATIONS)}, got {ablation!r}, try 'zero'")
        return frozenset(writer for writer, _ in self.edges[ablation])

    def coarse(self, *, split: bool = False, split_embed: bool = False) -> "Truth":
        """Return the same truth in a graph whose heads have one input, or with one embedding.

        Args:
            split: keep the inputs q, k and v of a head apart.
            split_embed: keep "tokens" and "positions" apart.
        """

        def joined(edge: Edge) -> Edge:
            writer, reader = edge
            one = {} if split_embed else dict.fromkeys(("tokens", "positions"), "embed")
            return one.get(writer, writer), reader if split else owner(reader)

        return truth_from({name: map(joined, edges) for name, edges in self.edges.items()})


def truth_from(edges: Mapping) -> Truth:
    """Return the truth that consists of these edges by ablation."""
    frozen = {name: frozenset(each) for name, each in edges.items()}
    return Truth(frozenset(writer for each in frozen.values() for writer, _ in each), frozen)


@dataclass(frozen=True, eq=False)
class CompiledModel:
    """A model made by hand, of which everything is known.

    Attributes:
        name: such as "reverse".
        summary: what it computes and how its output is read, in a few sentences.
        bridge: the model.
        program: the description that it was compiled from.
        truth: its true circuit.
        graph: the graph in which the truth is written.
        vocabulary: what each token stands for.
        draw: (number, seed) -> prompts.
    """

    name: str
    summary: str
    bridge: TransformerBridge
    program: Program
    truth: Truth
    graph: CircuitGraph
    vocabulary: tuple[str, ...]
    draw: Callable[[int, int], Prompts]

    def prompts(self, n: int, seed: int = 0) -> Prompts:
        """Return n clean and corrupted prompts, on the model's device; the seed repeats them.

        Raises:
            ValueError: n is not positive.
        """
        if n < 1:
            raise ValueError(f"expected at least 1 prompt, got {n}, try 32")
        drawn, device = self.draw(n, seed), next(self.bridge.parameters()).device
        return Prompts(*(getattr(drawn, name).to(device) for name in drawn.__dataclass_fields__))

    def words(self, tokens: Int[Tensor, " pos"]) -> tuple[str, ...]:
        """Return what the tokens stand for."""
        return tuple(self.vocabulary[token] for token in tokens.tolist())

    def card(self) -> dict:
        """Return what it computes and its size, ready for JSON."""
        sizes = ("d_model", "d_head", "n_layers", "n_heads", "n_ctx", "d_vocab")
        parameters = self.bridge.parameters()
        return {
            "name": self.name,
            "made": "compiled from a description, not trained",
            "summary": self.summary,
            **{size: getattr(self.bridge.cfg, size) for size in sizes},
            "nonzero_weights": sum(int(each.count_nonzero()) for each in parameters),
            "files": {},
        }

    def describe(self) -> str:
        """Return what the model computes and who does what, a line for each part."""
        lines = [f"{self.name}: {self.summary}"]
        for head in self.program.heads:
            looks = " and ".join(f"{s.query or 'anything'} at {s.key}" for s in head.scores)
            brings = ", ".join(f"{m.source} into {m.target}" for m in head.moves)
            lines.append(f"L{head.layer}H{head.index} looks with {looks or 'all'}: {brings}")
        for each in self.program.neurons:
            lines.append(
                f"MLP{each.layer} makes {', '.join(each.writes)} of {', '.join(each.reads)}"
            )
        for ablation, edges in self.truth.edges.items():
            lines.append(f"{len(edges)} true edges when an ablated edge carries {ablation}")
        return "\n".join(lines)


def compiled_model(
    name: str,
    summary: str,
    program: Program,
    vocabulary: tuple[str, ...],
    draw: Callable[[int, int], Prompts],
    *,
    device: str = "cpu",
) -> CompiledModel:
    """Return a program as a model in its own coordinates, with its truth."""
    bridge = compile_program(program, name, device=device)
    graph = graph_of_program(program)
    truth = truth_from(true_edges(program))
    return CompiledModel(name, summary, bridge, program, truth, graph, vocabulary, draw)


def graph_of_program(program: Program, *, split_embed: bool = True) -> CircuitGraph:
    """Return the graph of a program's model, with a head's q, k and v told apart."""
    mlps = bool(program.neurons)
    return CircuitGraph(program.n_layers, program.n_heads, mlps, split_embed=split_embed)
