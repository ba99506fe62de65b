"""Exercise 02.1: read the stream of a model at every point with its own last two steps.

The model is a small random one whose LayerNorm gain and biases are far from 1 and 0, so that a step
left out shows.
"""

from collections.abc import Callable
from typing import Any

import torch
from einops import reduce
from jaxtyping import Float, Int
from torch import Tensor

from mi_course.exercises.core import Case, Exercise, ModelRef, Wrong

Tokens = Int[Tensor, "batch pos"]
Readings = Float[Tensor, "point batch pos d_vocab"]


def logit_lens(model: Any, tokens: Tokens) -> Readings:
    """Return the logits that the final LayerNorm and unembedding read at every point."""
    after = [f"blocks.{layer}.hook_resid_post" for layer in range(model.cfg.n_layers)]
    _, cache = model.run_with_cache(tokens)
    resid = [cache[name] for name in ["blocks.0.hook_resid_pre", *after]]
    return torch.stack([model.unembed(model.ln_final(x)) for x in resid])


def _by_the_weights(model: Any, tokens: Tokens) -> Readings:
    """The same with LayerNorm written out, from the points before each layer and the last one."""
    n_layers = model.cfg.n_layers
    names = [f"blocks.{layer}.hook_resid_pre" for layer in range(n_layers)]
    _, cache = model.run_with_cache(tokens)
    points = [*(cache[name] for name in names), cache[f"blocks.{n_layers - 1}.hook_resid_post"]]
    x = torch.stack(points)
    centred = x - reduce(x, "point batch pos d_model -> point batch pos 1", "mean")
    variance = reduce(centred**2, "point batch pos d_model -> point batch pos 1", "mean")
    normed = centred / (variance + model.cfg.eps).sqrt()
    normed = normed * model.ln_final.weight + model.ln_final.bias
    return normed @ model.W_U + model.b_U


def _points(model: Any, tokens: Tokens) -> Float[Tensor, "point batch pos d_model"]:
    after = [f"blocks.{layer}.hook_resid_post" for layer in range(model.cfg.n_layers)]
    _, cache = model.run_with_cache(tokens)
    return torch.stack([cache[name] for name in ["blocks.0.hook_resid_pre", *after]])


def _reading(read: Callable[[Any, Tensor], Tensor]) -> Callable[..., Tensor]:
    """An answer that reads every point with `read(model, x)`."""

    def answer(model: Any, tokens: Tokens) -> Tensor:
        return torch.stack([read(model, x) for x in _points(model, tokens)])

    return answer


def _what_was_written(model: Any, tokens: Tokens) -> Readings:
    x = _points(model, tokens)
    written = torch.cat([x[:1], x[1:] - x[:-1]])
    return torch.stack([model.unembed(model.ln_final(each)) for each in written])


_no_norm = _reading(lambda model, x: model.unembed(x))
_two_norms = _reading(lambda model, x: model.unembed(model.ln_final(model.ln_final(x))))
_probabilities = _reading(lambda model, x: model.unembed(model.ln_final(x)).softmax(dim=-1))
_no_gain = _reading(
    lambda model, x: model.unembed((x - x.mean(-1, True)) / x.var(-1, False, keepdim=True).sqrt())
)


def _lens_cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def texts(batch: int, n_pos: int) -> Tokens:
        return torch.randint(50, (batch, n_pos), generator=generator)

    return [
        Case("two layers", (ModelRef("tiny-2"), texts(3, 7))),
        Case("three layers", (ModelRef("tiny-3"), texts(2, 5))),
        Case("one layer: its last point is the model itself", (ModelRef("tiny-1"), texts(1, 6)),
             "property"),
    ]  # fmt: skip


LOGIT_LENS = Exercise(
    id="02.1",
    function="logit_lens",
    title="Read every layer as if it were the last",
    points=2,
    stars=1,
    minutes=15,
    reference=logit_lens,
    cases=_lens_cases,
    alternatives=(_by_the_weights,),
    wrong=(
        Wrong(
            "no LayerNorm",
            _no_norm,
            "the final LayerNorm is missing",
            "the final LayerNorm is missing: the unembedding reads `model.ln_final(x)`",
        ),
        Wrong(
            "LayerNorm twice",
            _two_norms,
            "applied twice",
            "the final LayerNorm is applied twice: its gain and bias count once",
        ),
        Wrong(
            "LayerNorm without gain and bias",
            _no_gain,
            "gain and bias",
            "this normalises but leaves out gain and bias: call `model.ln_final` itself",
        ),
        Wrong(
            "what each layer wrote",
            _what_was_written,
            "what each layer wrote",
            "this reads what each layer wrote: read the whole stream after it, hook_resid_post",
        ),
        Wrong(
            "probabilities",
            _probabilities,
            "these are probabilities",
            "these are probabilities: return the logits, before any softmax",
        ),
        Wrong(
            "without the embedding",
            lambda model, tokens: logit_lens(model, tokens)[1:],
            "one too few along `point`",
        ),
        Wrong(
            "last layer first",
            lambda model, tokens: logit_lens(model, tokens).flip(0),
            "runs backwards",
        ),
    ),
    hints=(
        "Record the stream at the embedding and after each layer. Give each point to the model's "
        "own last two steps: LayerNorm, then unembedding.",
        "`model.run_with_cache(tokens)` returns `(logits, cache)`; the two steps are "
        "`model.ln_final` and `model.unembed`.",
        "Points: `blocks.0.hook_resid_pre`, then `blocks.{layer}.hook_resid_post`; `torch.stack` "
        "of the readings has axes `point batch pos d_vocab`.",
    ),
    groups={"random": 1, "property": 1},
    axes="point batch pos d_vocab",
    # Logits of the small models are of size 10; LayerNorm written out rounds elsewhere.
    rtol=1e-3,
    atol=1e-3,
)
