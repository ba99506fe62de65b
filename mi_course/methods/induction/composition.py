"""Which earlier head feeds which later head, read from the weights.

A later head reads the residual stream through its queries, keys and values. Head h1 composes with
head h2 where h1 writes into directions that h2 reads:

    Q-composition  |W_OV(h1) W_Q W_K^T| / (|W_OV(h1)| |W_Q W_K^T|)
    K-composition  |W_OV(h1) W_K W_Q^T| / (|W_OV(h1)| |W_K W_Q^T|)
    V-composition  |W_OV(h1) W_OV(h2)|  / (|W_OV(h1)| |W_OV(h2)|)

with Frobenius norms, W_OV = W_V W_O, and row vectors. Norms come from d_head x d_head products:
|V O L R|^2 = tr(V^T V (O L) R R^T (O L)^T). Random weights score above zero, so the mean of random
matrices of the same shapes is the baseline. In rotary models a rotation by the distance between
query and key stands inside W_Q W_K^T; the scores here are for distance 0.
Source: [Elhage21], "Two-layer attention-only transformers".
"""

from functools import cache

import torch
from einops import einsum
from jaxtyping import Float
from torch import Tensor

from mi_course.methods.induction.circuits import CircuitWeights
from mi_course.results import HeadPairs

__all__ = ["composition_scores", "random_composition"]

Factors = tuple[Tensor, Tensor]


def composition_scores(weights: CircuitWeights, kind: str = "K", *, seed: int = 0) -> HeadPairs:
    """Return how strongly each earlier head writes where each later head reads (ratio).

    Args:
        weights: from `circuit_weights`.
        kind: through the later head's queries "Q", keys "K" or values "V".
        seed: for the random matrices of the baseline.

    Returns:
        Ratios from 0 to 1 with `baseline`, the mean ratio of random matrices of these shapes.

    Raises:
        ValueError: another kind.
    """
    written = weights.W_V, weights.W_O
    read = _reading(weights, kind)
    # One layer of writers at a time bounds the memory by n_heads^2 * n_layers * d_head^2.
    ratios = [
        _ratios((written[0][layer], written[1][layer]), read) for layer in range(len(weights.W_V))
    ]
    n_layers, _, d_model, d_head = weights.W_V.shape
    layers = torch.arange(n_layers, device=weights.W_V.device)
    later = layers[:, None, None, None] < layers[None, None, :, None]
    values = torch.stack(ratios).masked_fill(~later, float("nan"))
    mean, _ = random_composition(d_model, d_head, seed=seed)
    return HeadPairs(values, name=f"{kind}-composition", unit="ratio", baseline=mean)


@cache
def random_composition(
    d_model: int, d_head: int, *, samples: int = 50, seed: int = 0
) -> tuple[float, float]:
    """Return mean and standard deviation of the ratio between random heads (ratio).

    Args:
        d_model: width of the residual stream.
        d_head: width of a head.
        samples: number of random writers; each meets as many random readers.
        seed: of the normal entries.

    Returns:
        The two numbers.
    """
    generator = torch.Generator().manual_seed(seed)
    tall = torch.randn(2, samples, d_model, d_head, generator=generator)
    wide = torch.randn(2, samples, d_head, d_model, generator=generator)
    ratios = _ratios((tall[0], wide[0]), (tall[1][None], wide[1][None]))
    return ratios.mean().item(), ratios.std().item()


def _reading(weights: CircuitWeights, kind: str) -> Factors:
    if kind == "V":
        return weights.W_V, weights.W_O
    if kind == "Q":
        return weights.W_Q, weights.W_K.mT
    if kind == "K":
        return weights.W_K, weights.W_Q.mT
    raise ValueError(f'expected kind "Q", "K" or "V", got {kind!r}')


def _ratios(written: Factors, read: Factors) -> Float[Tensor, "head_index layer later_head"]:
    """Return the composition of one layer's writers with every reader."""
    (V, O), (L, R) = written, read
    through = einsum(
        O, L, "head_index a d_model, layer later_head d_model b -> head_index layer later_head a b"
    )
    product = einsum(
        V.mT @ V,
        through,
        R @ R.mT,
        through,
        "head_index a c, head_index layer later_head c d, layer later_head d b,"
        " head_index layer later_head a b -> head_index layer later_head",
    )
    scale = einsum(
        _squared_norm(V, O),
        _squared_norm(L, R),
        "head_index, layer later_head -> head_index layer later_head",
    )
    # A head of norm zero composes with nothing: 0 / tiny = 0.
    return (product.clamp(min=0) / scale.clamp(min=torch.finfo(scale.dtype).tiny)).sqrt()


def _squared_norm(
    left: Float[Tensor, "... d_model d_head"], right: Float[Tensor, "... d_head d_model"]
) -> Float[Tensor, "..."]:
    """Return |left right|^2 without forming the product."""
    return ((left.mT @ left) * (right @ right.mT)).sum(dim=(-2, -1))
