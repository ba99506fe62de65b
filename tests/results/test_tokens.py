import pytest
import torch

from mi_course.results import TokenMatrix


def test_rows_that_raise_themselves_are_counted():
    values = torch.tensor([[2.0, 1.0], [3.0, 1.0]])
    matrix = TokenMatrix(values, ("a", "b"), ("a", "b"), name="OV circuit")
    assert matrix.diagonal_wins().tolist() == [True, False]
    assert matrix.summary() == "OV circuit: 1 of the 2 tokens shown raise themselves most."


def test_rows_and_columns_are_matched_by_token_not_by_place():
    values = torch.tensor([[0.0, 5.0]])
    assert TokenMatrix(values, ("b",), ("a", "b"), name="part").diagonal_wins().all()


def test_each_row_and_column_needs_its_token():
    with pytest.raises(ValueError, match="column"):
        TokenMatrix(torch.zeros(1, 2), ("a",), ("a",), name="part")
