import pytest
import torch

from mi_course.methods.feature_viz import fitted_colours, natural_colours, plain_colours
from mi_course.methods.feature_viz.colours import Colours


def test_no_coordinate_gives_the_mean_colour():
    colours = natural_colours()
    pixels = colours.pixels(torch.zeros(1, 3, 2, 2))
    torch.testing.assert_close(pixels[0, :, 1, 1], colours.mean)


def test_to_first_order_a_pixel_is_mean_plus_root_times_z():
    colours = natural_colours()
    z = 1e-3 * torch.randn(1, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    linear = colours.mean[:, None, None] + torch.einsum("ij,bjhw->bihw", colours.root, z)
    # Second order: the squared change of about 4e-4.
    torch.testing.assert_close(colours.pixels(z), linear, atol=2e-6, rtol=0)
    torch.testing.assert_close(colours.coordinates(linear), z, atol=1e-4, rtol=0)


def test_two_publications_agree_on_the_covariance_of_natural_colours():
    # The root that the Lucid library prints, to two digits: [Olah17] used it.
    lucid = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
    root = natural_colours().root
    torch.testing.assert_close(root @ root.T, lucid @ lucid.T, atol=5e-3, rtol=0)


def test_fitting_recovers_a_planted_covariance():
    generator = torch.Generator().manual_seed(0)
    root = torch.tensor([[0.06, 0.0, 0.0], [0.05, 0.04, 0.0], [0.04, 0.0, 0.05]])
    white = torch.randn(8, 3, 64, 64, generator=generator)
    mean = torch.tensor([0.6, 0.5, 0.4])
    images = mean[:, None, None] + torch.einsum("ij,bjhw->bihw", root, white)
    found = fitted_colours(images.clamp(0, 1))
    torch.testing.assert_close(found.mean, mean, atol=2e-3, rtol=0)
    torch.testing.assert_close(found.root @ found.root.T, root @ root.T, atol=2e-4, rtol=0)


def test_a_grey_world_still_gives_a_little_colour():
    grey = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0)).expand(4, 3, 8, 8)
    found = fitted_colours(grey)
    assert torch.linalg.eigvalsh(found.root @ found.root.T).min() == pytest.approx(4e-4, rel=1e-3)


def test_plain_colours_do_not_mix():
    z = torch.zeros(1, 3, 1, 1)
    z[0, 1] = 1.0
    pixels = plain_colours().pixels(z).flatten()
    assert pixels[0] == pixels[2] == 0.5
    assert pixels[1] == pytest.approx(torch.sigmoid(torch.tensor(1.0)).item())


def test_pixels_that_are_not_from_0_to_1_are_refused():
    with pytest.raises(ValueError, match="images from 0 to 1, got 0 to 255"):
        fitted_colours(torch.tensor([0.0, 255.0]).expand(1, 3, 2, 2))
    with pytest.raises(ValueError, match="got none"):
        fitted_colours(torch.zeros(0, 3, 2, 2))
    with pytest.raises(ValueError, match="a mean between 0 and 1"):
        Colours(torch.tensor([0.5, 0.5, 1.0]), torch.eye(3))
