"""A description of a transformer: named variables in the residual stream, and who moves what.

Every variable owns a few coordinates of the stream, orthogonal to all others. A head is told where
to look (`Score`: which variable of the query is compared with which of the key) and what to bring
(`Move`: from which variable into which), an MLP is told in neurons what to make of the variables it
reads. Source: [Elhage21], "Virtual weights and the residual stream as a communication channel"; the
idea of compiling a description is that of Lindner et al. 2023. In go matrices, each between two
variables; `weights.compile_program` makes a bridge of them, `dataflow.true_edges` its true circuit.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from jaxtyping import Float
from torch import Tensor

__all__ = ["SATURATED", "Head", "Move", "Neurons", "Program", "Score"]

# A score this much higher takes all of the attention: exp(-128) is exactly 0 in single precision.
SATURATED = 128.0


@dataclass(frozen=True, eq=False)
class Score:
    """One addend of a head's attention scores, before the softmax: query @ matrix @ key.

    Attributes:
        query: variable at the query's position, or None for the constant 1.
        key: variable at the key's position.
        matrix: score of each pair of entries; one row where `query` is None.
    """

    query: str | None
    key: str
    matrix: Float[Tensor, "query_entry key_entry"]


@dataclass(frozen=True, eq=False)
class Move:
    """What a head brings from where it looks: the target gains source @ matrix.

    Attributes:
        source: variable at the key's position.
        target: variable at the query's position.
        matrix: what each entry of the source adds to the target.
    """

    source: str
    target: str
    matrix: Float[Tensor, "source_entry target_entry"]


@dataclass(frozen=True)
class Head:
    """An attention head.

    Attributes:
        layer: its layer.
        index: its place in the layer.
        scores: summed; without any, attention is uniform.
        moves: what it brings.
    """

    layer: int
    index: int
    scores: tuple[Score, ...]
    moves: tuple[Move, ...]


@dataclass(frozen=True, eq=False)
class Neurons:
    """ReLU neurons of one MLP: each reads some variables and writes others.

    Attributes:
        layer: layer of the MLP; several entries of one layer stand side by side.
        reads: variable -> weights into the neurons.
        bias: of each neuron.
        writes: variable -> what each neuron adds to it when it fires at 1.
    """

    layer: int
    reads: Mapping[str, Float[Tensor, "_ neuron"]]
    bias: Float[Tensor, " neuron"]
    writes: Mapping[str, Float[Tensor, "neuron _"]]


@dataclass(frozen=True, eq=False)
class Program:
    """A whole model in named variables.

    Attributes:
        sizes: variable -> number of its entries, in the order in which they lie in the stream.
        tokens: variable -> what each token puts there.
        positions: variable -> what each position puts there.
        heads: all heads that do something; the others stay empty.
        outputs: variable -> what each of its entries adds to each logit.
        n_layers: number of blocks.
        n_heads: heads in each.
        n_ctx: positions.
        neurons: of all MLPs; without any the model has no MLPs.
        causal: whether a position sees only itself and what stands before.
        varying: variables in which clean and corrupted prompts differ at the embedding.
    """

    sizes: Mapping[str, int]
    tokens: Mapping[str, Float[Tensor, "d_vocab _"]]
    positions: Mapping[str, Float[Tensor, "n_ctx _"]]
    heads: tuple[Head, ...]
    outputs: Mapping[str, Float[Tensor, "_ d_vocab_out"]]
    n_layers: int
    n_heads: int
    n_ctx: int
    neurons: tuple[Neurons, ...] = ()
    causal: bool = True
    varying: frozenset[str] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        """Check that every matrix fits the variables it stands between and every head its place."""
        for name, rows, matrix in self._into():
            self._fits(name, 1, matrix, rows)
        for name, columns, matrix in self._out_of():
            self._fits(name, 0, matrix, columns)
        places = [(head.layer, head.index) for head in self.heads]
        inside = all(0 <= l < self.n_layers and 0 <= h < self.n_heads for l, h in places)
        if len(set(places)) < len(places) or not inside:
            raise ValueError(
                f"expected heads at different places of {self.n_layers} x {self.n_heads}, got "
                f"{places}, try one place for each"
            )
        layers = [each.layer for each in self.neurons]
        if not all(0 <= layer < self.n_layers for layer in layers):
            raise ValueError(f"expected neurons in layers below {self.n_layers}, got {layers}")

    @property
    def d_vocab(self) -> int:
        """Number of tokens."""
        return len(next(iter(self.tokens.values())))

    @property
    def d_vocab_out(self) -> int:
        """Number of logits."""
        return next(iter(self.outputs.values())).shape[1]

    def _into(self) -> Iterable[tuple[str, int, Tensor]]:
        """Yield (variable, rows expected, matrix) of everything that writes into a variable."""
        yield from ((name, self.d_vocab, matrix) for name, matrix in self.tokens.items())
        yield from ((name, self.n_ctx, matrix) for name, matrix in self.positions.items())
        for head in self.heads:
            yield from ((m.target, self._size(m.source), m.matrix) for m in head.moves)
            yield from (
                (s.key, 1 if s.query is None else self._size(s.query), s.matrix)
                for s in head.scores
            )
        for each in self.neurons:
            yield from ((name, len(each.bias), matrix) for name, matrix in each.writes.items())

    def _out_of(self) -> Iterable[tuple[str, int, Tensor]]:
        """Yield (variable, columns expected, matrix) of what only reads a variable."""
        yield from ((name, self.d_vocab_out, matrix) for name, matrix in self.outputs.items())
        for each in self.neurons:
            yield from ((name, len(each.bias), matrix) for name, matrix in each.reads.items())

    def _size(self, name: str) -> int:
        if name not in self.sizes:
            raise ValueError(
                f"expected a variable of {list(self.sizes)}, got {name!r}, try adding it to sizes"
            )
        return self.sizes[name]

    def _fits(self, name: str, axis: int, matrix: Tensor, other: int) -> None:
        expected = (other, self._size(name)) if axis else (self._size(name), other)
        if tuple(matrix.shape) != expected:
            raise ValueError(
                f"expected a matrix {expected} at variable {name!r}, got {tuple(matrix.shape)}, "
                "try its transpose"
            )
