import pytest
import torch

from mi_course.methods.feature_viz import Reading
from mi_course.methods.feature_viz.reading import own_convolution
from mi_course.models.vision import load_vision


@pytest.mark.parametrize("layer", ["conv1", "conv3", "conv5", "narrow"])
def test_own_channels_are_what_the_whole_layer_has_there(model, images, layer):
    channels = [i % model.channels(layer) for i in range(len(images))]
    own = Reading(model, images).own(layer, channels)
    whole = model.activations(images, layer)
    expected = whole[torch.arange(len(images)), channels]
    # Sums in another order.
    torch.testing.assert_close(own, expected, atol=1e-5, rtol=1e-4)
    assert own.std() > 0


@pytest.mark.parametrize(
    ("d_in", "size", "stride", "padding", "side"),
    [(3, 7, 2, 3, 20), (9, 3, 1, 1, 9), (9, 3, 2, 1, 9), (30, 5, 2, 0, 12), (26, 5, 1, 2, 7)],
)
def test_own_convolution_agrees_with_torch_in_value_and_gradient(d_in, size, stride, padding, side):
    torch.manual_seed(0)
    convolution = torch.nn.Conv2d(d_in, 5, size, stride, padding)
    x = torch.randn(4, d_in, side, side, requires_grad=True)
    channels = [4, 0, 0, 2]
    expected = convolution(x)[torch.arange(4), channels]
    own = own_convolution(x, convolution, channels)
    torch.testing.assert_close(own, expected, atol=1e-5, rtol=1e-4)
    weight = torch.randn_like(own)
    grads = [torch.autograd.grad((each * weight).sum(), [x])[0] for each in (own, expected)]
    torch.testing.assert_close(*grads, atol=1e-5, rtol=1e-4)


def test_each_stage_runs_once_and_none_after_the_layer(model, images, monkeypatch):
    ran = []
    stage = model.module.stage
    monkeypatch.setattr(
        model.module, "stage", lambda name, *rest: (ran.append(name), stage(name, *rest))[1]
    )
    reading = Reading(model, images)
    reading.layer("conv3")
    reading.layer("conv2")
    reading.own("conv4", [0] * len(images))
    assert ran == ["conv1", "conv2", "conv3"]


def test_a_network_with_branches_reads_the_whole_layer():
    google = load_vision("googlenet", device="cpu")
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    own = Reading(google, images).own("inception3a", [3, 200])
    whole = google.activations(images, "inception3a")
    torch.testing.assert_close(own, torch.stack([whole[0, 3], whole[1, 200]]))
