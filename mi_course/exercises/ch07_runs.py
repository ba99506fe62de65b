"""What the patching exercises of chapter 07 share: random prompts for small random models."""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

Tokens = Int[Tensor, "batch pos"]
Ids = Int[Tensor, " batch"]
Activation = Float[Tensor, "batch pos *rest"]
Change = Callable[[Activation], Activation]

D_VOCAB = 50
ASKED = ("hook_z", "hook_v", "hook_mlp_out", "hook_resid_pre", "hook_resid_post")


def prompts(generator: torch.Generator, batch: int, n_pos: int) -> tuple[Tokens, Tokens]:
    """Return clean and corrupted tokens that differ at every position but the first."""
    clean = torch.randint(D_VOCAB, (batch, n_pos), generator=generator)
    steps = torch.randint(1, D_VOCAB, (batch, n_pos), generator=generator)
    steps[:, 0] = 0
    return clean, (clean + steps) % D_VOCAB


def answers(generator: torch.Generator, batch: int) -> tuple[Ids, Ids]:
    """Return an answer and a wrong token for each prompt."""
    right = torch.randint(D_VOCAB, (batch,), generator=generator)
    steps = torch.randint(1, D_VOCAB, (batch,), generator=generator)
    return right, (right + steps) % D_VOCAB


def mean_difference(
    logits: Float[Tensor, "batch d_vocab"], right: Ids, wrong: Ids
) -> Float[Tensor, ""]:
    """Return the mean of logit(right) - logit(wrong)."""
    rows = torch.arange(len(right))
    return (logits[rows, right] - logits[rows, wrong]).mean()


def edited(model: Any, tokens: Tokens, changes: dict[str, Change]) -> Float[Tensor, "batch pos d"]:
    """Return the logits of a run in which some activations are changed."""
    hooks = [(name, _as_hook(change)) for name, change in changes.items()]
    return model.run_with_hooks(tokens, fwd_hooks=hooks)


def z_names(model: Any) -> list[str]:
    """Return the hook names of all heads' outputs."""
    return [f"blocks.{layer}.attn.hook_z" for layer in range(model.cfg.n_layers)]


def cached(model: Any, tokens: Tokens) -> Any:
    """Return the activations of a run that the answers here ask for."""
    return model.run_with_cache(tokens, names_filter=lambda name: name.endswith(ASKED))[1]


def _as_hook(change: Change) -> Callable[..., Activation]:
    return lambda value, hook: change(value.clone())
