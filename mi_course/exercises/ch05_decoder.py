"""Exercise 05.3: decoder rows of length 1, and a gradient that does not try to change that."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from mi_course.exercises.core import Case, Exercise, Wrong

Rows = Float[Tensor, "d_sae d_in"]
Both = tuple[Rows, Rows]


def normalise_decoder(W_dec: Rows, gradient: Rows) -> Both:
    """Return the rows at length 1, and the gradient without its part along them."""
    unit = W_dec / W_dec.norm(dim=1, keepdim=True)
    along = (gradient * unit).sum(dim=1, keepdim=True)
    return unit, gradient - along * unit


def _by_projection(W_dec: Rows, gradient: Rows) -> Both:
    unit = normalize(W_dec, dim=1)
    identity = torch.eye(W_dec.shape[1])
    kept = [
        (identity - torch.outer(row, row)) @ each for row, each in zip(unit, gradient, strict=True)
    ]
    return unit, torch.stack(kept)


def _columns(W_dec: Rows, gradient: Rows) -> Both:
    unit = normalize(W_dec, dim=0)
    return unit, gradient - (gradient * unit).sum(0) * unit


def _whole(W_dec: Rows, gradient: Rows) -> Both:
    unit = W_dec / W_dec.norm()
    return unit, gradient - (gradient * unit).sum(1, keepdim=True) * unit


def _squared_length(W_dec: Rows, gradient: Rows) -> Both:
    unit = W_dec / W_dec.square().sum(1, keepdim=True)
    return unit, normalise_decoder(W_dec, gradient)[1]


def _gradient_as_it_is(W_dec: Rows, gradient: Rows) -> Both:
    return normalise_decoder(W_dec, gradient)[0], gradient


def _long_rows(W_dec: Rows, gradient: Rows) -> Both:
    along = (gradient * W_dec).sum(1, keepdim=True)
    return normalise_decoder(W_dec, gradient)[0], gradient - along * W_dec


def _part_along(W_dec: Rows, gradient: Rows) -> Both:
    unit, across = normalise_decoder(W_dec, gradient)
    return unit, gradient - across


def _added(W_dec: Rows, gradient: Rows) -> Both:
    unit, across = normalise_decoder(W_dec, gradient)
    return unit, 2 * gradient - across


def _rows_as_they_are(W_dec: Rows, gradient: Rows) -> Both:
    return W_dec, normalise_decoder(W_dec, gradient)[1]


def _normalised_gradient(W_dec: Rows, gradient: Rows) -> Both:
    unit, across = normalise_decoder(W_dec, gradient)
    return unit, normalize(across, dim=1)


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(d_sae: int, d_in: int) -> tuple[Rows, Rows]:
        rows, gradient = torch.randn(2, d_sae, d_in, generator=generator)
        # Rows of very different lengths.
        return rows * (0.3 + 3 * torch.rand(d_sae, 1, generator=generator)), 2 * gradient + 0.5

    hand = torch.tensor([[3.0, 4.0], [0.0, 2.0]]), torch.tensor([[5.0, 0.0], [1.0, 1.0]])
    rows, gradient = drawn(5, 6)
    steps = torch.randn(5, 1, generator=generator)
    return [
        Case("two rows", hand, "hand"),
        Case("11 rows of width 4", drawn(11, 4)),
        Case("3 rows of width 8", drawn(3, 8)),
        Case("the gradient only wants longer rows", (rows, steps * rows), "property"),
        Case("rows of length 1 already", (normalize(rows, dim=1), gradient), "property"),
    ]


NORMALISE_DECODER = Exercise(
    id="05.3",
    function="normalise_decoder",
    title="Keep directions at length 1",
    points=2,
    stars=2,
    minutes=10,
    reference=normalise_decoder,
    cases=_cases,
    alternatives=(_by_projection,),
    wrong=(
        Wrong(
            "columns",
            _columns,
            "its columns have",
            "its columns have length 1 in place of its rows: a feature is a row of W_dec",
        ),
        Wrong(
            "the matrix as a whole",
            _whole,
            "the matrix as a whole",
            "the matrix as a whole has length 1: divide each row by its own length",
        ),
        Wrong(
            "squared length",
            _squared_length,
            "divided by the squared length",
            "rows are divided by the squared length: a square root is missing",
        ),
        Wrong(
            "the gradient as it is",
            _gradient_as_it_is,
            "the gradient is unchanged",
            "the gradient is unchanged: take away its part along each row",
        ),
        Wrong(
            "part along long rows",
            _long_rows,
            "rows before they have length 1",
            "the part along is computed with rows before they have length 1: use the new ones",
        ),
        Wrong(
            "the part along alone",
            _part_along,
            "the part along the rows",
            "this is the part along the rows: it is what is to be taken away",
        ),
        Wrong(
            "added",
            _added,
            "is added",
            "the part along the rows is added: subtract it",
        ),
        Wrong(
            "rows as they are",
            _rows_as_they_are,
            "the rows are unchanged",
            "the rows are unchanged: divide each by its length",
        ),
        Wrong(
            "gradient of length 1",
            _normalised_gradient,
            "the gradient keeps its length",
            "the gradient keeps its length but for the part taken away: do not normalise it",
        ),
    ),
    hints=(
        "Divide each row by its length. How far does the gradient of a row point along that row? "
        "Take just that much of it away.",
        "`W_dec.norm(dim=1, keepdim=True)` has a length for each row; `(gradient * unit).sum(dim=1,"
        " keepdim=True)` a product for each row.",
        "Lengths and products have axes `d_sae 1`, and line up with `d_sae d_in`.",
    ),
    groups={"random": 1, "property": 1},
)
