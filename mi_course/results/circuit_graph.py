"""The computational graph of a transformer: who writes to the residual stream, and who reads it.

Every head and MLP reads the sum of all that was written before it, so there is an edge from each
earlier writer to each later reader. A head reads three times, as query, key and value; a graph may
tell these apart (`split`) or not. Names are the same in data, figures and notebooks: writers
"embed" (or "tokens" and "positions"), "L0H1", "MLP0"; readers "L1H2.q" (or "L1H2"), "MLP1",
"logits"; an edge is the pair of both, written "L0H1->L1H2.k". Source: [Conmy23], section 2.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property

Edge = tuple[str, str]
LOGITS = "logits"
ARROW = "->"


def edge_name(edge: Edge) -> str:
    """Return how an edge is written: ("L0H1", "L1H2.k") is "L0H1->L1H2.k"."""
    return ARROW.join(edge)


def parse_edge(name: str) -> Edge:
    """Return the edge that a name such as "L0H1->L1H2.k" stands for.

    Raises:
        ValueError: it is no pair of names with an arrow between them.
    """
    parts = tuple(part.strip() for part in name.split(ARROW))
    if len(parts) != 2 or not all(parts):
        raise ValueError(f'expected an edge like "L0H1->L1H2.k", got {name!r}')
    return parts


def owner(reader: str) -> str:
    """Return the node that reads: "L1H2" for "L1H2.k"; any other reader is its own node."""
    return reader.partition(".")[0]


@dataclass(frozen=True)
class CircuitGraph:
    """All nodes and edges of a transformer, in a fixed order.

    Writers and readers stand in the order in which the forward pass computes them: embedding, then
    layer by layer the heads and the MLP, then the logits; a head's q, k, v in this order. Edges are
    ordered by reader, for each reader by writer.

    Attributes:
        n_layers: number of layers.
        n_heads: heads of each layer.
        mlps: whether layers have MLPs.
        split: whether a head's query, key and value inputs are three readers or one.
        split_embed: whether tokens and positions are two writers or one.
        parallel: whether an MLP reads what its layer's heads read, and not these heads.
    """

    n_layers: int
    n_heads: int
    mlps: bool = True
    split: bool = True
    split_embed: bool = False
    parallel: bool = False

    def __post_init__(self) -> None:
        if self.n_layers < 1 or self.n_heads < 1:
            raise ValueError(
                f"expected at least one layer and one head, got {self.n_layers} and {self.n_heads}"
            )

    @cached_property
    def writers(self) -> tuple[str, ...]:
        """Return all nodes that write to the residual stream."""
        embeddings = ("tokens", "positions") if self.split_embed else ("embed",)
        return (*embeddings, *(name for layer in range(self.n_layers) for name in self._of(layer)))

    @cached_property
    def readers(self) -> tuple[str, ...]:
        """Return all inputs that read the residual stream, "logits" last."""
        nodes = (name for layer in range(self.n_layers) for name in self._of(layer))
        return (*(reader for node in nodes for reader in self.readers_of(node)), LOGITS)

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """Return all edges, by reader and for each reader by writer."""
        return tuple((writer, reader) for reader in self.readers for writer in self.parents(reader))

    @property
    def reverse_order(self) -> tuple[Edge, ...]:
        """Return the edges in the order in which ACDC visits them, `edges` backwards.

        The last reader comes first, and for each reader the last writer.
        """
        return self.edges[::-1]

    @cached_property
    def number(self) -> dict[Edge, int]:
        """Return the place of each edge in `edges`."""
        return {edge: i for i, edge in enumerate(self.edges)}

    def parents(self, reader: str) -> tuple[str, ...]:
        """Return the writers that a reader reads: all that are computed before it.

        Raises:
            ValueError: the graph has no such reader.
        """
        if reader not in self._n_parents:
            raise ValueError(_unknown("reader", reader, self.readers))
        return self.writers[: self._n_parents[reader]]

    def readers_of(self, node: str) -> tuple[str, ...]:
        """Return the inputs of a node: three for a head of a split graph, otherwise one."""
        is_head = node.startswith("L") and "H" in node
        return tuple(f"{node}.{which}" for which in "qkv") if is_head and self.split else (node,)

    def check(self, edges: Iterable[Edge]) -> tuple[Edge, ...]:
        """Return the edges without repeats, in graph order.

        Raises:
            ValueError: an edge that the graph does not have.
        """
        wanted = {tuple(edge) for edge in edges}
        for edge in wanted:
            if edge not in self.number:
                names = [edge_name(known) for known in self.edges]
                raise ValueError(_unknown("edge", ARROW.join(map(str, edge)), names))
        return tuple(sorted(wanted, key=self.number.__getitem__))

    def nodes(self, edges: Iterable[Edge]) -> frozenset[str]:
        """Return the nodes that some edges touch, "logits" among them."""
        return frozenset(name for w, reader in edges for name in (w, owner(reader)))

    def _of(self, layer: int) -> list[str]:
        heads = [f"L{layer}H{head}" for head in range(self.n_heads)]
        return [*heads, f"MLP{layer}"] if self.mlps else heads

    @cached_property
    def _n_parents(self) -> dict[str, int]:
        place = {writer: i for i, writer in enumerate(self.writers)}
        found = {LOGITS: len(self.writers)}
        for reader in self.readers[:-1]:
            layer = int(reader.partition("H")[0][1:]) if reader[0] == "L" else int(reader[3:])
            reads_heads = reader[0] == "M" and not self.parallel
            found[reader] = place[f"L{layer}H0"] + (self.n_heads if reads_heads else 0)
        return found


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    known = list(known)
    near = get_close_matches(name, known, n=2, cutoff=0.6) or known[-2:]
    return f"expected {what}s of this graph, got {name!r}, try {near}"
