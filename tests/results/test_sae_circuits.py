from dataclasses import replace

import pytest
import torch

from mi_course.results import Cause, FeatureCauses, FeatureTree, PatchingCurve

CURVE = PatchingCurve(
    kl=torch.tensor([4.0, 2.0, 0.5]),
    magnitude=torch.tensor([0.0, 1.0, 3.0]),
    flipped=torch.tensor([0.0, 0.5, 1.0]),
    numbers=(0, 1, 8),
    features=(3, 5),
    dictionary="SAE",
    hook="blocks.1.hook_resid_post",
    order="effect",
)


def cause(latent=4, drop=1.0, hook="blocks.0.hook_resid_post"):
    return Cause(hook, latent, "SAE", drop, activation=2.0, cosine=0.5)


def causes(*found, latent=7, hook="blocks.1.hook_resid_post"):
    return FeatureCauses(hook, latent, "SAE", 2.0, found, n_active=30, n_examples=5)


def test_a_curve_knows_how_many_features_it_takes():
    assert CURVE.needed(2.0) == 1
    assert CURVE.needed(1.9) == 8
    assert CURVE.needed(0.1) is None
    assert CURVE.area() == pytest.approx(1.25)
    assert "4.00 with 0 (edit of length 0.0), 2.00 with 1" in CURVE.summary()


def test_a_curve_that_contradicts_itself_is_refused():
    with pytest.raises(ValueError, match="low to high"):
        replace(CURVE, numbers=(0, 8, 1))
    with pytest.raises(ValueError, match="number"):
        replace(CURVE, numbers=(0, 1))
    with pytest.raises(ValueError, match="flipped from 0 to 1"):
        replace(CURVE, flipped=torch.tensor([0.0, 0.5, 1.5]))
    with pytest.raises(ValueError, match="finite KL"):
        replace(CURVE, kl=torch.tensor([0.0, torch.nan, 1.0]))


def test_causes_are_told_as_shares_of_the_activation():
    found = causes(cause(drop=1.0), cause(5, -0.5))
    assert [found.share(each) for each in found.causes] == [0.5, -0.25]
    assert "blocks.0.hook_resid_post 4 (50%, cosine 0.50)" in found.summary()
    assert "of 30 earlier features" in found.summary()
    assert "without none" in causes().summary()
    with pytest.raises(ValueError, match="largest drop first"):
        causes(cause(drop=1.0), cause(drop=2.0))


def test_a_tree_has_the_edges_and_layers_of_its_nodes():
    one, zero = "blocks.1.hook_resid_post", "blocks.0.hook_resid_post"
    tree = FeatureTree((causes(cause(4), cause(9, 0.2)),), (one, zero))
    assert tree.edges() == [((zero, 4), (one, 7), 0.5, 0.5), ((zero, 9), (one, 7), 0.1, 0.5)]
    assert tree.layer(one) == (7,)
    assert tree.layer(zero) == (4, 9)
    assert tree.summary().endswith(f"The tree holds 1 at {one}, 2 at {zero}.")
    with pytest.raises(ValueError, match="target first"):
        FeatureTree((causes(),), (zero, one))
