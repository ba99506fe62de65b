import pytest
import torch

from mi_course.methods.sae import sparse
from mi_course.methods.sae.sparse import Codes

ROWS, COLS, D_IN = 7, 9, 5


@pytest.fixture(params=[torch.float32, torch.float64])
def dense(request):
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(ROWS, COLS, generator=generator, dtype=request.param)
    kept = torch.rand(ROWS, COLS, generator=generator) < 0.3
    kept[2] = False  # a row, and a column, without entries
    kept[:, 4] = False
    return values * kept


def codes_of(dense):
    rows, cols = dense.nonzero(as_tuple=True)
    starts = torch.searchsorted(rows, torch.arange(len(dense) + 1))
    return Codes(starts, cols, dense[rows, cols], dense.shape[1])


def matrix(rows, dtype):
    return torch.randn(rows, D_IN, generator=torch.Generator().manual_seed(rows), dtype=dtype)


def test_all_four_passes_are_the_matrix_products_they_stand_for(dense):
    codes, W, g = codes_of(dense), matrix(COLS, dense.dtype), matrix(ROWS, dense.dtype)
    rows, cols = dense.nonzero(as_tuple=True)
    torch.testing.assert_close(codes.dense(), dense)
    torch.testing.assert_close(codes.decode(W), dense @ W)
    dots = codes.dots(g, W)
    torch.testing.assert_close(dots, (g @ W.T)[rows, cols])
    out = torch.full_like(W, torch.nan)
    torch.testing.assert_close(codes.column_sums(codes.values, g, out), dense.T @ g)
    other = torch.zeros_like(dense).index_put((rows, cols), dots)
    torch.testing.assert_close(codes.column_sums(dots, g, out), other.T @ g)
    torch.testing.assert_close(codes.column_totals(dots), other.sum(0))


def test_rows_and_counts_are_those_of_the_entries(dense):
    codes = codes_of(dense)
    assert codes.n_rows == ROWS
    assert torch.equal(codes.rows, dense.nonzero()[:, 0])
    assert torch.equal(codes.counts, (dense != 0).sum(0))


def test_entries_can_take_rows_of_another_matrix(dense):
    codes, g = codes_of(dense), matrix(3, dense.dtype)
    rows = codes.rows % 3
    expected = torch.stack([dense[i::3].sum(0) for i in range(3)]).T @ g
    out = torch.full((COLS, D_IN), torch.nan, dtype=dense.dtype)
    torch.testing.assert_close(codes.column_sums(codes.values, g, out, rows), expected)


def test_columns_are_summed_some_at_a_time(dense, monkeypatch):
    codes, g = codes_of(dense), matrix(ROWS, dense.dtype)
    expected = codes.column_sums(codes.values, g, torch.empty(COLS, D_IN, dtype=dense.dtype))
    monkeypatch.setattr(sparse, "COLUMNS", 4)
    found = codes.column_sums(codes.values, g, torch.empty(COLS, D_IN, dtype=dense.dtype))
    assert torch.equal(found, expected)


def test_no_entry_at_all_gives_zeros():
    codes = codes_of(torch.zeros(ROWS, COLS))
    assert codes.decode(matrix(COLS, torch.float32)).abs().max() == 0
    out = torch.full((COLS, D_IN), torch.nan)
    assert codes.column_sums(codes.values, matrix(ROWS, torch.float32), out).abs().max() == 0
    assert len(codes.dots(matrix(ROWS, torch.float32), matrix(COLS, torch.float32))) == 0
