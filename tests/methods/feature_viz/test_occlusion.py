import pytest
import torch

from mi_course.methods.feature_viz import occlusion_map


def test_covering_the_spot_costs_all_and_elsewhere_nothing(planted):
    image = torch.full((3, 64, 64), 0.5)
    image[0, 40, 20] = 1.0
    found = occlusion_map(planted, image, "conv1", 0, side=8, stride=8)
    # (1 - 0.5) / 0.25
    assert found.baseline == 2.0
    expected = torch.zeros(8, 8)
    expected[5, 2] = 2.0
    assert torch.equal(found.values, expected)
    assert "from row 40, column 16 costs conv1:0 most: 2.00 of 2.00 (100%)" in found.summary()


def test_covering_what_disturbs_raises_the_peak(planted):
    image = torch.full((3, 64, 64), 0.5)
    image[1] = 0.9  # green everywhere: channel 0 is silent, and grey is less green
    found = occlusion_map(planted, image, "conv1", 0, side=16, stride=16)
    assert found.baseline == 0
    assert (found.values <= 0).all()


def test_every_square_agrees_with_covering_it_by_hand(model, images):
    found = occlusion_map(model, images[0], "conv4", 5, side=12, stride=7, chunk=9)
    assert found.values.shape == (8, 8)
    changed = images[0].clone()
    changed[:, 14:26, 49:61] = 0.5
    peak = model.activations(images[:1], "conv4")[0, 5].max()
    left = model.activations(changed[None], "conv4")[0, 5].max()
    assert found.values[2, 7].item() == pytest.approx((peak - left).item(), abs=1e-4)


def test_bad_requests_are_refused(model, images):
    with pytest.raises(ValueError, match="squares of 1 to 64 pixels"):
        occlusion_map(model, images[0], "conv4", 5, side=65)
    with pytest.raises(ValueError, match=r"channels 0-11 of conv4, got \[12\]"):
        occlusion_map(model, images[0], "conv4", 12)
