"""What the course says about shapes-a and shapes-b holds, on both, beside its controls."""

from functools import cache

import pytest
import torch

from mi_course.methods.feature_viz.colours import fitted_colours
from mi_course.methods.feature_viz.expanded_weights import expanded_kernels
from mi_course.methods.feature_viz.objectives import neuron
from mi_course.methods.feature_viz.parametrisations import Fourier
from mi_course.methods.feature_viz.part_causes import as_images, mean_peaks, recall_without
from mi_course.methods.feature_viz.part_labels import part_scores, two_parts
from mi_course.methods.feature_viz.render import Recipe, render_channels, render_diverse
from mi_course.methods.feature_viz.tuning import curvature_tuning, orientation_tuning
from mi_course.methods.feature_viz.universality import channel_matches
from mi_course.models import weights
from mi_course.models.cnn import ShapesCNN
from mi_course.models.vision import load_vision, shapes_model
from mi_course.worlds.shapes import CLASSES, PARTS, scenes

NAMES = ("shapes-a", "shapes-b")
both = pytest.mark.parametrize("name", NAMES)
# The channel of conv5 in whose kernels wheels lie below and windows above, and its class.
CIRCUIT = {"shapes-a": (55, "car"), "shapes-b": (53, "bus")}


@cache
def drawn():
    return scenes(1200, 11)


@cache
def network(name):
    if name != "random":
        return load_vision(name, device="cpu")
    state = torch.get_rng_state()
    torch.manual_seed(0)
    module = ShapesCNN(len(CLASSES))
    torch.set_rng_state(state)
    trained = network("shapes-a")
    return shapes_model(module, name, trained.colour_mean, trained.colour_std)


@cache
def scores(name, layer):
    return part_scores(network(name), layer, drawn())


@cache
def waves():
    return Fourier(fitted_colours(as_images(drawn())[:500]))


@cache
def peaks_of_classes(name):
    """Mean peaks [class channel] of conv5 for scenes of one class each."""
    kinds = [as_images(scenes(60, 5, classes=[kind])) for kind in CLASSES]
    return torch.stack([mean_peaks(network(name), "conv5", images) for images in kinds])


def well_told(name, layer):
    return sum(scores(name, layer).auc_of(part) >= 0.9 for part in PARTS)


@both
def test_hardly_a_scene_is_taken_for_another(name):
    card = weights.read_card(name)
    assert card["metrics"]["accuracy"] >= 0.99
    assert card["metrics"]["moved_accuracy"] >= 0.9
    assert card["training_seconds"] <= 20 * 60
    some = scenes(240, 77)
    guesses = network(name).logits(as_images(some)).argmax(1)
    assert (guesses == torch.from_numpy(some.labels)).float().mean() >= 0.97


@both
def test_half_of_the_first_layer_is_tuned_to_orientation(name):
    found = orientation_tuning(network(name), "conv1")
    assert len(found.tuned()) >= 12  # 15 and 15 of 24


@both
def test_a_fifth_of_conv4_is_tuned_to_curves(name):
    found = curvature_tuning(network(name), "conv4")
    assert len(set(found.tuned()) & set(found.preferring())) >= 12  # 15 and 16 of 64


@both
def test_most_parts_have_a_channel_that_tells_them(name):
    assert well_told(name, "conv5") >= 23  # 25 and 26 of 28
    sharp = scores(name, "conv5").precision.amax(dim=1) >= 0.8
    assert sharp.sum() >= 25  # 29 and 33 of 64


@pytest.mark.slow
def test_random_weights_tell_few_parts():
    assert well_told("random", "conv5") <= 8


@both
def test_narrow_channels_tell_two_parts_that_no_class_has_together(name):
    found = two_parts(scores(name, "narrow"))
    assert len(found) >= 5  # 5 and 6 of 6
    assert all(min(two.aucs) >= 0.75 for two in found)
    # Their strongest images are of both kinds, and of hardly any other.
    assert min(found[0].shares) >= 0.35
    assert sum(found[0].shares) >= 0.95


@both
def test_diverse_pictures_of_a_narrow_channel_show_both_parts_to_the_other_network(name):
    channel, kinds = {
        "shapes-a": (4, [{"cat", "dog"}, {"car", "bus", "truck"}]),  # snout and body
        "shapes-b": (4, [{"bicycle"}, {"car", "bus", "truck"}]),  # frame and body
    }[name]
    (pair,) = [two for two in two_parts(scores(name, "narrow")) if two.channel == channel]
    assert "body" in pair.parts
    pictures = render_diverse(
        network(name),
        "narrow",
        [channel],
        Recipe(steps=96, parametrisation=waves()),
        goal=neuron,
        weight=2.0,
    )
    (other,) = set(NAMES) - {name}
    seen = {CLASSES[i] for i in network(other).logits(pictures.images).argmax(1)}
    assert all(seen & kind for kind in kinds), seen


@pytest.mark.slow
@both
def test_another_network_names_what_half_of_the_pictures_of_conv5_stand_for(name):
    some = range(24)
    pictures = render_channels(
        network(name), "conv5", some, Recipe(steps=64, parametrisation=waves()), goal=neuron
    )
    favourites = peaks_of_classes(name).argmax(dim=0)[: len(some)]
    (other,) = set(NAMES) - {name}
    named = network(other).logits(pictures.images).argmax(1) == favourites
    assert named.float().mean() >= 0.35  # 1 in 12 by chance


@pytest.mark.slow
@both
def test_a_car_or_bus_channel_has_wheels_below_and_windows_above_in_its_kernels(name):
    told = scores(name, "conv4")
    wheel, window = (told.auc[:, PARTS.index(part)] for part in ("wheel", "window"))
    wheels = ((wheel >= 0.85) & (window < 0.75)).nonzero().ravel()
    windows = ((window >= 0.75) & (wheel < 0.85)).nonzero().ravel()
    channel, _ = CIRCUIT[name]
    kernels = expanded_kernels(network(name), "conv4", "conv5", [channel])
    assert kernels.adjacent
    lower = kernels.lower_minus_upper(channel)
    assert lower[wheels].mean() > 0.15  # 0.25 and 0.25
    assert lower[windows].mean() < -0.05  # -0.12 and -0.09
    # As many source channels drawn by chance differ as much in less than 3 of 100 draws.
    generator = torch.Generator().manual_seed(0)
    n, m = len(wheels), len(windows)
    orders = [torch.randperm(len(lower), generator=generator) for _ in range(1000)]
    by_chance = torch.stack([lower[o[:n]].mean() - lower[o[n : n + m]].mean() for o in orders])
    assert (by_chance < lower[wheels].mean() - lower[windows].mean()).float().mean() >= 0.97


@both
def test_that_channel_needs_its_parts_and_their_places(name):
    channel, kind = CIRCUIT[name]

    def left(**change):
        changed = as_images(scenes(60, 5, classes=[kind], **change))
        return (mean_peaks(network(name), "conv5", changed) / whole)[channel]

    images = as_images(scenes(60, 5, classes=[kind]))
    whole = mean_peaks(network(name), "conv5", images)
    assert left(without=["wheel"]) < 0.75
    assert left(without=["window"]) < 0.9
    assert left(scrambled=True) < 0.15
    assert (mean_peaks(network(name), "conv5", images.flip(2)) / whole)[channel] < 0.25


@pytest.mark.slow
@both
def test_without_the_wheel_channels_of_conv4_cars_are_still_recognised(name):
    wheels = scores(name, "conv4").about("wheel", at_least=0.5)
    assert len(wheels) >= 20  # 26 and 29
    assert recall_without(network(name), "conv4", wheels, scenes(600, 6))["car"] >= 0.85


@pytest.mark.slow
@both
@pytest.mark.parametrize(
    ("part", "hurt", "spared"), [("wheel", "bicycle", "cat"), ("eye", "cat", "truck")]
)
def test_channels_miss_the_parts_of_their_class_and_no_others(name, part, hurt, spared):
    model = network(name)
    peaks = peaks_of_classes(name)
    favourites = peaks.argmax(dim=0)
    for number, missed in ((CLASSES.index(hurt), True), (CLASSES.index(spared), False)):
        changed = as_images(scenes(60, 5, classes=[CLASSES[number]], without=[part]))
        left = mean_peaks(model, "conv5", changed) / peaks[number].clamp(min=1e-6)
        own = left[favourites == number]
        assert (own.median() < 0.6) == missed
        assert (own.min() > 0.98) == (not missed)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("layer", "median"),
    [("conv1", 0.6), ("conv2", 0.6), ("conv3", 0.5), ("conv4", 0.45), ("conv5", 0.28)],
)
def test_channels_match_across_seeds_better_than_those_of_random_weights(layer, median):
    images = as_images(drawn())[:300]
    trained, chance = (
        channel_matches(network("shapes-a"), network(other), layer, images)
        for other in ("shapes-b", "random")
    )
    assert trained.values().median() >= median
    assert trained.values().median() >= chance.values().median() + 0.1
