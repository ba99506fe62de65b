import pytest
import torch

from mi_course.methods.feature_viz import Recipe, activation_atlas
from mi_course.methods.feature_viz.atlas import cells


def test_cells_are_counted_from_the_top_left():
    points = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.4, 0.9]])
    assert cells(points, 2).tolist() == [0, 1, 2, 3, 2]
    assert cells(points[:1], 3).tolist() == [0]


@pytest.fixture(scope="module")
def coloured():
    """Red pictures and blue ones, each with some noise."""
    generator = torch.Generator().manual_seed(0)
    images = 0.4 * torch.rand(120, 3, 64, 64, generator=generator)
    images[:60, 0] += 0.6
    images[60:, 2] += 0.6
    return images, ["red"] * 60 + ["blue"] * 60


def test_red_and_blue_lie_in_cells_of_their_own_and_are_drawn_so(model, coloured):
    images, labels = coloured
    found = activation_atlas(model, "conv2", images, labels, Recipe(steps=24), grid=4)
    assert set(found.labels) == {"red", "blue"}
    # t-SNE puts a few points among strangers.
    assert found.shares.min() > 0.8
    assert found.counts.min() >= 4
    assert found.counts.sum() <= found.n_points == 120
    redness = found.pictures.images[:, 0].mean((1, 2)) - found.pictures.images[:, 2].mean((1, 2))
    is_red = torch.tensor([label == "red" for label in found.labels])
    assert redness[is_red].min() > redness[~is_red].max()
    assert found.pictures.names[0].startswith("conv2 ")
    assert "120 activations of conv2" in found.summary()


def test_a_seed_decides_the_layout(model, coloured):
    first, again = (
        activation_atlas(model, "conv2", *coloured, Recipe(steps=1), grid=3) for _ in range(2)
    )
    assert torch.equal(first.counts, again.counts)
    assert torch.equal(first.pictures.images, again.pictures.images)


def test_bad_requests_are_refused(model, coloured):
    images, labels = coloured
    with pytest.raises(ValueError, match="40 images or more and as many labels, got 120 and 119"):
        activation_atlas(model, "conv2", images, labels[1:])
    with pytest.raises(ValueError, match="a cell with 100 points"):
        activation_atlas(model, "conv2", images, labels, grid=4, least=100)
