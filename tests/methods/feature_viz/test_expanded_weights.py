import pytest
import torch
from torch.nn.functional import conv2d

from mi_course.methods.feature_viz import expanded_kernels
from mi_course.models.vision import load_vision


@pytest.mark.parametrize(
    ("source", "target"), [("conv1", "conv2"), ("conv3", "conv4"), ("conv4", "narrow")]
)
def test_between_adjacent_layers_it_is_the_kernel(model, source, target):
    found = expanded_kernels(model, source, target)
    torch.testing.assert_close(found.values, getattr(model.module, target).weight)
    assert found.adjacent


def test_kernels_are_found_where_gradients_are_switched_off(model):
    with torch.no_grad():
        found = expanded_kernels(model, "conv2", "conv4", [5])
    assert torch.equal(found.values, expanded_kernels(model, "conv2", "conv4", [5]).values)


def test_between_other_layers_kernels_are_multiplied_out(model):
    """The oracle: sums over every path by hand."""
    found = expanded_kernels(model, "conv2", "conv4", [5])
    third, fourth = (getattr(model.module, name).weight for name in ("conv3", "conv4"))
    expected = torch.zeros(8, 5, 5)
    for y in range(3):
        for x in range(3):
            part = torch.einsum("m,mihw->ihw", fourth[5, :, y, x], third)
            expected[:, y : y + 3, x : x + 3] += part
    torch.testing.assert_close(found.values[0], expected, atol=1e-5, rtol=1e-4)
    assert not found.adjacent


@pytest.mark.parametrize(("source", "target"), [("conv1", "conv5"), ("conv2", "narrow")])
def test_with_open_relus_the_kernel_predicts_the_target(model, source, target):
    """An invariant: without ReLU, the middle of the target is the kernel's product and a bias."""
    found = expanded_kernels(model, source, target, [2])
    size = found.values.shape[-1]
    path = model.module.path(target)
    generator = torch.Generator().manual_seed(0)

    def run(x):
        for stage in path[path.index(source) + 1 :]:
            x = model.module.stage(stage, x, lambda value: value)
        return x[:, 2]

    x = torch.randn(1, model.channels(source), 4 * size, 4 * size, generator=generator)
    response = run(x) - run(torch.zeros_like(x))
    kernels = found.values
    shifted = conv2d(x, kernels)[0, 0]
    # Somewhere in the middle, away from the borders, stands each value of the strided response.
    middle = response[0, response.shape[1] // 2, response.shape[2] // 2]
    assert (shifted - middle).abs().min() < 1e-3 * middle.abs().clamp(min=1)


def test_pooling_counts_as_a_mean_and_normalisation_as_a_scale():
    google = load_vision("googlenet", device="cpu")
    found = expanded_kernels(google, "conv3", "inception3a", [3])
    branch = google.module.inception3a.branch1
    scale = branch.bn.weight / (branch.bn.running_var + branch.bn.eps).sqrt()
    expected = (branch.conv.weight[:, :, 0, 0] * scale[:, None])[3].detach() / 9
    # A 1x1 convolution after a 3x3 pooling: the same weight at nine places.
    inside = found.values[0].abs().sum(0) > 0
    assert inside.sum() == 9
    torch.testing.assert_close(found.values[0][:, inside], expected[:, None].expand(-1, 9))


def test_what_stands_below_counts_as_lower(planted):
    with torch.no_grad():
        planted.module.conv3.weight[0, 1, 0, :] = 2.0  # windows above
        planted.module.conv3.weight[0, 0, 2, :] = 3.0  # wheels below
        planted.module.conv3.weight[0, 2, 1, :] = 1.0  # on the same height
    found = expanded_kernels(planted, "conv2", "conv3")
    assert found.lower_minus_upper(0).tolist() == [9.0, -6.0, 0.0]
    assert found.strongest(0) == (0, 1, 2)
    assert "depends most on channels 0, 1, 2 of conv2" in found.summary()


def test_bad_requests_are_refused(model):
    with pytest.raises(ValueError, match="on the way to conv2: conv1, got 'conv3'"):
        expanded_kernels(model, "conv3", "conv2")
    with pytest.raises(ValueError, match=r"on the way to narrow: conv1, .*, got 'conv5'"):
        expanded_kernels(model, "conv5", "narrow")
    with pytest.raises(ValueError, match="on the way to conv1: none"):
        expanded_kernels(model, "conv1", "conv1")
    with pytest.raises(ValueError, match="expected a layer"):
        expanded_kernels(model, "conv0", "conv1")
    with pytest.raises(ValueError, match="a channel of conv3 that was read, got 4"):
        expanded_kernels(model, "conv2", "conv3", [3]).of(4)
