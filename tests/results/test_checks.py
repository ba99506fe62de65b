import pytest
import torch

from mi_course.results.checks import boolean


def test_numbers_in_place_of_booleans_are_refused():
    boolean("labels", torch.tensor([True, False]))
    with pytest.raises(ValueError, match=r"boolean labels, got torch.int64, try labels.bool\(\)"):
        boolean("labels", torch.tensor([1, 0]))
