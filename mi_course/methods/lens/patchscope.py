"""Patchscopes: put an activation of one prompt into another, and let the model speak.

    target run:  activation(target layer, target position) <- f(activation(source layer, position))

The target prompt decides which question the activation is asked. With f the identity and the last
point as target it is the logit lens; with f an affine translator it is the tuned lens; with an
earlier target layer the model's own later layers do the reading.
Source: [Ghandeharioun24], section 3. In go two prompts, two places and a mapping, out come logits.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.activations import edit, record
from mi_course.methods.lens.reading import known_tokens

__all__ = ["patchscope", "point_name"]

Mapping = Callable[[Float[Tensor, "batch d_model"]], Float[Tensor, "batch d_model"]]


def point_name(model: TransformerBridge, layer: int) -> str:
    """Return the hook name of the stream after a layer; layer -1 is the embedding.

    Raises:
        ValueError: no such layer.
    """
    if not -1 <= layer < model.cfg.n_layers:
        raise ValueError(
            f"expected a layer from 0 to {model.cfg.n_layers - 1}, or -1 for the embedding, "
            f"got {layer}"
        )
    return "blocks.0.hook_resid_pre" if layer < 0 else f"blocks.{layer}.hook_resid_post"


@torch.no_grad()
def patchscope(
    model: TransformerBridge,
    source: Int[Tensor, "batch source_pos"],
    target: Int[Tensor, "target target_pos"],
    *,
    source_layer: int,
    source_pos: int,
    target_layer: int,
    target_pos: int,
    mapping: Mapping | None = None,
    target_model: TransformerBridge | None = None,
) -> Float[Tensor, "batch target_pos d_vocab"]:
    """Return the logits of the target prompts with one activation taken from the source prompts.

    Args:
        model: runs the source prompts.
        source: prompts to read from.
        target: prompts that ask; one for each source, or one row for all.
        source_layer: the stream after this layer is read; -1 is the embedding.
        source_pos: where it is read.
        target_layer: the stream after this layer is replaced; -1 is the embedding.
        target_pos: where it is replaced.
        mapping: what is done to the activation in between; None leaves it.
        target_model: runs the target prompts; the same model when None.

    Returns:
        Logits of the target runs.

    Raises:
        ValueError: no such layer or position, prompts of different number, an empty prompt, or
            activations of another width than the target model's.
    """
    known_tokens(model, "source", source)
    known_tokens(target_model or model, "target", target)
    if len(target) == 1:
        target = target.expand(len(source), -1)
    if len(source) != len(target):
        raise ValueError(f"expected a target for each source ({len(source)}), got {len(target)}")
    for name, tokens, pos in (("source", source, source_pos), ("target", target, target_pos)):
        if not -tokens.shape[1] <= pos < tokens.shape[1]:
            raise ValueError(f"expected a {name} position below {tokens.shape[1]}, got {pos}")
    asked = target_model or model
    replaced, name = point_name(asked, target_layer), point_name(model, source_layer)
    taken = record(model, source, name)[name][:, source_pos]
    taken = taken if mapping is None else mapping(taken)
    if taken.shape != (len(source), asked.cfg.d_model):
        raise ValueError(
            f"expected activations {(len(source), asked.cfg.d_model)} for the target, "
            f"got {tuple(taken.shape)}, try a mapping to the target's width"
        )

    def put(resid: Float[Tensor, "batch pos d_model"]) -> Float[Tensor, "batch pos d_model"]:
        resid = resid.clone()
        resid[:, target_pos] = taken.to(resid.device, resid.dtype)
        return resid

    return edit(asked, target, {replaced: put})
