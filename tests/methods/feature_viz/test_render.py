import pytest
import torch

from mi_course.methods.feature_viz import (
    STILL,
    Fourier,
    Pixels,
    Recipe,
    channel,
    diversity,
    layer_energy,
    neuron,
    phase_only,
    plain_colours,
    render_channels,
    render_diverse,
    render_objective,
)
from mi_course.models.vision import shapes_model

FEW = Recipe(steps=12)


def test_pictures_excite_their_channels_more_than_noise(model):
    made = render_channels(model, "conv3", recipe=Recipe(steps=48))
    assert made.names == tuple(f"conv3:{i}" for i in range(10))
    assert made.images.shape == (10, 3, 64, 64)
    assert made.losses.shape == (48, 10)
    assert (made.values > made.start_values + 0.05).all()
    # Each is the best one for its own goal, but for a channel that shares another's.
    answers = model.activations(made.images, "conv3").mean((2, 3))
    torch.testing.assert_close(answers.diagonal(), made.values, atol=1e-4, rtol=1e-4)
    assert (answers.argmax(dim=0) == torch.arange(10)).sum() >= 8


def test_a_channel_that_sees_red_gets_a_red_picture(planted):
    pixels = Pixels(plain_colours())
    made = render_channels(
        planted, "conv1", [0], Recipe(steps=48, parametrisation=pixels, robustness=STILL)
    )
    # The stride is 2: the channel looks at every second pixel, and the others stay as they were.
    # So do those that start with more green than red: there ReLU lets no gradient through.
    start = pixels.images(pixels.start(64, [0], 0), 64)[0]
    live = (start[0] > start[1])[::2, ::2]
    red, green, blue = made.images[0, :, ::2, ::2][:, live].mean(1)
    assert red > 0.9
    assert green < 0.1
    assert blue == pytest.approx(0.5, abs=0.02)
    torch.testing.assert_close(made.images[0, :, 1::2], start[:, 1::2])


def test_an_edge_channel_gets_light_and_dark_stripes_side_by_side(planted):
    made = render_channels(planted, "conv1", [1], Recipe(steps=96, robustness=STILL))
    grey = made.images[0].mean(0)
    across, along = grey.diff(dim=1).abs().mean(), grey.diff(dim=0).abs().mean()
    assert across > 1.5 * along


def test_a_picture_does_not_depend_on_its_neighbours(model):
    all_of_them = render_channels(model, "conv3", recipe=FEW)
    alone = render_channels(model, "conv3", [6], FEW)
    in_chunks = render_channels(model, "conv3", recipe=FEW, chunk=3)
    # Adam divides by the gradient's size: where that is tiny, rounding grows. 1/255 is invisible.
    torch.testing.assert_close(alone.images[0], all_of_them.images[6], atol=4e-3, rtol=0)
    torch.testing.assert_close(in_chunks.images, all_of_them.images, atol=4e-3, rtol=0)
    assert in_chunks.names == all_of_them.names


def test_a_picture_is_drawn_where_gradients_are_switched_off(model):
    usual = render_channels(model, "conv2", [0], FEW)
    with torch.no_grad():
        assert torch.equal(render_channels(model, "conv2", [0], FEW).images, usual.images)


def test_a_seed_decides_the_picture(model):
    one, again = (render_channels(model, "conv2", [0], FEW) for _ in range(2))
    assert torch.equal(one.images, again.images)
    other = render_channels(model, "conv2", [0], Recipe(steps=12, seed=1))
    assert not torch.allclose(one.images, other.images, atol=0.05)


def test_the_first_loss_is_minus_the_objective_of_the_start(model):
    made = render_objective(model, layer_energy("conv2"), 3, Recipe(steps=2, robustness=STILL))
    torch.testing.assert_close(made.losses[0], -made.start_values)
    assert made.names == ("conv2",) * 3


def test_one_step_of_ascent_is_one_step_of_adam(model):
    """The oracle: autograd on the whole network and torch's own optimiser."""
    recipe = Recipe(steps=1, lr=0.1, robustness=STILL, redirect=0)
    made = render_channels(model, "conv2", [3], recipe)
    fourier = recipe.parametrisation
    parameters = fourier.start(64, [3], 0).requires_grad_()
    adam = torch.optim.Adam([parameters], lr=0.1)
    (-model.activations(fourier.images(parameters, 64), "conv2")[:, 3].mean()).backward()
    adam.step()
    torch.testing.assert_close(
        made.images, fourier.images(parameters, 64).detach(), atol=1e-3, rtol=0
    )


def test_a_dead_channel_is_reached_by_the_redirected_relu_alone(planted):
    still = {"robustness": STILL, "parametrisation": Pixels(plain_colours()), "steps": 40}
    woken = render_channels(planted, "conv2", [2], Recipe(redirect=24, **still))
    asleep = render_channels(planted, "conv2", [2], Recipe(redirect=0, **still))
    assert woken.start_values[0] == asleep.values[0] == 0
    assert woken.values[0] > 0.3


def test_diverse_pictures_differ_more_than_others(model):
    alike = render_diverse(model, "conv3", [1, 5], Recipe(steps=40), n=3, weight=0.0)
    unlike = render_diverse(model, "conv3", [1, 5], Recipe(steps=40), n=3, weight=3.0)
    assert unlike.names == ("conv3:1",) * 3 + ("conv3:5",) * 3
    score = diversity("conv3", 3)

    def measured(pictures):
        from mi_course.methods.feature_viz import Reading

        return score.value(Reading(model, pictures.images)).mean()

    assert measured(unlike) > measured(alike) + 0.02


@pytest.mark.parametrize("size", [48, 65])
def test_any_size_that_has_room_can_be_rendered(model, size):
    made = render_channels(model, "conv4", [0], Recipe(steps=2, size=size))
    assert made.images.shape == (1, 3, size, size)


def test_phases_are_optimised_too(model, images):
    recipe = Recipe(steps=40, parametrisation=phase_only(images), robustness=STILL)
    made = render_channels(model, "conv3", recipe=recipe)
    # The mean colour and the strength of each frequency cannot change, so less can be gained.
    assert made.values.mean() > 1.3 * made.start_values.mean()
    assert made.losses[-1].mean() < made.losses[10].mean() < made.losses[0].mean()


def test_bad_input_is_told(model):
    with pytest.raises(ValueError, match="expected a layer of small-0"):
        render_channels(model, "conv9")
    with pytest.raises(ValueError, match=r"channels 0-9 of conv3, got \[10\]"):
        render_channels(model, "conv3", [10])
    with pytest.raises(ValueError, match="expected 3 goals and keys, got 2 and 3"):
        render_objective(model, channel("conv3", [1, 2]), 3)
    with pytest.raises(ValueError, match="expected 1 goals and keys, got 1 and 2"):
        render_objective(model, channel("conv3", 1), keys=[1, 2])
    with pytest.raises(ValueError, match="steps, lr and size above 0"):
        Recipe(steps=0)
    with pytest.raises(ValueError, match="expected channels of conv3, got none"):
        render_channels(model, "conv3", [])


def test_a_picture_too_small_for_the_layer_is_told():
    from mi_course.models.vision import load_vision

    google = load_vision("googlenet", device="cpu")
    with pytest.raises(ValueError, match="expected images with room for 'inception5a'"):
        render_channels(google, "inception5a", [0], Recipe(steps=1, size=8))


def test_a_loss_that_is_not_a_number_is_told(model):
    module = type(model.module)(12, widths=(6, 8, 10, 12, 12), narrow=3)
    with torch.no_grad():
        module.conv2.weight[4, 0, 0, 0] = torch.nan
    broken = shapes_model(module, "broken", *[(0.5, 0.5, 0.5)] * 2)
    with pytest.raises(ValueError, match="finite losses, got nan for conv2:4 at step 0"):
        render_channels(broken, "conv2", recipe=FEW)
    assert render_channels(broken, "conv2", [0], FEW).images.isfinite().all()


def test_white_frequencies_give_rougher_pictures_than_natural_ones(model):
    def roughness(decay):
        recipe = Recipe(steps=40, parametrisation=Fourier(decay=decay), robustness=STILL)
        images = render_channels(model, "conv3", [0, 1, 2], recipe).images
        return images.diff(dim=3).abs().mean() / images.std()

    assert roughness(0.0) > 1.5 * roughness(1.5)


def test_another_goal_draws_a_channel_once_in_the_middle(model):
    recipe = Recipe(steps=24, robustness=STILL)
    once = render_channels(model, "conv3", [1, 5], recipe, goal=neuron)
    assert once.names == ("conv3:1", "conv3:5")
    still = recipe.parametrisation
    start = still.images(still.start(64, [1, 5], 0), 64)
    change = (once.images - start).abs().mean(1)
    # conv3 sees 23 pixels around row and column 32; beyond them only low frequencies moved.
    assert change[:, 24:40, 24:40].mean() > 2 * change[:, :8].mean()
    peak = model.activations(once.images, "conv3")[[0, 1], [1, 5], 8, 8]
    torch.testing.assert_close(once.values, peak, atol=1e-4, rtol=1e-4)
