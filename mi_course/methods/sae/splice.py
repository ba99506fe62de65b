"""What a model loses when it reads a reconstruction in place of its own activation.

At every token but BOS the activation at one hook is replaced by decode(encode(x)), and the model
runs on. Loss and KL tell what the dictionary has left out as the model itself weighs it; two
ablations (all of it replaced by zero, or by its mean) give the scale.

    loss recovered = (ablated - spliced) / (ablated - clean)

Source: [Cunningham23], appendix on perplexity (Pythia-70M, layer 2: from 25 to 40); [Bricken23].
In go a bridge, tokens, a hook and a dictionary; out come `SpliceLosses`.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.activations import Edit, device_of, edit
from mi_course.methods.sae.dictionary import Dictionary
from mi_course.methods.sae.labelled import activations_at
from mi_course.metrics import cross_entropy_by_position, kl_divergence
from mi_course.results import SpliceLosses

__all__ = ["splice_edit", "splice_losses"]


def splice_edit(dictionary: Dictionary, at: Bool[Tensor, "batch pos"] | None = None) -> Edit:
    """Return the edit that puts a dictionary's reconstruction in the place of an activation.

    Args:
        dictionary: any dictionary.
        at: where; everywhere when None.

    Returns:
        A function for `mi_course.activations.edit`.
    """
    return lambda x: _replaced(
        x, dictionary.decode(dictionary.encode(x.flatten(start_dim=2).float())), at
    )


def splice_losses(
    model: TransformerBridge,
    tokens: Int[Tensor, "document pos"],
    counted: Bool[Tensor, "document pos"],
    hook: str,
    dictionary: Dictionary,
    *,
    batch_size: int = 8,
) -> SpliceLosses:
    """Return losses in nats and KL with the reconstruction spliced in, and with ablations.

    Args:
        model: any bridge.
        tokens: padded rows.
        counted: true where the activation is replaced: neither BOS nor padding. Predictions made
            there count, if what they are about is counted too.
        hook: full name of the place.
        dictionary: any dictionary of that width.
        batch_size: rows in one forward pass.

    Returns:
        Means over all predictions that count.

    Raises:
        ValueError: an unknown hook, another width, or no prediction that counts.
    """
    tokens, counted = (values.to(device_of(model)) for values in (tokens, counted))
    mean = activations_at(model, tokens, counted, hook, batch_size=batch_size).mean(0)
    if mean.shape[0] != dictionary.d_in:
        raise ValueError(
            f"expected a dictionary of width {mean.shape[0]} at {hook}, got {dictionary.d_in}"
        )
    total, number = torch.zeros(6, dtype=torch.float64), 0
    for rows, here in zip(tokens.split(batch_size), counted.split(batch_size), strict=True):
        scored = here[:, :-1] & here[:, 1:]
        edits = (
            splice_edit(dictionary, here),
            lambda x, here=here: _replaced(x, torch.zeros_like(x), here),
            lambda x, here=here: _replaced(x, mean.expand(*x.shape[:2], -1), here),
        )
        for column, values in enumerate(_batch_losses(model, rows, hook, edits)):
            total[column] += values[scored].sum(dtype=torch.float32).double().cpu()
        number += int(scored.sum())
    if not number:
        raise ValueError("expected two counted tokens in a row, got none, try longer documents")
    # None of the six is below 0 but for rounding.
    return SpliceLosses(*(total / number).clamp(min=0).tolist(), n_tokens=number, hook=hook)


def _batch_losses(
    model: TransformerBridge, rows: Int[Tensor, "batch pos"], hook: str, edits: tuple[Edit, ...]
) -> Iterator[Float[Tensor, "batch predicted_pos"]]:
    """Yield the clean loss, then the loss under each edit, then KL under the first two."""
    clean = edit(model, rows, {})
    yield cross_entropy_by_position(clean, rows)
    divergences = []
    for number, change in enumerate(edits):
        logits = edit(model, rows, {hook: change})
        yield cross_entropy_by_position(logits, rows)
        if number != 1:
            divergences.append(kl_divergence(clean[:, :-1], logits[:, :-1]))
    yield from divergences


def _replaced(
    x: Float[Tensor, "batch pos ..."],
    by: Float[Tensor, "batch pos ..."],
    at: Bool[Tensor, "batch pos"] | None,
) -> Float[Tensor, "batch pos ..."]:
    new = by.reshape(x.shape).to(x.dtype)
    if at is None:
        return new
    return torch.where(at.reshape(*at.shape, *[1] * (x.ndim - 2)), new, x)
