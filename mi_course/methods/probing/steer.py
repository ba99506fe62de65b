"""Add a direction to the residual stream, and see whether the model's choice follows it.

    resid_post(layer) + coefficient * direction

A probe's direction that moves the choice is one that the model uses; whether it moves it more than
any push of that length is told by random directions beside it. Source: [Belinkov22], section 4
(probing and causality); MacDiarmid et al. (2024). In go a bridge, tokens or choices, and a
direction; out come logits, or `ChoiceEffects` and `SteeringEffects`.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.activations import Edit, device_of, edit, record
from mi_course.methods.lens.reading import final_point, unembed
from mi_course.methods.probing.choices import Choice
from mi_course.methods.probing.dataset import hook_names
from mi_course.methods.probing.erase import where
from mi_course.results import ChoiceEffects, SteeringEffects

__all__ = ["choice_effects", "choice_log_odds", "steer", "steering_edits", "steering_effects"]


def steer(
    model: TransformerBridge,
    tokens: Int[Tensor, "batch pos"],
    layer: int,
    direction: Float[Tensor, " width"],
    coefficient: float | int,
    *,
    positions: Sequence[int] | None = None,
    batch_size: int | None = None,
) -> Float[Tensor, "batch pos d_vocab"]:
    """Return the logits when a direction is added after a layer.

    Args:
        model: any bridge.
        tokens: token ids.
        layer: after which layer.
        direction: what is added; it is not normalised.
        coefficient: times this number.
        positions: where; everywhere when None.
        batch_size: rows in one forward pass; all at once when None.

    Returns:
        Logits.

    Raises:
        ValueError: no such layer, or a direction of another width.
    """
    edits = steering_edits(model, layer, direction, coefficient, positions=positions)
    return edit(model, tokens, edits, batch_size=batch_size)


def steering_edits(
    model: TransformerBridge,
    layer: int,
    direction: Float[Tensor, " width"],
    coefficient: float | int,
    *,
    positions: Sequence[int] | None = None,
) -> dict[str, Edit]:
    """Return the edit that `steer` makes, to be used with `edit` or `record`.

    Raises:
        ValueError: no such layer, or a direction of another width.
    """
    (name,) = hook_names(model, "resid_post", [layer])
    if direction.shape != (model.cfg.d_model,):
        raise ValueError(
            f"expected a direction of width {model.cfg.d_model}, got {tuple(direction.shape)}"
        )
    at = slice(None) if positions is None else list(positions)
    return {name: partial(_pushed, push=coefficient * direction, at=at)}


def _pushed(
    resid: Float[Tensor, "batch pos d_model"],
    push: Float[Tensor, " d_model"],
    at: slice | list[int],
) -> Float[Tensor, "batch pos d_model"]:
    resid = resid.clone()
    resid[:, at] += push.to(resid.device, resid.dtype)
    return resid


@torch.no_grad()
def choice_log_odds(
    model: TransformerBridge,
    choices: Sequence[Choice],
    edits: Mapping[str, Edit] | None = None,
    *,
    places: Sequence[Sequence[int]] | None = None,
    batch_size: int = 64,
) -> Float[Tensor, " prompt"]:
    """Return logit(yes) - logit(no), in nats, after each prompt.

    Args:
        model: any bridge.
        choices: prompts of any length with two next tokens.
        edits: what to change meanwhile, activations [batch pos d_in].
        places: for each choice the positions that are changed; all when None.
        batch_size: prompts in one forward pass.

    Returns:
        One number for each choice, in their order.

    Raises:
        ValueError: no choice was given, a prompt is empty, or places for other choices.
    """
    if not choices or not all(choice.row for choice in choices):
        raise ValueError("expected choices with a prompt of at least one token, got none")
    if places is not None and len(places) != len(choices):
        raise ValueError(f"expected places for {len(choices)} choices, got {len(places)}")
    device, last = device_of(model), final_point(model)
    found = torch.zeros(len(choices), device=device)
    order = sorted(range(len(choices)), key=lambda i: len(choices[i].row))
    for first in range(0, len(order), batch_size):
        numbers = order[first : first + batch_size]
        some = [choices[i] for i in numbers]
        longest = len(some[-1].row)
        padded = [[*c.row, *[0] * (longest - len(c.row))] for c in some]
        tokens = torch.tensor(padded, device=device)
        ends = torch.tensor([len(c.row) - 1 for c in some], device=device)
        rows = torch.arange(len(some), device=device)
        here = dict(edits or {})
        if places is not None:
            mask = _mask([places[i] for i in numbers], tokens)
            here = {name: where(mask, change) for name, change in here.items()}
        resid = record(model, tokens, last, edits=here)[last][rows, ends]
        logits = unembed(model, resid).float()
        pairs = torch.tensor([(c.yes, c.no) for c in some], device=device)
        yes, no = logits.gather(1, pairs).unbind(1)
        found[numbers] = yes - no
    return found


def _mask(places: Sequence[Sequence[int]], tokens: Tensor) -> Bool[Tensor, "batch pos"]:
    mask = torch.zeros_like(tokens, dtype=torch.bool)
    for row, positions in zip(mask, places, strict=True):
        row[list(positions)] = True
    return mask


def choice_effects(
    model: TransformerBridge,
    choices: Sequence[Choice],
    changes: Mapping[str, Mapping[str, Edit]],
    *,
    places: Sequence[Sequence[int]] | None = None,
    yes: str = "yes",
    no: str = "no",
) -> ChoiceEffects:
    """Return how the model chooses under several changes.

    Args:
        model: any bridge.
        choices: prompts with two next tokens.
        changes: name of a change -> its edits; `{}` changes nothing.
        places: for each choice the positions that are changed; all when None.
        yes: what the first token means.
        no: what the second one means.

    Returns:
        Log odds in nats.
    """
    rows = [choice_log_odds(model, choices, edits, places=places) for edits in changes.values()]
    return ChoiceEffects(torch.stack(rows).cpu(), tuple(changes), yes, no)


def steering_effects(
    model: TransformerBridge,
    choices: Sequence[Choice],
    layer: int,
    direction: Float[Tensor, " width"],
    coefficients: Sequence[float | int],
    *,
    places: Sequence[Sequence[int]] | None = None,
    n_random: int = 5,
    seed: int = 0,
    yes: str = "yes",
    no: str = "no",
) -> SteeringEffects:
    """Return how the choice follows a direction that is added.

    Args:
        model: any bridge.
        choices: prompts with two next tokens.
        layer: after which layer.
        direction: what is added.
        coefficients: times these numbers.
        places: for each choice the positions where it is added; all when None.
        n_random: random directions of the same length, for comparison.
        seed: of those.
        yes: what the first token means.
        no: what the second one means.

    Returns:
        Mean log odds in nats, by coefficient.
    """
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(n_random, len(direction), generator=generator).to(direction)
    noise *= direction.norm() / noise.norm(dim=1, keepdim=True)

    def mean(towards: Tensor, coefficient: float | int) -> Tensor:
        edits = steering_edits(model, layer, towards, coefficient)
        return choice_log_odds(model, choices, edits, places=places).mean()

    means = [[mean(towards, c) for c in coefficients] for towards in (direction, *noise)]
    table = torch.tensor(means)
    return SteeringEffects(table[0], table[1:], tuple(map(float, coefficients)), layer, yes, no)
