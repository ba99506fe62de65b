"""Subnetwork probing: learn which edges can be removed, all of them at once, by gradient descent.

Every edge has a mask between 0 (removed) and 1 (kept), drawn from a hard concrete distribution
whose parameter is trained on

    loss of the masked model + lambda * expected fraction of edges that are not removed .

Its probability of not being removed is the edge's score. A mask that is far from 0 and 1 makes a
model that nobody asked about, so the order of the scores, not their size, is what is used. Sources:
[Cao21], section 2; Louizos et al. 2018 on the distribution; [Conmy23], section 4, with masks on
nodes in place of edges. In go a bridge and a `CircuitTask`; out come `EdgeScores` from 0 to 1.
"""

from collections.abc import Iterator

import torch
from einops import einsum, rearrange
from jaxtyping import Float
from torch import Tensor
from tqdm.auto import tqdm

from mi_course.methods.circuits.attribution import Model
from mi_course.methods.circuits.runs import EdgeRuns, edge_runs
from mi_course.methods.circuits.task import CircuitTask
from mi_course.results.circuit_graph import CircuitGraph
from mi_course.results.circuit_scores import EdgeScores

__all__ = ["masked_loss", "subnetwork_probing"]

TEMPERATURE, LOW, HIGH = 2 / 3, -0.1, 1.1  # of the hard concrete distribution
START = 2.0  # log odds of the masks: at first most edges are kept
CERTAIN = 1e-6  # uniform draws stay this far from 0 and 1, whose logarithms are infinite


def masked_loss(runs: EdgeRuns, mask: Float[Tensor, " edge"]) -> Float[Tensor, ""]:
    """Return the loss when every edge carries a mixture, with gradients for the mask.

    Args:
        runs: a model prepared to run circuits on a task.
        mask: 1 where an edge carries what is written now, 0 where it carries what removed edges
            carry; all between mixes the two.

    Returns:
        The mean loss, in double precision.
    """
    model, graph = runs.model, runs.graph
    # What is written now, less what removed edges carry.
    beyond = list((runs.clean - runs.removed)[: 1 + graph.split_embed])
    inputs = _inputs(runs, mask, beyond)
    for layer in range(model.n_layers):
        at = len(beyond)
        own = rearrange(next(inputs), "(head which) b p d -> which b p head d", head=graph.n_heads)
        z = model.attend(*model.qkv(layer, *(own if graph.split else own[[0, 0, 0]])))
        heads = rearrange(model.heads_out(layer, z), "b p head d -> head b p d")
        if graph.mlps and graph.parallel:
            mlp_reads = next(inputs)
        beyond.extend(heads - runs.removed[at : at + graph.n_heads])
        if graph.mlps:
            mlp_reads = mlp_reads if graph.parallel else next(inputs)
            beyond.append(model.mlp(layer, mlp_reads[0]) - runs.removed[len(beyond)])
    final = next(inputs)[0]
    return runs.loss(final[runs.scored][None])[0]


@torch.enable_grad()
def subnetwork_probing(
    model: Model,
    task: CircuitTask,
    *,
    penalty: float = 1.0,
    steps: int = 150,
    learning_rate: float = 0.1,
    seed: int = 0,
    graph: CircuitGraph | None = None,
    ablation: str = "corrupted",
) -> EdgeScores:
    """Return for every edge the trained probability that it is not removed.

    Args:
        model: a bridge, or its plain form.
        task: with any metric.
        penalty: lambda, the loss that keeping all edges costs; the larger, the fewer are kept.
        steps: of Adam, each on all prompts and one draw of the masks.
        learning_rate: of Adam.
        seed: of the draws.
        graph: the model's own, with q, k and v apart, when None.
        ablation: what removed edges carry: "corrupted", "zero" or "mean".

    Raises:
        ValueError: no steps, or as `edge_runs`.
    """
    if steps < 1:
        raise ValueError(f"expected at least 1 step, got {steps}, try 150")
    runs = edge_runs(model, task, graph=graph, ablation=ablation)
    generator = torch.Generator().manual_seed(seed)
    odds = torch.full((len(runs.graph.edges),), START, device=runs.clean.device)
    odds.requires_grad_()
    optimiser = torch.optim.Adam([odds], lr=learning_rate)
    for _ in tqdm(range(steps), desc="subnetwork probing", leave=False, disable=None):
        uniform = torch.rand(len(odds), generator=generator).clamp(CERTAIN, 1 - CERTAIN)
        loss = masked_loss(runs, _drawn(odds, uniform.to(odds.device)))
        loss = loss + penalty * _open(odds).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    name = f"SP (lambda {penalty:g})"
    return EdgeScores(_open(odds.detach()).cpu(), runs.graph.edges, name, "probability")


def _inputs(
    runs: EdgeRuns, mask: Float[Tensor, " edge"], beyond: list[Tensor]
) -> Iterator[Float[Tensor, "reader batch pos d_model"]]:
    """Yield the inputs of readers that read the same writers, once these are in `beyond`."""
    graph = runs.graph
    groups: dict[int, list[str]] = {}
    for reader in graph.readers:
        key = (len(graph.parents(reader)), reader[0] == "M", reader == "logits")
        groups.setdefault(key, []).append(reader)
    at = 0
    for (n, is_mlp, is_last), readers in groups.items():
        shares = rearrange(mask[at : at + n * len(readers)], "(r w) -> r w", w=n)
        layer = runs.model.n_layers if is_last else int(readers[0].lstrip("MLP").partition("H")[0])
        base = runs.removed[:n].sum(dim=0) + runs.biases(layer, mlp=is_mlp)
        yield base + einsum(shares, torch.stack(beyond[:n]), "r w, w b p d -> r b p d")
        at += n * len(readers)


def _drawn(odds: Float[Tensor, " edge"], uniform: Float[Tensor, " edge"]) -> Tensor:
    """Return masks from the hard concrete distribution."""
    soft = ((uniform.logit() + odds) / TEMPERATURE).sigmoid()
    return (LOW + (HIGH - LOW) * soft).clamp(0, 1)


def _open(odds: Float[Tensor, " edge"]) -> Tensor:
    """Return the probability that a mask is not exactly 0."""
    return (odds - TEMPERATURE * torch.tensor(-LOW / HIGH).log()).sigmoid()
