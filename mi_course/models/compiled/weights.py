"""From a description to weights: `compile_program(program)` gives a TransformerLens bridge.

The stream is the variables side by side, attention scores are divided by sqrt(d_head) and so the
queries are multiplied by it, nothing is normalised. With a `seed` the same function is written in
another basis: the stream, and the inside of every head, are turned at random and neurons are
shuffled, so that no weight is zero and nothing can be read off coordinates.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad
from transformer_lens.config import TransformerBridgeConfig
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.model_bridge.sources.native import NativeModel

from mi_course.models import native
from mi_course.models.compiled.program import Head, Program, Score

__all__ = ["HeadWeights", "MLPWeights", "compile_program", "head_weights", "mlp_weights", "spread"]


@dataclass(frozen=True, eq=False)
class HeadWeights:
    """A head's matrices in the named basis; score = (x W_Q + b_Q) (y W_K)^T, output = y W_V W_O."""

    W_Q: Float[Tensor, "d_model d_score"]
    b_Q: Float[Tensor, " d_score"]  # noqa: N815
    W_K: Float[Tensor, "d_model d_score"]
    W_V: Float[Tensor, "d_model d_value"]
    W_O: Float[Tensor, "d_value d_model"]

    @property
    def width(self) -> int:
        """The least d_head that holds it."""
        return max(len(self.b_Q), len(self.W_O), 1)


@dataclass(frozen=True, eq=False)
class MLPWeights:
    """An MLP's matrices in the named basis."""

    W_in: Float[Tensor, "d_model d_mlp"]
    b_in: Float[Tensor, " d_mlp"]
    W_out: Float[Tensor, "d_mlp d_model"]


def spread(
    program: Program, matrices: Mapping[str, Float[Tensor, "row _"]], rows: int
) -> Float[Tensor, "row d_model"]:
    """Return matrices into variables as one matrix into the whole stream."""
    parts = [matrices.get(name, torch.zeros(rows, size)) for name, size in program.sizes.items()]
    return torch.cat(parts, dim=1)


def head_weights(program: Program, head: Head) -> HeadWeights:
    """Return a head's matrices in the named basis."""
    size = program.sizes

    def beside(columns: Iterable[Tensor]) -> Tensor:
        return torch.cat([torch.zeros(sum(size.values()), 0), *columns], dim=1)

    def from_variable(name: str | None, matrix: Tensor) -> Tensor:
        return spread(program, {} if name is None else {name: matrix.T}, matrix.shape[1]).T

    scores = [_factors(program, score) for score in head.scores]
    moves = [_thin(move.matrix) for move in head.moves]
    targets = [
        spread(program, {m.target: right}, len(right)).T
        for m, (_, right) in zip(head.moves, moves, strict=True)
    ]
    constants = [q[0] if s.query is None else torch.zeros(q.shape[1]) for s, q, _ in scores]
    return HeadWeights(
        W_Q=beside(from_variable(s.query, q) for s, q, _ in scores),
        b_Q=torch.cat([torch.zeros(0), *constants]),
        W_K=beside(from_variable(s.key, k) for s, _, k in scores),
        W_V=beside(from_variable(m.source, v) for m, (v, _) in zip(head.moves, moves, strict=True)),
        W_O=beside(targets).T,
    )


def _factors(program: Program, score: Score) -> tuple[Score, Tensor, Tensor]:
    """Return the score with what the query and what the key is multiplied by."""
    left, right = _thin(score.matrix)
    return score, left, right.T


def _thin(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Return two factors of a matrix, as narrow as its shorter side, one of them the identity."""
    rows, columns = matrix.shape
    return (torch.eye(rows), matrix) if rows <= columns else (matrix, torch.eye(columns))


def mlp_weights(program: Program, layer: int) -> MLPWeights:
    """Return the matrices of a layer's MLP in the named basis; it may have no neuron."""
    here = [each for each in program.neurons if each.layer == layer]
    d_model = sum(program.sizes.values())
    reads = [
        spread(program, {name: w.T for name, w in each.reads.items()}, len(each.bias)).T
        for each in here
    ]
    writes = [spread(program, each.writes, len(each.bias)) for each in here]
    return MLPWeights(
        W_in=torch.cat([torch.zeros(d_model, 0), *reads], dim=1),
        b_in=torch.cat([torch.zeros(0), *(each.bias for each in here)]),
        W_out=torch.cat([torch.zeros(0, d_model), *writes]),
    )


def compile_program(
    program: Program, name: str, *, seed: int | None = None, device: str = "cpu"
) -> TransformerBridge:
    """Return the program as a bridge.

    Args:
        program: what to compile.
        name: the bridge's name.
        seed: of the basis; the named coordinates themselves when None.
        device: where the weights shall lie.
    """
    heads = {(head.layer, head.index): head_weights(program, head) for head in program.heads}
    mlps = [mlp_weights(program, layer) for layer in range(program.n_layers)]
    d_head = max([each.width for each in heads.values()], default=1)
    with torch.random.fork_rng(devices=[]):
        module = NativeModel(_config(program, d_head, max(len(each.b_in) for each in mlps)))
    basis = _Basis(sum(program.sizes.values()), d_head, seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
        module.tok_embed.weight.copy_(basis.write(spread(program, program.tokens, program.d_vocab)))
        module.pos.weight.copy_(basis.write(spread(program, program.positions, program.n_ctx)))
        outputs = {name: matrix.T for name, matrix in program.outputs.items()}
        module.head.weight.copy_(basis.write(spread(program, outputs, program.d_vocab_out)))
        for (layer, index), weights in heads.items():
            _fill_head(module.layers[layer].attn, index, weights, basis)
        for layer, weights in enumerate(mlps if program.neurons else []):
            _fill_mlp(module.layers[layer].mlp, weights, basis)
    return native.to_bridge(module, None, name, device)


def _config(program: Program, d_head: int, d_mlp: int) -> TransformerBridgeConfig:
    return TransformerBridgeConfig(
        d_model=sum(program.sizes.values()),
        d_head=d_head,
        n_layers=program.n_layers,
        n_ctx=program.n_ctx,
        n_heads=program.n_heads,
        d_vocab=program.d_vocab,
        d_vocab_out=program.d_vocab_out,
        d_mlp=max(d_mlp, 1),
        act_fn="relu",
        attn_only=not program.neurons,
        normalization_type=None,
        positional_embedding_type="standard",
        attention_dir="causal" if program.causal else "bidirectional",
    )


class _Basis:
    """Turns of the stream and of the heads' insides, drawn from a seed; none without a seed."""

    def __init__(self, d_model: int, d_head: int, seed: int | None) -> None:
        self.d_head = d_head
        self.generator = None if seed is None else torch.Generator().manual_seed(seed)
        self.stream = self.turn(d_model)

    def turn(self, size: int) -> Float[Tensor, "size size"]:
        """Return the next random rotation, in double precision."""
        if self.generator is None:
            return torch.eye(size, dtype=torch.float64)
        square = torch.randn(size, size, generator=self.generator, dtype=torch.float64)
        return torch.linalg.qr(square).Q

    def order(self, size: int) -> Tensor:
        """Return the next random order."""
        if self.generator is None:
            return torch.arange(size)
        return torch.randperm(size, generator=self.generator)

    def write(self, matrix: Float[Tensor, "row d_model"]) -> Float[Tensor, "row d_model"]:
        """Return rows of the stream, or what reads it, in the turned basis."""
        return (matrix.double() @ self.stream).float()


def _fill_head(attention, index: int, weights: HeadWeights, basis: _Basis) -> None:
    """Write a head's matrices into its rows and columns of the layer's."""
    here = slice(index * basis.d_head, (index + 1) * basis.d_head)
    score, value = basis.turn(basis.d_head), basis.turn(basis.d_head)
    scale = basis.d_head**0.5

    def inside(matrix: Tensor, turn: Tensor) -> Tensor:
        return pad(matrix.double(), (0, basis.d_head - matrix.shape[-1])) @ turn

    attention.q.weight[here] = basis.write(scale * inside(weights.W_Q, score).T)
    attention.q.bias[here] = (scale * inside(weights.b_Q, score)).float()
    attention.k.weight[here] = basis.write(inside(weights.W_K, score).T)
    attention.v.weight[here] = basis.write(inside(weights.W_V, value).T)
    attention.o.weight[:, here] = basis.write(inside(weights.W_O.T, value).T).T


def _fill_mlp(mlp, weights: MLPWeights, basis: _Basis) -> None:
    """Write an MLP's matrices, its unused neurons left at zero."""
    places = basis.order(len(mlp.fc_in.bias))[: len(weights.b_in)]
    mlp.fc_in.weight[places] = basis.write(weights.W_in.T)
    mlp.fc_in.bias[places] = weights.b_in
    mlp.fc_out.weight[:, places] = basis.write(weights.W_out).T
