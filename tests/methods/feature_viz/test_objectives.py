import pytest
import torch

from mi_course.methods.feature_viz import (
    Reading,
    channel,
    direction,
    diversity,
    layer_energy,
    neuron,
)


@pytest.fixture
def acts(model, images):
    return model.activations(images, "conv3")


def value(objective, model, images):
    return objective.value(Reading(model, images))


def test_channel_neuron_layer_and_direction_read_what_they_say(model, images, acts):
    close = {"atol": 1e-5, "rtol": 1e-4}
    torch.testing.assert_close(
        value(channel("conv3", 4), model, images), acts[:, 4].mean((1, 2)), **close
    )
    centre = acts.shape[2] // 2
    torch.testing.assert_close(
        value(neuron("conv3", 4), model, images), acts[:, 4, centre, centre], **close
    )
    torch.testing.assert_close(
        value(neuron("conv3", 4, at=(1, 2)), model, images), acts[:, 4, 1, 2], **close
    )
    torch.testing.assert_close(
        value(layer_energy("conv3"), model, images), acts.square().mean((1, 2, 3)), **close
    )
    axis = 5 * torch.eye(10)[4]
    torch.testing.assert_close(
        value(direction("conv3", axis), model, images), acts[:, 4].mean((1, 2)), **close
    )


def test_each_image_has_a_goal_of_its_own(model, images, acts):
    goals = [3, 1, 4] * 8
    found = value(channel("conv3", goals), model, images)
    expected = torch.stack([acts[i, goal].mean() for i, goal in enumerate(goals)])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    assert channel("conv3", goals).names[:2] == ("conv3:3", "conv3:1")


def test_the_cosine_punishes_what_lies_beside_the_direction(model, images, acts):
    axis = torch.eye(10)[4]
    found = value(direction("conv3", axis, cosine_power=2.0), model, images)
    cosine = (acts[:, 4] / acts.norm(dim=1).clamp(min=1e-8)).clamp(min=0.1)
    torch.testing.assert_close(found, (acts[:, 4] * cosine**2).mean((1, 2)), atol=1e-5, rtol=1e-4)


def test_objectives_add_multiply_and_change_their_sign(model, images):
    one, two = channel("conv3", 1), channel("conv5", 2)
    a, b = (value(each, model, images) for each in (one, two))
    for combined, expected in (
        (one + two, a + b),
        (one * two, a * b),
        (2.0 * one - two, 2 * a - b),
        (1.0 + one * 0.5, 1 + a / 2),
        (-one - 1.0, -a - 1),
    ):
        torch.testing.assert_close(value(combined, model, images), expected, atol=1e-5, rtol=1e-4)
    assert (one * two).layers == ("conv3", "conv5")
    assert (one + two).names == ("conv3:1 + conv5:2",)
    with pytest.raises(ValueError, match="as many images, got 2 and 3"):
        channel("conv3", [1, 2]) + channel("conv3", [1, 2, 3])


def test_diversity_of_copies_is_minus_one_and_of_unlike_textures_near_zero(model):
    images = torch.full((4, 3, 64, 64), 0.6)
    images[2:, 0] -= 0.4
    copies = value(diversity("conv3", 2), model, images)
    torch.testing.assert_close(copies, torch.full((4,), -1.0))
    mixed = value(diversity("conv3", 4), model, images)
    assert (mixed > -1).all()
    assert (mixed < 0).all()


def test_diversity_is_the_mean_cosine_of_gram_matrices(model, images, acts):
    found = value(diversity("conv3", 3), model, images)
    flat = acts[:3].flatten(2)
    gram = [(each @ each.T).flatten() for each in flat]
    cosines = [torch.cosine_similarity(gram[0], gram[i], dim=0) for i in (1, 2)]
    assert found[0].item() == pytest.approx(-torch.stack(cosines).mean().item(), rel=1e-4)


def test_bad_goals_are_refused(model, images):
    with pytest.raises(ValueError, match="expected a layer of small-0"):
        channel("conv9", 0).check(model)
    with pytest.raises(ValueError, match=r"channels 0-9 of conv3, got \[10\]"):
        channel("conv3", [0, 10]).check(model)
    with pytest.raises(ValueError, match=r"channels 0-9 of conv3, got \[-1\]"):
        (channel("conv1", 0) + channel("conv3", -1)).check(model)
    with pytest.raises(ValueError, match="expected 10 numbers for a direction in conv3, got 3"):
        direction("conv3", torch.ones(3)).check(model)
    with pytest.raises(ValueError, match="finite and not zero"):
        direction("conv3", torch.zeros(10))
    with pytest.raises(ValueError, match="one channel for each of 24 images, got 2"):
        value(channel("conv3", [0, 1]), model, images)
    with pytest.raises(ValueError, match=r"16x16 map of conv3, got \(16, 0\)"):
        value(neuron("conv3", 0, at=(16, 0)), model, images)
    with pytest.raises(ValueError, match="whole groups of 5"):
        value(diversity("conv3", 5), model, images)
    with pytest.raises(ValueError, match="groups of two or more"):
        diversity("conv3", 1)
    with pytest.raises(ValueError, match="a channel, got none"):
        channel("conv3", [])
