"""The heads that induce: prefix matching, the previous-token head that feeds it, and its ablation.

On random tokens written twice, an induction head attends from a token to the one that followed its
last occurrence, and can only do so because an earlier head told each token what stood before it.
Source: Olsson et al. 2022, "Argument 1" and the appendix. In goes a bridge; out comes
a dataclass of attention scores (0 to 1) and losses (nats).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from einops import reduce
from jaxtyping import Float, Int
from torch import Tensor

from mi_course.models.report_circuits import Head, ablation_hooks, head_z, table
from mi_course.models.scoring import device_of, next_token_log_probs
from mi_course.worlds.tasks.induction import repeated_random_tokens

PREVIOUS_TOKEN = 0.5  # least score of a head that is called a previous-token head


@dataclass(frozen=True)
class InductionMetrics:
    """Induction heads of a model, measured on repeated random tokens.

    Attributes:
        prefix_matching: attention to the token after the last occurrence, by [layer][head_index], 0
            to 1.
        previous_token: attention to the token before, by [layer][head_index], 0 to 1.
        best_prefix_head: head with the highest prefix-matching score.
        best_prefix_score: its score.
        best_previous_head: head with the highest previous-token score in an earlier layer (any
            layer for a head of layer 0).
        best_previous_score: its score.
        prefix_score_without_previous: the best prefix head's score with the previous-token head
            mean-ablated.
        repeat_loss_drop: loss on the first copy minus the second (nats).
        repeat_loss_drop_without_previous: the same with the previous-token head mean-ablated
            (nats).
        previous_heads: all heads in earlier layers that score `PREVIOUS_TOKEN` or more.
        prefix_score_without_previous_heads: the best prefix head's score without all of these.
        repeat_loss_drop_without_previous_heads: the loss drop without all of these (nats).
    """

    prefix_matching: tuple[tuple[float, ...], ...]
    previous_token: tuple[tuple[float, ...], ...]
    best_prefix_head: Head
    best_prefix_score: float
    best_previous_head: Head
    best_previous_score: float
    prefix_score_without_previous: float
    repeat_loss_drop: float
    repeat_loss_drop_without_previous: float
    previous_heads: tuple[Head, ...]
    prefix_score_without_previous_heads: float
    repeat_loss_drop_without_previous_heads: float


@torch.no_grad()
def induction_metrics(
    model: Any, *, seed: int = 0, n: int = 32, length: int = 64, bos_token: int = 0
) -> InductionMetrics:
    """Return the induction and previous-token heads of a model and what ablating the latter does.

    Args:
        model: a bridge.
        seed: for the random tokens.
        n: number of sequences.
        length: tokens before the repetition.
        bos_token: id put before each row and never drawn; ids below it are not drawn either.

    Returns:
        The metrics.
    """
    first = bos_token + 1
    rows = repeated_random_tokens(
        model.cfg.d_vocab, n, length, seed, bos_token=bos_token, first=first
    )
    tokens = torch.tensor(rows, device=device_of(model))
    prefix, previous, drop = _attention_scores(model, tokens, length, hooks=[])
    induction = _argmax(prefix)
    fed_by = _argmax(previous[: max(induction[0], 1)])
    strong = (previous[: induction[0]] >= PREVIOUS_TOKEN).nonzero().tolist()
    feeding = tuple((layer, head_index) for layer, head_index in strong)
    after, drop_after = _scores_without(model, tokens, length, [fed_by])
    after_all, drop_after_all = _scores_without(model, tokens, length, feeding)
    return InductionMetrics(
        prefix_matching=table(prefix),
        previous_token=table(previous),
        best_prefix_head=induction,
        best_prefix_score=prefix[induction].item(),
        best_previous_head=fed_by,
        best_previous_score=previous[fed_by].item(),
        prefix_score_without_previous=after[induction].item(),
        repeat_loss_drop=drop,
        repeat_loss_drop_without_previous=drop_after,
        previous_heads=feeding,
        prefix_score_without_previous_heads=after_all[induction].item(),
        repeat_loss_drop_without_previous_heads=drop_after_all,
    )


def _scores_without(
    model: Any, tokens: Int[Tensor, "batch pos"], length: int, heads: Sequence[Head]
) -> tuple[Float[Tensor, "layer head_index"], float]:
    """Return prefix-matching scores and the loss drop with some heads mean-ablated."""
    axes = "batch pos layer head_index d_head -> 1 layer head_index d_head"
    mean = reduce(head_z(model, tokens), axes, "mean")
    hooks = ablation_hooks(heads, mean)
    prefix, _, drop = _attention_scores(model, tokens, length, hooks=hooks)
    return prefix, drop


def _attention_scores(
    model: Any, tokens: Int[Tensor, "batch pos"], length: int, *, hooks: list[tuple[str, Callable]]
) -> tuple[Float[Tensor, "layer head_index"], Float[Tensor, "layer head_index"], float]:
    """Return prefix-matching and previous-token scores, and the loss drop, under some hooks."""
    patterns: dict[str, Tensor] = {}

    def keep(pattern: Tensor, hook: Any) -> Tensor:
        patterns[hook.name] = pattern
        return pattern

    names = [f"blocks.{i}.attn.hook_pattern" for i in range(model.cfg.n_layers)]
    logits = model.run_with_hooks(tokens, fwd_hooks=[*hooks, *((name, keep) for name in names)])
    prefix, previous = [], []
    for name in names:
        # Query q of the second copy looks for key q - length + 1, which followed the same token.
        matched = patterns[name].diagonal(offset=1 - length, dim1=-2, dim2=-1)[..., 2:]
        prefix.append(reduce(matched, "batch head_index pos -> head_index", "mean"))
        before = patterns[name].diagonal(offset=-1, dim1=-2, dim2=-1)
        previous.append(reduce(before, "batch head_index pos -> head_index", "mean"))
    log_probs = next_token_log_probs(logits, tokens)
    drop = log_probs[:, length:].mean() - log_probs[:, :length].mean()
    return torch.stack(prefix), torch.stack(previous), drop.item()


def _argmax(scores: Float[Tensor, "layer head_index"]) -> Head:
    return divmod(int(scores.argmax()), scores.shape[1])
