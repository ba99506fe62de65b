"""Exercise 07.3: one patch of the residual stream.

The corrupted run takes one activation of the clean run; what differs between right and wrong
answers is which run is the base, where the activation is from, and where it goes.
"""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from mi_course.exercises.ch07_runs import Tokens, cached, edited, prompts
from mi_course.exercises.core import Case, Exercise, ModelRef, Wrong

Resid = Float[Tensor, "batch pos d_model"]
Logits = Float[Tensor, "batch d_vocab"]


def patch_residual(model: Any, clean: Tokens, corrupted: Tokens, layer: int, pos: int) -> Logits:
    """Return the corrupted run's last logits with one clean stream vector put in before a layer."""
    name = f"blocks.{layer}.hook_resid_pre"
    _, cache = model.run_with_cache(clean, names_filter=name)

    def put(resid: Resid, hook: Any) -> Resid:
        resid[:, pos] = cache[name][:, pos]
        return resid

    return model.run_with_hooks(corrupted, fwd_hooks=[(name, put)])[:, -1]


def _by_choosing(model: Any, clean: Tokens, corrupted: Tokens, layer: int, pos: int) -> Logits:
    """The same with a hook that keeps the activation, and a choice by position."""
    name, kept = f"blocks.{layer}.hook_resid_pre", []

    def keep(resid: Resid, hook: Any) -> None:
        kept.append(resid.detach())

    def put(resid: Resid, hook: Any) -> Resid:
        here = torch.arange(resid.shape[1]) == pos % resid.shape[1]
        return torch.where(here[:, None], kept[0], resid)

    with model.hooks(fwd_hooks=[(name, keep)]):
        model(clean)
    with model.hooks(fwd_hooks=[(name, put)]):
        return model(corrupted)[:, -1]


Changed = Callable[[Resid, Resid, int], Resid]


def _variant(change: Changed, kind: str = "hook_resid_pre") -> Callable[..., Logits]:
    """An answer that changes the corrupted stream by `change(resid, the clean stream, pos)`."""

    def answer(model: Any, clean: Tokens, corrupted: Tokens, layer: int, pos: int) -> Logits:
        name = f"blocks.{layer}.{kind}"
        source = cached(model, clean)[name]
        return edited(model, corrupted, {name: lambda x: change(x, source, pos)})[:, -1]

    return answer


def _filled(resid: Resid, place: Any, value: Tensor) -> Resid:
    resid[:, place] = value
    return resid


_after = _variant(lambda x, s, pos: _filled(x, pos, s[:, pos]), "hook_resid_post")
_everywhere = _variant(lambda x, s, pos: s)
_added = _variant(lambda x, s, pos: _filled(x, pos, x[:, pos] + s[:, pos]))
_first_text = _variant(lambda x, s, pos: _filled(x, pos, s[0, pos]))
_untouched = _variant(lambda x, s, pos: x)


def _noising(model: Any, clean: Tokens, corrupted: Tokens, layer: int, pos: int) -> Logits:
    return patch_residual(model, corrupted, clean, layer, pos)


def _at_the_patch(model: Any, clean: Tokens, corrupted: Tokens, layer: int, pos: int) -> Logits:
    name = f"blocks.{layer}.hook_resid_pre"
    source = cached(model, clean)[name]
    put = {name: lambda x: _filled(x, pos, source[:, pos])}
    return edited(model, corrupted, put)[:, pos]


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)
    two, three = ModelRef("tiny-2-mlp"), ModelRef("tiny-3")
    same, _ = prompts(generator, 2, 6)
    clean, corrupted = prompts(generator, 3, 6)
    return [
        Case("an early position before the middle layer", (three, *prompts(generator, 3, 7), 1, 2)),
        Case("the embedding of a model with MLPs", (two, *prompts(generator, 2, 6), 0, 3)),
        Case("a position counted from the end", (three, *prompts(generator, 2, 5), 1, -2)),
        Case("equal runs: nothing changes", (two, same, same, 1, 4), "property"),
        Case("the first position is the same in both runs", (three, clean, corrupted, 0, 0),
             "property"),
        Case("the last position before the last layer",
             (two, *prompts(generator, 3, 5), 1, 4), "truth"),
    ]  # fmt: skip


PATCH_RESIDUAL = Exercise(
    id="07.3",
    function="patch_residual",
    title="One patch",
    points=3,
    stars=2,
    minutes=20,
    reference=patch_residual,
    cases=_cases,
    alternatives=(_by_choosing,),
    wrong=(
        Wrong(
            "the clean run patched",
            _noising,
            "the clean run is patched",
            "here the clean run is patched with a corrupted activation: run `corrupted` instead",
        ),
        Wrong(
            "every position",
            _everywhere,
            "every position is replaced",
            "every position is replaced: change only `resid[:, pos]`",
        ),
        Wrong(
            "after the layer",
            _after,
            "after the layer",
            "this patches the stream after the layer: `hook_resid_pre` is before it",
        ),
        Wrong(
            "added",
            _added,
            "is added",
            "the clean activation is added to what was there: put it in its place",
        ),
        Wrong(
            "the first text's for all",
            _first_text,
            "the first prompt",
            "all prompts get the activation of the first prompt: keep the axis `batch`",
        ),
        Wrong(
            "read at the patched position",
            _at_the_patch,
            "read at the patched position",
            "the logits are read at the patched position: the answer is at the last one",
        ),
        Wrong(
            "nothing is replaced",
            _untouched,
            "nothing was replaced",
            "these are the corrupted run's own logits, nothing was replaced: does the hook return "
            "resid?",
        ),
    ),
    hints=(
        "Run the clean prompts once and keep the stream before the layer. Run the corrupted "
        "prompts with a hook that overwrites one position with what you kept.",
        "`model.run_with_cache(clean, names_filter=name)`, then "
        "`model.run_with_hooks(corrupted, fwd_hooks=[(name, put)])`; `put(resid, hook)` returns "
        "resid.",
        "The stream has axes `batch pos d_model`; `[:, pos]` of it has `batch d_model`; the last "
        "logits are `[:, -1]` of `batch pos d_vocab`.",
    ),
    groups={"random": 1, "property": 1, "truth": 1},
    axes="batch d_vocab",
    # Logits of the small models are of size 10.
    rtol=1e-3,
    atol=1e-3,
)
