"""Outlines by hand: distances at single points, and shapes repeated in rows, pairs and circles."""

import numpy as np
import pytest

from mi_course.worlds.shapes.outlines import Frame, box, ellipse, line, polygon, ring


def at(*points, scale=1.0):
    """Return a frame that looks at a few points."""
    u, v = np.array(points, np.float32).T
    return Frame(u[None, None], v[None, None], scale)


def test_a_circle_is_as_far_as_its_middle_less_its_radius():
    found = ellipse(at((3, 4), (0, 0), (0, 2)), 2.0, 2.0)
    assert found.ravel() == pytest.approx([3, -2, 0], abs=1e-6)


def test_an_ellipse_is_zero_on_its_border():
    turn = np.linspace(0, 6.2, 9)
    border = np.stack([3 * np.cos(turn), 0.5 * np.sin(turn)], 1)
    assert ellipse(at(*border), 3.0, 0.5).ravel() == pytest.approx(np.zeros(9), abs=1e-6)


def test_a_box_counts_from_its_sides_and_corners():
    found = box(at((5, 0), (0, 3), (5, 6), (1, 0), (2, 2)), 2.0, 2.0)
    assert found.ravel() == pytest.approx([3, 1, 5, -1, 0], abs=1e-6)
    rounded = box(at((2, 2), (2, 0)), 2.0, 2.0, 1.0).ravel()
    assert rounded == pytest.approx([2**0.5 - 1, 0], abs=1e-6)


def test_a_triangle_is_negative_inside_and_positive_outside():
    corners = ((0.0, -1.0), (1.0, 1.0), (-1.0, 1.0))
    found = polygon(at((0, 0.5), (0, 2), (0, -2), (0.9, -0.5)), *corners).ravel()
    assert found[0] < 0
    assert (found[1:] > 0).all()
    assert found[1] == pytest.approx(1)
    assert polygon(at((0.5, 0)), *corners).item() == pytest.approx(0, abs=1e-6)


def test_rings_and_lines_have_a_width():
    assert ring(at((5, 0), (0, 0)), 4.0, 0.5).ravel() == pytest.approx([0.5, 3.5])
    found = line(at((1, 2), (-3, 0), (2, 0)), (0.0, 0.0), (2.0, 0.0), 0.5).ravel()
    assert found == pytest.approx([1.5, 2.5, -0.5])


def test_a_moved_and_turned_frame_sees_the_shape_there():
    moved = at((3, 1)).at(3.0, 1.0)
    assert (moved.u.item(), moved.v.item()) == (0, 0)
    # A quarter turn clockwise takes what was to the right of a shape below it.
    turned = at((0, 1)).turned(np.pi / 2)
    assert (turned.u.item(), turned.v.item()) == pytest.approx((1, 0), abs=1e-6)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_row_holds_as_many_as_asked_for(count):
    line_of = np.linspace(-10, 10, 2001)
    row = at(*np.stack([line_of, 0 * line_of], 1)).in_row(count, 2.0)
    inside = ellipse(row, 0.5, 0.5).ravel() < 0
    starts = np.flatnonzero(np.diff(inside.astype(int)) == 1)
    assert len(starts) == count
    middles = line_of[inside]
    assert middles.mean() == pytest.approx(0, abs=1e-6)
    assert np.diff(line_of[starts]) == pytest.approx(np.full(count - 1, 2.0), abs=0.02)


def test_a_pair_is_mirrored():
    pair = at((2, 0), (-2, 0), (0, 0)).paired(2.0)
    assert pair.u.ravel().tolist() == [0, 0, -2]


@pytest.mark.parametrize("count", [5, 6, 7])
def test_a_circle_of_shapes_has_as_many_and_starts_at_the_top(count):
    turn = np.arange(count) * 2 * np.pi / count
    places = np.stack([3 * np.sin(turn), -3 * np.cos(turn)], 1)
    found = at(*places).around(count, 3.0)
    assert found.u.ravel() == pytest.approx(np.zeros(count), abs=1e-5)
    assert found.v.ravel() == pytest.approx(np.zeros(count), abs=1e-5)
    between = at((3 * np.sin(np.pi / count), -3 * np.cos(np.pi / count))).around(count, 3.0)
    assert abs(between.u.item()) == pytest.approx(3 * np.sin(np.pi / count), abs=1e-5)
