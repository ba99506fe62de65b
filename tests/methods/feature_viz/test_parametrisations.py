import numpy as np
import pytest
import torch

from mi_course.methods.feature_viz import Fourier, Pixels, fitted_colours, phase_only
from mi_course.methods.feature_viz.parametrisations import PhaseOnly, frequency_scale, noise


def radial_power(images):
    """Mean power in low and in high frequencies."""
    power = torch.fft.rfft2(images - images.mean((2, 3), keepdim=True)).abs().square()
    n = images.shape[-1]
    f = (torch.fft.fftfreq(n)[:, None].square() + torch.fft.rfftfreq(n).square()).sqrt()
    low, high = (f > 0) & (f < 0.1), f > 0.3
    return power[..., low].mean(), power[..., high].mean()


@pytest.mark.parametrize("size", [16, 15])
def test_scaled_white_noise_keeps_variance_one(size):
    generator = torch.Generator().manual_seed(0)
    white = torch.randn(4000, size, size, generator=generator)
    coloured = torch.fft.irfft2(torch.fft.rfft2(white) * frequency_scale(size), s=(size, size))
    # 4000 x 256 correlated draws: a standard error of about half a percent.
    assert coloured.var().item() == pytest.approx(1.0, rel=0.03)
    assert (frequency_scale(size, 0.0) == 1).all()


def test_frequencies_are_scaled_by_one_over_f():
    scale = frequency_scale(32)
    assert scale[0, 2] / scale[0, 8] == pytest.approx(4.0)
    assert scale[0, 0] == scale[0, 1] == scale[1, 0] == scale[-1, 0]
    assert scale[3, 4] / scale[0, 10] == pytest.approx(2.0)


def test_a_spectrum_is_read_as_numpy_reads_it():
    fourier = Fourier()
    parameters = fourier.start(8, [0, 5], seed=3)
    spectrum = parameters.numpy() @ np.array([1, 1j]) * frequency_scale(8).numpy()
    z = np.fft.irfft2(spectrum, s=(8, 8), norm="ortho")
    expected = fourier.colours.pixels(torch.tensor(z, dtype=torch.float32))
    torch.testing.assert_close(fourier.images(parameters, 8), expected)


def test_an_image_starts_from_its_key_and_the_seed_alone():
    alone, together = noise((2, 3), [7], 0), noise((2, 3), [1, 7, 4], 0)
    assert torch.equal(alone[0], together[1])
    assert not torch.equal(noise((2, 3), [7], 1), alone)
    assert not torch.equal(together[0], together[1])
    assert noise((2, 3), [], 0).shape == (0, 2, 3)


def test_pictures_are_between_0_and_1_and_start_near_grey():
    for parametrisation in (Pixels(), Fourier()):
        images = parametrisation.images(parametrisation.start(16, [0, 1], 0), 16)
        assert images.shape == (2, 3, 16, 16)
        assert (images - parametrisation.colours.mean[:, None, None]).abs().max() < 0.35
        extreme = parametrisation.images(1e3 * parametrisation.start(16, [0], 0), 16)
        assert 0 <= extreme.min() <= extreme.max() <= 1


def test_phases_keep_the_magnitudes_of_real_images(images):
    colours = fitted_colours(images)
    maco = phase_only(images, colours)
    made = maco.images(maco.start(64, range(6), 0), 64)
    low, high = radial_power(images)
    made_low, made_high = radial_power(made)
    # The images are smooth: nearly all of their power is in low frequencies, and stays there.
    assert high / low < 1e-3
    assert made_high / made_low < 1e-2
    assert made_low / low == pytest.approx(1.0, rel=0.5)


def test_magnitudes_of_one_image_with_its_own_phases_give_the_image_back(images):
    one = 0.5 + 0.1 * (images[:1] - 0.5)  # pale: the sigmoid hardly bends it
    colours = fitted_colours(one)
    maco = phase_only(one, colours)
    phase = torch.fft.rfft2(colours.coordinates(one), norm="ortho").angle()
    torch.testing.assert_close(maco.images(phase, 64), one, atol=0.02, rtol=0)


def test_phases_cannot_change_their_size(images):
    maco = phase_only(images)
    with pytest.raises(ValueError, match="expected pictures of 64 pixels"):
        maco.start(32, [0], 0)
    with pytest.raises(ValueError, match="got none"):
        phase_only(images[:0])
    with pytest.raises(ValueError, match="try `phase_only`"):
        PhaseOnly(torch.ones(3, 8, 8))
