"""Does a head copy: does attending to a token raise that same token?

Two answers from the OV circuit M = W_E W_V W_O W_U. Its eigenvalues: a positive one means that
some mixture of tokens raises itself, so

    copying score = sum of eigenvalues / sum of their magnitudes     (from -1 to 1)

And its rows: the fraction of tokens that are among the k which they raise most. The eigenvalues of
M = A B are those of the d_head x d_head matrix B A, apart from zeros.
Source: [Elhage21], "Detecting copying behavior".
"""

import torch
from einops import einsum
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens import FactoredMatrix

from mi_course.methods.induction.circuits import CircuitWeights
from mi_course.results import HeadScores

__all__ = ["copying_accuracy", "copying_score", "copying_scores", "ov_circuits"]

# 2**24 single-precision logits are 64 MiB.
LOGITS_AT_ONCE = 2**24
# A share of so many rows is known to 1.6 points; all 50,257 rows of GPT-2 would cost 12 times more.
MOST_ROWS = 4096


def copying_score(circuit: FactoredMatrix) -> Float[Tensor, "..."]:
    """Return sum of eigenvalues / sum of their magnitudes, from -1 to 1 (ratio).

    Args:
        circuit: one OV circuit, or many along leading axes.

    Returns:
        One number for each circuit; 0 for a circuit that is zero.
    """
    return _eigenvalue_ratio(circuit.B @ circuit.A)


def copying_scores(weights: CircuitWeights) -> HeadScores:
    """Return the copying score of every head, from -1 to 1 (ratio).

    Args:
        weights: from `circuit_weights`.

    Returns:
        Scores; about 1 for a head that copies, about 0 for a random one.
    """
    through_vocabulary = weights.W_U @ weights.W_E
    small = einsum(
        weights.W_O,
        through_vocabulary,
        weights.W_V,
        "layer head_index d_head out, out d_model, layer head_index d_model d_head_in"
        " -> layer head_index d_head d_head_in",
    )
    return HeadScores(_eigenvalue_ratio(small), name="copying score", unit="ratio", signed=True)


def copying_accuracy(
    circuit: FactoredMatrix,
    *,
    k: int = 1,
    token_ids: Int[Tensor, " token"] | None = None,
    chunk: int | None = None,
) -> Float[Tensor, "..."]:
    """Return the fraction of tokens that are among the k tokens which they raise most.

    Args:
        circuit: one OV circuit, or many along leading axes (`ov_circuits`).
        k: how many of the highest logits count.
        token_ids: the rows to look at; when None all of them, or 4,096 evenly spread ones of more.
        chunk: rows at a time; as many as fit into 64 MiB when None.

    Returns:
        One fraction for each circuit. A tie does not count: a head that writes nothing scores 0.
    """
    rows = _spread(circuit.ldim) if token_ids is None else token_ids
    size = chunk or max(1, LOGITS_AT_ONCE // (circuit.shape[:-2].numel() * circuit.rdim))
    hits = sum(_hits(circuit, part, k) for part in rows.to(circuit.A.device).split(size))
    return hits / len(rows)


def ov_circuits(weights: CircuitWeights) -> FactoredMatrix:
    """Return the OV circuits of all heads, [layer head_index d_vocab d_vocab] in factors."""
    return FactoredMatrix(weights.W_E @ weights.W_V, weights.W_O @ weights.W_U)


def _spread(n_rows: int) -> Int[Tensor, " token"]:
    n = min(n_rows, MOST_ROWS)
    return torch.arange(n) * n_rows // n


def _hits(circuit: FactoredMatrix, rows: Int[Tensor, " token"], k: int) -> Float[Tensor, "..."]:
    logits = circuit.A[..., rows, :] @ circuit.B
    own = logits.gather(-1, rows[:, None].expand(*logits.shape[:-1], 1))
    not_below = (logits >= own).sum(dim=-1)
    return (not_below <= k).sum(dim=-1).float()


def _eigenvalue_ratio(small: Float[Tensor, "... d_head d_head"]) -> Float[Tensor, "..."]:
    eigenvalues = torch.linalg.eigvals(small)
    magnitude = eigenvalues.abs().sum(dim=-1)
    # Without eigenvalues nothing is copied; the tiny number only avoids 0 / 0.
    return eigenvalues.sum(dim=-1).real / magnitude.clamp(min=torch.finfo(magnitude.dtype).tiny)
