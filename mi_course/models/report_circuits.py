"""The heads that answer a task: direct logit attribution, and what mean-ablating them removes.

Each head's direct logit attribution (its output at the last position, through the final LayerNorm
with its scale frozen, along W_U[answer] - W_U[wrong]) ranks the heads; if the first three are the
task's last step, mean-ablating them removes most of the logit difference, and random heads little.
Source: Wang et al. 2022, sections 2-3. In go a bridge and a task; out comes a dataclass of numbers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from einops import einsum, rearrange, reduce
from jaxtyping import Float, Int
from torch import Tensor

from mi_course.models.scoring import device_of
from mi_course.worlds.tasks.prompts import PromptPair, Task, batch

Head = tuple[int, int]
SMALLEST_GROUP = 8  # a mean over fewer prompts still tells the prompt apart


@dataclass(frozen=True)
class CircuitMetrics:
    """How far three heads carry a task.

    Attributes:
        logit_diff: mean logit of the answer minus the wrong token, whole model (logits).
        top_heads: the three heads of the later half of the layers with the highest attribution.
        attribution: direct logit attribution of every head (logits) [layer][head_index].
        removed: fraction of the logit difference gone when the three are mean-ablated.
        random_removed_mean: the same for triples of other heads, mean over triples.
        random_removed_median: their median.
        random_removed_max: their maximum.
    """

    logit_diff: float
    top_heads: tuple[Head, ...]
    attribution: tuple[tuple[float, ...], ...]
    removed: float
    random_removed_mean: float
    random_removed_median: float
    random_removed_max: float


@torch.no_grad()
def circuit_metrics(model: Any, task: Task, *, seed: int = 0, n_random: int = 30) -> CircuitMetrics:
    """Return how much of a task's logit difference its three best later heads carry.

    Args:
        model: a bridge.
        task: pairs whose corrupted prompts are the reference distribution for the means (ABC names
            for IOI); groups with fewer than 8 pairs are left out.
        seed: for the random triples.
        n_random: number of random triples, drawn from all other heads.

    Returns:
        The metrics.

    Raises:
        ValueError: no group has 8 pairs.
    """
    groups = [pairs for pairs in task.groups().values() if len(pairs) >= SMALLEST_GROUP]
    if not groups:
        raise ValueError(f"expected {SMALLEST_GROUP} pairs in a group, got fewer, try a larger n")
    attribution, before = _attribution(model, groups)
    means = [_mean_z(model, batch(pairs, corrupted=True)) for pairs in groups]

    def removed(heads: Sequence[Head]) -> float:
        return 1 - _logit_diff_without(model, groups, means, heads) / before

    n_layers, n_heads = attribution.shape
    later = [(i, h) for i in range(n_layers // 2, n_layers) for h in range(n_heads)]
    top = tuple(sorted(later, key=lambda head: -attribution[head].item())[:3])
    others = [(i, h) for i in range(n_layers) for h in range(n_heads) if (i, h) not in top]
    generator = torch.Generator().manual_seed(seed)
    draws = [torch.randperm(len(others), generator=generator)[:3] for _ in range(n_random)]
    random = torch.tensor([removed([others[i] for i in draw.tolist()]) for draw in draws])
    return CircuitMetrics(
        logit_diff=before,
        top_heads=top,
        attribution=table(attribution),
        removed=removed(top),
        random_removed_mean=random.mean().item(),
        random_removed_median=random.median().item(),
        random_removed_max=random.max().item(),
    )


def _attribution(
    model: Any, groups: Sequence[Sequence[PromptPair]]
) -> tuple[Float[Tensor, "layer head_index"], float]:
    """Return each head's direct logit attribution and the logit difference, means over pairs."""
    totals, diffs = [], []
    names = [*z_names(model), "ln_final.hook_scale"]
    for pairs in groups:
        tokens = torch.tensor(batch(pairs), device=device_of(model))
        logits, cache = model.run_with_cache(tokens, names_filter=names)
        z = torch.stack([cache[name][:, -1] for name in z_names(model)], dim=1)
        heads = _normalised_outputs(model, z, cache["ln_final.hook_scale"][:, -1])
        right, wrong = _answer_ids(pairs, tokens.device)
        direction = model.W_U[:, right] - model.W_U[:, wrong]
        totals.append(
            einsum(
                heads,
                direction,
                "batch layer head_index d_model, d_model batch -> batch layer head_index",
            )
        )
        diffs.append(_logit_diffs(logits, pairs))
    return torch.cat(totals).mean(0), torch.cat(diffs).mean().item()


def _normalised_outputs(
    model: Any, z: Float[Tensor, "batch layer head_index d_head"], scale: Float[Tensor, "batch 1"]
) -> Float[Tensor, "batch layer head_index d_model"]:
    """Return what each head writes, as the final LayerNorm with a frozen scale passes it on."""
    heads = einsum(
        z,
        model.W_O,
        "batch layer head_index d_head, layer head_index d_head d_model"
        " -> batch layer head_index d_model",
    )
    heads = heads - heads.mean(dim=-1, keepdim=True)
    # A model whose LayerNorm was folded into W_U has no gain left.
    weight = getattr(model.ln_final, "weight", None)
    return heads / rearrange(scale, "batch 1 -> batch 1 1 1") * (1.0 if weight is None else weight)


def _answer_ids(
    pairs: Sequence[PromptPair], device: torch.device
) -> tuple[Int[Tensor, " batch"], Int[Tensor, " batch"]]:
    """Return the first right and the first wrong token of each pair."""
    right = torch.tensor([pair.answers[0] for pair in pairs], device=device)
    return right, torch.tensor([pair.wrongs[0] for pair in pairs], device=device)


def _logit_diffs(
    logits: Float[Tensor, "batch pos d_vocab"], pairs: Sequence[PromptPair]
) -> Float[Tensor, " batch"]:
    """Return the logit of the answer minus that of the wrong token after the last position."""
    right, wrong = _answer_ids(pairs, logits.device)
    rows = torch.arange(len(pairs), device=logits.device)
    return logits[rows, -1, right] - logits[rows, -1, wrong]


def _logit_diff_without(
    model: Any,
    groups: Sequence[Sequence[PromptPair]],
    means: Sequence[Float[Tensor, "pos layer head_index d_head"]],
    heads: Sequence[Head],
) -> float:
    """Return the mean logit difference with some heads mean-ablated at all positions."""
    diffs = []
    for pairs, mean in zip(groups, means, strict=True):
        tokens = torch.tensor(batch(pairs), device=device_of(model))
        logits = model.run_with_hooks(tokens, fwd_hooks=ablation_hooks(heads, mean))
        diffs.append(_logit_diffs(logits, pairs))
    return torch.cat(diffs).mean().item()


def z_names(model: Any) -> list[str]:
    """Return the hook names of what the heads of each layer carry, before W_O."""
    return [f"blocks.{layer}.attn.hook_z" for layer in range(model.cfg.n_layers)]


def head_z(
    model: Any, tokens: Int[Tensor, "batch pos"]
) -> Float[Tensor, "batch pos layer head_index d_head"]:
    """Return what every head carries to every position, before W_O."""
    _, cache = model.run_with_cache(tokens, names_filter=z_names(model))
    return torch.stack([cache[name] for name in z_names(model)], dim=2)


def _mean_z(model: Any, rows: list[list[int]]) -> Float[Tensor, "pos layer head_index d_head"]:
    z = head_z(model, torch.tensor(rows, device=device_of(model)))
    return reduce(z, "batch pos layer head_index d_head -> pos layer head_index d_head", "mean")


def ablation_hooks(heads: Sequence[Head], mean: Tensor) -> list[tuple[str, Callable]]:
    """Return hooks that replace heads' z by `mean` [pos or 1, layer, head_index, d_head]."""

    def hook_of(layer: int, chosen: list[int]) -> Callable:
        def replace(z: Tensor, hook: Any) -> Tensor:
            z = z.clone()
            z[:, :, chosen] = mean[:, layer, chosen]
            return z

        return replace

    layers = sorted({layer for layer, _ in heads})
    return [
        (f"blocks.{i}.attn.hook_z", hook_of(i, [h for j, h in heads if j == i])) for i in layers
    ]


def table(scores: Float[Tensor, "layer head_index"]) -> tuple[tuple[float, ...], ...]:
    """Return the scores as nested tuples, rounded to four decimals."""
    return tuple(tuple(round(x, 4) for x in row) for row in scores.tolist())
