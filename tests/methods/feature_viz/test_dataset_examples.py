import pytest
import torch

from mi_course.methods.feature_viz import peaks, top_examples
from mi_course.models.vision import load_vision


def test_examples_are_the_images_with_the_highest_peaks(model, images):
    found = top_examples(model, "conv4", images, n=5, chunk=7)
    maxima = model.activations(images, "conv4").amax((2, 3))
    torch.testing.assert_close(found.values, maxima.T.sort(descending=True).values[:, :5])
    for channel in range(12):
        torch.testing.assert_close(maxima[found.indices[channel], channel], found.values[channel])
    assert found.n_images == 24


def test_peaks_tell_the_place(model, images):
    values, rows, columns = peaks(model, "conv3", images, [7, 2], chunk=10)
    acts = model.activations(images, "conv3")
    for i in (0, 11, 23):
        torch.testing.assert_close(acts[i, 2, rows[i, 1], columns[i, 1]], values[i, 1])


def test_a_planted_spot_lies_in_the_middle_of_its_patch(planted):
    images = torch.full((3, 3, 64, 64), 0.5)
    images[1, 0, 40, 20] = 1.0  # red: what channel 0 of conv1 sees
    found = top_examples(planted, "conv1", images, [0], n=1)
    assert found.indices.item() == 1
    assert found.boxes[0, 0].tolist() == [37, 17, 44, 24]
    patch = found.patches[0, 0]
    assert patch.shape == (3, 7, 7)
    assert patch[0, 3, 3] == 1.0
    assert (patch[0] == 1).sum() == 1


def test_beyond_the_border_a_patch_is_white_and_its_box_is_cut(planted):
    images = torch.full((1, 3, 64, 64), 0.5)
    images[0, 0, 0, 62] = 1.0
    found = top_examples(planted, "conv1", images, [0], n=1)
    assert found.boxes[0, 0].tolist() == [0, 59, 4, 64]
    patch = found.patches[0, 0]
    assert (patch[:, :3] == 1).all()
    assert (patch[:, :, 5:] == 1).all()
    assert (patch[1:, 3:, :5] == 0.5).all()


@pytest.mark.parametrize("layer", ["conv2", "conv4"])
def test_nothing_outside_of_the_box_matters_for_the_peak(model, images, layer):
    """Brute force: all other pixels are replaced, and the value stays."""
    found = top_examples(model, layer, images, [3], n=2)
    image = images[found.indices[0, 0]]
    top, left, bottom, right = found.boxes[0, 0].tolist()
    changed = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(5))
    changed[:, top:bottom, left:right] = image[:, top:bottom, left:right]
    before, after = (model.activations(each[None], layer)[0, 3] for each in (image, changed))
    place = before.argmax()
    torch.testing.assert_close(after.flatten()[place], before.flatten()[place], atol=1e-5, rtol=0)
    assert not torch.allclose(before, after, atol=1e-3)


def test_a_field_larger_than_the_image_gives_patches_of_the_image_size():
    google = load_vision("googlenet", device="cpu")
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    assert top_examples(google, "inception4a", images, [5], n=2).patches.shape == (1, 2, 3, 64, 64)


def test_bad_requests_are_refused(model, images):
    with pytest.raises(ValueError, match="1 to 24 examples, as there are images, got 25"):
        top_examples(model, "conv1", images, n=25)
    with pytest.raises(ValueError, match=r"channels 0-5 of conv1, got \[6\]"):
        top_examples(model, "conv1", images, [6])
    found = top_examples(model, "conv1", images, [4, 2], n=1)
    assert found.of(2) == 1
    with pytest.raises(ValueError, match="a channel of conv1 that was read, got 3"):
        found.of(3)
