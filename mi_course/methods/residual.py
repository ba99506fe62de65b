"""The residual stream: one vector for each token, to which every layer adds.

    resid_post(last) = embedding + sum over layers of (attn_out + mlp_out)

Nothing is ever overwritten, so the stream's length tells how much was written, and the loss without
one addend tells how much the rest relied on it. Source: [Elhage21], "The residual stream as a
communication channel". In go a bridge and tokens; out come `ResidualNorms` and `PartEffects`.
"""

import re

import torch
from einops import reduce
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.activations import Edit, device_of, edit, record
from mi_course.metrics import cross_entropy_by_position
from mi_course.results import PartEffects, ResidualNorms

__all__ = ["part_effects", "part_names", "residual_norms"]

WRITES = re.compile(r"blocks\.(\d+)\.hook_(attn|mlp)_out")
KINDS = {"attn": "attention", "mlp": "MLP"}


def residual_norms(model: TransformerBridge, tokens: Int[Tensor, "batch pos"]) -> ResidualNorms:
    """Return the length of the residual stream before the first layer and after each.

    Args:
        model: any bridge.
        tokens: one text.

    Returns:
        A row for the embedding and one for each layer.

    Raises:
        ValueError: several texts, or none.
    """
    if len(tokens) != 1:
        raise ValueError(f"expected one text, got {len(tokens)}, try tokens[:1]")
    names = [
        "blocks.0.hook_resid_pre",
        *(f"blocks.{i}.hook_resid_post" for i in range(model.cfg.n_layers)),
    ]
    stream = torch.stack(list(record(model, tokens, names).values()))
    norms = stream.float().norm(dim=-1)[:, 0].cpu()
    points = ("embedding", *(f"after layer {i}" for i in range(model.cfg.n_layers)))
    ids, tokenizer = tokens[0].tolist(), model.tokenizer
    words = map(str, ids) if tokenizer is None else (tokenizer.decode([token]) for token in ids)
    return ResidualNorms(norms, points, tuple(words))


def part_names(model: TransformerBridge) -> dict[str, str]:
    """Return hook name -> name of every part that writes to the stream, such as "attention 0"."""
    found = [match for name in model.hook_dict if (match := WRITES.fullmatch(name))]
    found.sort(key=lambda match: (int(match[1]), match[2]))  # attention runs before the MLP
    return {match[0]: f"{KINDS[match[2]]} {match[1]}" for match in found}


@torch.no_grad()
def part_effects(
    model: TransformerBridge,
    tokens: Int[Tensor, "batch pos"],
    mode: str = "zero",
    *,
    batch_size: int | None = None,
) -> PartEffects:
    """Return the rise in mean loss, in nats, when each part alone is silenced.

    Args:
        model: any bridge.
        tokens: texts of one length.
        mode: "zero"; or "mean", the part's average over all texts and positions.
        batch_size: rows in one forward pass; all at once when None.

    Returns:
        One effect for each attention layer and MLP, in the order in which they run.

    Raises:
        ValueError: an unknown mode.
    """
    if mode not in {"zero", "mean"}:
        raise ValueError(f'expected mode "zero" or "mean", got {mode!r}')
    names = part_names(model)
    clean = _mean_loss(model, tokens, {}, batch_size)
    means = record(model, tokens, names, batch_size=batch_size) if mode == "mean" else {}
    effects = []
    for name in names:
        by = reduce(means[name], "batch pos d_model -> d_model", "mean") if means else None
        effects.append(_mean_loss(model, tokens, {name: _replacement(by)}, batch_size) - clean)
    said = "set to zero" if mode == "zero" else "set to its mean"
    return PartEffects(torch.stack(effects).cpu(), tuple(names.values()), said)


def _replacement(by: Float[Tensor, " d_model"] | None) -> Edit:
    return torch.zeros_like if by is None else by.expand_as


def _mean_loss(
    model: TransformerBridge, tokens: Tensor, edits: dict[str, Edit], batch_size: int | None
) -> Float[Tensor, ""]:
    batches = tokens.to(device_of(model)).split(batch_size or len(tokens))
    return torch.cat(
        [cross_entropy_by_position(edit(model, rows, edits), rows) for rows in batches]
    ).mean()
