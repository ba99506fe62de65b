from math import cos, pi, sin

import pytest
import torch

from mi_course.methods.superposition import (
    count_polysemantic,
    dimensions_per_feature,
    feature_dimensionality,
    interference,
    plateaus,
    train_toy_models,
)


def polygon(k):
    angles = [2 * pi * i / k for i in range(k)]
    return torch.tensor([[cos(angle), sin(angle)] for angle in angles])


@pytest.mark.parametrize(("k", "share"), [(3, 2 / 3), (4, 1 / 2), (5, 2 / 5), (8, 1 / 4)])
def test_features_of_a_regular_polygon_share_two_dimensions_equally(k, share):
    found = feature_dimensionality(polygon(k)[None])
    torch.testing.assert_close(found, torch.full((1, k), share))


def test_a_case_by_hand():
    # Lengths 1 and 2 with a right angle, and a third along the first: 1 / (1 + 1) and so on.
    W = torch.tensor([[[1.0, 0.0], [0.0, 2.0], [-1.0, 0.0], [0.0, 0.0]]])
    torch.testing.assert_close(feature_dimensionality(W), torch.tensor([[0.5, 1.0, 0.5, 0.0]]))
    torch.testing.assert_close(interference(W), torch.tensor([[1.0, 0.0, 1.0, 0.0]]))
    torch.testing.assert_close(dimensions_per_feature(W), torch.tensor([2 / 6]))


def test_unequal_lengths_count_against_the_shorter_feature():
    # D_0 = 1 / (1 + 4), D_1 = 4 / (4 + 1)
    found = feature_dimensionality(torch.tensor([[[1.0], [2.0]]]))
    torch.testing.assert_close(found, torch.tensor([[0.2, 0.8]]))
    torch.testing.assert_close(
        interference(torch.tensor([[[1.0], [2.0]]])), torch.tensor([[4.0, 1.0]])
    )


@pytest.mark.parametrize("seed", range(5))
def test_dimensionality_is_a_fraction_and_sums_to_at_most_the_dimensions(seed):
    generator = torch.Generator().manual_seed(seed)
    W = torch.randn(6, 12, 4, generator=generator) * torch.rand(6, 12, 1, generator=generator)
    D = feature_dimensionality(W)
    assert D.min() >= 0
    assert D.max() <= 1 + 1e-6
    assert D.sum(dim=1).max() <= 4 + 1e-5


def test_it_agrees_with_the_definition_written_as_a_loop():
    W = torch.randn(1, 7, 3, generator=torch.Generator().manual_seed(3))
    for i in range(7):
        unit = W[0, i] / W[0, i].norm()
        others = [float(unit @ W[0, j]) ** 2 for j in range(7)]
        expected = W[0, i].norm() ** 2 / sum(others)
        assert feature_dimensionality(W)[0, i].item() == pytest.approx(expected.item(), rel=1e-5)
        assert interference(W)[0, i].item() == pytest.approx(
            sum(others) - others[i], rel=1e-4, abs=1e-6
        )


def test_turning_all_directions_changes_nothing():
    W = torch.randn(1, 7, 3, generator=torch.Generator().manual_seed(3))
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(4))).Q
    torch.testing.assert_close(feature_dimensionality(W), feature_dimensionality(W @ turn))


def test_an_instance_of_zeros_has_no_dimensions_per_feature():
    with pytest.raises(ValueError, match="only zeros"):
        dimensions_per_feature(torch.zeros(1, 3, 2))


def test_features_at_a_plateau_are_counted_and_short_ones_are_not():
    W = torch.zeros(1, 9, 4)
    W[0, :5, :2] = polygon(5)
    W[0, 5, 2], W[0, 6, 2] = 1, -1
    W[0, 7, 3] = 1
    W[0, 8, 3] = 0.01
    found = plateaus(W, torch.tensor([0.1]))
    counts = dict(zip(found.names, found.counts[0].tolist(), strict=True))
    assert {name: k for name, k in counts.items() if k} == {
        "own dimension": 1,
        "digon": 2,
        "pentagon": 5,
    }
    assert found.n_represented.tolist() == [8]
    assert found.found(least=2) == ("digon", "pentagon")
    assert found.share() == 1
    with pytest.raises(ValueError, match="below 1/80"):
        plateaus(W, torch.tensor([0.1]), tolerance=0.02)


def test_neurons_that_read_two_features_are_counted():
    W = torch.tensor([[[1.0, 1.0, 0.0, 0.1], [0.0, -0.5, 0.0, 1.0]]])
    # The fourth reads its weaker feature with a tenth of the stronger weight.
    assert count_polysemantic(W).tolist() == [1]
    assert count_polysemantic(W, least=0.05).tolist() == [2]


def test_trained_models_stop_at_a_half_and_two_other_plateaus():
    density = torch.tensor([0.4, 0.25, 0.22]).repeat_interleave(4)
    model = train_toy_models(12, 3, density, steps=1200, batch_size=128).model
    found = plateaus(model.W, density).found()
    assert "digon" in found
    assert len(set(found) - {"own dimension", "digon"}) >= 2
    assert feature_dimensionality(model.W).sum(dim=1).max() <= 3 + 1e-4


@pytest.mark.slow
def test_two_hundred_features_in_twenty_dimensions_stop_at_plateaus_too():
    density = torch.logspace(0, -0.8, 12)
    model = train_toy_models(200, 20, density, steps=3000).model
    found = plateaus(model.W, density).found()
    assert "digon" in found
    assert len(set(found) & {"tetrahedron", "triangle", "pentagon", "square antiprism"}) >= 2
    D = feature_dimensionality(model.W)
    assert D.max() <= 1 + 1e-5
    assert D.sum(dim=1).max() <= 20 + 1e-3
