"""Edge attribution patching: all edges at once, from two forward passes and one backward pass.

What removing an edge would do is estimated by a straight line. The reader's input changes by what
the removed edge carries minus what the writer writes, and the loss by

    EAP(writer -> reader) = (carried - written) . d loss / d input of the reader

so one product of all writers' differences with all readers' slopes gives every edge. A straight
line is wrong where the loss bends. Integrated gradients take the mean slope on the way: while the
embeddings go from corrupted to clean (EAP-IG), or while every edge goes from whole to removed,
whose scores add up to all that the loss changes. Sources: [Syed23], section 2; [Hanna24], section
3; Sundararajan et al. 2017. In go a bridge and a `CircuitTask`; out come `EdgeScores`, positive
where the loss would rise without the edge.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.methods.circuits.graph import matching_graph
from mi_course.methods.circuits.loss import TaskLoss, task_loss
from mi_course.methods.circuits.runs import ABLATIONS
from mi_course.methods.circuits.task import CircuitTask
from mi_course.methods.circuits.traces import (
    Stream,
    Trace,
    Written,
    differences,
    mean_written,
    slopes,
    start,
    streams,
    trace,
)
from mi_course.models.plain import PlainTransformer, plain
from mi_course.results.circuit_graph import CircuitGraph
from mi_course.results.circuit_scores import EdgeScores

__all__ = ["attribution_by_prompt", "edge_attribution", "integrated_edge_attribution", "unit_of"]

Model = TransformerBridge | PlainTransformer
PATHS = ("inputs", "edges")
FLAT = ("kl", "distance")  # metrics that compare with the whole model: lowest at the clean run


def edge_attribution(
    model: Model,
    task: CircuitTask,
    *,
    graph: CircuitGraph | None = None,
    ablation: str = "corrupted",
    batch_size: int | None = None,
) -> EdgeScores:
    """Return the EAP score of every edge, in the unit of the task's metric.

    Args:
        model: a bridge, or its plain form.
        task: its metric must have a slope at the clean run, which "kl" and "distance" do not.
        graph: the model's own, with q, k and v apart, when None.
        ablation: what a removed edge carries: "corrupted", "zero", or "mean" over the prompts.
        batch_size: prompts at once; all when None.

    Raises:
        ValueError: a metric that is flat at the clean run, or another model's graph.
    """
    given = {"graph": graph, "ablation": ablation, "batch_size": batch_size}
    by_prompt = attribution_by_prompt(model, task, **given)
    edges = matching_graph(_plain(model), graph).edges
    return EdgeScores(by_prompt.mean(dim=0).cpu(), edges, "EAP", unit_of(task))


def integrated_edge_attribution(
    model: Model,
    task: CircuitTask,
    *,
    steps: int = 5,
    path: str = "inputs",
    graph: CircuitGraph | None = None,
    ablation: str = "corrupted",
    batch_size: int | None = None,
) -> EdgeScores:
    """Return the EAP-IG score of every edge, in the unit of the task's metric.

    Args:
        model: a bridge, or its plain form.
        task: with any metric.
        steps: pieces of the way.
        path: "inputs", where the embeddings go from corrupted to clean, with a slope at the end of
            each piece [Hanna24]; or "edges", where what every reader reads goes from whole to
            removed, with slopes at both ends of each piece: with many steps the scores add up to
            the change of the loss.
        graph: as in `edge_attribution`.
        ablation: as in `edge_attribution`; the way of the inputs starts at the corrupted prompt.
        batch_size: as in `edge_attribution`.

    Raises:
        ValueError: no steps, an unknown path, a single step where the metric is flat, or another
            model's graph.
    """
    given = {"graph": graph, "ablation": ablation, "batch_size": batch_size}
    by_prompt = attribution_by_prompt(model, task, steps=steps, path=path, **given)
    edges = matching_graph(_plain(model), graph).edges
    name = "EAP-IG" if path == "inputs" else "EAP-IG (edges)"
    return EdgeScores(by_prompt.mean(dim=0).cpu(), edges, name, unit_of(task))


def attribution_by_prompt(
    model: Model,
    task: CircuitTask,
    *,
    steps: int = 1,
    path: str = "inputs",
    graph: CircuitGraph | None = None,
    ablation: str = "corrupted",
    batch_size: int | None = None,
) -> Float[Tensor, "prompt edge"]:
    """Return the score of every edge for each prompt; their mean is the edge's score.

    Args:
        model: a bridge, or its plain form.
        task: as in `edge_attribution`.
        steps: as in `integrated_edge_attribution`; one step of the way of the inputs is EAP.
        path: as in `integrated_edge_attribution`.
        graph: as in `edge_attribution`.
        ablation: as in `edge_attribution`.
        batch_size: prompts at once; all when None.

    Raises:
        ValueError: as in `edge_attribution`.
    """
    _refuse(task, steps, path, ablation)
    weights = _plain(model)
    graph, task = matching_graph(weights, graph), task.to(weights.W_E.device)
    size = batch_size or len(task)
    rows = [list(range(at, min(at + size, len(task)))) for at in range(0, len(task), size)]
    prompts = [_Prompts(weights, graph, task.select(some), ablation) for some in rows]
    mean = _mean(prompts) if ablation == "mean" else None
    along = {"inputs": _along_inputs, "edges": _along_edges}[path]
    scored = [int(each.task.mask.sum()) for each in prompts]
    found = [along(each, mean, steps) * n for each, n in zip(prompts, scored, strict=True)]
    return torch.cat(found) * len(task) / sum(scored)


def unit_of(task: CircuitTask) -> str:
    """Return the unit of a task's loss."""
    return {"kl": "nats", "nll": "nats", "logit_diff": "logits"}.get(task.metric, "logits squared")


@dataclass(frozen=True, eq=False)
class _Prompts:
    """Some prompts of a task, and what is asked of them."""

    model: PlainTransformer
    graph: CircuitGraph
    task: CircuitTask
    ablation: str

    def embeddings(self, *, corrupted: bool = False) -> tuple[Stream, ...]:
        """Return what the embeddings write on the clean or the corrupted prompts."""
        tokens = self.task.corrupted if corrupted else self.task.clean
        return start(self.model, self.graph, tokens)

    @torch.no_grad()
    def corrupted(self) -> Written:
        """Return what is written on the corrupted prompts."""
        embeddings = self.embeddings(corrupted=True)
        return trace(self.model, sum(embeddings)).written(embeddings)

    def carried(self, mean: Written | None, like: Written) -> Written:
        """Return what removed edges carry."""
        if self.ablation == "zero":
            return tuple(map(torch.zeros_like, like))
        if mean is None:
            return self.corrupted()
        return tuple(part.expand_as(other) for part, other in zip(mean, like, strict=True))


def _along_inputs(
    prompts: _Prompts, mean: Written | None, steps: int
) -> Float[Tensor, "prompt edge"]:
    """Return scores from slopes while the embeddings go from corrupted to clean."""
    model, graph = prompts.model, prompts.graph
    embeddings = prompts.embeddings()
    ends = sum(prompts.embeddings(corrupted=True)), sum(embeddings)
    clean = _run(model, ends[1])
    loss = _loss(prompts, clean)
    total: Iterable[Tensor] = slopes(model, graph, clean, loss)
    for step in range(1, steps):
        run = _run(model, torch.lerp(*ends, step / steps))
        pairs = zip(total, slopes(model, graph, run, loss), strict=True)
        total = [sofar.add_(more) for sofar, more in pairs]
    written = clean.written(embeddings)
    change = differences(model, graph, prompts.carried(mean, written), written)
    return _products(graph, change, total) / steps


def _along_edges(
    prompts: _Prompts, mean: Written | None, steps: int
) -> Float[Tensor, "prompt edge"]:
    """Return scores from slopes while what is read goes from whole to removed."""
    model, graph = prompts.model, prompts.graph
    embeddings = prompts.embeddings()
    clean = _run(model, sum(embeddings))
    loss = _loss(prompts, clean)
    carried = prompts.carried(mean, clean.written(embeddings))
    toward = streams(model, graph, carried)
    total: Tensor | float = 0.0
    for step in range(steps + 1):
        run = _run(model, sum(embeddings), toward, step / steps)
        change = differences(model, graph, carried, run.written(embeddings))
        weight = (0.5 if step in (0, steps) else 1.0) / steps  # the trapezoidal rule
        total = total + weight * _products(graph, change, slopes(model, graph, run, loss))
    return total


def _run(
    model: PlainTransformer,
    resid: Stream,
    toward: tuple[Stream, ...] | None = None,
    share: float = 0.0,
) -> Trace:
    """Return a forward pass that slopes can be asked of."""
    with torch.enable_grad():
        return trace(model, resid.detach().requires_grad_(), toward=toward, share=share)


def _loss(prompts: _Prompts, clean: Trace):
    """Return the loss as a function of the stream that the logits read."""
    mask = prompts.task.mask
    loss: TaskLoss = task_loss(prompts.model, prompts.task, clean.reads[-1][mask].detach())
    return lambda final: loss(final[mask][None])[0]


def _products(
    graph: CircuitGraph,
    change: Float[Tensor, "batch writer pos d_model"],
    groups: Iterable[Tensor],
) -> Float[Tensor, "batch edge"]:
    """Return (difference of the writer) . (slope of the reader) for each edge, in graph order.

    Args:
        graph: whose edges.
        change: of the writers.
        groups: slopes `[batch reader pos d_model]` of readers that read the same writers.
    """
    change, readers = change.flatten(2), iter(graph.readers)
    found = []
    for group in groups:
        names = [next(readers) for _ in range(group.shape[1])]
        parents = change[:, : len(graph.parents(names[0]))]
        products = group.flatten(2) @ parents.mT
        found.append(rearrange(products, "batch reader writer -> batch (reader writer)"))
    return torch.cat(found, dim=1)


def _mean(prompts: list[_Prompts]) -> Written:
    """Return the mean over all corrupted prompts of what each writer writes."""
    return mean_written([each.corrupted() for each in prompts])


def _plain(model: Model) -> PlainTransformer:
    return model if isinstance(model, PlainTransformer) else plain(model)


def _refuse(task: CircuitTask, steps: int, path: str, ablation: str) -> None:
    if steps < 1 or path not in PATHS:
        raise ValueError(f"expected 1 step or more and a path of {PATHS}, got {steps}, {path!r}")
    if (steps, path) == (1, "inputs") and task.metric in FLAT:
        raise ValueError(
            f"expected a metric with a slope at the clean run, got {task.metric!r}, which is flat "
            'there, try "logit_diff", or integrated_edge_attribution with more steps'
        )
    if ablation not in ABLATIONS:
        raise ValueError(f"expected one of {ABLATIONS}, got {ablation!r}, try 'corrupted'")
