"""Circuits: the edges that a method kept, what each was worth, and what finding them cost."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from mi_course.results.checks import finite, labelled
from mi_course.results.circuit_graph import CircuitGraph, Edge, edge_name, parse_edge


@dataclass(frozen=True, eq=False)
class Circuit:
    """The part of a graph that a method kept.

    Attributes:
        graph: all that could have been kept.
        kept: the edges kept, in graph order.
        effects: for each edge of the graph by how much the loss rose when it was removed, at the
            moment it was tested; exactly 0 where nothing that counts could change.
        tau: edges whose removal raises the loss by less are removed.
        metric: the task's metric, such as "kl".
        ablation: what a removed edge carries: "corrupted", "zero" or "mean".
        loss: with only the kept edges, in the metric's unit (nats for "kl").
        full_loss: with all edges.
        calls: batches of forward passes.
        evaluated: circuits whose loss was computed.
        multiply_adds: of all matrix products of the search, replays apart.
        replayed: edges so near to tau that double precision had to decide.
        task: its name.
    """

    graph: CircuitGraph
    kept: tuple[Edge, ...]
    effects: Float[Tensor, " edge"]
    tau: float
    metric: str
    ablation: str
    loss: float
    full_loss: float
    calls: int = 0
    evaluated: int = 0
    multiply_adds: int = 0
    replayed: int = 0
    task: str = ""

    def __post_init__(self) -> None:
        labelled("edge", len(self.effects), self.graph.edges)
        finite("effects", self.effects)
        if self.kept != self.graph.check(self.kept):
            raise ValueError("expected kept edges in graph order, each once, got another order")

    @property
    def nodes(self) -> frozenset[str]:
        """Return the nodes that kept edges touch."""
        return self.graph.nodes(self.kept)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the kept edges as written, such as "L0H1->L1H2.k"."""
        return tuple(edge_name(edge) for edge in self.kept)

    @property
    def tested(self) -> int:
        """Return how many edges had an effect at all: the fewest circuits that had to be run."""
        return int((self.effects != 0).sum())

    @property
    def margin(self) -> float:
        """Return how near to tau the nearest effect came."""
        return (self.effects.double() - self.tau).abs().min().item()

    def save(self, path: str | Path) -> None:
        """Write the circuit as JSON; only effects that are not zero are listed."""
        partial = Path(path).with_name(Path(path).name + ".partial")
        partial.write_text(json.dumps(self.to_data(), indent=1) + "\n", encoding="utf-8")
        partial.replace(path)  # so that a file is whole or not there

    @classmethod
    def load(cls, path: str | Path) -> "Circuit":
        """Return the circuit that `save` wrote.

        Raises:
            ValueError: the file holds no circuit, or one with edges that its graph does not have.
        """
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"expected a circuit as JSON, got {path}: {error}") from error
        return cls.from_data(data)

    def to_data(self) -> dict:
        """Return the circuit as plain data for JSON."""
        fields = ("tau", "metric", "ablation", "loss", "full_loss", "calls", "evaluated")
        worth = zip(self.graph.edges, self.effects.tolist(), strict=True)
        return {
            "graph": asdict(self.graph),
            "kept": list(self.names),
            "effects": {edge_name(edge): value for edge, value in worth if value},
            **{
                name: getattr(self, name) for name in (*fields, "multiply_adds", "replayed", "task")
            },
        }

    @classmethod
    def from_data(cls, data: dict) -> "Circuit":
        """Return the circuit that `to_data` described.

        Raises:
            ValueError: a field is missing, or an edge does not exist.
        """
        try:
            graph = CircuitGraph(**data["graph"])
            worth = {parse_edge(name): value for name, value in data["effects"].items()}
            kept = tuple(parse_edge(name) for name in data["kept"])
            rest = {k: v for k, v in data.items() if k not in {"graph", "kept", "effects"}}
            graph.check(worth)
            effects = [worth.get(edge, 0.0) for edge in graph.edges]
            return cls(graph, kept, torch.tensor(effects, dtype=torch.float64), **rest)
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"expected a circuit as `save` writes it, got {error!r}") from error

    def summary(self) -> str:
        """Return one sentence: size, loss and the strongest edges."""
        by_effect = sorted(self.kept, key=lambda e: -self.effects[self.graph.number[e]].item())
        values = {e: self.effects[self.graph.number[e]].item() for e in by_effect[:3]}
        best = ", ".join(f"{edge_name(e)} ({_short(value)})" for e, value in values.items())
        return (
            f"At tau {self.tau:g} {len(self.kept)} of {len(self.graph.edges)} edges are kept; "
            f"{self.metric} is {_short(self.loss)} with them "
            f"and {_short(self.full_loss)} with all; strongest: {best or 'none'}."
        )


def _short(value: float) -> str:
    """Three digits; below a millionth it is rounding error, another on each machine."""
    if abs(value) < 1e-6:
        return "0"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
