import pytest
import torch

from mi_course.methods.feature_viz import STILL, Robustness

GREY = torch.full((3,), 0.5)


def only(**moves):
    return Robustness(**{"jitter": 0.0, "scale": 0.0, "rotation": 0.0, "pad": 0, **moves})


@pytest.fixture
def image():
    return torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def test_without_moves_a_picture_is_itself(image):
    assert STILL.views(image, torch.ones(1, 4), GREY) is image
    seen = Robustness().views(image, torch.zeros(1, 4), GREY)
    torch.testing.assert_close(seen[..., 4:-4, 4:-4], image, atol=1e-5, rtol=0)


def test_padding_surrounds_the_picture_with_the_plain_colour(image):
    seen = only(pad=3).views(image, torch.ones(1, 4), torch.tensor([0.1, 0.2, 0.3]))
    assert seen.shape == (1, 3, 22, 22)
    torch.testing.assert_close(seen[0, :, 0, 0], torch.tensor([0.1, 0.2, 0.3]))
    torch.testing.assert_close(seen[..., 3:-3, 3:-3], image, atol=1e-5, rtol=0)


def test_jitter_by_whole_pixels_is_a_shift(image):
    moved = only(jitter=2.0).views(image, torch.tensor([[1.0, -0.5, 0.7, 0.7]]), GREY)
    # Two rows further down and one column back is looked up.
    torch.testing.assert_close(moved[..., :-2, 1:], image[..., 2:, :-1], atol=1e-5, rtol=0)
    torch.testing.assert_close(moved[..., -1, :], torch.full((1, 3, 16), 0.5), atol=1e-5, rtol=0)


def test_a_quarter_turn_is_a_quarter_turn(image):
    turned = only(rotation=90.0).views(image, torch.tensor([[0.0, 0.0, 0.0, 1.0]]), GREY)
    torch.testing.assert_close(turned, image.rot90(1, (2, 3)), atol=1e-4, rtol=0)


def test_scale_goes_as_far_up_as_down():
    wedge = torch.linspace(0, 1, 33).expand(1, 3, 33, 33)
    larger, smaller = (
        only(scale=1.0).views(wedge, torch.tensor([[0.0, 0.0, side, 0.0]]), GREY)
        for side in (1.0, -1.0)
    )
    slope = wedge[0, 0, 0, 17] - wedge[0, 0, 0, 16]
    assert larger[0, 0, 16, 17] - larger[0, 0, 16, 16] == pytest.approx(slope.item() / 2, rel=1e-3)
    assert smaller[0, 0, 16, 17] - smaller[0, 0, 16, 16] == pytest.approx(
        2 * slope.item(), rel=1e-3
    )


def test_each_image_has_its_own_draw_by_key():
    many = Robustness().draws(5, [3, 9], seed=0)
    assert many.shape == (5, 2, 4)
    assert torch.equal(many[:, 1], Robustness().draws(5, [9], seed=0)[:, 0])
    assert not torch.equal(many[:, 0], many[:, 1])
    assert -1 <= many.min() < -0.5 < 0.5 < many.max() <= 1


def test_negative_moves_are_refused():
    with pytest.raises(ValueError, match="moves of 0 or more"):
        Robustness(jitter=-1.0)
