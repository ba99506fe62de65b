import math

import pytest
import torch

from mi_course.methods.feature_viz import (
    curvature_tuning,
    high_low_tuning,
    orientation_tuning,
    tuning_curve,
)
from mi_course.methods.feature_viz.tuning import responses
from mi_course.models.cnn import ShapesCNN
from mi_course.models.vision import shapes_model
from mi_course.worlds.shapes import curves, edges


def with_first_kernels(*kernels):
    """A network whose conv1 has these grey kernels, of 7x7 each."""
    module = ShapesCNN(12, widths=(len(kernels), 3, 3, 3, 3), narrow=3)
    with torch.no_grad():
        module.conv1.weight[:] = torch.stack(kernels)[:, None] / 3
    return shapes_model(module, "first", (0.5, 0.5, 0.5), (1.0, 1.0, 1.0))


def ramp(angle):
    at = torch.arange(7.0) - 3
    return math.cos(angle) * at[None, :] + math.sin(angle) * at[:, None]


def test_the_largest_response_at_each_angle_counts():
    values = torch.tensor([[1.0, 5.0], [3.0, 0.0], [2.0, 4.0]])
    curve, angles = tuning_curve(values, torch.tensor([0.5, 0.5, 0.0]))
    assert angles.tolist() == [0.0, 0.5]
    assert curve.tolist() == [[2.0, 3.0], [4.0, 5.0]]


def test_a_ramp_prefers_edges_with_the_light_on_its_heavy_side():
    angles = [0.0, math.pi / 2, 3 * math.pi / 2]
    flat = torch.ones(7, 7)
    found = orientation_tuning(with_first_kernels(*map(ramp, angles), flat), "conv1")
    torch.testing.assert_close(found.preferred_angles()[:3], torch.tensor(angles).double())
    selectivity = found.selectivity()
    assert (selectivity[:3] > 0.6).all()
    assert selectivity[3] < 0.05
    assert set(found.tuned()) == {0, 1, 2}
    # A grey picture says nothing to any of them, an edge does.
    assert set(found.preferring()) == {0, 1, 2, 3}


def test_responses_are_those_of_the_middle_unit(model):
    shown = edges(4, offsets=(0.0,))
    found = responses(model, "conv2", shown, [5, 1], chunk=3)
    images = torch.from_numpy(shown.images).permute(0, 3, 1, 2)
    acts = model.activations(images, "conv2")
    torch.testing.assert_close(found, acts[:, [5, 1], 8, 8])


def test_a_kernel_made_of_a_curve_prefers_it_to_edges():
    bent, straight = (
        torch.from_numpy(curves((radius,), 1, offsets=(0.0,)).images)[0, 29:36, 29:36, 0] - 0.5
        for radius in (3.0, math.inf)
    )
    # What a curve has and an edge has not.
    template = bent - straight * (bent * straight).sum() / straight.square().sum()
    network = with_first_kernels(template, ramp(0.0))
    found = curvature_tuning(network, "conv1", radii=(3.0, 9.0))
    assert found.rows == ("radius 3", "radius 9")
    assert found.preferred_angles()[0].cos() > 0.8
    # A straight ramp has no use for curves, and the template has little use for edges.
    assert found.preference()[0] > found.preference()[1] + 0.02
    assert found.preference()[1] < 0.03


def test_a_kernel_without_grain_in_it_does_not_prefer_borders_of_grain(model):
    found = high_low_tuning(with_first_kernels(torch.ones(7, 7)), "conv1")
    assert found.values.shape == (1, 1, 24)
    assert high_low_tuning(model, "conv2", [4, 0], n_angles=6).channels == (4, 0)


def test_bad_requests_are_refused(model):
    with pytest.raises(ValueError, match=r"channels 0-5 of conv1, got \[-2\]"):
        orientation_tuning(model, "conv1", [-2])
    with pytest.raises(ValueError, match="expected a layer"):
        curvature_tuning(model, "conv7")
    with pytest.raises(ValueError, match="radii above 0"):
        curvature_tuning(model, "conv1", radii=())
