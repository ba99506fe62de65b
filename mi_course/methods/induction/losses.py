"""Losses along a text, and what they tell about learning in context.

The in-context-learning score is the loss late in the text minus the loss early in it (nats):
negative when what came before helps. Source: [Olsson22], "Argument 1", with the 500th and the 50th
token; our contexts are shorter, so both are arguments.
"""

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.activations import device_of, edit
from mi_course.metrics import cross_entropy_by_position
from mi_course.results import LossByPosition

__all__ = ["compare_losses", "in_context_learning_score", "loss_by_position"]


def loss_by_position(
    model: TransformerBridge,
    tokens: Int[Tensor, "batch pos"],
    *,
    edits: Mapping[str, Callable[[Tensor], Tensor]] | None = None,
    batch_size: int = 16,
) -> Float[Tensor, "batch predicted_pos"]:
    """Return the loss at each next token, in nats; column i is about the token at position i + 1.

    Args:
        model: any bridge.
        tokens: token ids.
        edits: what to change in the model meanwhile (`activations.head_replacements`).
        batch_size: rows in one forward pass; bounds the memory for the logits.

    Returns:
        Losses on the model's device.
    """
    device = device_of(model)
    losses = [
        cross_entropy_by_position(edit(model, rows, edits or {}), rows.to(device))
        for rows in tokens.split(batch_size)
    ]
    return losses[0] if len(losses) == 1 else torch.cat(losses)


def in_context_learning_score(
    loss: Float[Tensor, "batch predicted_pos"], *, early: int, late: int, width: int = 1
) -> float:
    """Return the mean loss late in the text minus early in it, in nats; negative is learning.

    Args:
        loss: from `loss_by_position`.
        early: first column of the early window, counted from 0.
        late: first column of the late window.
        width: columns of each window; more columns, less noise.

    Returns:
        Nats.

    Raises:
        ValueError: the windows overlap or leave the text.
    """
    n_pos = loss.shape[1]
    if width < 1 or not 0 <= early <= early + width <= late <= n_pos - width:
        raise ValueError(
            f"expected 0 <= early, early + width <= late <= {n_pos} - width, "
            f"got early={early}, late={late}, width={width}, try a later `late`"
        )
    return (loss[:, late : late + width].mean() - loss[:, early : early + width].mean()).item()


def compare_losses(
    losses: Mapping[str, Float[Tensor, "batch predicted_pos"]], *, repeat_at: int | None = None
) -> LossByPosition:
    """Return the mean losses of several conditions, to be plotted together.

    Args:
        losses: for each condition's name the losses on its rows.
        repeat_at: position of the first token of the repetition (length + 1 with a BOS).

    Returns:
        One row for each condition, in the order given.
    """
    means = torch.stack([loss.mean(dim=0) for loss in losses.values()])
    return LossByPosition(means, tuple(losses), repeat_at=repeat_at)
