"""Exercise 05.1: from an activation to the codes of its features, and back.

No bias is 0 and no two widths are equal, so that a bias left out or a matrix turned round shows.
"""

import torch
from einops import einsum
from jaxtyping import Float
from torch import Tensor

from mi_course.exercises.core import Case, Exercise, Wrong

X = Float[Tensor, "batch d_in"]
Codes = Float[Tensor, "batch d_sae"]
Encoder = Float[Tensor, "d_in d_sae"]
Decoder = Float[Tensor, "d_sae d_in"]
Both = tuple[Codes, X]
Weights = tuple[Encoder, Float[Tensor, " d_sae"], Decoder, Float[Tensor, " d_in"]]


def sae_forward(
    x: X, W_enc: Encoder, b_enc: Float[Tensor, " d_sae"], W_dec: Decoder, b_dec: Tensor
) -> Both:
    """Return the codes, ReLU((x - b_dec) W_enc + b_enc), and the reconstruction they stand for."""
    feature_acts = ((x - b_dec) @ W_enc + b_enc).relu()
    return feature_acts, feature_acts @ W_dec + b_dec


def _by_einsum(x: X, W_enc: Encoder, b_enc: Tensor, W_dec: Decoder, b_dec: Tensor) -> Both:
    read = einsum(x, W_enc, "batch d_in, d_in d_sae -> batch d_sae")
    codes = torch.clamp(read + (b_enc - b_dec @ W_enc), min=0)
    return codes, b_dec + einsum(codes, W_dec, "batch d_sae, d_sae d_in -> batch d_in")


def _no_b_enc(x: X, W_enc: Encoder, b_enc: Tensor, W_dec: Decoder, b_dec: Tensor) -> Both:
    return sae_forward(x, W_enc, torch.zeros_like(b_enc), W_dec, b_dec)


def _no_centre(x: X, W_enc: Encoder, b_enc: Tensor, W_dec: Decoder, b_dec: Tensor) -> Both:
    codes = (x @ W_enc + b_enc).relu()
    return codes, codes @ W_dec + b_dec


def _not_put_back(x: X, W_enc: Encoder, b_enc: Tensor, W_dec: Decoder, b_dec: Tensor) -> Both:
    codes = ((x - b_dec) @ W_enc + b_enc).relu()
    return codes, codes @ W_dec


def _no_b_dec(x: X, W_enc: Encoder, b_enc: Tensor, W_dec: Decoder, b_dec: Tensor) -> Both:
    return sae_forward(x, W_enc, b_enc, W_dec, torch.zeros_like(b_dec))


def _linear(x: X, W_enc: Encoder, b_enc: Tensor, W_dec: Decoder, b_dec: Tensor) -> Both:
    codes = (x - b_dec) @ W_enc + b_enc
    return codes, codes @ W_dec + b_dec


def _late_bias(x: X, W_enc: Encoder, b_enc: Tensor, W_dec: Decoder, b_dec: Tensor) -> Both:
    codes = ((x - b_dec) @ W_enc).relu() + b_enc
    return codes, codes @ W_dec + b_dec


def _relu_twice(x: X, W_enc: Encoder, b_enc: Tensor, W_dec: Decoder, b_dec: Tensor) -> Both:
    codes, recon = sae_forward(x, W_enc, b_enc, W_dec, b_dec)
    return codes, recon.relu()


def _tied(x: X, W_enc: Encoder, b_enc: Tensor, W_dec: Decoder, b_dec: Tensor) -> Both:
    return sae_forward(x, W_enc, b_enc, W_enc.T, b_dec)


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(batch: int, d_in: int, d_sae: int) -> tuple[X, *Weights]:
        shapes = ((batch, d_in), (d_in, d_sae), (d_sae,), (d_sae, d_in), (d_in,))
        x, W_enc, b_enc, W_dec, b_dec = (torch.randn(s, generator=generator) for s in shapes)
        return 2 * x, W_enc, b_enc - 0.5, W_dec, 1.5 * b_dec + 1

    hand = (
        torch.tensor([[2.0, 1.0], [0.0, 3.0]]),
        torch.tensor([[1.0, 0.0, -1.0], [0.0, 1.0, 1.0]]),
        torch.tensor([0.5, -1.5, 0.0]),
        torch.tensor([[1.0, 0.0], [0.0, 2.0], [-1.0, 1.0]]),
        torch.tensor([1.0, -1.0]),
    )
    x, _, b_enc, W_dec, b_dec = drawn(7, 5, 9)
    never = (x, torch.zeros(5, 9), -b_enc.abs() - 0.1, W_dec, b_dec)
    # Each axis and its opposite as features: what one misses the other has, and all comes back.
    rotation = torch.linalg.qr(torch.randn(4, 4, generator=generator)).Q
    pairs = torch.cat([rotation, -rotation])
    centre = b_dec[:4]
    return [
        Case("two numbers, three features", hand, "hand"),
        Case("6 activations of width 5, 11 features", drawn(6, 5, 11)),
        Case("9 activations of width 8, 3 features", drawn(9, 8, 3)),
        Case("no feature is ever active", never, "property"),
        Case(
            "axes and their opposites", (x[:, :4], pairs.T, torch.zeros(8), pairs, centre), "truth"
        ),
    ]


SAE_FORWARD = Exercise(
    id="05.1",
    function="sae_forward",
    title="Take apart and put together",
    points=2,
    stars=1,
    minutes=10,
    reference=sae_forward,
    cases=_cases,
    alternatives=(_by_einsum,),
    wrong=(
        Wrong(
            "no b_enc",
            _no_b_enc,
            "b_enc is missing",
            "b_enc is missing: add it before the ReLU, it sets how much a feature must see",
        ),
        Wrong(
            "b_dec not taken away",
            _no_centre,
            "b_dec is not taken away",
            "b_dec is not taken away before encoding: features read x - b_dec",
        ),
        Wrong(
            "b_dec not put back",
            _not_put_back,
            "b_dec is not put back",
            "b_dec is not put back: the reconstruction starts from it",
        ),
        Wrong(
            "no b_dec at all",
            _no_b_dec,
            "b_dec is missing in both places",
            "b_dec is missing in both places: taken away before encoding, added after decoding",
        ),
        Wrong(
            "no ReLU",
            _linear,
            "the ReLU is missing",
            "the ReLU is missing: a feature is active or it is not, never negative",
        ),
        Wrong(
            "b_enc after the ReLU",
            _late_bias,
            "inside the ReLU",
            "b_enc is added last: it belongs inside the ReLU, where it silences weak features",
        ),
        Wrong(
            "ReLU on the reconstruction",
            _relu_twice,
            "one ReLU too many",
            "one ReLU too many: activations may be negative, only codes may not",
        ),
        Wrong(
            "tied",
            _tied,
            "the encoder's transpose",
            "this decodes with the encoder's transpose: the decoder is W_dec",
        ),
    ),
    hints=(
        "Take b_dec away, read with the encoder, add b_enc, cut off below 0: these are the codes. "
        "Write with the decoder and add b_dec: this is the reconstruction.",
        "`@` for both products, `.relu()` between them; return the pair `feature_acts, recon`.",
        "`(x - b_dec) @ W_enc` has axes `batch d_sae`; `feature_acts @ W_dec` has `batch d_in`.",
    ),
    groups={"random": 1, "truth": 1},
)
