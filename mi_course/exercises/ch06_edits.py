"""Exercise 06.8: the logits of a model in which one head is silenced.

The model is a small random one whose biases are far from zero, so that an output of zero and the
mean output differ.
"""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mi_course.exercises.core import Case, Exercise, ModelRef, Wrong

Tokens = Int[Tensor, "batch pos"]
Logits = Float[Tensor, "batch pos d_vocab"]
Z = Float[Tensor, "batch pos head_index d_head"]


def ablate_head(model: Any, tokens: Tokens, layer: int, head: int) -> Logits:
    """Return the logits with a head's z replaced by its mean over batch and positions."""
    name = f"blocks.{layer}.attn.hook_z"
    _, cache = model.run_with_cache(tokens, names_filter=name)
    mean = cache[name][:, :, head].mean(dim=(0, 1))

    def replace(z: Z, hook: Any) -> Z:
        z[:, :, head] = mean
        return z

    return model.run_with_hooks(tokens, fwd_hooks=[(name, replace)])


def _in_one_pass(model: Any, tokens: Tokens, layer: int, head: int) -> Logits:
    def replace(z: Z, hook: Any) -> Z:
        chosen = torch.arange(z.shape[2]) == head
        return torch.where(chosen[None, None, :, None], z.mean(dim=(0, 1), keepdim=True), z)

    with model.hooks(fwd_hooks=[(f"blocks.{layer}.attn.hook_z", replace)]):
        return model(tokens)


def _with(change: Callable[[Z, int], Z]) -> Callable[..., Logits]:
    """An answer that replaces all of a layer's z by `change(z, head)`."""

    def answer(model: Any, tokens: Tokens, layer: int, head: int) -> Logits:
        def hook_z(z: Z, hook: Any) -> Z:
            return change(z.clone(), head)

        return model.run_with_hooks(tokens, fwd_hooks=[(f"blocks.{layer}.attn.hook_z", hook_z)])

    return answer


def _filled(z: Z, place: Any, value: Tensor | float) -> Z:
    z[place] = value
    return z


ALL = slice(None)
_zero = _with(lambda z, head: _filled(z, (ALL, ALL, head), 0.0))
_whole_layer = _with(lambda z, head: z.mean(dim=(0, 1)).expand_as(z))
_by_position = _with(lambda z, head: _filled(z, (ALL, ALL, head), z[:, :, head].mean(0)))
_other_axis = _with(lambda z, head: _filled(z, (ALL, head), z[:, head].mean(0)))
_of_all_heads = _with(lambda z, head: _filled(z, (ALL, ALL, head), z.mean(dim=(0, 1, 2))))
_one_number = _with(lambda z, head: _filled(z, (ALL, ALL, head), z[:, :, head].mean()))
_untouched = _with(lambda z, head: z)


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def texts(batch: int, n_pos: int) -> Tokens:
        return torch.randint(50, (batch, n_pos), generator=generator)

    two, one = ModelRef("tiny-2"), ModelRef("tiny-1")
    return [
        Case("one token: the mean is the output itself", (two, texts(1, 1), 0, 0), "property"),
        Case("first layer of two", (two, texts(3, 7), 0, 1)),
        Case("second layer of two", (two, texts(2, 11), 1, 3)),
        Case("a model of one layer", (one, texts(4, 5), 0, 0)),
        Case("the same text twice", (two, texts(1, 9).repeat(2, 1), 1, 2), "property"),
    ]


ABLATE_HEAD = Exercise(
    id="06.8",
    function="ablate_head",
    title="Silence a head",
    points=4,
    stars=3,
    minutes=20,
    reference=ablate_head,
    cases=_cases,
    alternatives=(_in_one_pass,),
    wrong=(
        Wrong(
            "nothing is changed",
            _untouched,
            "nothing was ablated",
            "these are the model's own logits, nothing was ablated: does the hook return z?",
        ),
        Wrong(
            "zero ablation",
            _zero,
            "this is zero ablation",
            "this is zero ablation: put the head's mean in, so that only its variation is lost",
        ),
        Wrong(
            "the whole layer",
            _whole_layer,
            "the whole layer",
            "the whole layer is silenced: change only `z[:, :, head]`",
        ),
        Wrong(
            "mean over texts only",
            _by_position,
            "over positions as well",
            "the mean is over the texts only: average over positions as well",
        ),
        Wrong(
            "a position in place of a head",
            _other_axis,
            "`head` stands on the axis",
            "this silences a position: `head` stands on the axis of positions, it is the third",
        ),
        Wrong(
            "mean of all heads",
            _of_all_heads,
            "the mean of all heads",
            "this puts in the mean of all heads: take the mean of this head alone",
        ),
        Wrong(
            "one number",
            _one_number,
            "one number for all of d_head",
            "this puts in one number for all of d_head: keep the axis d_head in the mean",
        ),
    ),
    hints=(
        "Run once to record the head's z and average it over texts and positions; run again with "
        "a hook that puts this mean in place of the head's z.",
        "`model.run_with_cache(tokens, names_filter=name)` for the first run and "
        "`model.run_with_hooks(tokens, fwd_hooks=[(name, function)])` for the second; the function "
        "gets `(z, hook)` and returns z.",
        "z has axes `batch pos head_index d_head`: `z[:, :, head]`, averaged over `dim=(0, 1)`.",
    ),
    groups={"random": 3, "property": 1},
    axes="batch pos d_vocab",
    # Logits of the small models are of size 10; two layers in another order differ by 1e-5.
    rtol=1e-3,
    atol=1e-3,
)
