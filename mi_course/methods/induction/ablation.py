"""What is lost without a head: loss, and the attention of the heads that relied on it.

Every head is ablated in turn, but not by a loop: rows of several heads' experiments share one
forward pass, each row with its own head silenced. An effect on the loss says that a head matters;
an effect on a later head's attention says for whom. Source: [Olsson22], "Argument 3". In go a
bridge and tokens; out come `HeadScores` and `HeadPairs`.
"""

from collections.abc import Callable, Iterator
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
    attention_to,
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
        batch_size: rows in one forward pass, all experiments together.

    Returns:
        Nats; positive where the head helped.
    """
    clean = loss_by_position(model, tokens, batch_size=batch_size)[:, positions].mean()
    effects = []
    for rows, edits, n in _experiments(model, tokens, mode, batch_size):
        loss = loss_by_position(model, rows, edits=edits, batch_size=len(rows))[:, positions]
        of_head = reduce(loss, "(head batch) pos -> head", "mean", head=n)
        effects.append(of_head - clean)
    values = rearrange(
        torch.cat(effects), "(layer head_index) -> layer head_index", layer=model.cfg.n_layers
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
        batch_size: rows in one forward pass, all experiments together.

    Returns:
        Score after minus score before; -0.9 means that the later head stopped looking there.
    """
    tokens = tokens.to(device_of(model))
    mask = targets(tokens)
    clean = attention_to(attention_patterns(model, tokens, batch_size=batch_size), mask)
    changes = []
    for rows, edits, n in _experiments(model, tokens, mode, batch_size):
        patterns = attention_patterns(model, rows, edits=edits)
        by_head = rearrange(patterns, "layer (head batch) ... -> head layer batch ...", head=n)
        changes += [attention_to(one, mask) - clean for one in by_head]
    n_layers = model.cfg.n_layers
    values = rearrange(torch.stack(changes), "(layer head) ... -> layer head ...", layer=n_layers)
    layers = torch.arange(n_layers, device=values.device)
    later = layers[:, None, None, None] < layers[None, None, :, None]
    return HeadPairs(
        values.masked_fill(~later, float("nan")),
        name="change of prefix matching" if targets is induction_targets else "change of score",
        unit="probability",
        signed=True,
    )


def _experiments(
    model: TransformerBridge, tokens: Int[Tensor, "batch pos"], mode: str, batch_size: int
) -> Iterator[tuple[Tensor, Edits, int]]:
    """Yield (rows, edits, number of heads): the tokens once for each of some heads."""
    n_layers, n_heads = model.cfg.n_layers, model.cfg.n_heads
    names = [f"blocks.{layer}.attn.hook_z" for layer in range(n_layers)]
    if mode not in {"zero", "mean"}:
        raise ValueError(f'expected mode "zero" or "mean", got {mode!r}')
    z = record(model, tokens, names, batch_size=batch_size) if mode == "mean" else {}
    everything = torch.eye(n_layers * n_heads, dtype=torch.bool, device=device_of(model))
    for silenced in everything.split(max(1, batch_size // len(tokens))):
        by_row = repeat(
            silenced,
            "head (layer head_index) -> layer (head batch) 1 head_index 1",
            layer=n_layers,
            batch=len(tokens),
        )
        edits = {
            name: partial(_silence, rows=by_row[layer], by=_mean_of_head(z.get(name)))
            for layer, name in enumerate(names)
            if by_row[layer].any()
        }
        yield (
            repeat(tokens, "batch pos -> (head batch) pos", head=len(silenced)),
            edits,
            len(silenced),
        )


def _mean_of_head(
    z: Float[Tensor, "batch pos head_index d_head"] | None,
) -> Float[Tensor, "head_index d_head"] | float:
    return (
        0.0 if z is None else reduce(z, "batch pos head_index d_head -> head_index d_head", "mean")
    )


def _silence(
    z: Float[Tensor, "row pos head_index d_head"],
    rows: Bool[Tensor, "row 1 head_index 1"],
    by: Float[Tensor, "head_index d_head"] | float,
) -> Float[Tensor, "row pos head_index d_head"]:
    return torch.where(rows, torch.as_tensor(by, dtype=z.dtype, device=z.device), z)
