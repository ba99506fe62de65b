"""One patch, written plainly: run, replace one activation, read the logits.

This is what every sweep repeats for each of its places, with no trick. In go a bridge, a pair (or
several) and a place; out come logits at the prompts' ends.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.activations import edit, record
from mi_course.methods.patching.cells import HEAD_SITES, NEURON, STREAM_SITES, known_site, layers_of
from mi_course.methods.patching.hooked import hook_name, noisy
from mi_course.methods.patching.prompts import PatchPrompts, patch_prompts
from mi_course.results.patching import DIRECTIONS, PatchedPrompt
from mi_course.worlds.tasks import PromptPair, Task

__all__ = ["Place", "patched_logits", "patched_prompt"]


@dataclass(frozen=True)
class Place:
    """What is patched.

    Attributes:
        site: such as "resid_pre", "z" or "neuron".
        layer: which layer.
        unit: which head or neuron, for sites that have several.
        position: a position, the name of a place in each prompt, or None for all positions.
    """

    site: str
    layer: int
    unit: int | None = None
    position: int | str | None = None


@torch.no_grad()
def patched_logits(
    model: TransformerBridge,
    prompts: PatchPrompts | Task | Sequence[PromptPair],
    place: Place,
    *,
    direction: str = "denoising",
) -> Float[Tensor, "prompt d_vocab"]:
    """Return the logits at each prompt's end with one place patched.

    Args:
        model: any bridge.
        prompts: a task, pairs, or `PatchPrompts`.
        place: what is patched.
        direction: "denoising" runs the corrupted prompts with clean activations there; "noising"
            the clean prompts with corrupted ones.

    Raises:
        ValueError: a place that does not exist, or an unknown direction.
    """
    if direction not in DIRECTIONS:
        raise ValueError(f"expected a direction among {DIRECTIONS}, got {direction!r}")
    batch = patch_prompts(model, prompts)
    layers_of(model, [place.layer])
    site = (
        place.site
        if place.site == NEURON
        else known_site(model, place.site, STREAM_SITES + HEAD_SITES)
    )
    runs = [(batch.corrupted, batch.noise), (batch.clean, None)]
    base, source = runs if direction == "denoising" else runs[::-1]
    where = _where(batch, place)
    name = hook_name(model, site, place.layer)
    new = record(model, source[0], name, edits=noisy({}, source[1]))[name]
    if site == "resid_mid":
        # A bridge's hook there reaches the MLP only: the stream is changed where attention writes.
        old = record(model, base[0], name, edits=noisy({}, base[1]))[name]
        out = hook_name(model, "attn_out", place.layer)
        change = {out: lambda attn: attn + (new - old) * where[..., None]}
    else:
        change = {name: lambda old: _put(old, new, where, site, place.unit)}
    logits = edit(model, base[0], noisy(change, base[1]))
    return logits[torch.arange(len(batch), device=logits.device), batch.ends]


def patched_prompt(
    model: TransformerBridge,
    pair: PromptPair,
    place: Place,
    *,
    direction: str = "denoising",
    k: int = 5,
) -> PatchedPrompt:
    """Return one prompt with a place patched, and the k tokens that the model then finds likeliest.

    Args:
        model: any bridge with a tokenizer.
        pair: one pair.
        place: what is patched.
        direction: as in `patched_logits`.
        k: how many tokens.

    Raises:
        ValueError: as `patched_logits`.
    """
    batch = patch_prompts(model, [pair])
    probs = patched_logits(model, batch, place, direction=direction)[0].softmax(-1)
    tokens = batch.corrupted if direction == "denoising" else batch.clean
    noise = batch.noise if direction == "denoising" else None
    before = edit(model, tokens, noisy({}, noise))[0, batch.ends[0]].softmax(-1)
    best = probs.topk(k)
    unit = "" if place.unit is None else f" {place.unit}"
    return PatchedPrompt(
        tokens=tuple(model.tokenizer.decode([token]) for token in tokens[0].tolist()),
        patched=tuple(_where(batch, place)[0].nonzero().flatten().tolist()),
        what=f"{place.site}{unit} of layer {place.layer}",
        says=tuple(model.tokenizer.decode([token]) for token in best.indices.tolist()),
        probs=best.values.cpu(),
        before=before[best.indices].cpu(),
        answer=pair.answer,
        wrong=pair.wrong,
        direction=direction,
    )


def _where(prompts: PatchPrompts, place: Place) -> Tensor:
    n_pos = prompts.clean.shape[1]
    at = torch.arange(n_pos, device=prompts.ends.device)
    if place.position is None:
        return prompts.inside()
    if isinstance(place.position, str):
        if place.position not in prompts.places:
            raise ValueError(
                f"expected a place among {list(prompts.places)}, got {place.position!r}"
            )
        return at == prompts.places[place.position][:, None]
    if not 0 <= place.position < n_pos:
        raise ValueError(f"expected a position from 0 to {n_pos - 1}, got {place.position}")
    return (at == place.position).expand(len(prompts), -1)


def _put(old: Tensor, new: Tensor, where: Tensor, site: str, unit: int | None) -> Tensor:
    axis = 1 if site == "pattern" else old.ndim - 1 if site == NEURON else 2
    if site in STREAM_SITES:
        return torch.where(where[..., None], new, old)
    if unit is None or not 0 <= unit < old.shape[axis]:
        raise ValueError(f"expected a unit of {site} from 0 to {old.shape[axis] - 1}, got {unit}")
    put = old.clone()
    one, other = put.select(axis, unit), new.select(axis, unit)
    one.copy_(torch.where(where if one.ndim == 2 else where[..., None], other, one))
    return put
