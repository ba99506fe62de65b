import numpy as np
import pytest
import torch

from mi_course.methods.feature_viz import channel_matches, correlations, sampled_activations
from mi_course.models.cnn import ShapesCNN
from mi_course.models.vision import shapes_model


def test_correlations_are_those_of_numpy():
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(50, n, generator=generator) for n in (4, 3))
    expected = np.corrcoef(a.numpy(), b.numpy(), rowvar=False)[:4, 4:]
    found = correlations(a, 7 * b - 2)
    torch.testing.assert_close(found, torch.tensor(expected).float(), atol=1e-5, rtol=0)


def test_a_unit_that_never_changes_correlates_with_nothing():
    found = correlations(torch.tensor([[1.0, 0.0], [1.0, 1.0]]), torch.tensor([[0.0], [2.0]]))
    assert found.tolist() == [[0.0], [1.0]]


def test_shuffled_and_scaled_channels_are_found_again(model, images):
    """Planted truth: the same network with its conv3 channels in another order."""
    order = torch.randperm(10, generator=torch.Generator().manual_seed(0))
    module = ShapesCNN(12, widths=(6, 8, 10, 12, 12), narrow=3)
    module.load_state_dict(model.module.state_dict())
    with torch.no_grad():
        module.conv3.weight.copy_(2 * module.conv3.weight[order])
        module.conv3.bias.copy_(2 * module.conv3.bias[order])
    twin = shapes_model(module, "twin", model.colour_mean, model.colour_std)
    found = channel_matches(model, twin, "conv3", images)
    awake = found.values() > 0
    assert awake.sum() >= 9
    assert torch.equal(order[found.best()][awake], torch.arange(10)[awake])
    assert (found.values()[awake] > 0.999).all()
    assert found.mutual()[awake].all()


def test_other_random_weights_match_less(model, other, images):
    same, different = (channel_matches(model, each, "conv4", images) for each in (model, other))
    assert different.values().median() < 0.95 * same.values().median()
    assert different.names == ("small-0", "small-1")
    assert "conv4: the channels of small-0 correlate" in different.summary()


def test_the_same_places_are_read_whatever_the_chunk(model, images):
    whole, in_parts = (
        sampled_activations(model, "conv3", images, places=3, chunk=chunk) for chunk in (24, 5)
    )
    torch.testing.assert_close(whole, in_parts, atol=1e-5, rtol=1e-4)
    assert whole.shape == (72, 10)
    acts = model.activations(images[:1], "conv3")[0].flatten(1).T
    assert min((acts - whole[0]).abs().sum(1)) < 1e-4
    assert not torch.equal(whole, sampled_activations(model, "conv3", images, places=3, seed=1))


def test_bad_requests_are_refused(model, images):
    with pytest.raises(ValueError, match="as many samples of both, two or more, got 3 and 2"):
        correlations(torch.zeros(3, 1), torch.zeros(2, 1))
    with pytest.raises(ValueError, match="expected places and images, got 0 and 24"):
        sampled_activations(model, "conv3", images, places=0)
