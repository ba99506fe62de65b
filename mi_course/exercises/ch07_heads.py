"""Exercise 07.4: every head in turn, the clean run with the head's corrupted output."""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from mi_course.exercises.ch07_runs import (
    Ids,
    Tokens,
    answers,
    cached,
    edited,
    mean_difference,
    prompts,
    z_names,
)
from mi_course.exercises.core import Case, Exercise, ModelRef, Wrong

Z = Float[Tensor, "batch pos head_index d_head"]
Grid = Float[Tensor, "layer head_index"]


def patch_heads(model: Any, clean: Tokens, corrupted: Tokens, right: Ids, wrong: Ids) -> Grid:
    """Return the clean run's mean logit difference with each head's z from the corrupted run."""
    _, cache = model.run_with_cache(corrupted)
    rows = torch.arange(len(clean))
    found = torch.zeros(model.cfg.n_layers, model.cfg.n_heads)
    for layer in range(model.cfg.n_layers):
        for head in range(model.cfg.n_heads):

            def put(z: Z, hook: Any, head: int = head, layer: int = layer) -> Z:
                z[:, :, head] = cache[f"blocks.{layer}.attn.hook_z"][:, :, head]
                return z

            hooks = [(f"blocks.{layer}.attn.hook_z", put)]
            logits = model.run_with_hooks(clean, fwd_hooks=hooks)[:, -1]
            found[layer, head] = (logits[rows, right] - logits[rows, wrong]).mean()
    return found


def _all_heads_at_once(
    model: Any, clean: Tokens, corrupted: Tokens, right: Ids, wrong: Ids
) -> Grid:
    """The same with the heads of a layer side by side in the batch."""
    n_heads, source = model.cfg.n_heads, cached(model, corrupted)
    rows = clean.repeat(n_heads, 1)
    which = torch.eye(n_heads, dtype=torch.bool).repeat_interleave(len(clean), dim=0)
    found = []
    for name in z_names(model):
        new = source[name].repeat(n_heads, 1, 1, 1)

        def put(z: Z, new: Z = new) -> Z:
            return torch.where(which[:, None, :, None], new, z)

        logits = edited(model, rows, {name: put})[:, -1]
        each = logits.split(len(clean))
        found.append(torch.stack([mean_difference(some, right, wrong) for some in each]))
    return torch.stack(found)


Changed = Callable[[Z, Z, int], Z]


def _variant(change: Changed, kind: str = "hook_z", at: int = -1) -> Callable[..., Grid]:
    """An answer that changes a layer's activation by `change(old, the corrupted one, head)`."""

    def answer(model: Any, clean: Tokens, corrupted: Tokens, right: Ids, wrong: Ids) -> Grid:
        source, found = cached(model, corrupted), []
        for layer in range(model.cfg.n_layers):
            name = f"blocks.{layer}.attn.{kind}"
            for head in range(model.cfg.n_heads):

                def put(old: Z, name: str = name, head: int = head) -> Z:
                    return change(old, source[name], head)

                logits = edited(model, clean, {name: put})[:, at]
                found.append(mean_difference(logits, right, wrong))
        return torch.stack(found).reshape(model.cfg.n_layers, model.cfg.n_heads)

    return answer


def _filled(z: Z, place: Any, value: Tensor | float) -> Z:
    z[place] = value
    return z


def _head(head: int) -> tuple:
    return slice(None), slice(None), head


_values = _variant(lambda z, s, head: _filled(z, _head(head), s[_head(head)]), "hook_v")
_at_the_end = _variant(lambda z, s, head: _filled(z, (slice(None), -1, head), s[:, -1, head]))
_whole_layer = _variant(lambda z, s, head: s)
_silent = _variant(lambda z, s, head: _filled(z, _head(head), 0.0))
_averaged = _variant(lambda z, s, head: _filled(z, _head(head), s[_head(head)].mean(dim=(0, 1))))


def _denoising(model: Any, clean: Tokens, corrupted: Tokens, right: Ids, wrong: Ids) -> Grid:
    return patch_heads(model, corrupted, clean, right, wrong)


def _piling_up(model: Any, clean: Tokens, corrupted: Tokens, right: Ids, wrong: Ids) -> Grid:
    """Hooks that are never removed: each head is patched beside all before it."""
    source, found, changed = cached(model, corrupted), [], {}
    for name in z_names(model):
        for head in range(model.cfg.n_heads):

            def put(z: Z, name: str = name, last: int = head) -> Z:
                z[:, :, : last + 1] = source[name][:, :, : last + 1]
                return z

            changed[name] = put
            logits = edited(model, clean, changed)[:, -1]
            found.append(mean_difference(logits, right, wrong))
    return torch.stack(found).reshape(model.cfg.n_layers, model.cfg.n_heads)


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(name: str, batch: int, n_pos: int) -> tuple:
        return ModelRef(name), *prompts(generator, batch, n_pos), *answers(generator, batch)

    return [
        Case("two layers", drawn("tiny-2", 4, 6)),
        Case("two layers with MLPs", drawn("tiny-2-mlp", 3, 4)),
        Case("a single prompt", drawn("tiny-2", 1, 7), "truth"),
    ]


PATCH_HEADS = Exercise(
    id="07.4",
    function="patch_heads",
    title="Every head in turn",
    points=3,
    stars=2,
    minutes=20,
    reference=patch_heads,
    cases=_cases,
    alternatives=(_all_heads_at_once,),
    wrong=(
        Wrong(
            "the corrupted run patched",
            _denoising,
            "the corrupted run is patched",
            "here the corrupted run is patched with clean heads: run `clean` and take z from "
            "`corrupted`",
        ),
        Wrong(
            "all heads of the layer",
            _whole_layer,
            "all heads of a layer",
            "all heads of a layer are replaced at once: change only `z[:, :, head]`",
        ),
        Wrong(
            "hooks pile up",
            _piling_up,
            "pile up",
            "the patches pile up: each run must patch one head and no other",
        ),
        Wrong(
            "values in place of outputs",
            _values,
            "hook_v",
            "this patches `hook_v`, what can be read: a head's output is `hook_z`",
        ),
        Wrong(
            "only the last position",
            _at_the_end,
            "only the last position",
            "the head is patched at only the last position: take all of them",
        ),
        Wrong(
            "silenced",
            _silent,
            "set to zero",
            "the heads are set to zero: put in what they output on the corrupted prompts",
        ),
        Wrong(
            "averaged",
            _averaged,
            "their mean",
            "the heads get their mean over prompts and positions: keep both axes",
        ),
    ),
    hints=(
        "Run the corrupted prompts once. Then, for each head, run the clean prompts with that "
        "head's output replaced, and average the logit difference at the last position.",
        "`model.run_with_hooks(clean, fwd_hooks=[(name, put)])` removes its hook by itself. A "
        "function in a loop sees the last value of its variables: `def put(z, hook, head=head)`.",
        "z has axes `batch pos head_index d_head`; the result has `layer head_index`.",
    ),
    groups={"random": 2, "truth": 1},
    axes="layer head_index",
    rtol=1e-3,
    atol=1e-3,
)
