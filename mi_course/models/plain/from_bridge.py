"""Take the weights out of a bridge, and check once that they say the same.

Native models, GPT-2, GPT-NeoX and Llama hold their weights in different modules, but a bridge shows
them under the same names. What a bridge does not show (which components are rotated together, at
which angles) is read from the model below it. Nothing is taken on trust: the logits of random
tokens must agree. In goes a bridge; out comes a `PlainTransformer`.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.models.plain.transformer import PlainLayer, PlainTransformer

__all__ = ["plain"]

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu_new": lambda x: F.gelu(x, approximate="tanh"),
    "gelu_pytorch_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "relu": F.relu,
    "silu": F.silu,
    "swish": F.silu,
    "solu": lambda x: x * x.softmax(dim=-1),
}
TOLERANCE = 1e-4  # of the largest logit: single precision in another order of sums
HALF_TOLERANCE = 0.05  # the bridge's own logits are rounded to three digits, many times over
TRIAL_TOKENS = 12


@torch.no_grad()
def plain(model: TransformerBridge) -> PlainTransformer:
    """Return a bridge's weights with a forward in pieces, on the bridge's device.

    They are in single precision where the bridge is in half: what single edges and heads do are
    small differences of large numbers, of which half precision keeps three digits.

    Args:
        model: a native bridge, or one of GPT-2, GPT-NeoX or Llama.

    Raises:
        ValueError: a model that does something else, seen by its logits.
    """
    try:
        taken = _taken(model)
        half = taken.W_E.dtype.itemsize < 4
        if half:
            taken = taken.to(torch.float32)
        differs = _difference(model, taken)
    except (AttributeError, KeyError, RuntimeError, TypeError, IndexError) as error:
        raise ValueError(f"{_expected(model)}: {error}") from error
    if not differs <= (HALF_TOLERANCE if half else TOLERANCE):
        raise ValueError(f"{_expected(model)}: logits differ by {differs:.2g} of the largest")
    return taken


def _expected(model: TransformerBridge) -> str:
    cfg = getattr(model, "cfg", None)
    return (
        "expected a transformer of the native kind, GPT-2, GPT-NeoX or Llama, got "
        f"{getattr(cfg, 'architecture', type(model).__name__)!r}, try mi_course.models.load('town')"
    )


def _taken(model: TransformerBridge) -> PlainTransformer:
    cfg = model.cfg
    norm = _kind_of_norm(cfg.normalization_type, rms=cfg.uses_rms_norm)
    scaled = getattr(cfg, "use_attn_scale", True) and cfg.attn_scale > 0
    return PlainTransformer(
        layers=_layers(model),
        W_E=model.W_E.detach(),
        W_pos=model.W_pos.detach() if hasattr(model, "pos_embed") else None,
        W_U=model.W_U.detach(),
        b_U=model.b_U.detach(),
        ln_final=_affine(getattr(model, "ln_final", None)),
        act=ACTIVATIONS[cfg.act_fn],
        norm=norm,
        final_norm="RMS" if norm and cfg.final_rms else norm,
        eps=cfg.eps,
        scale=cfg.attn_scale if scaled else cfg.d_head**0.5,
        rotary=_rotary(model),
        adjacent=hasattr(model.original_model, "rotary"),
        causal=cfg.attention_dir == "causal",
        parallel=cfg.parallel_attn_mlp,
    )


def _kind_of_norm(name: str | None, *, rms: bool) -> str | None:
    if name is None:
        return None
    return "RMS" if rms or name.upper().startswith("RMS") else "LN"


def _affine(norm: Any) -> tuple[Tensor | None, Tensor | None]:
    found = (getattr(norm, "weight", None), getattr(norm, "bias", None))
    return tuple(value.detach() if isinstance(value, Tensor) else None for value in found)


def _rotary(model: TransformerBridge) -> tuple[Tensor, Tensor] | None:
    """Return cosines and sines of all positions in single precision at least.

    A half-precision model computes them in single and rounds them to what it reads.
    """
    native = getattr(model.original_model, "rotary", None)
    if native is not None:
        return native.cos_cached.detach(), native.sin_cached.detach()
    if not hasattr(model, "rotary_emb"):
        return None
    positions = torch.arange(model.cfg.n_ctx, device=model.W_E.device)[None]
    cos, sin = model.rotary_emb.original_component(model.W_E[:1, None].float(), positions)
    return cos[0].detach(), sin[0].detach()


def _layers(model: TransformerBridge) -> tuple[PlainLayer, ...]:
    names = ["W_Q", "W_K", "W_V", "W_O"]
    names += [] if model.cfg.attn_only else ["W_in", "W_out"]
    weights = {name: getattr(model, name).detach() for name in names}
    weights |= {name.replace("W", "b"): _bias(model, name, weights[name]) for name in names}
    if model.cfg.gated_mlp:
        weights["W_gate"] = model.W_gate.detach()
    for name in ("W_Q", "W_K", "W_V", "b_K", "b_V"):
        weights[name] = _of_every_head(weights[name], model.cfg.n_heads)
    return tuple(
        PlainLayer(
            ln1=_affine(getattr(block, "ln1", None)),
            ln2=_affine(getattr(block, "ln2", None)),
            **{name: value[i] for name, value in weights.items()},
        )
        for i, block in enumerate(model.blocks)
    )


def _bias(model: TransformerBridge, name: str, weight: Tensor) -> Tensor:
    """Return the bias beside a weight; zeros where the model has none."""
    try:
        return getattr(model, name.replace("W", "b")).detach()
    except AttributeError:
        written = weight[:, 0, 0] if name == "W_O" else weight[..., 0, :]
        return torch.zeros_like(written)


def _of_every_head(weight: Tensor, n_heads: int) -> Tensor:
    """Return a weight with heads that share keys and values told apart."""
    weight = weight.repeat_interleave(n_heads // weight.shape[1], dim=1)
    if weight.ndim < 4:
        return weight
    # In memory d_model comes first, so that all heads are one matrix product.
    weight = rearrange(weight, "layer head d_model d_head -> layer d_model head d_head")
    return rearrange(weight.contiguous(), "layer d_model head d_head -> layer head d_model d_head")


def _difference(model: TransformerBridge, taken: PlainTransformer) -> float:
    """Return the largest difference of logits of random tokens, as a fraction of the largest."""
    generator = torch.Generator().manual_seed(0)
    shape = (2, min(TRIAL_TOKENS, model.cfg.n_ctx))
    tokens = torch.randint(len(taken.W_E), shape, generator=generator).to(taken.W_E.device)
    theirs = model(tokens)
    return ((taken.forward(tokens) - theirs).abs().max() / theirs.abs().max().clamp_min(1)).item()
