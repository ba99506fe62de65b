"""Exercises 06.5 and 06.6: a head's OV circuit, and whether it copies.

Matrices are drawn uneven (d_vocab, d_model and d_head all differ) and far from magnitude 1, so
that an order, a transpose or a norm that is wrong shows.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from transformer_lens import FactoredMatrix

from mi_course.exercises.core import Case, Exercise, Wrong

Embed = Float[Tensor, "d_vocab d_model"]
Unembed = Float[Tensor, "d_model d_vocab"]
Reads = Float[Tensor, "d_model d_head"]
Writes = Float[Tensor, "d_head d_model"]
Number = Float[Tensor, ""]


def _drawn(generator: torch.Generator, *shapes: tuple[int, int], scale: float = 1.5) -> list:
    return [scale * torch.randn(shape, generator=generator) for shape in shapes]


# --- 06.5 -----------------------------------------------------------------------------------------


def full_ov_circuit(W_E: Embed, W_V: Reads, W_O: Writes, W_U: Unembed) -> FactoredMatrix:
    """Return W_E W_V W_O W_U in two factors, [d_vocab d_vocab] (logits)."""
    return FactoredMatrix(W_E @ W_V, W_O @ W_U)


def _ov_by_chain(W_E: Embed, W_V: Reads, W_O: Writes, W_U: Unembed) -> FactoredMatrix:
    return FactoredMatrix(W_E, W_V) @ FactoredMatrix(W_O, W_U)


def _ov_dense(W_E: Embed, W_V: Reads, W_O: Writes, W_U: Unembed) -> Tensor:
    return torch.linalg.multi_dot([W_E, W_V, W_O, W_U])


def _ov_cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)
    by_hand = [[[1, 0], [1, 1]], [[1], [2]], [[3, 4]], [[1, 0], [0, 10]]]
    shapes = [(13, 7, 3), (9, 11, 4)]
    letters = torch.linalg.qr(torch.randn(8, 8, generator=generator)).Q[:5]
    strengths = 1 + torch.rand(5, generator=generator)
    copies = (letters, letters.T.contiguous(), letters, letters.T * strengths)
    return [
        Case("two tokens", tuple(torch.tensor(m, dtype=torch.float32) for m in by_hand), "hand"),
        *(
            Case(
                f"{d_vocab} tokens, d_model {d_model}, d_head {d_head}",
                tuple(
                    _drawn(
                        generator,
                        (d_vocab, d_model),
                        (d_model, d_head),
                        (d_head, d_model),
                        (d_model, d_vocab),
                    )
                ),
            )
            for d_vocab, d_model, d_head in shapes
        ),
        Case("a head that copies five letters, each in its strength", copies, "truth"),
    ]


FULL_OV_CIRCUIT = Exercise(
    id="06.5",
    function="full_ov_circuit",
    title="Multiply out the OV circuit",
    points=2,
    stars=1,
    minutes=10,
    reference=full_ov_circuit,
    cases=_ov_cases,
    alternatives=(_ov_by_chain, _ov_dense),
    wrong=(
        Wrong(
            "transposed",
            lambda W_E, W_V, W_O, W_U: (W_E @ W_V @ W_O @ W_U).T,
            "rows and columns are swapped",
            "rows and columns are swapped: the attended token is the row, its effect the column",
        ),
        Wrong(
            "stops in the residual stream",
            lambda W_E, W_V, W_O, W_U: W_E @ W_V @ W_O,
            "W_U is missing",
            "this ends in the residual stream: W_U is missing, which turns it into logits",
        ),
        Wrong(
            "unembeds with W_E",
            lambda W_E, W_V, W_O, W_U: W_E @ W_V @ W_O @ W_E.T,
            "W_U is not the transpose",
            "here W_U is not the transpose of W_E: the model learned both, use W_U",
        ),
        Wrong(
            "W_O before W_V",
            lambda W_E, W_V, W_O, W_U: W_E @ W_O.T @ W_V.T @ W_U,
            "W_V comes first",
            "a head first reads with W_V and then writes with W_O: W_V comes first",
        ),
        Wrong(
            "scaled",
            lambda W_E, W_V, W_O, W_U: W_E @ W_V @ W_O @ W_U / W_V.shape[1],
            "divided by d_head",
            "this is divided by d_head: only attention scores are scaled, the OV circuit is not",
        ),
    ),
    hints=(
        "Follow one token: it is embedded, read by the head, written to the residual stream, and "
        "unembedded.",
        "Four matrices in the order in which a row vector meets them, as two factors with the "
        "small axis d_head between them: `FactoredMatrix(left, right)`.",
        "`left = W_E @ W_V` has axes `d_vocab d_head`, `right = W_O @ W_U` has `d_head d_vocab`.",
    ),
    groups={"random": 1, "truth": 1},
    axes="attended_token predicted_token",
    # Sums of d_model * d_head products of size up to 100 leave 1e-4 where they cancel.
    atol=1e-3,
)


# --- 06.6 -----------------------------------------------------------------------------------------


def copying_score(
    left: Float[Tensor, "d_vocab d_head"], right: Float[Tensor, "d_head d_vocab"]
) -> Number:
    """Return the sum of the eigenvalues of left @ right over the sum of their magnitudes."""
    eigenvalues = torch.linalg.eigvals(right @ left)
    return eigenvalues.sum().real / eigenvalues.abs().sum()


def _copying_by_trace(left: Tensor, right: Tensor) -> Number:
    # In double precision the zeros of the large matrix stay small enough.
    magnitudes = torch.linalg.eigvals(left.double() @ right.double()).abs().sum()
    return torch.trace(left @ right) / magnitudes.float()


def _count_positive(left: Tensor, right: Tensor) -> Number:
    return (torch.linalg.eigvals(right @ left).real > 0).float().mean()


def _singular_values(left: Tensor, right: Tensor) -> Number:
    return torch.trace(right @ left) / torch.linalg.svdvals(left @ right).sum()


def _real_magnitudes(left: Tensor, right: Tensor) -> Number:
    real = torch.linalg.eigvals(right @ left).real
    return real.sum() / real.abs().sum()


def _one(left: Tensor, right: Tensor) -> Number:
    eigenvalues = torch.linalg.eigvals(right @ left)
    return (eigenvalues.sum() / eigenvalues.sum().abs()).real


def _complex(left: Tensor, right: Tensor) -> Tensor:
    eigenvalues = torch.linalg.eigvals(right @ left)
    return eigenvalues.sum() / eigenvalues.abs().sum()


def _copying_cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)
    left, right = torch.tensor([[1.0, 0], [0, 2], [0, 0]]), torch.tensor([[3.0, 0, 1], [0, -1, 5]])
    shapes = [(23, 5), (11, 6), (31, 7)]
    random = [_drawn(generator, (n, d), (d, n), scale=3.0) for n, d in shapes]
    eigenvalues = torch.randn(4, generator=generator)
    some = torch.linalg.qr(torch.randn(17, 4, generator=generator)).Q
    copies = (some * 4 * eigenvalues).T
    return [
        Case("eigenvalues 3 and -2", (left, right), "hand"),
        *(Case(f"{n} tokens, d_head {d}", tuple(m)) for (n, d), m in zip(shapes, random, strict=1)),
        Case("a head that copies some directions", (some, copies), "truth"),
        Case("a head that suppresses what that one copies", (some, -copies), "truth"),
    ]


COPYING_SCORE = Exercise(
    id="06.6",
    function="copying_score",
    title="Score copying by eigenvalues",
    points=3,
    stars=2,
    minutes=15,
    reference=copying_score,
    cases=_copying_cases,
    alternatives=(_copying_by_trace,),
    wrong=(
        Wrong(
            "counts eigenvalues",
            _count_positive,
            "share of eigenvalues",
            "this is the share of eigenvalues above 0: weigh them by their size instead",
        ),
        Wrong(
            "singular values",
            _singular_values,
            "singular values",
            "these are singular values below the line: take the eigenvalues' magnitudes",
        ),
        Wrong(
            "magnitude of the real part",
            _real_magnitudes,
            "magnitude of a complex number",
            "the magnitude of a complex number is not that of its real part: take abs() first",
        ),
        Wrong(
            "magnitude of the sum",
            _one,
            "magnitude of each",
            "sum and magnitude are in the wrong order: take the magnitude of each eigenvalue first",
        ),
        Wrong(
            "magnitude above the line",
            lambda left, right: copying_score(left, right).abs(),
            "the sign is lost",
            "the sign is lost: a head that suppresses what it sees must score below 0",
        ),
        Wrong(
            "complex",
            _complex,
            "the real part",
            "the result is complex: eigenvalues come in conjugate pairs, return the real part",
        ),
    ),
    hints=(
        "Divide the sum of all eigenvalues by the sum of their magnitudes. Zeros add nothing, so "
        "the d_head eigenvalues that are not zero suffice.",
        "`left @ right` and the small `right @ left` have the same non-zero eigenvalues: "
        "`torch.linalg.eigvals` of the small one.",
        "`right @ left` has axes `d_head d_head`; `eigenvalues.sum().real` over "
        "`eigenvalues.abs().sum()`.",
    ),
    groups={"hand": 1, "random": 1, "truth": 1},
    # Eigenvalues of a matrix that is not symmetric lose about half of the digits.
    rtol=2e-3,
    atol=1e-3,
)
