"""The true circuit of a description, followed coordinate by coordinate through the stream.

A coordinate of a writer is *reached* when something but zero can stand there, it *varies* when it
can differ between the clean and the corrupted prompt, and it is *live* when a logit depends on it.
An edge is true

    under "zero" ablation when the reader's live inputs meet a coordinate that the writer reaches,
    under "corrupted" (resample) ablation when they meet one in which the writer varies.

Constants are the difference: positions, a BOS token or a bias are the same in both prompts, so they
count under zero ablation only. In goes a `Program`; out come edges.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor

from mi_course.models.compiled.program import Program
from mi_course.models.compiled.weights import head_weights, mlp_weights, spread
from mi_course.results.circuit_graph import Edge

__all__ = ["true_edges"]

Coordinates = Bool[Tensor, " d_model"]


@dataclass(frozen=True, eq=False)
class _Node:
    """What a head or an MLP reads and writes.

    Attributes:
        name: such as "L0H1" or "MLP0".
        stage: nodes of one stage do not read each other.
        through: the coordinates that value input i moves to.
        reads: port of the pattern ("q", "k") -> coordinates; none for an MLP.
        constant: coordinates written whatever comes in.
    """

    name: str
    stage: int
    through: Bool[Tensor, "d_model d_model"]
    reads: Mapping[str, Coordinates]
    constant: Coordinates


def true_edges(program: Program) -> dict[str, frozenset[Edge]]:
    """Return ablation -> true edges, with the embedding split and heads split into q, k and v."""
    nodes = list(_nodes(program))
    live = _live(nodes, _outputs(program))
    reached = _reached(program, nodes)
    varies = _varying(program, nodes, reached)
    return {
        "zero": frozenset(_meeting(nodes, reached, live)),
        "corrupted": frozenset(_meeting(nodes, varies, live)),
    }


def _nodes(program: Program) -> Iterator[_Node]:
    """Yield heads and MLPs in the order in which they run."""
    nothing = torch.zeros(sum(program.sizes.values()), dtype=torch.bool)
    for layer in range(program.n_layers):
        for head in (head for head in program.heads if head.layer == layer):
            w = head_weights(program, head)
            reads = {"q": w.W_Q.any(dim=1), "k": w.W_K.any(dim=1)}
            through = (w.W_V @ w.W_O) != 0
            yield _Node(f"L{layer}H{head.index}", 2 * layer, through, reads, nothing)
        w = mlp_weights(program, layer)
        if len(w.b_in):
            through = (w.W_in.abs() @ w.W_out.abs()) != 0
            constant = w.W_out[w.b_in > 0].any(dim=0)
            yield _Node(f"MLP{layer}", 2 * layer + 1, through, {}, constant)


def _outputs(program: Program) -> Coordinates:
    outputs = {name: matrix.T for name, matrix in program.outputs.items()}
    return spread(program, outputs, program.d_vocab_out).any(dim=0)


def _live(nodes: list[_Node], outputs: Coordinates) -> dict[str, Coordinates]:
    """Return reader -> the coordinates on which a logit depends through it."""
    live = {"logits": outputs}
    wanted_by_stage = [(len(nodes) * 2 + 2, outputs)]
    for node in reversed(nodes):
        wanted = _any(inputs for stage, inputs in wanted_by_stage if stage > node.stage)
        ports = {"v" if node.reads else "": (node.through & wanted).any(dim=1)}
        if (node.through & wanted).any():
            ports |= node.reads
        for port, inputs in ports.items():
            live[f"{node.name}.{port}" if port else node.name] = inputs
            wanted_by_stage.append((node.stage, inputs))
    return live


def _reached(program: Program, nodes: list[_Node]) -> dict[str, Coordinates]:
    """Return writer -> the coordinates at which it can write something but zero."""
    reached = {
        "tokens": spread(program, program.tokens, program.d_vocab).any(dim=0),
        "positions": spread(program, program.positions, program.n_ctx).any(dim=0),
    }
    for node in nodes:
        inputs = _inputs(nodes, node, reached)
        reached[node.name] = (node.through & inputs[:, None]).any(dim=0) | node.constant
    return reached


def _varying(
    program: Program, nodes: list[_Node], reached: dict[str, Coordinates]
) -> dict[str, Coordinates]:
    """Return writer -> the coordinates at which clean and corrupted prompts can differ."""
    changed = {name: matrix for name, matrix in program.tokens.items() if name in program.varying}
    varies = {"tokens": spread(program, changed, program.d_vocab).any(dim=0)}
    for node in nodes:
        inputs = _inputs(nodes, node, varies)
        varies[node.name] = (node.through & inputs[:, None]).any(dim=0)
        if any((reads & inputs).any() for reads in node.reads.values()):
            varies[node.name] = reached[node.name]
    return varies


def _inputs(nodes: list[_Node], reader: _Node, written: dict[str, Coordinates]) -> Coordinates:
    """Return the coordinates that stand in the stream before a node."""
    later = {node.name for node in nodes if node.stage >= reader.stage}
    return _any(coordinates for name, coordinates in written.items() if name not in later)


def _meeting(
    nodes: list[_Node], written: dict[str, Coordinates], live: dict[str, Coordinates]
) -> Iterator[Edge]:
    """Yield the pairs of a writer and a later reader that share a coordinate."""
    stage = {node.name: node.stage for node in nodes} | {"tokens": -1, "positions": -1}
    for reader, reads in live.items():
        at = stage.get(reader.split(".")[0], 2 * len(nodes) + 2)
        for writer, writes in written.items():
            if stage[writer] < at and (reads & writes).any():
                yield writer, reader


def _any(each: Iterator[Coordinates]) -> Coordinates:
    return torch.stack(list(each)).any(dim=0)
