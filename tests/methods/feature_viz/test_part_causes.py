"""Part causes: peaks and recalls by hand, and silence that equals deleted weights."""

import pytest
import torch

from mi_course.methods.feature_viz.part_causes import as_images, mean_peaks, recall_without
from mi_course.models.cnn import ShapesCNN
from mi_course.models.vision import shapes_model
from mi_course.worlds.shapes import CLASSES, scenes

PLAIN = ((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


def random_model():
    torch.manual_seed(0)
    model = shapes_model(ShapesCNN(len(CLASSES)), "random", *PLAIN)
    generator = torch.Generator().manual_seed(1)
    for head in (model.module.head, model.module.narrow_head):
        head.weight.copy_(torch.randn(head.weight.shape, generator=generator))
    return model


@pytest.fixture(scope="module")
def model():
    return random_model()


@pytest.fixture(scope="module")
def drawn():
    return scenes(48, 0)


def test_peaks_are_averaged_over_images(model, drawn):
    images = as_images(drawn)
    acts = model.activations(images, "conv3")
    expected = torch.stack([image.flatten(1).max(dim=1).values for image in acts]).mean(dim=0)
    torch.testing.assert_close(mean_peaks(model, "conv3", images, chunk=11), expected)
    one = mean_peaks(model, "conv3", images[:1])
    torch.testing.assert_close(one, acts[0].amax(dim=(1, 2)))


def test_images_are_scenes_with_the_colours_first(drawn):
    images = as_images(drawn)
    assert images.shape == (48, 3, 64, 64)
    assert images[5, 1, 20, 30].item() == drawn.images[5, 20, 30, 1]


def test_with_all_channels_the_recall_is_that_of_the_network(model, drawn):
    guesses = model.logits(as_images(drawn)).argmax(1)
    found = recall_without(model, "conv4", [], drawn, chunk=13)
    assert list(found) == list(CLASSES)
    for number, name in enumerate(CLASSES):
        own = guesses[torch.from_numpy(drawn.labels == number)]
        assert found[name] == pytest.approx((own == number).float().mean().item())


def test_silence_is_what_weights_of_zero_give(model, drawn):
    silent = [0, 7, 63]
    other = random_model()
    other.module.head.weight[:, silent] = 0
    assert recall_without(model, "conv5", silent, drawn) == recall_without(
        other, "conv5", [], drawn
    )
    other = random_model()
    other.module.conv5.weight[:, silent] = 0
    assert recall_without(model, "conv4", silent, drawn) == recall_without(
        other, "conv4", [], drawn
    )


def test_without_any_channel_every_scene_is_taken_for_the_same_class(model, drawn):
    found = recall_without(model, "narrow", range(6), drawn)
    assert sorted(found.values()) == [0] * 11 + [1]
    favourite = CLASSES[int(model.module.narrow_head.bias.argmax())]
    assert found[favourite] == 1


def test_nonsense_is_refused(model, drawn):
    with pytest.raises(ValueError, match="channels from 0 to 63, got"):
        recall_without(model, "conv5", [64], drawn)
    with pytest.raises(ValueError, match="at least one image"):
        mean_peaks(model, "conv1", torch.zeros(0, 3, 64, 64))
    with pytest.raises(ValueError, match="expected a layer"):
        mean_peaks(model, "conv7", as_images(drawn))
