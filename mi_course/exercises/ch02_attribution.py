"""Exercise 02.4: what each part of the stream adds to a direction, with LayerNorm's scale frozen.

A large eps in the case by hand makes it count, and parts are drawn with a mean far from zero, so
that centring counts too.
"""

import torch
from einops import einsum, reduce
from jaxtyping import Float
from torch import Tensor

from mi_course.exercises.core import Case, Exercise, Wrong

Parts = Float[Tensor, "part d_model"]
Vector = Float[Tensor, " d_model"]
Added = Float[Tensor, " part"]


def direct_logit_attribution(parts: Parts, gain: Vector, direction: Vector, eps: float) -> Added:
    """Return what each part adds along `direction` after LayerNorm (logits)."""
    stream = parts.sum(dim=0)
    scale = (stream.var(unbiased=False) + eps).sqrt()
    centred = parts - parts.mean(dim=-1, keepdim=True)
    return (centred / scale * gain) @ direction


def _one_direction(parts: Parts, gain: Vector, direction: Vector, eps: float) -> Added:
    """Centring a part and then reading it is reading it with the direction centred."""
    stream = reduce(parts, "part d_model -> d_model", "sum")
    spread = stream - stream.mean()
    read = gain * direction
    read = (read - read.mean()) / torch.sqrt((spread**2).mean() + eps)
    return einsum(parts, read, "part d_model, d_model -> part")


def _own_scale(parts: Parts, gain: Vector, direction: Vector, eps: float) -> Added:
    scale = (parts.var(dim=-1, keepdim=True, unbiased=False) + eps).sqrt()
    return ((parts - parts.mean(dim=-1, keepdim=True)) / scale * gain) @ direction


def _scale(parts: Parts, eps: float) -> Tensor:
    return (parts.sum(dim=0).var(unbiased=False) + eps).sqrt()


def _not_centred(parts: Parts, gain: Vector, direction: Vector, eps: float) -> Added:
    return (parts / _scale(parts, eps) * gain) @ direction


def _stream_mean(parts: Parts, gain: Vector, direction: Vector, eps: float) -> Added:
    return ((parts - parts.sum(dim=0).mean()) / _scale(parts, eps) * gain) @ direction


def _no_gain(parts: Parts, gain: Vector, direction: Vector, eps: float) -> Added:
    return direct_logit_attribution(parts, torch.ones_like(gain), direction, eps)


def _unbiased(parts: Parts, gain: Vector, direction: Vector, eps: float) -> Added:
    scale = (parts.sum(dim=0).var() + eps).sqrt()
    return ((parts - parts.mean(dim=-1, keepdim=True)) / scale * gain) @ direction


def _no_scale(parts: Parts, gain: Vector, direction: Vector, eps: float) -> Added:
    return ((parts - parts.mean(dim=-1, keepdim=True)) * gain) @ direction


def _variance(parts: Parts, gain: Vector, direction: Vector, eps: float) -> Added:
    return direct_logit_attribution(parts, gain, direction, eps) / _scale(parts, eps)


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(n_parts: int, d_model: int, eps: float) -> tuple:
        mean = 2 * torch.randn(n_parts, 1, generator=generator)
        parts = 1.5 * torch.randn(n_parts, d_model, generator=generator) + mean
        gain = 0.5 + torch.rand(d_model, generator=generator)
        return parts, gain, torch.randn(d_model, generator=generator) + 0.5, eps

    by_hand = [[4.0, 0, 2], [0, 2, -2]], [1.0, 2, 1], [1.0, 1, -1]
    read = torch.randn(12, generator=generator)
    read = (read - read.mean()) / (read - read.mean()).norm()
    silent = torch.randn(3, 12, generator=generator)
    silent = silent - silent.mean(dim=-1, keepdim=True)
    silent = silent - (silent @ read)[:, None] * read
    writes = (2 + torch.rand(1, generator=generator)) * read
    planted = torch.cat([silent[:2], writes[None], silent[2:]])
    single = drawn(1, 9, 0.1)
    return [
        Case("two parts", (*map(torch.tensor, by_hand), 4 / 3), "hand"),
        Case("seven parts", drawn(7, 11, 1e-5)),
        Case("five parts, a large eps", drawn(5, 8, 2.0)),
        Case("one part is the whole stream", single, "property"),
        Case("one part writes the direction, three write none of it",
             (planted, torch.ones(12), read, 1e-5), "truth"),
    ]  # fmt: skip


DIRECT_LOGIT_ATTRIBUTION = Exercise(
    id="02.4",
    function="direct_logit_attribution",
    title="Divide a logit among its writers",
    points=3,
    stars=2,
    minutes=20,
    reference=direct_logit_attribution,
    cases=_cases,
    alternatives=(_one_direction,),
    wrong=(
        Wrong(
            "each part with its own scale",
            _own_scale,
            "its own scale",
            "each part is divided by its own scale: the model divides once, by the whole stream's",
        ),
        Wrong(
            "not centred",
            _not_centred,
            "mean was not subtracted",
            "each part's mean was not subtracted: LayerNorm centres before it scales",
        ),
        Wrong(
            "the stream's mean from each part",
            _stream_mean,
            "the whole stream's mean",
            "the whole stream's mean is taken from each part: each has its own to lose",
        ),
        Wrong(
            "no gain",
            _no_gain,
            "gain is missing",
            "the gain is missing: LayerNorm multiplies by it before the direction is read",
        ),
        Wrong(
            "unbiased variance",
            _unbiased,
            "divides by n - 1",
            "this variance divides by n - 1: LayerNorm's divides by n, `unbiased=False`",
        ),
        Wrong(
            "no scale",
            _no_scale,
            "LayerNorm's scale is missing",
            "LayerNorm's scale is missing: divide by sqrt(variance of the sum + eps)",
        ),
        Wrong(
            "variance in place of its root",
            _variance,
            "scaled twice",
            "scaled twice: divide by the root of the variance once, not by the variance",
        ),
    ),
    hints=(
        "Add up the parts to get the stream, and from it LayerNorm's scale. With this one scale "
        "each part is centred, divided, multiplied by the gain, and read along the direction.",
        "`stream.var(unbiased=False)`, plus eps, then the root; `parts.mean(dim=-1, keepdim=True)` "
        "is what each part loses.",
        '`(centred / scale * gain) @ direction`, or einsum `"part d_model, d_model -> part"`.',
    ),
    groups={"hand": 1, "random": 1, "truth": 1},
    axes="part",
    # A part that should add nothing adds 1e-6 of what its terms are.
    atol=1e-4,
)
