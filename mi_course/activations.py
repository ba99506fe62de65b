"""Record and edit activations: the only module that hooks a model.

A hook point is a named place in the forward pass, such as `blocks.0.attn.hook_pattern`. Recording
copies what flows through it; editing replaces it and lets the rest of the network react. In go a
bridge, tokens `[batch pos]` and hook names; out come activations, or the logits after the edit.
"""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from fnmatch import filter as matching
from functools import partial
from typing import Any

import torch
from einops import reduce
from jaxtyping import Float, Int, Shaped
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.results.heads import known_heads

__all__ = ["Head", "ablate_heads", "device_of", "edit", "gradients", "head_replacements", "record"]

Head = tuple[int, int]
Edit = Callable[[Tensor], Tensor]


class _AllRecorded(Exception):  # noqa: N818 - it ends a forward pass, it is no error
    """Raised inside the forward pass once nothing that was asked for is still to come."""


def device_of(model: TransformerBridge) -> torch.device:
    """Return the device that holds the model's parameters."""
    return next(model.parameters()).device


@torch.no_grad()
def record(
    model: TransformerBridge,
    tokens: Int[Tensor, "batch pos"],
    names: str | Iterable[str],
    *,
    edits: Mapping[str, Edit] | None = None,
    batch_size: int | None = None,
) -> dict[str, Shaped[Tensor, "batch ..."]]:
    """Return the activations at the named hook points, on the model's device.

    The forward pass ends as soon as the last of them was seen: asking for attention patterns
    never pays for the unembedding.

    Args:
        model: any bridge.
        tokens: token ids.
        names: hook names; `*` and `?` match as in file names (`"blocks.*.attn.hook_pattern"`).
        edits: what to change meanwhile, as in `edit`.
        batch_size: rows in one forward pass; all at once when None.

    Returns:
        One tensor for each name, in the order of the names.

    Raises:
        ValueError: a name that the model does not have, or that its forward pass never reaches;
            or `hook_attn_scores`, which does not mean the same on every bridge.
    """
    wanted = _known(model, [names] if isinstance(names, str) else names)
    chunks = [
        _record_batch(model, rows, wanted, edits or {})
        for rows in _batches(model, tokens, batch_size)
    ]
    return {name: _joined([chunk[name] for chunk in chunks]) for name in wanted}


@torch.no_grad()
def edit(
    model: TransformerBridge,
    tokens: Int[Tensor, "batch pos"],
    edits: Mapping[str, Edit],
    *,
    batch_size: int | None = None,
) -> Float[Tensor, "batch pos d_vocab"]:
    """Return the logits of a forward pass in which some activations are replaced.

    Args:
        model: any bridge.
        tokens: token ids.
        edits: for each hook name a function from the activation to its replacement, of the same
            shape. With a `batch_size` it sees one batch of rows at a time.
        batch_size: rows in one forward pass; all at once when None.

    Returns:
        Logits.

    Raises:
        ValueError: an unknown hook name, one that the forward pass never reaches, or one whose
            change not every later part would see.
    """
    reached: set[str] = set()
    hooks = _hooks(model, edits, reached)
    with model.hooks(fwd_hooks=hooks):
        logits = _joined([model(rows) for rows in _batches(model, tokens, batch_size)])
    _check_reached(edits, reached)
    return logits


def gradients(
    model: TransformerBridge,
    tokens: Int[Tensor, "batch pos"],
    names: str | Iterable[str],
    of: str,
    score: Callable[[Tensor], Tensor],
) -> dict[str, Float[Tensor, "batch ..."]]:
    """Return how a score of one activation changes with the activations before it.

    The forward pass ends at the activation that is scored; no parameter gets a gradient.

    Args:
        model: any bridge.
        tokens: token ids.
        names: hook names whose activations are moved; wildcards as in `record`.
        of: the hook name whose activation is scored.
        score: from that activation to a single number.

    Returns:
        d score / d activation for each name; zeros where the score does not depend on it.

    Raises:
        ValueError: an unknown hook name, or one that the forward pass reaches only later.
    """
    wanted = _known(model, [names] if isinstance(names, str) else names)
    seen: dict[str, Tensor] = {}

    def follow(name: str, activation: Tensor, hook: Any) -> Tensor:
        seen[name] = activation if activation.requires_grad else activation.requires_grad_()
        if name == of:
            raise _AllRecorded
        return seen[name]

    points = dict.fromkeys([*wanted, *_known(model, [of])])
    hooks = [(name, partial(follow, name)) for name in points]
    with torch.enable_grad(), model.hooks(fwd_hooks=hooks):
        with suppress(_AllRecorded):
            model(tokens.to(device_of(model)))
        missing = [name for name in points if name not in seen]
        if missing:
            raise ValueError(f"expected hooks that come before {of}, got {missing}")
        moved = [seen[name] for name in wanted]
        found = torch.autograd.grad(score(seen[of]), moved, materialize_grads=True)
    return dict(zip(wanted, found, strict=True))


def ablate_heads(
    model: TransformerBridge,
    tokens: Int[Tensor, "batch pos"],
    heads: Sequence[Head],
    mode: str = "zero",
    *,
    batch_size: int | None = None,
) -> Float[Tensor, "batch pos d_vocab"]:
    """Return the logits with some heads' outputs z replaced by zero, or by their mean.

    Args:
        model: any bridge.
        tokens: token ids.
        heads: the heads to silence, as `(layer, head_index)`.
        mode: "zero"; or "mean", the average of z over all rows and positions of `tokens`.
        batch_size: rows in one forward pass; all at once when None.

    Returns:
        Logits.

    Raises:
        ValueError: as `head_replacements`.
    """
    edits = head_replacements(model, tokens, heads, mode, batch_size=batch_size)
    return edit(model, tokens, edits, batch_size=batch_size)


def head_replacements(
    model: TransformerBridge,
    tokens: Int[Tensor, "batch pos"],
    heads: Sequence[Head],
    mode: str = "zero",
    *,
    batch_size: int | None = None,
) -> dict[str, Edit]:
    """Return the edits that `ablate_heads` makes, to be used with `edit` or `record`.

    Args:
        model: any bridge.
        tokens: token ids whose mean is taken when mode is "mean"; unused otherwise.
        heads: the heads to silence, as `(layer, head_index)`.
        mode: "zero" or "mean".
        batch_size: rows in one forward pass; all at once when None.

    Returns:
        For each layer concerned, an edit of its `hook_z`.

    Raises:
        ValueError: a head that the model does not have, or an unknown mode.
    """
    if mode not in {"zero", "mean"}:
        raise ValueError(f'expected mode "zero" or "mean", got {mode!r}')
    layers = sorted({layer for layer, _ in known_heads(heads, model.cfg)})
    names = {f"blocks.{layer}.attn.hook_z": layer for layer in layers}
    z = record(model, tokens, names, batch_size=batch_size) if mode == "mean" and names else {}
    edits, axes = {}, "batch pos head_index d_head -> head_index d_head"
    for name, layer in names.items():
        chosen = [head for at, head in heads if at == layer]
        mean = reduce(z[name], axes, "mean") if z else None
        edits[name] = partial(_with_heads_replaced, chosen=chosen, by=mean)
    return edits


def _with_heads_replaced(
    z: Float[Tensor, "batch pos head_index d_head"],
    chosen: list[int],
    by: Float[Tensor, "head_index d_head"] | None,
) -> Float[Tensor, "batch pos head_index d_head"]:
    z = z.clone()
    z[:, :, chosen] = 0 if by is None else by[chosen]
    return z


def _record_batch(
    model: TransformerBridge, rows: Tensor, wanted: list[str], edits: Mapping[str, Edit]
) -> dict[str, Tensor]:
    seen: dict[str, Tensor] = {}

    def keep(name: str, activation: Tensor, hook: Any) -> None:
        # An in-place operation further on must not change what was recorded.
        seen[name] = activation.clone()
        if len(seen) == len(wanted):
            raise _AllRecorded

    hooks = [*_hooks(model, edits, set()), *((name, partial(keep, name)) for name in wanted)]
    with suppress(_AllRecorded), model.hooks(fwd_hooks=hooks):
        model(rows)
    _check_reached(wanted, seen)
    return seen


def _check_reached(names: Iterable[str], reached: Container[str]) -> None:
    if missing := [name for name in names if name not in reached]:
        raise ValueError(f"expected hooks that this model's forward pass reaches, got {missing}")


def _joined(parts: list[Tensor]) -> Tensor:
    # Logits are large: a single batch is not copied.
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _hooks(
    model: TransformerBridge, edits: Mapping[str, Edit], reached: set[str]
) -> list[tuple[str, Callable]]:
    """Return hooks that make some edits, and add the name of each that is made to `reached`."""
    names = _known(model, edits)
    if mid := [name for name in names if name.endswith("hook_resid_mid")]:
        raise ValueError(
            f"expected activations that all later parts read, got {mid}, of which the MLP alone "
            "would see the change, try hook_attn_out"
        )
    if len(names) != len(edits):
        raise ValueError(
            f"expected full hook names, got {list(edits)}, try one entry for each name"
        )

    def change(name: str, activation: Tensor, hook: Any) -> Tensor:
        reached.add(name)
        return edits[name](activation)

    return [(name, partial(change, name)) for name in names]


def _known(model: TransformerBridge, names: Iterable[str]) -> list[str]:
    """Return the names with wildcards expanded, or say which name was probably meant."""
    existing = list(model.hook_dict)
    found = []
    for name in names:
        if name.endswith("hook_attn_scores"):
            # Some bridges hand over the pattern under this name, and none lets it be edited alike.
            raise ValueError(
                f"expected activations that mean the same on every bridge, got {name!r}, "
                "try hook_pattern, or hook_q and hook_k"
            )
        hits = [name] if name in model.hook_dict else matching(existing, name)
        if not hits:
            near = get_close_matches(name, existing, n=3, cutoff=0.5) or existing[:3]
            raise ValueError(f"expected a hook name of this model, got {name!r}, try {near}")
        found += hits
    return list(dict.fromkeys(found))


def _batches(
    model: TransformerBridge, tokens: Int[Tensor, "batch pos"], batch_size: int | None
) -> Sequence[Tensor]:
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"expected a batch_size of at least 1, got {batch_size}, try 16 or None")
    return tokens.to(device_of(model)).split(batch_size or max(len(tokens), 1))
