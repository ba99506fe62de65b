"""Exercise 07.7: how much of the behaviour some heads keep when all others are silenced.

Answers are the tokens that the whole model likes most, wrong tokens those that it likes least, so
that the whole model's logit difference is far from zero.
"""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mi_course.exercises.ch07_runs import (
    Ids,
    Tokens,
    cached,
    edited,
    mean_difference,
    prompts,
    z_names,
)
from mi_course.exercises.core import Case, Exercise, ModelRef, Wrong
from mi_course.exercises.values import shared_model

Reference = Int[Tensor, "reference_batch pos"]
Keep = Bool[Tensor, "layer head_index"]
Z = Float[Tensor, "batch pos head_index d_head"]
Number = Float[Tensor, ""]


def faithfulness(
    model: Any, tokens: Tokens, reference: Reference, keep: Keep, answers: Ids, wrongs: Ids
) -> Number:
    """Return the share of the logit difference left when only some heads keep their outputs."""
    _, cache = model.run_with_cache(reference)
    edits, rows = [], torch.arange(len(tokens))
    for layer in range(model.cfg.n_layers):
        name = f"blocks.{layer}.attn.hook_z"
        mean, kept = cache[name].mean(dim=0), keep[layer][:, None]
        edits.append((name, lambda z, hook, mean=mean, kept=kept: torch.where(kept, z, mean)))
    runs = model.run_with_hooks(tokens, fwd_hooks=edits), model(tokens)
    circuit, whole = (
        (logits[rows, -1, answers] - logits[rows, -1, wrongs]).mean() for logits in runs
    )
    return circuit / whole


def _head_by_head(
    model: Any, tokens: Tokens, reference: Reference, keep: Keep, answers: Ids, wrongs: Ids
) -> Number:
    source, changes = cached(model, reference), {}
    for layer, name in enumerate(z_names(model)):
        gone = [head for head in range(model.cfg.n_heads) if not keep[layer, head]]

        def put(z: Z, gone: list[int] = gone, name: str = name) -> Z:
            z[:, :, gone] = source[name][:, :, gone].sum(dim=0) / len(reference)
            return z

        changes[name] = put
    logits = edited(model, tokens, changes)[:, -1]
    whole = mean_difference(model(tokens)[:, -1], answers, wrongs)
    return mean_difference(logits, answers, wrongs) / whole


def _variant(
    stand_in: Callable[[Z], Tensor], *, invert: bool = False, of: str = "reference"
) -> Callable[..., Number]:
    """An answer in which `stand_in(z of the reference)` stands for the heads that are gone."""

    def answer(
        model: Any, tokens: Tokens, reference: Reference, keep: Keep, answers: Ids, wrongs: Ids
    ) -> Number:
        source = cached(model, reference if of == "reference" else tokens)
        kept = ~keep if invert else keep

        def put(layer: int, name: str) -> Callable[[Z], Z]:
            new = stand_in(source[name])
            return lambda z: torch.where(kept[layer][:, None], z, new)

        changes = {name: put(layer, name) for layer, name in enumerate(z_names(model))}
        logits = edited(model, tokens, changes)[:, -1]
        whole = mean_difference(model(tokens)[:, -1], answers, wrongs)
        return mean_difference(logits, answers, wrongs) / whole

    return answer


_zero = _variant(lambda z: torch.zeros_like(z[0]))
_one_mean = _variant(lambda z: z.mean(dim=(0, 1)))
_inverted = _variant(lambda z: z.mean(dim=0), invert=True)
_own_mean = _variant(lambda z: z.mean(dim=0), of="tokens")
_first_prompt = _variant(lambda z: z[0])


def _not_divided(
    model: Any, tokens: Tokens, reference: Reference, keep: Keep, answers: Ids, wrongs: Ids
) -> Number:
    share = faithfulness(model, tokens, reference, keep, answers, wrongs)
    return share * mean_difference(model(tokens)[:, -1], answers, wrongs)


def _upside_down(
    model: Any, tokens: Tokens, reference: Reference, keep: Keep, answers: Ids, wrongs: Ids
) -> Number:
    return 1 / faithfulness(model, tokens, reference, keep, answers, wrongs)


def _lost(
    model: Any, tokens: Tokens, reference: Reference, keep: Keep, answers: Ids, wrongs: Ids
) -> Number:
    return 1 - faithfulness(model, tokens, reference, keep, answers, wrongs)


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(name: str, batch: int, n_pos: int, n_reference: int) -> tuple:
        model = shared_model(name)
        tokens, _ = prompts(generator, batch, n_pos)
        reference, _ = prompts(generator, n_reference, n_pos)
        shape = model.cfg.n_layers, model.cfg.n_heads
        keep = torch.rand(shape, generator=generator) < 0.5
        keep[0, 0], keep[-1, -1] = True, False
        with torch.no_grad():
            logits = model(tokens)[:, -1]
        asked = logits.argmax(dim=-1), logits.argmin(dim=-1)
        return ModelRef(name), tokens, reference, keep, *asked

    everything = list(drawn("tiny-2", 3, 5, 4))
    everything[3] = torch.ones_like(everything[3])
    nothing = list(drawn("tiny-3", 3, 6, 5))
    nothing[3] = torch.zeros_like(nothing[3])
    return [
        Case("half of the heads of two layers", drawn("tiny-2", 3, 5, 4)),
        Case("half of the heads beside MLPs", drawn("tiny-2-mlp", 4, 4, 3)),
        Case("all heads kept: nothing is lost", tuple(everything), "property"),
        Case("no head kept", tuple(nothing), "truth"),
    ]


FAITHFULNESS = Exercise(
    id="07.7",
    function="faithfulness",
    title="Is it enough?",
    points=4,
    stars=3,
    minutes=20,
    reference=faithfulness,
    cases=_cases,
    alternatives=(_head_by_head,),
    wrong=(
        Wrong(
            "zero in place of the mean",
            _zero,
            "set to zero",
            "the other heads are set to zero: put in their mean over the reference prompts",
        ),
        Wrong(
            "one mean for all positions",
            _one_mean,
            "one mean for all positions",
            "this is one mean for all positions: average over prompts only, `mean(dim=0)`",
        ),
        Wrong(
            "the wrong heads kept",
            _inverted,
            "the heads that should stay",
            "the heads that should stay are silenced and the others kept: `keep` is True where z "
            "stays",
        ),
        Wrong(
            "means of the prompts themselves",
            _own_mean,
            "the reference prompts",
            "the means are of the prompts themselves: take those of the reference prompts",
        ),
        Wrong(
            "one reference prompt",
            _first_prompt,
            "a single reference prompt",
            "the heads get what they output on a single reference prompt: average over all",
        ),
        Wrong(
            "not divided",
            _not_divided,
            "still in logits",
            "this is still in logits: divide by the whole model's mean logit difference",
        ),
        Wrong(
            "upside down",
            _upside_down,
            "upside down",
            "the fraction is upside down: circuit above, whole model below",
        ),
        Wrong(
            "what is lost",
            _lost,
            "what is lost",
            "this is what is lost: asked is what is left",
        ),
    ),
    hints=(
        "Run the reference prompts once and average each head's output over prompts. Run the "
        "prompts with these means in all heads that are not kept. Divide its mean logit difference "
        "by that of the model as it is.",
        "`torch.where(keep[layer][:, None], z, mean)` in a hook for each layer; bind the loop's "
        "variables as defaults, `lambda z, hook, mean=mean: ...`.",
        "z has axes `batch pos head_index d_head`, its mean over prompts `pos head_index d_head`, "
        "and `keep[layer][:, None]` has `head_index 1`.",
    ),
    groups={"random": 3, "truth": 1},
    rtol=1e-3,
    atol=1e-3,
)
