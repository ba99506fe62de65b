"""What is lost without a head: loss, and the attention of the heads that relied on it.

Every head is ablated in turn, but not by a loop: rows of several heads' experiments share one
forward pass, each row with its own head silenced. An effect on the loss says that a head matters;
an effect on a later head's attention says for whom. Source: [Olsson22], "Argument 3". In go a
bridge and tokens; out come `HeadScores` and `HeadPairs`.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

import torch
from einops import rearrange, reduce, repeat
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.activations import device_of, record
from mi_course.methods.induction.losses import loss_by_position
from mi_course.methods.induction.scores import (
    attention_patterns,
    attention_sums,
    head_scores,
    induction_targets,
)
from mi_course.results import HeadPairs, HeadScores

__all__ = ["ablation_effects", "ablation_influence"]

Edits = dict[str, Callable[[Tensor], Tensor]]


def ablation_effects(
    model: TransformerBridge,
    tokens: Int[Tensor, "batch pos"],
    mode: str = "mean",
    *,
    positions: slice = slice(None),
    batch_size: int = 32,
) -> HeadScores:
    """Return the rise in mean loss when each head alone is ablated, in nats.

    Args:
        model: any bridge.
        tokens: token ids.
        mode: replace z by its "mean" over rows and positions, or by "zero".
        positions: which columns of the loss count, such as `slice(length, None)` for the
            second copy of repeated tokens.
        batch_size: rows in one forward pass, of however many experiments.

    Returns:
        Nats; positive where the head helped.
    """
    clean = loss_by_position(model, tokens, batch_size=batch_size)[:, positions].mean()
    tokens = tokens.to(clean.device)
    by = _replacements(model, tokens, mode, batch_size)
    effects = torch.zeros(model.cfg.n_layers * model.cfg.n_heads, device=clean.device)
    for some in tokens.split(batch_size):
        losses = []
        for rows, edits, n in _experiments(some, by, model.cfg.n_heads, batch_size):
            loss = loss_by_position(model, rows, edits=edits, batch_size=len(rows))[:, positions]
            losses.append(reduce(loss, "(head batch) pos -> head", "mean", head=n))
        effects += torch.cat(losses) * (len(some) / len(tokens))
    values = rearrange(
        effects - clean, "(layer head_index) -> layer head_index", layer=model.cfg.n_layers
    )
    return HeadScores(values, name=f"loss added by {mode} ablation", unit="nats", signed=True)


def ablation_influence(
    model: TransformerBridge,
    tokens: Int[Tensor, "batch pos"],
    mode: str = "mean",
    *,
    targets: Callable[[Tensor], Tensor] = induction_targets,
    batch_size: int = 32,
) -> HeadPairs:
    """Return how each earlier head's ablation moves each later head's score (probability).

    Args:
        model: any bridge.
        tokens: token ids.
        mode: replace z by its "mean" over rows and positions, or by "zero".
        targets: the hypothesis that is scored; prefix matching unless said otherwise.
        batch_size: rows in one forward pass, of however many experiments.

    Returns:
        Score after minus score before; -0.9 means that the later head stopped looking there.
    """
    tokens = tokens.to(device_of(model))
    by = _replacements(model, tokens, mode, batch_size)
    clean = head_scores(model, tokens, targets, name="clean", batch_size=batch_size).values
    total = n_queries = 0
    for some in tokens.split(batch_size):
        mask, found = targets(some), []
        for rows, edits, n in _experiments(some, by, model.cfg.n_heads, batch_size):
            patterns = attention_patterns(model, rows, edits=edits)
            by_head = rearrange(patterns, "layer (head batch) ... -> head layer batch ...", head=n)
            found += [attention_sums(one, mask) for one in by_head]
        sums, counts = zip(*found, strict=True)
        total, n_queries = total + torch.stack(sums), n_queries + counts[0]
    n_layers = model.cfg.n_layers
    changes = total / n_queries - clean
    values = rearrange(changes, "(layer head) ... -> layer head ...", layer=n_layers)
    layers = torch.arange(n_layers, device=values.device)
    later = layers[:, None, None, None] < layers[None, None, :, None]
    return HeadPairs(
        values.masked_fill(~later, float("nan")),
        name="change of prefix matching" if targets is induction_targets else "change of score",
        unit="probability",
        signed=True,
    )


def _replacements(
    model: TransformerBridge, tokens: Int[Tensor, "batch pos"], mode: str, batch_size: int
) -> dict[str, Float[Tensor, "head_index d_head"] | float]:
    """Return for each layer's hook_z what stands in for a silenced head."""
    names = [f"blocks.{layer}.attn.hook_z" for layer in range(model.cfg.n_layers)]
    if mode == "zero":
        return dict.fromkeys(names, 0.0)
    if mode != "mean":
        raise ValueError(f'expected mode "zero" or "mean", got {mode!r}')
    z = record(model, tokens, names, batch_size=batch_size)
    axes = "batch pos head_index d_head -> head_index d_head"
    return {name: reduce(values, axes, "mean") for name, values in z.items()}


def _experiments(
    tokens: Int[Tensor, "batch pos"], by: Mapping[str, Tensor | float], n_heads: int, n_rows: int
) -> Iterator[tuple[Tensor, Edits, int]]:
    """Yield (rows, edits, number of heads): the tokens once for each of some heads."""
    everything = torch.eye(len(by) * n_heads, dtype=torch.bool, device=tokens.device)
    for silenced in everything.split(max(1, n_rows // len(tokens))):
        by_row = repeat(
            silenced,
            "head (layer head_index) -> layer (head batch) 1 head_index 1",
            layer=len(by),
            batch=len(tokens),
        )
        edits = {
            name: partial(_silence, rows=rows, by=by[name])
            for name, rows in zip(by, by_row, strict=True)
            if rows.any()
        }
        yield (
            repeat(tokens, "batch pos -> (head batch) pos", head=len(silenced)),
            edits,
            len(silenced),
        )


def _silence(
    z: Float[Tensor, "row pos head_index d_head"],
    rows: Bool[Tensor, "row 1 head_index 1"],
    by: Float[Tensor, "head_index d_head"] | float,
) -> Float[Tensor, "row pos head_index d_head"]:
    return torch.where(rows, torch.as_tensor(by, dtype=z.dtype, device=z.device), z)
