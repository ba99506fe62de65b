import pytest
import torch

from mi_course.methods.superposition import expected_loss, optimised
from mi_course.models.toy import ToyModel


def model(W, density, b=None, importance=None):
    W = torch.tensor(W, dtype=torch.float64)[None]
    blank = torch.zeros(1, W.shape[1], dtype=torch.float64)
    return ToyModel(
        W=W,
        b=blank if b is None else blank + torch.tensor(b, dtype=torch.float64),
        density=torch.tensor([density], dtype=torch.float64),
        importance=blank + (1 if importance is None else torch.tensor(importance)),
    )


def test_a_feature_without_a_direction_costs_its_variance():
    p = 0.3
    found = expected_loss(model([[0.0]], p, b=[p / 2]))
    assert found.item() == pytest.approx(p / 3 - p**2 / 4, abs=1e-12)


def test_a_model_that_answers_nothing_costs_the_mean_square():
    assert expected_loss(model([[0.0], [0.0]], 0.6)).item() == pytest.approx(0.2, abs=1e-12)


def test_more_points_change_little():
    found = model([[1.0, 0.1], [-0.6, 0.4], [0.2, -0.9]], 0.4, b=[0.1, -0.1, 0.05])
    coarse, fine = expected_loss(found), expected_loss(found, nodes=40)
    # The kink of ReLU is what quadrature misses.
    torch.testing.assert_close(coarse, fine, rtol=5e-3, atol=0)


def test_importance_weighs_each_feature():
    heavy = expected_loss(model([[1.0], [0.0]], 0.5, importance=[1.0, 3.0]))
    light = expected_loss(model([[1.0], [0.0]], 0.5, importance=[1.0, 1.0]))
    assert heavy.item() == pytest.approx(3 * light.item())


def test_five_features_are_too_many():
    with pytest.raises(ValueError, match="at most 4"):
        expected_loss(model([[1.0]] * 5, 0.5))


def test_descent_never_ends_above_its_start_and_finds_a_feature_its_dimension():
    start = model([[0.5]], 0.5)
    end = optimised(start)
    assert expected_loss(end) < 1e-6 < expected_loss(start)
    assert end.W.item() == pytest.approx(1, abs=0.01)
