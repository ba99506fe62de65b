from math import cos, pi, sin, sqrt

import pytest
import torch

from mi_course.methods.superposition import geometry


def polygon(k):
    return torch.tensor([[cos(2 * pi * i / k), sin(2 * pi * i / k)] for i in range(k)])


def simplex(k):
    """k directions in k - 1 dimensions, all at the same angle."""
    centred = torch.eye(k) - 1 / k
    _, _, V = torch.linalg.svd(centred)
    return torch.nn.functional.normalize(centred @ V[: k - 1].T, dim=-1)


def antiprism():
    """Eight points on a sphere, two squares turned against each other, dimensions shared equally.

    W^T W is 8/3 of the identity when each square lies at a height of 1 / sqrt(3).
    """
    height, radius = 1 / sqrt(3), sqrt(2 / 3)
    up = [(radius * cos(pi * i / 2), radius * sin(pi * i / 2), height) for i in range(4)]
    turned = [pi * i / 2 + pi / 4 for i in range(4)]
    return torch.tensor([*up, *((radius * cos(a), radius * sin(a), -height) for a in turned)])


SOLIDS = {
    "own dimension": torch.eye(1),
    "digon": torch.tensor([[1.0], [-1.0]]),
    "triangle": polygon(3),
    "tetrahedron": simplex(4),
    "5-cell": simplex(5),
    "pentagon": polygon(5),
    "square antiprism": antiprism(),
}


def together(*names):
    """The solids on dimensions of their own, turned at random."""
    W = torch.block_diag(*(SOLIDS[name] for name in names))
    size = W.shape[1]
    turn = torch.linalg.qr(torch.randn(size, size, generator=torch.Generator().manual_seed(0))).Q
    return (W @ turn)[None]


@pytest.mark.parametrize("name", SOLIDS)
def test_each_solid_is_called_by_its_name(name):
    found = geometry(together(name))
    (shape,) = found.shapes[0]
    assert shape.name == name
    assert shape.features == tuple(range(len(SOLIDS[name])))
    share = shape.rank / len(shape.features)
    torch.testing.assert_close(
        found.dimensionality, torch.full_like(found.dimensionality, share), atol=1e-5, rtol=0
    )


def test_a_square_is_two_digons():
    assert geometry(polygon(4)[None]).told(0) == "2 digons"


def test_planted_solids_are_found_beside_each_other():
    found = geometry(together("pentagon", "digon", "triangle", "digon", "own dimension"))
    assert found.counts(0) == {"pentagon": 1, "triangle": 1, "digon": 2, "own dimension": 1}
    assert found.shapes[0][0].features == (0, 1, 2, 3, 4)


def test_a_little_noise_changes_no_name():
    W = together("pentagon", "tetrahedron", "digon")
    noise = 0.02 * torch.randn(W.shape, generator=torch.Generator().manual_seed(1))
    assert geometry(W + noise).counts(0) == {"pentagon": 1, "tetrahedron": 1, "digon": 1}


def test_features_that_share_unequally_are_irregular():
    W = torch.tensor([[[1.0, 0.0], [cos(1.0), sin(1.0)]]])
    (shape,) = geometry(W).shapes[0]
    assert (shape.name, shape.rank) == ("irregular", 2)


def test_short_directions_are_in_no_shape():
    W = torch.cat([together("digon"), 0.1 * together("digon")], dim=1)
    found = geometry(W)
    assert found.told(0) == "1 digon and 2 not represented"
    assert found.dimensionality[0, 2:].tolist() == [0, 0]


def test_an_instance_without_any_feature_has_no_shape():
    assert geometry(torch.zeros(1, 2, 2)).told(0) == "2 not represented"
