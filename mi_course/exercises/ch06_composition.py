"""Exercise 06.7: how strongly an earlier head writes where a later head's keys read.

Matrix products that look alike differ in what they mean, so each planted wrong answer
swaps an order, a side or a norm.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from mi_course.exercises.core import Case, Exercise, Wrong

Reads = Float[Tensor, "d_model d_head"]
Writes = Float[Tensor, "d_head d_model"]
Number = Float[Tensor, ""]


def composition_score(W_V: Reads, W_O: Writes, W_Q: Reads, W_K: Reads) -> Number:
    """Return |W_OV W_K W_Q^T| / (|W_OV| |W_K W_Q^T|) of an earlier and a later head."""
    W_OV, W_KQ = W_V @ W_O, W_K @ W_Q.T
    return (W_OV @ W_KQ).norm() / (W_OV.norm() * W_KQ.norm())


def _composition_by_svd(W_V: Reads, W_O: Writes, W_Q: Reads, W_K: Reads) -> Number:
    def size(matrix: Tensor) -> Number:
        return torch.linalg.svdvals(matrix).square().sum().sqrt()

    W_OV, W_KQ = W_V @ W_O, W_K @ W_Q.T
    return size(W_OV @ W_KQ) / size(W_OV) / size(W_KQ)


def _ratio(written: Tensor, read: Tensor, *, order: int | str = "fro") -> Number:
    norms = [torch.linalg.norm(matrix, ord=order) for matrix in (written @ read, written, read)]
    return norms[0] / (norms[1] * norms[2])


def _composition_cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)
    by_hand = [[[1], [0]], [[3, 4]], [[1], [1]], [[2], [1]]]
    sizes = [(7, 3), (11, 4)]

    def heads(d_model: int, d_head: int) -> list[Tensor]:
        read, write = (d_model, d_head), (d_head, d_model)
        shapes = (read, write, read, read)
        return [2.5 * torch.randn(shape, generator=generator) for shape in shapes]

    W_V, W_O, W_Q, W_K = heads(9, 2)
    apart_O, apart_K = W_O.clone(), W_K.clone()
    apart_O[:, 4:], apart_K[:4] = 0, 0
    random = [(f"d_model {d}, d_head {h}", tuple(heads(d, h))) for d, h in sizes]
    return [
        Case("d_head 1", tuple(torch.tensor(m, dtype=torch.float32) for m in by_hand), "hand"),
        *(Case(name, args) for name, args in random),
        Case("the later head scaled by 100", (W_V, W_O, 100 * W_Q, W_K)),
        Case("keys that read nothing of it", (W_V, apart_O, W_Q, apart_K), "truth"),
        Case("keys that read all of it", (W_V, W_O, W_Q, W_O.T.contiguous()), "truth"),
    ]


COMPOSITION_SCORE = Exercise(
    id="06.7",
    function="composition_score",
    title="Score K-composition",
    points=3,
    stars=2,
    minutes=15,
    reference=composition_score,
    cases=_composition_cases,
    alternatives=(_composition_by_svd,),
    wrong=(
        Wrong(
            "Q-composition",
            lambda W_V, W_O, W_Q, W_K: _ratio(W_V @ W_O, W_Q @ W_K.T),
            "this is Q-composition",
            "this is Q-composition: here the later head reads through its keys, W_K comes first",
        ),
        Wrong(
            "later head first",
            lambda W_V, W_O, W_Q, W_K: _ratio(W_K @ W_Q.T, W_V @ W_O),
            "meets W_OV of the earlier head first",
            "the order is turned: a row vector meets W_OV of the earlier head first",
        ),
        Wrong(
            "not normalised",
            lambda W_V, W_O, W_Q, W_K: (W_V @ W_O @ W_K @ W_Q.T).norm(),
            "divide by the two norms",
            "large weights alone raise this number: divide by the two norms",
        ),
        Wrong(
            "norms of single matrices",
            lambda W_V, W_O, W_Q, W_K: (
                (W_V @ W_O @ W_K @ W_Q.T).norm()
                / (W_V.norm() * W_O.norm() * W_K.norm() * W_Q.norm())
            ),
            "norm of each product",
            "divide by the norm of each product, W_OV and W_K W_Q^T, not of four matrices",
        ),
        Wrong(
            "largest singular values",
            lambda W_V, W_O, W_Q, W_K: _ratio(W_V @ W_O, W_K @ W_Q.T, order=2),
            "Frobenius norm",
            "these are largest singular values: the Frobenius norm sums the squares of all entries",
        ),
        Wrong(
            "squared",
            lambda W_V, W_O, W_Q, W_K: _ratio(W_V @ W_O, W_K @ W_Q.T) ** 2,
            "a square root is missing",
            "this is the square of what was asked: a square root is missing",
        ),
    ),
    hints=(
        "Multiply what the earlier head does, W_OV, with what the later head reads through its "
        "keys, W_K W_Q^T; compare the norm of the product with the product of the norms.",
        "`W_V @ W_O` and `W_K @ W_Q.T`; `.norm()` of a matrix is its Frobenius norm.",
        "Both products have axes `d_model d_model`; the result is one number.",
    ),
    groups={"random": 2, "truth": 1},
)
