"""The network of the shapes: sizes by hand, runs in pieces that equal the run in one."""

import pytest
import torch

from mi_course.models.cnn import ShapesCNN
from mi_course.models.vision import shapes_model
from mi_course.worlds.shapes import CLASSES


def network(seed=0):
    torch.manual_seed(seed)
    return ShapesCNN(len(CLASSES))


@pytest.fixture(scope="module")
def model():
    return shapes_model(network(), "shapes-a", (0.6, 0.5, 0.4), (0.2, 0.25, 0.3))


def images(n=3, size=64, seed=0):
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(seed))


def test_it_has_fewer_than_300_000_parameters():
    sizes = [3 * 24 * 49 + 24, 24 * 32 * 25 + 32, 32 * 48 * 9 + 48, 48 * 64 * 9 + 64]
    sizes += [64 * 64 * 25 + 64, 64 * 6 * 25 + 6, 64 * 12 + 12, 6 * 12 + 12]
    assert sum(value.numel() for value in network().parameters()) == sum(sizes) < 300_000


def test_each_layer_has_the_channels_and_places_of_the_plan(model):
    shapes = {layer: tuple(model.activations(images(1), layer).shape[1:]) for layer in model.layers}
    assert shapes == {
        "conv1": (24, 32, 32),
        "conv2": (32, 16, 16),
        "conv3": (48, 16, 16),
        "conv4": (64, 8, 8),
        "conv5": (64, 8, 8),
        "narrow": (6, 8, 8),
    }
    assert {layer: shape[0] for layer, shape in shapes.items()} == {
        layer: model.channels(layer) for layer in model.layers
    }


def test_the_first_layer_is_a_convolution_of_normalised_colours_without_its_negative_part(model):
    x = images()
    mean, std = torch.tensor([0.6, 0.5, 0.4]), torch.tensor([0.2, 0.25, 0.3])
    normal = (x - mean[:, None, None]) / std[:, None, None]
    conv = model.module.conv1
    patch = normal[1, :, 17:24, 7:14]  # what unit (10, 5) sees: 7 pixels around (20, 10)
    expected = (conv.weight[4] * patch).sum() + conv.bias[4]
    found = model.activations(x, "conv1")
    assert found.min() == 0
    torch.testing.assert_close(found[1, 4, 10, 5], expected.clamp(min=0), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("layer", ["conv1", "conv2", "conv3", "conv4", "conv5"])
def test_going_on_from_a_layer_gives_the_logits_of_the_whole_run(model, layer):
    x = images()
    torch.testing.assert_close(
        model.logits_from(model.activations(x, layer), layer), model.logits(x)
    )


def test_the_narrow_layer_has_a_readout_of_its_own(model):
    x = images()
    peaks = model.activations(x, "narrow").amax(dim=(2, 3))
    expected = model.module.narrow_head(peaks)
    torch.testing.assert_close(
        model.logits_from(model.activations(x, "narrow"), "narrow"), expected
    )
    main, beside, found = model.module.everything(model.normalise(x))
    torch.testing.assert_close(beside, expected)
    torch.testing.assert_close(main, model.logits(x))
    for layer in model.layers:
        torch.testing.assert_close(found[layer], model.activations(x, layer))


def test_only_the_peak_of_a_channel_counts_for_the_logits(model):
    acts = model.activations(images(1), "conv5")
    peaks = acts.flatten(2).argmax(2)[0, :, None]
    only = torch.zeros_like(acts).flatten(2)
    only[0].scatter_(1, peaks, acts.flatten(2)[0].gather(1, peaks))
    torch.testing.assert_close(
        model.logits_from(only.reshape(acts.shape), "conv5"), model.logits_from(acts, "conv5")
    )


@pytest.mark.parametrize("layer", ["conv1", "conv2", "conv3", "conv4", "conv5", "narrow"])
def test_a_unit_sees_exactly_its_receptive_field(model, layer):
    size, stride, start = model.receptive_field(layer)
    x = images(1, 160).requires_grad_()
    unit = 160 // stride // 2
    # Without ReLUs every pixel that is seen has a slope.
    model.activations(x, layer, relu=lambda value: value)[0, 0, unit, unit].backward()
    rows = x.grad.abs().sum(dim=(0, 1, 3)).nonzero().ravel()
    assert rows.max() - rows.min() + 1 == size
    assert (rows.max() + rows.min()) / 2 == start + unit * stride


def test_another_function_can_stand_in_for_every_relu(model):
    x = images()
    linear = model.activations(x, "conv2", relu=lambda value: value)
    assert linear.min() < 0
    doubled = model.activations(x, "conv1", relu=lambda value: 2 * value.relu())
    torch.testing.assert_close(doubled, 2 * model.activations(x, "conv1"))


def test_later_layers_are_not_run(model, monkeypatch):
    def refuse(_):
        raise AssertionError("conv4 was run")

    monkeypatch.setattr(model.module.conv4, "forward", refuse)
    assert model.activations(images(1), "conv3").shape[1] == 48


def test_parameters_are_frozen_and_images_are_not(model):
    assert not any(value.requires_grad for value in model.module.parameters())
    x = images(1).requires_grad_()
    model.activations(x, "conv3").sum().backward()
    assert x.grad.abs().sum() > 0


def test_an_unknown_layer_is_refused_by_every_question(model):
    for ask in (
        model.channels,
        model.receptive_field,
        lambda name: model.activations(images(), name),
    ):
        with pytest.raises(ValueError, match=r"expected a layer of shapes-a: .*conv6"):
            ask("conv6")
