"""Where training begins: the scale of activations, the centre, and random unit directions.

    scale = sqrt(mean |x - mean x|^2 / d_in)       b_dec = the geometric median of x / scale

Encoder rows start as the decoder's, so that every latent reads what it writes. Sources: [Bricken23]
for the geometric median, [Gao24] appendix A for tied starts. In go the first batches; out come
weights.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from mi_course.methods.sae.config import SAEConfig
from mi_course.methods.sae.steps import Weights

__all__ = ["first_weights", "geometric_median"]

ROUNDS = 100
CLOSE = 1e-5


def geometric_median(x: Float[Tensor, "token d_in"]) -> Float[Tensor, " d_in"]:
    """Return the point with the least mean distance from all rows, by Weiszfeld's iteration."""
    point = x.mean(0)
    for _ in range(ROUNDS):
        weights = 1 / (x - point).norm(dim=1).clamp(min=1e-8)
        new = weights @ x / weights.sum()
        moved = (new - point).norm()
        point = new
        if moved < CLOSE * x.std():
            break
    return point


def first_weights(
    config: SAEConfig, batches: Sequence[Float[Tensor, "_ d_in"]]
) -> tuple[Weights, float | int]:
    """Return weights to start from, and the scale of the activations.

    Args:
        config: of the training.
        batches: the first activations.

    Raises:
        ValueError: activations that are not finite or do not vary.
    """
    x = torch.cat([batch.float() for batch in batches])
    scale = config.scale or _spread(x)
    generator = torch.Generator().manual_seed(config.seed)
    W_dec = torch.randn(config.d_sae, x.shape[1], generator=generator)
    W_dec = normalize(W_dec, dim=1).to(x)
    tied = config.architecture == "tied_l1"
    b_enc = x.new_zeros(config.d_sae)
    weights = Weights(
        W_dec if tied else W_dec.clone(), b_enc, W_dec, _centre(config, x / scale, tied)
    )
    if config.architecture == "jumprelu":
        weights.log_threshold = torch.full_like(b_enc, config.first_threshold).log()
    return weights, scale


def _spread(x: Float[Tensor, "token d_in"]) -> float:
    """Return the root mean square of an entry about its mean."""
    spread = (x - x.mean(0)).square().mean().sqrt().item()
    if not 0 < spread < float("inf"):
        raise ValueError(
            f"expected finite activations that vary, got a spread of {spread}: look for NaN, or "
            "try another hook"
        )
    return spread


def _centre(
    config: SAEConfig, x: Float[Tensor, "token d_in"], tied: bool
) -> Float[Tensor, " d_in"]:
    kind = config.b_dec_start or ("zero" if tied else "median")
    starts = {"zero": lambda: x.new_zeros(x.shape[1]), "mean": lambda: x.mean(0)}
    return starts[kind]() if kind in starts else geometric_median(x)
