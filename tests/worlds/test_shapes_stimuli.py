"""Stimuli: one property varies, and the angle says which."""

import numpy as np
import pytest

from mi_course.worlds.shapes import SIZE, curves, edges, high_low

HALF = SIZE // 2


def test_an_edge_is_light_where_its_angle_points():
    drawn = edges(4, offsets=(0.0,))
    assert drawn.angles == pytest.approx(np.arange(4) * np.pi / 2)
    right, down, left, up = drawn.images[..., 0]
    assert right[:, HALF:] == pytest.approx(0.9)
    assert right[:, :HALF] == pytest.approx(0.1)
    assert down[HALF:] == pytest.approx(0.9)
    assert left == pytest.approx(right[:, ::-1])
    assert up == pytest.approx(down[::-1])


def test_half_a_turn_swaps_light_and_dark():
    images = edges(24, offsets=(0.0,)).images
    assert images[:12] + images[12:] == pytest.approx(np.ones_like(images[:12]), abs=1e-5)


def test_an_offset_moves_the_edge_that_many_pixels():
    straight = edges(4, offsets=(-5.0, 0.0, 5.0)).images[:3, 0, :, 0]
    assert [(row > 0.5).sum() for row in straight] == [HALF + 5, HALF, HALF - 5]


def test_a_curve_of_infinite_radius_is_an_edge():
    assert np.array_equal(curves((np.inf,), 6).images, edges(6).images)


@pytest.mark.parametrize("radius", [6.0, 9.0, 13.0])
def test_a_curve_bounds_a_disc_that_touches_the_middle(radius):
    drawn = curves((radius,), 8, offsets=(0.0,))
    dark = (0.9 - drawn.images[..., 0]) / 0.8
    assert dark.sum(axis=(1, 2)) == pytest.approx(np.full(8, np.pi * radius**2), rel=0.02)
    rows, columns = np.arange(SIZE)[:, None] - (SIZE - 1) / 2, np.arange(SIZE) - (SIZE - 1) / 2
    x = (dark * columns).sum(axis=(1, 2)) / dark.sum(axis=(1, 2))
    y = (dark * rows).sum(axis=(1, 2)) / dark.sum(axis=(1, 2))
    # The outside is where the angle points, so the disc lies the other way.
    assert x == pytest.approx(-radius * np.cos(drawn.angles), abs=0.2)
    assert y == pytest.approx(-radius * np.sin(drawn.angles), abs=0.2)


def test_every_radius_comes_at_every_angle_and_offset():
    drawn = curves((6.0, 9.0), 3, offsets=(0.0, 1.0))
    found = set(
        zip(drawn.angles.tolist(), drawn.radii.tolist(), drawn.offsets.tolist(), strict=True)
    )
    assert len(drawn) == len(found) == 12


def test_grain_lies_where_the_angle_points_and_is_as_bright_as_the_rest():
    right = high_low(4, offsets=(0.0,)).images[0, ..., 0]
    assert right[:, :HALF].std() == pytest.approx(0)
    assert right[:, HALF:].std() == pytest.approx(0.4, abs=0.01)
    assert right[:, HALF:].mean() == pytest.approx(right[:, 0].mean(), abs=0.05)


def test_a_border_far_away_leaves_one_texture():
    grain, grey = high_low(1, offsets=(-64.0, 64.0)).images
    assert grey.std() == 0
    assert grain.std() == pytest.approx(0.4, abs=0.01)


@pytest.mark.parametrize(
    "bad",
    [
        lambda: edges(0),
        lambda: edges(offsets=()),
        lambda: edges(contrast=0.0),
        lambda: high_low(contrast=1.5),
        lambda: curves((0.0,)),
        lambda: curves(()),
    ],
)
def test_nonsense_is_refused(bad):
    with pytest.raises(ValueError, match=r"expected .*, got .*, try"):
        bad()
