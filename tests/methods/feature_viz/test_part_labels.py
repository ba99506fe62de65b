"""Part labels: areas by scikit-learn, windows by brute force, channels of known meaning."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from mi_course.methods.feature_viz.part_labels import (
    areas,
    part_scores,
    parts_under_peaks,
    two_parts,
)
from mi_course.models.cnn import ShapesCNN
from mi_course.models.staged import StagedNetwork
from mi_course.models.vision import VisionModel, shapes_model
from mi_course.results.part_labels import PartScores
from mi_course.worlds.shapes import CLASSES, PARTS, PARTS_OF, SIZE, Scenes, scenes

PLAIN = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
# Red shows wheels, green shows eyes, blue shows windows.
SHOWN = ("wheel", "eye", "window")


class Mixer(StagedNetwork):
    """Channels that are sums of colours, at every second pixel."""

    layers = ("mix",)

    def __init__(self, *colours: tuple[float, float, float]) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.tensor(colours)[..., None, None])
        self.windows = {"mix": ((1, 2, 0),)}

    def stage(self, layer, x, relu):
        return relu(nn.functional.conv2d(x, self.weights, stride=2))


def mixer(*colours):
    return VisionModel("mixer", Mixer(*colours), SIZE, CLASSES, *PLAIN)


@pytest.fixture(scope="module")
def painted():
    """Scenes in which the colour of a pixel says which part it shows."""
    real = scenes(360, 2)
    images = np.stack([real.mask(part) for part in SHOWN], axis=-1).astype(np.float32)
    # Peaks differ from image to image, as those of a real channel do.
    images *= np.random.default_rng(0).uniform(0.5, 1, (360, 1, 1, 1)).astype(np.float32)
    return Scenes(images, real.labels, real.sources, real.part_map)


def test_areas_are_those_of_scikit_learn_with_ties_and_labels_by_channel():
    generator = torch.Generator().manual_seed(0)
    values = torch.randint(0, 12, (80, 3), generator=generator).float()
    labels = torch.rand(80, 3, 4, generator=generator) < 0.4
    found = areas(values, labels)
    for channel, part in np.ndindex(3, 4):
        expected = roc_auc_score(labels[:, channel, part], values[:, channel])
        assert found[channel, part].item() == pytest.approx(expected, abs=1e-6)


def test_an_area_by_hand():
    values = torch.arange(20.0)[:, None]
    upper = values[:, :, None] >= 10
    assert areas(values, upper).item() == 1
    assert areas(-values, upper).item() == 0
    assert areas(torch.zeros(20, 1), upper).item() == 0.5
    # Nine images are too few to tell.
    assert areas(values, values[:, :, None] >= 11).item() == 0.5


@pytest.mark.parametrize("layer", ["conv1", "conv3", "conv5"])
def test_what_lies_under_a_peak_is_what_a_window_cut_out_by_hand_shows(layer):
    torch.manual_seed(0)
    model = shapes_model(ShapesCNN(len(CLASSES)), "random", *PLAIN)
    drawn = scenes(20, 1)
    found = parts_under_peaks(model, layer, drawn, chunk=7)
    size, stride, start = model.receptive_field(layer)
    assert found.window == min(17, size)
    acts = model.activations(torch.from_numpy(drawn.images).permute(0, 3, 1, 2), layer)
    half = found.window // 2
    for image, channel in [(0, 0), (3, 5), (11, 20), (19, 23)]:
        row, column = divmod(int(acts[image, channel].argmax()), acts.shape[3])
        y, x = (round(start + stride * place) for place in (row, column))
        cut = drawn.masks[image][
            :, max(0, y - half) : y + half + 1, max(0, x - half) : x + half + 1
        ]
        assert found.under[image, channel].tolist() == (cut.sum(axis=(1, 2)) >= 6).tolist()
        torch.testing.assert_close(found.values[image, channel], acts[image, channel].max())


def test_a_channel_for_one_part_is_found_to_be_for_that_part(painted):
    model = mixer((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    found = part_scores(model, "mix", painted, top=40, window=5)
    for channel, part in enumerate(SHOWN):
        assert found.best(part) == channel
        assert found.auc_of(part) > 0.99
        assert found.favourite(channel) == part
        assert found.precision[channel, PARTS.index(part)] > 0.9
        assert channel in found.about(part)
    assert found.auc[0, PARTS.index("petal")] == 0.5
    assert "wheel (channel 0" in found.summary()


def test_a_channel_for_two_parts_is_found_unless_a_class_has_both(painted):
    model = mixer((1.0, 1.0, 0.0), (1.0, 0.0, 1.0), (0.0, 1.0, 0.0))
    scores = part_scores(model, "mix", painted, top=60, window=5)
    # Each part's images compete with the other's, so neither area can come near 1.
    found = {two.channel: two for two in two_parts(scores, at_least=0.7)}
    assert set(found[0].parts) == {"wheel", "eye"}
    assert 0.7 <= min(found[0].aucs) < 0.9
    assert min(found[0].shares) > 0.1
    assert sum(found[0].shares) == pytest.approx(1, abs=0.1)
    # What stands next to a window may be found too, as walls are; a pair of one class may not.
    for two in found.values():
        assert not any(set(two.parts) <= set(parts) for parts in PARTS_OF.values())


def test_a_silent_channel_tells_nothing(painted):
    found = part_scores(mixer((-1.0, -1.0, -1.0)), "mix", painted, top=40)
    assert found.auc.unique().tolist() == [0.5]
    assert found.precision.max() == 0


def test_the_order_of_the_scenes_does_not_matter(painted):
    order = np.random.default_rng(1).permutation(len(painted))
    arrays = (painted.images, painted.labels, painted.sources, painted.part_map)
    shuffled = Scenes(*(values[order] for values in arrays))
    model = mixer((1.0, 0.3, 0.0))
    first, second = (part_scores(model, "mix", s, top=50) for s in (painted, shuffled))
    torch.testing.assert_close(first.auc, second.auc)
    torch.testing.assert_close(first.precision, second.precision)


def test_nonsense_is_refused(painted):
    model = mixer((1.0, 0.0, 0.0))
    with pytest.raises(ValueError, match="an odd window, got 4"):
        part_scores(model, "mix", painted, window=4)
    with pytest.raises(ValueError, match="top from 1 to 360 scenes, got 361"):
        part_scores(model, "mix", painted, top=361)
    with pytest.raises(ValueError, match="expected a layer"):
        part_scores(model, "conv9", painted)
    found = part_scores(model, "mix", painted, top=40)
    with pytest.raises(ValueError, match="expected one of"):
        found.best("nose")
    with pytest.raises(ValueError, match="areas from 0 to 1"):
        PartScores(found.auc + 1, found.precision, found.counts, "mix", PARTS, 360, 40, 17)
