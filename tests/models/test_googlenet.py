"""GoogLeNet with random weights: torchvision's names and counts, and weights that go in and out."""

import pytest
import torch
import torch.nn.functional as F

from mi_course.models.googlenet import INCEPTION, GoogLeNet, load_googlenet
from mi_course.models.vision import load_vision


@pytest.fixture(scope="module")
def model():
    found = load_vision("googlenet", device="cpu")
    generator = torch.Generator().manual_seed(0)
    for name, value in found.module.named_buffers():
        if name.endswith("running_mean"):
            value.copy_(0.1 * torch.randn(value.shape, generator=generator))
        elif name.endswith("running_var"):
            value.copy_(0.5 + torch.rand(value.shape, generator=generator))
    return found


def images(n=1, size=224):
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(0))


def test_it_has_the_parameters_of_torchvisions_network_without_helpers(model):
    assert sum(value.numel() for value in model.module.parameters()) == 6_624_904
    names = [name for name, _ in model.module.named_parameters()]
    assert len(names) == len(set(names)) == 3 * 57 + 2  # 57 convolutions, one linear readout
    assert names[:3] == ["conv1.conv.weight", "conv1.bn.weight", "conv1.bn.bias"]
    assert names[-2:] == ["fc.weight", "fc.bias"]
    branches = ["branch1", "branch2.0", "branch2.1", "branch3.0", "branch3.1", "branch4.1"]
    for layer in INCEPTION:
        found = [name for name in names if name.startswith(f"{layer}.")]
        assert found == [
            f"{layer}.{branch}.{part}"
            for branch in branches
            for part in ("conv.weight", "bn.weight", "bn.bias")
        ]


def test_the_shapes_are_those_of_the_papers_table(model):
    sizes = {
        "conv1": (64, 112),
        "conv2": (64, 56),
        "conv3": (192, 56),
        "inception3a": (256, 28),
        "inception3b": (480, 28),
        "inception4a": (512, 14),
        "inception4b": (512, 14),
        "inception4c": (512, 14),
        "inception4d": (528, 14),
        "inception4e": (832, 14),
        "inception5a": (832, 7),
        "inception5b": (1024, 7),
    }
    x = model.normalise(images())
    for layer in model.layers:
        x = model.module.stage(layer, x, torch.relu)
        channels, side = sizes[layer]
        assert tuple(x.shape) == (1, channels, side, side), layer
        assert model.channels(layer) == channels
    torch.testing.assert_close(model.logits_from(x, "inception5b"), model.logits(images()))


def test_evaluation_gives_the_same_logits_again_and_for_each_image_alone(model):
    x = images(3, 96)
    together = model.logits(x)
    assert torch.equal(together, model.logits(x))
    alone = torch.cat([model.logits(image[None]) for image in x])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)
    assert together.shape == (3, 1000)


def test_batch_normalisation_uses_what_training_saw(model):
    layer = model.module.conv1
    x = model.normalise(images(2, 64))
    conv = F.conv2d(x, layer.conv.weight, stride=2, padding=3)
    scale = layer.bn.weight / (layer.bn.running_var + 0.001).sqrt()
    shift = layer.bn.bias - layer.bn.running_mean * scale
    expected = (conv * scale[:, None, None] + shift[:, None, None]).relu()
    found = model.activations(images(2, 64), "conv1")
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_an_inception_module_is_four_branches_side_by_side(model):
    layer = model.module.inception3a
    x = torch.rand(1, 192, 12, 12)
    out = layer(x, torch.relu)
    torch.testing.assert_close(out[:, :64], layer.branch1(x, torch.relu))
    pooled = F.max_pool2d(x, 3, 1, 1)
    torch.testing.assert_close(out[:, -32:], layer.branch4[1](pooled, torch.relu))


def test_colours_go_in_from_minus_1_to_1(model):
    assert model.normalise(torch.ones(1, 3, 2, 2)).unique().tolist() == [1]
    assert model.normalise(torch.zeros(1, 3, 2, 2)).unique().tolist() == [-1]


@pytest.mark.parametrize("layer", ["conv1", "conv3", "inception3b"])
def test_a_unit_sees_exactly_its_receptive_field(model, layer):
    size, stride, start = model.receptive_field(layer)
    x = images(1, 160).requires_grad_()
    unit = 160 // stride // 2
    # Which pixels may matter is asked of single pixels: pooling hides most from the gradient.
    low = int(start + unit * stride - (size - 1) / 2)
    edges = [low - 1, low, low + size - 1, low + size]
    base = model.activations(x, layer, relu=lambda value: value)[0, :, unit, unit]
    changed = []
    for row in edges:
        moved = x.detach().clone()
        moved[:, :, row] += 50
        other = model.activations(moved, layer, relu=lambda value: value)[0, :, unit, unit]
        changed.append(not torch.allclose(base, other, atol=1e-6, rtol=1e-6))
    assert changed == [False, True, True, False]


def test_published_weights_go_in_with_helpers_and_without_counters(tmp_path):
    torch.manual_seed(5)
    other = GoogLeNet().state_dict()
    published = {name: value for name, value in other.items() if value.ndim}
    published["aux1.conv.conv.weight"] = torch.zeros(128, 512, 1, 1)
    torch.save(published, tmp_path / "weights.pth")
    loaded = load_vision("googlenet", weights_file=tmp_path / "weights.pth", device="cpu")
    state = loaded.module.state_dict()
    assert all(torch.equal(state[name], other[name]) for name in other)
    first = load_googlenet().module.state_dict()
    assert not torch.equal(first["fc.weight"], state["fc.weight"])


def test_weights_of_another_network_are_refused(tmp_path):
    torch.save({"fc.weight": torch.zeros(3, 3)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match="tensors differ"):
        load_vision("googlenet", weights_file=tmp_path / "other.pth")
    with pytest.raises(ValueError, match=r"no file none\.pth"):
        load_vision("googlenet", weights_file=tmp_path / "none.pth")


def test_random_weights_are_the_same_each_time_and_leave_the_generator_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    first = load_googlenet().module.fc.weight
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(first, load_googlenet().module.fc.weight)
