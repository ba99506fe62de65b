"""The world of shapes: pictures hold what their labels and maps of parts say, and nothing else."""

import time

import numpy as np
import pytest

from mi_course.worlds.shapes import CLASSES, JUMBLE, PARTS, PARTS_OF, SIZE, scenes
from mi_course.worlds.shapes.names import class_number, part_number
from mi_course.worlds.shapes.pen import Pen, hsv
from mi_course.worlds.shapes.scenes import DRAWINGS

SCENES = scenes(480, 0)


def middle_of(mask):
    """Return the mean row of the pixels of each mask; NaN where there is none."""
    rows = np.arange(SIZE)[:, None]
    count = mask.sum(axis=(1, 2))
    return np.where(count, (mask * rows).sum(axis=(1, 2)) / np.maximum(count, 1), np.nan)


def test_the_same_seed_gives_the_same_scenes():
    again, others = scenes(480, 0), scenes(480, 1)
    assert np.array_equal(SCENES.images, again.images)
    assert np.array_equal(SCENES.part_map, again.part_map)
    assert not np.array_equal(SCENES.images, others.images)


def test_pictures_are_colours_from_0_to_1_and_no_two_are_alike():
    assert SCENES.images.shape == (480, SIZE, SIZE, 3)
    assert SCENES.images.min() >= 0
    assert SCENES.images.max() <= 1
    flat = SCENES.images.reshape(480, -1)
    assert len(np.unique(flat.sum(axis=1))) == 480


def test_every_class_comes_equally_often():
    assert np.bincount(SCENES.labels).tolist() == [480 // len(CLASSES)] * len(CLASSES)
    assert set(SCENES.names()) == set(CLASSES)
    assert set(DRAWINGS) == set(PARTS_OF)


def test_scenes_show_no_part_that_their_source_lacks():
    for number, name in enumerate(PARTS_OF):
        seen = np.unique(SCENES.part_map[SCENES.sources == number])
        allowed = {0} | {part_number(part) + 1 for part in PARTS_OF[name]}
        assert set(seen.tolist()) <= allowed, name


@pytest.mark.parametrize("name", PARTS_OF)
def test_almost_every_scene_shows_every_part_of_its_class(name):
    drawn = scenes(40, 3, classes=[name])
    for part in PARTS_OF[name]:
        assert drawn.shows(part).mean() >= 0.8, part


def test_masks_are_the_map_of_parts_taken_apart():
    masks = SCENES.masks
    assert masks.shape == (480, len(PARTS), SIZE, SIZE)
    assert masks.sum(axis=1).max() == 1
    assert np.array_equal(masks.any(axis=1), SCENES.part_map > 0)
    assert np.array_equal(masks[:, part_number("wheel")], SCENES.mask("wheel"))


def test_parts_are_shared_between_classes():
    having = {part: sum(part in parts for parts in PARTS_OF.values()) for part in PARTS}
    assert having["wheel"] == having["window"] == 4
    assert having["eye"] == 3


def test_wheels_stand_below_windows_unless_scrambled():
    for scrambled, low, high in ((False, 1.0, 1.0), (True, 0.2, 0.8)):
        drawn = scenes(200, 4, classes=["car", "bus"], scrambled=scrambled)
        below = middle_of(drawn.mask("wheel")) > middle_of(drawn.mask("window"))
        both = drawn.shows("wheel") & drawn.shows("window")
        assert low <= below[both].mean() <= high


def test_scrambled_scenes_are_jumbles_of_known_parts():
    drawn = scenes(60, 5, classes=["car", "cat"], scrambled=True)
    assert (drawn.labels == class_number(JUMBLE)).all()
    assert set(drawn.sources) == {class_number("car"), class_number("cat")}
    assert not (SCENES.sources[SCENES.labels == class_number(JUMBLE)] == class_number("ball")).any()


def test_leaving_a_part_away_changes_only_the_pixels_that_showed_it():
    whole = scenes(120, 6)
    blind = scenes(120, 6, without=["eye"])
    assert whole.mask("eye").any()
    assert not blind.mask("eye").any()
    changed = np.abs(whole.images - blind.images).max(axis=3) > 0
    # Eyes cover a fraction of the pixels along their border: one more ring of pixels may change.
    eye = whole.mask("eye")
    near = eye.copy()
    for axis, step in ((1, 1), (1, -1), (2, 1), (2, -1)):
        near |= np.roll(eye, step, axis)
    for step in (1, -1):
        near |= np.roll(np.roll(eye, step, 1), 1, 2) | np.roll(np.roll(eye, step, 1), -1, 2)
    hidden_border = changed & ~near
    assert hidden_border.sum() <= 0.01 * changed.sum()
    assert changed[eye].mean() > 0.95
    others = ~np.isin(whole.sources, [class_number(n) for n in ("cat", "dog", "fish")])
    assert not changed[others].any()


def test_what_is_painted_last_lies_on_top():
    pen = Pen(np.zeros((1, 3, SIZE, SIZE), np.float32), np.random.default_rng(0))
    frame = pen.frame
    red, blue = hsv(*np.ones((3, 1))), hsv(np.array([2 / 3]), *np.ones((2, 1)))
    pen.paint(frame, np.abs(frame.u) - 20, red, "wall")
    pen.paint(frame, np.abs(frame.u) - 10, blue, "door")
    pen.paint(frame, np.abs(frame.u) - 3, red, None)
    row = pen.parts[0, 30]
    assert (row[40], row[50], row[31]) == (part_number("door") + 1, part_number("wall") + 1, 0)
    assert pen.image[0, :, 30, 40].tolist() == [0, 0, 1]
    assert pen.image[0, :, 30, 50].tolist() == [1, 0, 0]
    assert pen.image[0, :, 30, 60].tolist() == [0, 0, 0]


def test_colours_are_those_of_the_standard_library():
    import colorsys

    drawn = np.random.default_rng(0).random((3, 50))
    expected = [colorsys.hsv_to_rgb(*column) for column in drawn.T]
    assert hsv(*drawn) == pytest.approx(np.array(expected), abs=1e-6)


def test_five_hundred_scenes_take_less_than_a_second_of_one_core():
    start = time.process_time()
    scenes(600, 8)
    assert time.process_time() - start < 1.2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "at least one scene"),
        ({"classes": ["lorry"]}, "one of the classes"),
        ({"classes": []}, "at least one class"),
        ({"without": ["nose"]}, "one of the parts"),
        ({"classes": ["ball"], "scrambled": True}, "several parts"),
        ({"classes": [JUMBLE], "scrambled": True}, "several parts"),
    ],
)
def test_nonsense_is_refused_with_what_would_do(arguments, message):
    with pytest.raises(ValueError, match=message):
        scenes(**({"n": 4, "seed": 0} | arguments))
