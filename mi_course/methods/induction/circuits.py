"""A head's two circuits, read from the weights alone.

For one head, attending from token t to token s,

    OV circuit  W_E W_V W_O W_U        [s, out]  how attending to s changes the logit of each token
    QK circuit  W_E W_Q W_K^T W_E^T    [t, s]    how much t wants to look at s

Both are d_vocab x d_vocab but of rank d_head, so they stay products (`FactoredMatrix`).
What LayerNorm does is decided once, in `circuit_weights`: its scale and its centring are folded
into the matrices that read, and embeddings are normalised as a first-layer head sees them. What is
left out: biases; learned positions; and in rotary models the rotation between query and key, so
that the QK circuit holds for distance 0 and is a statement about content, not place.
Source: [Elhage21], "Zero-layer" to "Two-layer attention-only transformers".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from einops import rearrange, reduce
from jaxtyping import Float
from torch import Tensor
from transformer_lens import FactoredMatrix
from transformer_lens.model_bridge import TransformerBridge

from mi_course.activations import Head
from mi_course.results import TokenMatrix

__all__ = [
    "CircuitWeights",
    "circuit_weights",
    "full_ov_circuit",
    "full_qk_circuit",
    "head_sum",
    "token_matrix",
]


@dataclass(frozen=True, eq=False)
class CircuitWeights:
    """A model's attention weights with LayerNorm folded in, axes as in TransformerLens.

    Attributes:
        W_E: embeddings, each row normalised as LayerNorm would.
        W_Q: queries; reads a normalised residual stream.
        W_K: keys.
        W_V: values.
        W_O: outputs; writes to the residual stream.
        W_U: unembedding; reads a normalised residual stream.
    """

    W_E: Float[Tensor, "d_vocab d_model"]
    W_Q: Float[Tensor, "layer head_index d_model d_head"]
    W_K: Float[Tensor, "layer head_index d_model d_head"]
    W_V: Float[Tensor, "layer head_index d_model d_head"]
    W_O: Float[Tensor, "layer head_index d_head d_model"]
    W_U: Float[Tensor, "d_model d_vocab"]


@torch.no_grad()
def circuit_weights(model: TransformerBridge) -> CircuitWeights:
    """Return the model's attention weights, LayerNorm folded in; see the module's docstring.

    The mean of W_U over the vocabulary is taken away too: it moves all logits alike and changes
    no prediction.

    Args:
        model: any bridge, with or without compatibility mode.

    Returns:
        Weights in single precision on the model's device.
    """
    scales = torch.stack([_scale_of(block.ln1, model) for block in model.blocks])
    read = rearrange(scales, "layer d_model -> layer 1 d_model 1")
    centred = _centres(model)

    def of_every_head(weight: Tensor) -> Tensor:
        # Several query heads may share one key and value head.
        return weight.repeat_interleave(model.cfg.n_heads // weight.shape[1], dim=1)

    W_Q, W_K, W_V = (
        _without_mean(of_every_head(weight).float() * read, axis=-2, really=centred)
        for weight in (model.W_Q, model.W_K, model.W_V)
    )
    W_U = model.W_U.float() * rearrange(_scale_of(model.ln_final, model), "d_model -> d_model 1")
    W_U = _without_mean(W_U, axis=-2, really=centred)
    return CircuitWeights(
        W_E=_normalised(model.W_E.detach().float(), model),
        W_Q=W_Q,
        W_K=W_K,
        W_V=W_V,
        W_O=_without_mean(model.W_O.float(), axis=-1, really=centred),
        W_U=W_U - reduce(W_U, "d_model d_vocab -> d_model 1", "mean"),
    )


def full_ov_circuit(weights: CircuitWeights, heads: Head | Sequence[Head]) -> FactoredMatrix:
    """Return W_E W_V W_O W_U, summed over the heads given (logits).

    Args:
        weights: from `circuit_weights`.
        heads: one `(layer, head_index)`, or several whose outputs add up.

    Returns:
        Factors of [d_vocab, d_vocab]: row = attended token, column = predicted token.
    """
    chosen = head_sum(heads)
    W_V = torch.cat([weights.W_V[head] for head in chosen], dim=-1)
    W_O = torch.cat([weights.W_O[head] for head in chosen], dim=-2)
    return FactoredMatrix(weights.W_E @ W_V, W_O @ weights.W_U)


def full_qk_circuit(weights: CircuitWeights, head: Head) -> FactoredMatrix:
    """Return W_E W_Q W_K^T W_E^T of one head; divided by sqrt(d_head) these are attention scores.

    In a rotary model this is the score of two tokens at distance 0; at distance d a rotation
    R(d) stands between W_Q and W_K^T.

    Args:
        weights: from `circuit_weights`.
        head: `(layer, head_index)`.

    Returns:
        Factors of [d_vocab, d_vocab]: row = query's token, column = key's token.
    """
    queries, keys = weights.W_E @ weights.W_Q[head], weights.W_E @ weights.W_K[head]
    return FactoredMatrix(queries, rearrange(keys, "d_vocab d_head -> d_head d_vocab"))


def token_matrix(
    circuit: FactoredMatrix, token_ids: Sequence[int], labels: Sequence[str], *, name: str
) -> TokenMatrix:
    """Return the square part of a circuit that concerns some tokens, with their labels.

    Args:
        circuit: from `full_ov_circuit` or `full_qk_circuit`.
        token_ids: the tokens wanted, as rows and as columns.
        labels: their texts.
        name: what the circuit is, such as "OV circuit of L1H4".

    Returns:
        Values in the order of the tokens.
    """
    chosen = torch.tensor(token_ids, device=circuit.A.device)
    values = circuit.A[chosen] @ circuit.B[:, chosen]
    return TokenMatrix(values, tuple(labels), tuple(labels), name=name)


def head_sum(heads: Head | Sequence[Head]) -> list[Head]:
    """Return a list of heads from one head or several.

    Raises:
        ValueError: there is none.
    """
    if len(heads) == 0:
        raise ValueError("expected at least one head, got none, try (1, 4) or [(1, 4), (1, 6)]")
    return [tuple(heads)] if isinstance(heads[0], int) else [tuple(head) for head in heads]


def _scale_of(norm: Any, model: TransformerBridge) -> Float[Tensor, " d_model"]:
    """Return what LayerNorm multiplies with; ones where it has no such weight."""
    weight = getattr(norm, "weight", None)
    if weight is None:
        return torch.ones(model.cfg.d_model, device=model.W_E.device)
    return weight.float()


def _centres(model: TransformerBridge) -> bool:
    return (model.cfg.normalization_type or "").upper().startswith("LN")


def _without_mean(weight: Tensor, *, axis: int, really: bool) -> Tensor:
    return weight - weight.mean(dim=axis, keepdim=True) if really else weight


def _normalised(
    W_E: Float[Tensor, "d_vocab d_model"], model: TransformerBridge
) -> Float[Tensor, "d_vocab d_model"]:
    if not model.cfg.normalization_type:
        return W_E
    rows = _without_mean(W_E, axis=-1, really=_centres(model))
    mean_square = reduce(rows.pow(2), "d_vocab d_model -> d_vocab 1", "mean")
    return rows * (mean_square + model.cfg.eps).rsqrt()
