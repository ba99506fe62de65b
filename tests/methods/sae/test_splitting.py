import pytest
import torch
from torch.nn.functional import normalize

from mi_course.methods.sae.dictionary import SAE
from mi_course.methods.sae.splitting import feature_splitting


def of(rows, bias=0.0, architecture="l1"):
    n, d_in = rows.shape
    return SAE(rows.T.contiguous(), torch.full((n,), bias), rows, torch.zeros(d_in), architecture)


@pytest.fixture
def axes():
    return torch.eye(6)


def test_children_are_the_latents_that_point_and_fire_with_a_parent(axes):
    """The parent writes e0; two children lean from it to e1 and e2, a third is a stranger."""
    small = of(torch.stack([axes[0], axes[5]]))
    lean = normalize(torch.stack([axes[0] + axes[1], axes[0] + axes[2], axes[3]]), dim=1)
    wide = of(torch.cat([lean, axes[5:]]), bias=-1.0)
    x = torch.tensor(
        [[1.0, 1, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0], [1, 0, 1, 0, 0, 0], [0, 0, 0, 2, 0, 0]]
    )
    found = feature_splitting(small, wide, x)
    assert found.parent[:2].tolist() == [0, 0]
    assert found.cosines[:2].tolist() == pytest.approx([0.5**0.5] * 2)
    assert found.inside[:3].tolist() == [1, 1, 0]
    assert found.covered[:2].tolist() == pytest.approx([2 / 3, 1 / 3])
    # The last latent points where the second parent does, but neither ever fires.
    assert found.is_child.tolist() == [True, True, False, False]
    assert found.sizes.tolist() == [2, 0]
    assert found.children(0) == [0, 1]
    assert "50% of 2 features have no child, 0% have one, 50% have several" in found.summary()


def test_a_dictionary_beside_itself_has_one_child_each():
    generator = torch.Generator().manual_seed(0)
    rows = normalize(torch.randn(20, 32, generator=generator), dim=1)
    x = torch.randn(500, 32, generator=generator)
    found = feature_splitting(of(rows), of(rows), x, chunk=64)
    assert found.parent.tolist() == list(range(20))
    assert found.sizes.tolist() == [1] * 20
    assert found.inside.min() == found.covered.min() == 1


def test_dictionaries_of_another_width_are_refused():
    with pytest.raises(ValueError, match="d_in = 2"):
        feature_splitting(of(torch.eye(2)), of(torch.eye(2)), torch.ones(3, 3))
