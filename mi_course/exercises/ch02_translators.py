"""Exercise 02.5: what a translator loses, as a divergence from the final prediction.

A small random model's LayerNorm and unembedding are the reading's last two steps; the translator is
drawn far from the identity, so that each of its parts counts.
"""

from collections.abc import Callable
from typing import Any

import torch
from einops import einsum, reduce
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from mi_course.exercises.core import Case, Exercise, ModelRef, Wrong

Resid = Float[Tensor, "pos d_model"]
Matrix = Float[Tensor, "d_model d_model"]
Vector = Float[Tensor, " d_model"]
Number = Float[Tensor, ""]
D_MODEL = 16  # of the tiny models


def tuned_lens_loss(model: Any, resid: Resid, A: Matrix, b: Vector, final: Resid) -> Number:
    """Return the mean KL(final prediction || reading of resid + resid A + b), in nats."""
    translated = resid + resid @ A + b
    end = model.unembed(model.ln_final(final[None]))[0].log_softmax(dim=-1)
    read = model.unembed(model.ln_final(translated[None]))[0].log_softmax(dim=-1)
    divergence = reduce(end.exp() * (end - read), "pos d_vocab -> pos", "sum")
    return divergence.mean()


def _with_torch(model: Any, resid: Resid, A: Matrix, b: Vector, final: Resid) -> Number:
    """The same with PyTorch's own divergence; `batchmean` divides by the first axis alone."""
    whole = einsum(torch.eye(len(A)) + A, resid, "d_in d_out, pos d_in -> pos d_out") + b
    both = torch.stack([whole, final])
    read, end = model.unembed(model.ln_final(both)).log_softmax(dim=-1)
    return functional.kl_div(read, end, reduction="batchmean", log_target=True)


def _log_probs(model: Any, x: Resid) -> Float[Tensor, "pos d_vocab"]:
    return model.unembed(model.ln_final(x[None]))[0].log_softmax(dim=-1)


def _kl(end: Tensor, read: Tensor) -> Number:
    return (end.exp() * (end - read)).sum(dim=-1).mean()


def _loss_with(
    translate: Callable[[Resid, Matrix, Vector], Resid] = lambda x, A, b: x + x @ A + b,
    kl: Callable[[Tensor, Tensor], Tensor] = _kl,
    end: Callable[[Resid, Matrix, Vector], Resid] = lambda final, A, b: final,
) -> Callable[..., Number]:
    """An answer that differs in one step."""

    def answer(model: Any, resid: Resid, A: Matrix, b: Vector, final: Resid) -> Number:
        read = _log_probs(model, translate(resid, A, b))
        return kl(_log_probs(model, end(final, A, b)), read)

    return answer


def _no_norm(model: Any, resid: Resid, A: Matrix, b: Vector, final: Resid) -> Number:
    both = torch.stack([resid + resid @ A + b, final])
    read, end = model.unembed(both).log_softmax(dim=-1)
    return _kl(end, read)


def _loss_cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape: int, scale: float = 1.0) -> Tensor:
        return scale * torch.randn(shape, generator=generator)

    def translator() -> tuple[Tensor, Tensor]:
        return drawn(D_MODEL, D_MODEL, scale=0.3), drawn(D_MODEL)

    one, two = ModelRef("tiny-1"), ModelRef("tiny-2")
    zero = torch.zeros(D_MODEL, D_MODEL), torch.zeros(D_MODEL)
    A, b = translator()
    start = drawn(5, D_MODEL)
    end = start + start @ A + b
    end[2] += drawn(D_MODEL)
    return [
        Case("seven positions", (one, drawn(7, D_MODEL), *translator(), drawn(7, D_MODEL))),
        Case("another model, four positions",
             (two, drawn(4, D_MODEL), *translator(), drawn(4, D_MODEL))),
        Case("no translation: the logit lens",
             (one, drawn(9, D_MODEL), *zero, drawn(9, D_MODEL)), "property"),
        Case("a translator that is right at all positions but one",
             (one, start, A, b, end), "truth"),
    ]  # fmt: skip


TUNED_LENS_LOSS = Exercise(
    id="02.5",
    function="tuned_lens_loss",
    title="What a translator loses",
    points=3,
    stars=2,
    minutes=15,
    reference=tuned_lens_loss,
    cases=_loss_cases,
    alternatives=(_with_torch,),
    wrong=(
        Wrong(
            "the stream is replaced",
            _loss_with(lambda x, A, b: x @ A + b),
            "add it to the activation",
            "the translator replaces the activation here: add it to the activation, x + x A + b",
        ),
        Wrong(
            "A from the other side",
            _loss_with(lambda x, A, b: x + x @ A.T + b),
            "A is transposed",
            "A is transposed: a position is a row, so it is `resid @ A`",
        ),
        Wrong(
            "no bias",
            _loss_with(lambda x, A, b: x + x @ A),
            "b is missing",
            "b is missing: without it the translator cannot move the mean",
        ),
        Wrong(
            "the end is translated too",
            _loss_with(end=lambda final, A, b: final + final @ A + b),
            "is translated too",
            "the final stream is translated too: it is the model's own and stays as it is",
        ),
        Wrong(
            "the other direction",
            _loss_with(kl=lambda end, read: _kl(read, end)),
            "the other direction",
            "this is the other direction: the final prediction is the truth that weighs",
        ),
        Wrong(
            "cross-entropy",
            _loss_with(kl=lambda end, read: -(end.exp() * read).sum(dim=-1).mean()),
            "this is the cross-entropy",
            "this is the cross-entropy: right for a gradient, but a lens that agrees must score 0",
        ),
        Wrong(
            "sum over positions",
            _loss_with(kl=lambda end, read: (end.exp() * (end - read)).sum()),
            "sum over positions",
            "this is a sum over positions: take the mean, so that texts of any length compare",
        ),
        Wrong(
            "no LayerNorm",
            _no_norm,
            "the final LayerNorm is missing",
            "the final LayerNorm is missing: both sides go through it before the unembedding",
        ),
    ),
    hints=(
        "Translate the activations, read them and the final stream with the model's own last two "
        "steps, and take the mean of KL(final || reading).",
        "`model.unembed(model.ln_final(x[None]))[0]` reads rows of positions (the bridge wants a "
        "batch axis); then `log_softmax`, as in the exercise before.",
        "Both log-probabilities have axes `pos d_vocab`; sum over `d_vocab`, mean over `pos`.",
    ),
    groups={"random": 1, "property": 1, "truth": 1},
    # Readings of size 10 round at 1e-6 each; KL sums fifty of them.
    rtol=1e-3,
    atol=1e-4,
)
