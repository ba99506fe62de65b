"""Read an activation as if it were the last: final LayerNorm and unembedding, applied early.

    lens(x) = (LayerNorm(x)) W_U + b_U

A lens asks what the model would predict if it stopped here. A reading is exact at the last point by
definition, and elsewhere as good as the layers' habit of writing in the basis that W_U reads.
Source: [nostalgebraist20]. In go a bridge and activations, out come logits.
"""

from collections.abc import Callable
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.activations import record

__all__ = [
    "HOOKS",
    "answered_at",
    "final_point",
    "hooks_of",
    "known_tokens",
    "points_of",
    "stream",
    "unembed",
]

# What a lens may read: the hook's name in a block, and its name where blocks run in parallel.
HOOKS = {
    "resid_pre": ("hook_resid_pre",),
    "resid_mid": ("hook_resid_mid",),
    "resid_post": ("hook_resid_post",),
    "attn_out": ("hook_attn_out", "attn.hook_out"),
    "mlp_out": ("hook_mlp_out", "mlp.hook_out"),
}
LABELS = {
    "resid_pre": "before layer {}",
    "resid_mid": "inside layer {}",
    "resid_post": "after layer {}",
    "attn_out": "attention {}",
    "mlp_out": "MLP {}",
}


def unembed(
    model: TransformerBridge, resid: Float[Tensor, "... d_model"]
) -> Float[Tensor, "... d_vocab"]:
    """Return the logits that the model would give if its last layer had left `resid`.

    Of a model in half precision they come in single: rounded like its own, a logit of 80 would be
    off by up to a quarter, and differences of logits are what readings are for.

    Args:
        model: any bridge.
        resid: points of the residual stream, not normalised yet.

    Returns:
        Logits.

    Raises:
        ValueError: the last axis is not d_model.
    """
    if resid.shape[-1] != model.cfg.d_model:
        raise ValueError(
            f"expected activations of width {model.cfg.d_model}, got {tuple(resid.shape)}, "
            "try a hook of the residual stream"
        )
    dtype = next(model.parameters()).dtype
    normalised = model.ln_final(resid.reshape(1, -1, resid.shape[-1]).to(dtype))
    if dtype.itemsize < 4:
        logits = normalised.float() @ model.W_U.float() + model.b_U.float()
    else:
        logits = model.unembed(normalised)
    return logits.reshape(*resid.shape[:-1], -1)


def final_point(model: TransformerBridge) -> str:
    """Return the hook name of the last point of the stream."""
    return f"blocks.{model.cfg.n_layers - 1}.hook_resid_post"


def points_of(model: TransformerBridge, hook: str = "resid_post") -> dict[str, str]:
    """Return label -> hook name of every point of one kind, from the input up.

    Args:
        model: any bridge.
        hook: "resid_pre", "resid_mid", "resid_post" (with the embedding below), "attn_out" or
            "mlp_out".

    Raises:
        ValueError: an unknown kind, or one that this model does not have.
    """
    hook = hook.removeprefix("hook_")
    kinds = hooks_of(model)
    if hook not in kinds:
        raise ValueError(
            f"expected a hook among {', '.join(kinds)} of this model, got {hook!r}, "
            "try 'resid_post'"
        )
    found = {"embedding": "blocks.0.hook_resid_pre"} if hook == "resid_post" else {}
    layers = range(model.cfg.n_layers)
    return found | {LABELS[hook].format(i): f"blocks.{i}.{kinds[hook]}" for i in layers}


def hooks_of(model: TransformerBridge) -> dict[str, str]:
    """Return what a lens can read of this model, with the hook's name inside a block.

    Where attention and MLP run side by side there is no "resid_mid".
    """
    return {
        hook: name
        for hook, names in HOOKS.items()
        for name in reversed(names)
        if f"blocks.0.{name}" in model.hook_dict
    }


@torch.no_grad()
def stream(
    model: TransformerBridge,
    tokens: Int[Tensor, "batch pos"],
    hook: str = "resid_post",
    *,
    batch_size: int | None = None,
) -> tuple[tuple[str, ...], Float[Tensor, "point batch pos d_model"], Tensor]:
    """Return labels, the activations at every point of one kind, and those at the last point.

    Args:
        model: any bridge.
        tokens: token ids.
        hook: as in `points_of`.
        batch_size: rows in one forward pass; all at once when None.

    Returns:
        Labels; activations; the end of the stream `[batch pos d_model]`, from which the model
        itself predicts.

    Raises:
        ValueError: an empty text, an id outside the vocabulary, or an unknown hook.
    """
    known_tokens(model, "text", tokens)
    points = points_of(model, hook)
    names = [*points.values(), final_point(model)]
    seen = record(model, tokens, names, edits=_forget_patterns(model), batch_size=batch_size)
    read = torch.stack([seen[name] for name in points.values()])
    return tuple(points), read, seen[final_point(model)]


def _forget_patterns(model: TransformerBridge) -> dict[str, Callable[[Tensor], Tensor]]:
    """Edits that change nothing and free memory behind each layer.

    A bridge of a Hugging Face model keeps every layer's attention pattern after the run: 600 MB for
    GPT-2 at 1,024 positions.
    """

    def forget(resid: Tensor, attention: torch.nn.Module) -> Tensor:
        attention._pattern = None
        return resid

    layers = {i: block.attn for i, block in enumerate(model.blocks) if hasattr(block, "attn")}
    return {
        f"blocks.{i}.hook_resid_post": partial(forget, attention=attention)
        for i, attention in layers.items()
        if "_pattern" in vars(attention)
    }


def known_tokens(model: TransformerBridge, name: str, tokens: Int[Tensor, "..."]) -> None:
    """Raise ValueError unless there are token ids and the model knows all of them."""
    if tokens.numel() == 0:
        raise ValueError(f"expected at least one token, got an empty {name}, try one with a word")
    low, high = tokens.min().item(), tokens.max().item()
    if low < 0 or high >= model.cfg.d_vocab:
        raise ValueError(
            f"expected token ids of the {name} from 0 to {model.cfg.d_vocab - 1}, "
            f"got {low} to {high}"
        )


def answered_at(
    tokens: Int[Tensor, "batch pos"], positions: Int[Tensor, " answer"] | None
) -> tuple[Int[Tensor, " batch"], Int[Tensor, " batch"]]:
    """Return rows and columns of the positions at which prompts are answered.

    Raises:
        ValueError: not one position for each prompt, or one outside it.
    """
    n_prompts, n_pos = tokens.shape
    at = torch.full((n_prompts,), -1) if positions is None else positions.cpu()
    if len(at) != n_prompts or (n_pos and not ((-n_pos <= at) & (at < n_pos)).all()):
        raise ValueError(
            f"expected a position below {n_pos} for each of {n_prompts} prompts, got {at.tolist()}"
        )
    return torch.arange(n_prompts), at
