"""Chapter 01's exercises against the methods that it teaches."""

import pytest
import torch
from torch.nn.functional import conv2d

from mi_course.exercises.ch01_ascent import gradient_ascent_step
from mi_course.exercises.ch01_diversity import diversity_term
from mi_course.exercises.ch01_fourier import fourier_image
from mi_course.exercises.ch01_jitter import jitter
from mi_course.exercises.ch01_kernels import kernel_between_channels
from mi_course.exercises.ch01_matching import match_units
from mi_course.exercises.ch01_objective import channel_objective
from mi_course.exercises.ch01_tuning import tuning_curve
from mi_course.methods import feature_viz
from mi_course.methods.feature_viz.colours import plain_colours
from mi_course.methods.feature_viz.parametrisations import frequency_scale
from mi_course.models.cnn import ShapesCNN
from mi_course.models.vision import shapes_model

# Sums of float32 in another order: relative 1e-6.
CLOSE = {"rtol": 1e-4, "atol": 1e-5}


@pytest.fixture(scope="module")
def model():
    state = torch.get_rng_state()
    torch.manual_seed(0)
    module = ShapesCNN(12, widths=(5, 6, 4, 8, 9), narrow=3)
    torch.set_rng_state(state)
    return shapes_model(module, "small", (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


@pytest.fixture(scope="module")
def images():
    return torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def test_the_plain_goal_is_that_of_the_method(model, images):
    channels = [3, 0, 1, 3]
    fast = feature_viz.channel("conv3", channels).value(feature_viz.Reading(model, images))
    plain = channel_objective(model.activations(images, "conv3"), torch.tensor(channels))
    torch.testing.assert_close(plain, fast, **CLOSE)


def test_a_small_step_raises_each_goal_by_its_length_times_the_slope():
    generator = torch.Generator().manual_seed(2)
    images = torch.rand(3, 3, 6, 6, generator=generator, dtype=torch.float64).requires_grad_()
    kernels = 0.5 + torch.randn(4, 3, 3, 3, generator=generator, dtype=torch.float64)
    channels = torch.tensor([2, 0, 3])

    def goals(shown):
        return channel_objective(conv2d(shown, kernels).relu(), channels)

    (grad,) = torch.autograd.grad(goals(images).sum(), images)
    risen = goals(gradient_ascent_step(images, kernels, channels, 1e-6)) - goals(images)
    assert risen.min() > 0  # no channel is silent
    torch.testing.assert_close(risen / 1e-6, grad.flatten(1).norm(dim=1), rtol=1e-3, atol=0)


@pytest.mark.parametrize("size", [8, 15])
def test_the_plain_picture_of_waves_is_that_of_the_method(size):
    spectrum = torch.randn(2, 3, size, size // 2 + 1, 2, generator=torch.Generator().manual_seed(3))
    # With a quarter as their spread, plain colours are a sigmoid; the method scales the noise too.
    fast = feature_viz.Fourier(plain_colours(0.25)).images(spectrum, size)
    plain = fourier_image(spectrum * frequency_scale(size)[0, 0] / size, size)
    torch.testing.assert_close(plain, fast, **CLOSE)


def test_plain_jitter_is_the_robustness_of_the_method_for_whole_pixels(images):
    draw = torch.tensor([[1.0, 0.0], [-0.5, 1.0], [0.0, -0.5], [0.0, 0.0]])
    moves = feature_viz.Robustness(jitter=4.0, scale=0.0, rotation=0.0, pad=0)
    fast = moves.views(images, torch.cat([draw, torch.zeros(4, 2)], dim=1), torch.full((3,), 0.4))
    # There it is the window that moves, here the picture.
    plain = jitter(images, (-4 * draw).long(), 0.4)
    torch.testing.assert_close(plain, fast, rtol=0, atol=1e-4)


def test_the_plain_tuning_curve_is_that_of_the_method():
    generator = torch.Generator().manual_seed(4)
    responses = torch.randn(60, 7, generator=generator)
    angles = torch.randint(9, (60,), generator=generator) / 9
    for plain, fast in zip(
        tuning_curve(responses, angles), feature_viz.tuning_curve(responses, angles), strict=True
    ):
        torch.testing.assert_close(plain, fast, rtol=0, atol=0)


def test_plain_kernels_multiplied_out_are_those_of_the_method(model):
    module = model.module
    plain = kernel_between_channels(module.conv3.weight, module.conv4.weight)
    fast = feature_viz.expanded_kernels(model, "conv2", "conv4").values
    torch.testing.assert_close(plain, fast, **CLOSE)


def test_plain_diversity_is_that_of_the_method(model, images):
    fast = feature_viz.diversity("conv2", 4).value(feature_viz.Reading(model, images))
    torch.testing.assert_close(diversity_term(model.activations(images, "conv2")), fast, **CLOSE)


def test_plain_matches_are_the_best_correlations_of_the_method():
    generator = torch.Generator().manual_seed(5)
    one, other = torch.rand(40, 6, generator=generator), torch.rand(40, 8, generator=generator)
    other[:, 2] = 0
    match, value = match_units(one, other)
    fast = feature_viz.correlations(one, other)
    assert torch.equal(match, fast.argmax(dim=1))
    torch.testing.assert_close(value, fast.amax(dim=1), **CLOSE)
