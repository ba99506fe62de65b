import pytest
import torch

from mi_course.methods.superposition import (
    circle_codes,
    circle_decode,
    circle_embedding,
    circle_gain,
)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 17, 1000])
def test_any_number_of_one_hot_features_is_read_exactly(n):
    read = circle_decode(circle_embedding(n), n)
    # Double precision, magnified by a gain of about n^2 / 20.
    torch.testing.assert_close(read, torch.eye(n, dtype=read.dtype), atol=1e-10, rtol=0)


def test_four_features_by_hand():
    W = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]], dtype=torch.float64)
    torch.testing.assert_close(circle_embedding(4), W, atol=1e-15, rtol=0)
    assert circle_gain(4) == pytest.approx(1)
    assert circle_gain(2) == pytest.approx(0.5)
    assert circle_gain(3) == pytest.approx(2 / 3)


def test_the_gain_grows_with_the_square_of_the_number():
    assert circle_gain(2000) / circle_gain(1000) == pytest.approx(4, rel=1e-4)
    assert circle_gain(1000) / 1000**2 == pytest.approx(1 / (2 * 3.14159265**2), rel=1e-4)


def test_nothing_is_read_from_nothing():
    assert circle_decode(torch.zeros(1, 2), 7).sum() == 0


def test_two_of_many_features_are_not_read_as_they_are():
    codes = circle_codes((3, 5, 12))
    # Of five, neighbours are read right and the other two are too far apart to be heard.
    assert codes.two_read_right.tolist() == [1.0, 0.5, 0.0]
    assert codes.one_hot_error.max() < 1e-12


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_features_are_refused(n):
    with pytest.raises(ValueError, match="two or more"):
        circle_embedding(n)
    with pytest.raises(ValueError, match="of 3 or more"):
        circle_codes((n,))
