"""Replay ACDC's decisions the plain way, in double precision.

Each edge is tried again at the moment when it was decided: the edges decided before it as they
were, those after it kept. What comes back says whether a decision was wrong, how far the effects
were off, and how near to tau the nearest came. In go a model, a task and a circuit; out comes a
`Verification`.
"""

from dataclasses import dataclass

import torch
from tqdm.auto import tqdm
from transformer_lens.model_bridge import TransformerBridge

from mi_course.methods.circuits.graph import Edge
from mi_course.methods.circuits.runs import EdgeRuns, edge_runs
from mi_course.methods.circuits.task import CircuitTask
from mi_course.models.plain import PlainTransformer
from mi_course.results import Circuit

__all__ = ["Verification", "verify"]


@dataclass(frozen=True)
class Verification:
    """What a replay of decisions found.

    Attributes:
        replayed: how many edges were tried again.
        wrong: edges that the sequential rule decides otherwise.
        largest_error: of the effects, against double precision.
        margin: the smallest |effect - tau| in double precision.
    """

    replayed: int
    wrong: tuple[Edge, ...]
    largest_error: float
    margin: float


@torch.no_grad()
def verify(
    model: TransformerBridge | PlainTransformer | EdgeRuns,
    task: CircuitTask | None,
    circuit: Circuit,
    *,
    n: int | None = None,
    seed: int = 0,
) -> Verification:
    """Return how a circuit's decisions stand a replay, one or two whole forward passes for each.

    Args:
        model: as it was given to `acdc`.
        task: the same.
        circuit: what `acdc` returned.
        n: how many edges; half of them are those nearest to tau, half are drawn. All when None.
        seed: of the draw.

    Raises:
        ValueError: as `edge_runs`.
    """
    if not isinstance(model, EdgeRuns):
        model = edge_runs(model, task, graph=circuit.graph, ablation=circuit.ablation)
    runs, graph = model.double, circuit.graph
    chosen = _chosen(circuit, n, seed)
    kept = torch.ones(len(graph.edges), dtype=torch.bool, device=runs.clean.device)
    keeps, now = frozenset(circuit.kept), None
    wrong, errors, margins = [], [0.0], [float("inf")]
    for edge in tqdm(graph.reverse_order, desc="verify", leave=False):
        i = graph.number[edge]
        if i in chosen:
            now = runs.loss_of(kept) if now is None else now
            kept[i] = False
            without = runs.loss_of(kept)
            effect = without - now
            errors.append(abs(effect - circuit.effects[i].item()))
            margins.append(abs(effect - circuit.tau))
            wrong += [edge] if (effect < circuit.tau) == (edge in keeps) else []
            now = now if edge in keeps else without
        elif edge not in keeps:
            now = None
        kept[i] = edge in keeps
    return Verification(len(chosen), tuple(wrong), max(errors), min(margins))


def _chosen(circuit: Circuit, n: int | None, seed: int) -> set[int]:
    """Return the numbers of the edges to replay."""
    n_edges = len(circuit.graph.edges)
    if n is None or n >= n_edges:
        return set(range(n_edges))
    nearest = (circuit.effects.double() - circuit.tau).abs().argsort(stable=True).tolist()
    near = set(nearest[: n // 2])
    drawn = torch.randperm(n_edges, generator=torch.Generator().manual_seed(seed)).tolist()
    return near | set([i for i in drawn if i not in near][: n - len(near)])
