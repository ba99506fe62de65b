from dataclasses import replace

import pytest
import torch

from mi_course.plots import plot_feature_tree, plot_patching_curves, summary
from mi_course.results import Cause, FeatureCauses, FeatureTree, PatchingCurve

ONE, ZERO = "blocks.1.hook_resid_post", "blocks.0.hook_resid_post"


def words(figure):
    return figure.layout.title.text.replace("<br>", " ")


def curve(name="SAE", low=0.5):
    return PatchingCurve(
        kl=torch.tensor([4.0, 2.0, low, 0.1]),
        magnitude=torch.tensor([0.0, 1.0, 3.0, 4.0]),
        flipped=torch.tensor([0.0, 0.5, 1.0, 1.0]),
        numbers=(0, 1, 8, 20),
        features=(),
        dictionary=name,
        hook=ONE,
        order="effect",
    )


def test_curves_stand_against_the_number_and_against_the_size_of_the_edit():
    figure = plot_patching_curves([curve(), curve("PCA", 1.5)])
    by_number, by_size, *_ = figure.data
    # A logarithmic axis has no zero.
    assert tuple(by_number.x) == (0.5, 1, 8, 20)
    assert tuple(by_size.x) == (0, 1, 3, 4)
    assert tuple(by_number.y) == tuple(by_size.y) == pytest.approx((4, 2, 0.5, 0.1))
    assert [trace.name for trace in figure.data] == ["SAE", "SAE", "PCA", "PCA"]
    assert [trace.showlegend for trace in figure.data] == [True, False, True, False]
    assert words(figure) == (
        "KL to the target run with 1 of its features: 2.0 nats with SAE, 2.0 nats with PCA"
    )
    assert summary(figure) == f"{curve().summary()} {curve('PCA', 1.5).summary()}"
    with pytest.raises(ValueError, match="at least one curve"):
        plot_patching_curves([])


def test_curves_without_a_common_number_are_still_drawn():
    other = replace(curve("PCA"), numbers=(2, 3, 4, 5))
    assert len(plot_patching_curves([curve(), other]).data) == 4


@pytest.fixture
def tree():
    causes = (
        Cause(ZERO, 4, "SAE", 1.0, activation=2.0, cosine=0.5),
        Cause(ZERO, 9, "SAE", -0.2, activation=2.0, cosine=0.1),
    )
    root = FeatureCauses(ONE, 7, "SAE", 2.0, causes, n_active=30, n_examples=5)
    return FeatureTree((root,), (ONE, ZERO))


def test_wide_edges_carry_much_and_the_first_layer_is_at_the_bottom(tree):
    figure = plot_feature_tree(tree, {(ZERO, 4): "brackets"})
    strong, weak, nodes = figure.data
    assert strong.line.width > 3 * weak.line.width > 0
    assert strong.line.color != weak.line.color
    assert tuple(strong.y) == (0, 0.5, 1)
    assert sorted(nodes.y) == [0, 0, 1]
    assert "50% lost without it, cosine 0.50" in strong.hovertext
    texts = [note.text for note in figure.layout.annotations]
    assert sorted(texts) == ["4<br>brackets", "7", "9"]
    assert words(figure) == "Feature 7 loses 50% without 4 (brackets) of the layer before"
    assert summary(figure) == tree.summary()


def test_a_latent_without_causes_is_told(tree):
    lonely = FeatureTree((replace(tree.nodes[0], causes=()),), (ONE, ZERO))
    assert "has no cause" in words(plot_feature_tree(lonely))
