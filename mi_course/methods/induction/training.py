"""Induction heads form in a jump: the same scores at every checkpoint of a training run.

Around the jump three curves bend together: the loss on repeated tokens falls, some head starts to
match prefixes, and text is learned from context. A model of one layer cannot compose heads and
shows no jump. Source: [Olsson22], "Argument 1" and "Argument 2".
"""

from collections.abc import Iterable

import torch
from jaxtyping import Int
from torch import Tensor
from tqdm.auto import tqdm
from transformer_lens.model_bridge import TransformerBridge

from mi_course.methods.induction.losses import (
    compare_losses,
    in_context_learning_score,
    loss_by_position,
)
from mi_course.methods.induction.scores import prefix_matching_scores, previous_token_scores
from mi_course.results import PhaseChange

__all__ = ["phase_change"]


def phase_change(
    name: str,
    checkpoints: Iterable[tuple[int, int, TransformerBridge]],
    repeated: Int[Tensor, "batch pos"],
    text: Int[Tensor, "text_batch text_pos"],
    *,
    early: int,
    late: int,
    width: int = 8,
    batch_size: int = 16,
) -> PhaseChange:
    """Return induction scores and losses of a model at each of its checkpoints.

    Args:
        name: of the model.
        checkpoints: (step, tokens seen, bridge) in rising order; a generator that loads one model
            at a time keeps the memory small.
        repeated: rows from `repeated_tokens`, with a BOS.
        text: rows of ordinary text of one length, for the in-context-learning score.
        early: first column of the early window of that score.
        late: first column of the late window.
        width: columns of each window.
        batch_size: rows in one forward pass.

    Returns:
        One entry for each checkpoint.

    Raises:
        ValueError: there is no checkpoint.
    """
    measured = []
    for step, seen, model in tqdm(checkpoints, desc=f"checkpoints of {name}", leave=False):
        loss = loss_by_position(model, repeated, batch_size=batch_size)
        on_text = loss_by_position(model, text, batch_size=batch_size)
        measured.append(
            (
                step,
                seen,
                compare_losses({name: loss}, repeat_at=repeated.shape[1] // 2 + 1).drops()[0],
                in_context_learning_score(on_text, early=early, late=late, width=width),
                prefix_matching_scores(model, repeated, batch_size=batch_size).values,
                previous_token_scores(model, repeated, batch_size=batch_size).values,
            )
        )
    if not measured:
        raise ValueError(f"expected at least one checkpoint of {name}, got none")
    steps, seen, drop, in_context, prefix, previous = zip(*measured, strict=True)
    return PhaseChange(
        model=name,
        steps=torch.tensor(steps),
        tokens_seen=torch.tensor(seen),
        repeat_drop=torch.stack(drop).cpu(),
        in_context=torch.tensor(in_context),
        prefix_matching=torch.stack(prefix).cpu(),
        previous_token=torch.stack(previous).cpu(),
    )
