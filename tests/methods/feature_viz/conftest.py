"""Small image networks with random or hand-made weights; nothing has to be trained."""

import pytest
import torch

from mi_course.models.cnn import ShapesCNN
from mi_course.models.vision import VisionModel, shapes_model

NORMED = ((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


def small(seed: int) -> VisionModel:
    """A network of a few channels."""
    state = torch.get_rng_state()
    torch.manual_seed(seed)
    module = ShapesCNN(12, widths=(6, 8, 10, 12, 12), narrow=3)
    torch.set_rng_state(state)
    return shapes_model(module, f"small-{seed}", *NORMED)


@pytest.fixture(scope="session")
def model():
    return small(0)


@pytest.fixture(scope="session")
def other():
    return small(1)


@pytest.fixture
def planted():
    """Channel 0 of conv1 sees red and no green; channel 1 sees an edge, light on the right.

    conv2 hands both on; its channel 2 is dead everywhere.
    """
    module = ShapesCNN(12, widths=(2, 3, 3, 3, 3), narrow=3)
    with torch.no_grad():
        for weight in module.parameters():
            weight.zero_()
        module.conv1.weight[0, 0, 3, 3] = 1.0
        module.conv1.weight[0, 1, 3, 3] = -1.0
        module.conv1.weight[1, :, :, 4:] = 0.02
        module.conv1.weight[1, :, :, :3] = -0.02
        for channel in (0, 1):
            module.conv2.weight[channel, channel, 2, 2] = 1.0
        module.conv2.weight[2, 0, 2, 2] = 1.0
        module.conv2.bias[2] = -2.0
    return shapes_model(module, "planted", *NORMED)


@pytest.fixture
def images():
    """Blobs of colour."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(24, 3, 8, 8, generator=generator)
    return torch.nn.functional.interpolate(coarse, size=64, mode="bilinear")
