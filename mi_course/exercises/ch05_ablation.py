"""Exercise 05.9: take away what one feature says, and nothing else.

Decoder rows are not of length 1 here and the features reconstruct the activation badly, so that a
row that was normalised, or an error that was dropped, shows.
"""

import torch
from einops import einsum
from jaxtyping import Float
from torch import Tensor

from mi_course.exercises.core import Case, Exercise, Wrong

X = Float[Tensor, "batch pos d_in"]
Codes = Float[Tensor, "batch pos d_sae"]
Decoder = Float[Tensor, "d_sae d_in"]


def ablate_feature(x: X, feature_acts: Codes, W_dec: Decoder, feature: int) -> X:
    """Return x without what the feature adds to its reconstruction."""
    return x - feature_acts[:, :, feature, None] * W_dec[feature]


def _by_decoding(x: X, feature_acts: Codes, W_dec: Decoder, feature: int) -> X:
    without = feature_acts.clone()
    without[..., feature] = 0
    change = einsum(without - feature_acts, W_dec, "batch pos d_sae, d_sae d_in -> batch pos d_in")
    return x + change


def _projected(x: X, feature_acts: Codes, W_dec: Decoder, feature: int) -> X:
    unit = W_dec[feature] / W_dec[feature].norm()
    return x - (x @ unit)[..., None] * unit


def _reconstruction(x: X, feature_acts: Codes, W_dec: Decoder, feature: int) -> X:
    without = feature_acts.clone()
    without[..., feature] = 0
    return without @ W_dec


def _one_step(x: X, feature_acts: Codes, W_dec: Decoder, feature: int) -> X:
    return x - W_dec[feature]


def _where_active(x: X, feature_acts: Codes, W_dec: Decoder, feature: int) -> X:
    return x - (feature_acts[..., feature] > 0).float()[..., None] * W_dec[feature]


def _added(x: X, feature_acts: Codes, W_dec: Decoder, feature: int) -> X:
    return 2 * x - ablate_feature(x, feature_acts, W_dec, feature)


def _alone(x: X, feature_acts: Codes, W_dec: Decoder, feature: int) -> X:
    return x - ablate_feature(x, feature_acts, W_dec, feature)


def _normalised(x: X, feature_acts: Codes, W_dec: Decoder, feature: int) -> X:
    rows = W_dec / W_dec.norm(dim=1, keepdim=True)
    return ablate_feature(x, feature_acts, rows, feature)


def _all_others(x: X, feature_acts: Codes, W_dec: Decoder, feature: int) -> X:
    return _reconstruction(x, feature_acts, W_dec, feature) * -1 + x


def _usual(x: X, feature_acts: Codes, W_dec: Decoder, feature: int) -> X:
    acts = feature_acts[..., feature]
    return x - (acts - acts.mean())[..., None] * W_dec[feature]


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(batch: int, n_pos: int, d_in: int, d_sae: int) -> tuple[X, Codes, Decoder]:
        x = 2 * torch.randn(batch, n_pos, d_in, generator=generator) + 1
        codes = 1.5 * torch.randn(batch, n_pos, d_sae, generator=generator).relu()
        return x, codes, 1.3 * torch.randn(d_sae, d_in, generator=generator)

    hand = (
        torch.tensor([[[4.0, 1.0], [0.0, 2.0]]]),
        torch.tensor([[[1.0, 0.5, 0.0], [2.0, 0.0, 1.0]]]),
        torch.tensor([[1.0, 0.0], [2.0, -4.0], [0.0, 1.0]]),
    )
    x, codes, W_dec = drawn(2, 5, 4, 6)
    codes[..., 3] = 0
    return [
        Case("two tokens, three features", (*hand, 1), "hand"),
        Case("3 texts of 4 tokens, width 7, 5 features", (*drawn(3, 4, 7, 5), 4)),
        Case("2 texts of 6 tokens, width 3, 9 features", (*drawn(2, 6, 3, 9), 0)),
        Case("the feature is never active", (x, codes, W_dec, 3), "property"),
        Case("twice is twice as much", (x, 2 * codes, W_dec, 2), "property"),
    ]


ABLATE_FEATURE = Exercise(
    id="05.9",
    function="ablate_feature",
    title="Take one feature away",
    points=2,
    stars=1,
    minutes=10,
    reference=ablate_feature,
    cases=_cases,
    alternatives=(_by_decoding,),
    wrong=(
        Wrong(
            "the direction projected out",
            _projected,
            "the whole direction",
            "the whole direction is projected out, also where the feature is silent: subtract only "
            "what the feature says",
        ),
        Wrong(
            "the reconstruction without it",
            _reconstruction,
            "in place of x",
            "this is the reconstruction in place of x: what the dictionary misses is to stay",
        ),
        Wrong(
            "one step everywhere",
            _one_step,
            "the same step everywhere",
            "the same step everywhere: how much depends on how active the feature is",
        ),
        Wrong(
            "one step where active",
            _where_active,
            "where the feature is active",
            "one step is taken where the feature is active: multiply by how active it is",
        ),
        Wrong(
            "added",
            _added,
            "is doubled",
            "what the feature says is doubled: subtract it",
        ),
        Wrong(
            "the part alone",
            _alone,
            "to be taken away",
            "this is what was to be taken away: subtract it from x",
        ),
        Wrong(
            "a row of length 1",
            _normalised,
            "normalised",
            "the decoder row is normalised: what a feature writes is its code times the row as it "
            "is",
        ),
        Wrong(
            "all the others",
            _all_others,
            "all other features",
            "all other features are taken away: take away this one",
        ),
        Wrong(
            "its mean put in",
            _usual,
            "the feature's mean",
            "the feature's mean is put in: a silent feature says 0, subtract all of it",
        ),
    ),
    hints=(
        "What the feature adds to the reconstruction is its code times its decoder row. Subtract "
        "that from x, not from the reconstruction.",
        "`W_dec[feature]` is the row; index the codes with `feature` and give them a last axis "
        "with `[..., None]`.",
        "`feature_acts[:, :, feature, None]` has axes `batch pos 1`, and times `d_in` it has "
        "`batch pos d_in`.",
    ),
    groups={"random": 1, "property": 1},
    axes="batch pos d_in",
)
