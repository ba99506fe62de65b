"""Outlines: how far each pixel is from the edge of a shape, for many shapes at once.

A distance is in the units of its frame, negative inside; the pen turns it into the fraction of a
pixel that is covered. Sizes are numbers, or columns [n 1 1] with one size for each scene.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

Field = Float[np.ndarray, "n height width"]
Column = Float[np.ndarray, "n 1 1"]
Length = Column | float | int | np.floating


class Frame(NamedTuple):
    """Coordinates of every pixel as a shape sees them: `u` to the right, `v` down.

    Attributes:
        u: horizontal, in units of the frame.
        v: vertical.
        scale: pixels for each unit.
    """

    u: Field
    v: Field
    scale: Length

    def at(self, x: Length, y: Length) -> "Frame":
        """Return the frame with its origin moved to (x, y)."""
        return Frame(self.u - x, self.v - y, self.scale)

    def turned(self, angle: Length) -> "Frame":
        """Return the frame turned clockwise by an angle in radians."""
        c, s = np.cos(angle, dtype=np.float32), np.sin(angle, dtype=np.float32)
        return Frame(c * self.u + s * self.v, c * self.v - s * self.u, self.scale)

    def paired(self, x: Length) -> "Frame":
        """Return a frame in which one shape appears twice, mirrored, at x to both sides."""
        return Frame(np.abs(self.u) - x, self.v, self.scale)

    def in_row(self, count: Length, step: Length) -> "Frame":
        """Return a frame in which one shape appears `count` times, `step` apart."""
        first = (count - 1) / 2
        nearest = np.clip(np.round(self.u / step + first), 0, count - 1) - first
        return Frame(self.u - nearest * step, self.v, self.scale)

    def around(self, count: Length, radius: Length) -> "Frame":
        """Return a frame in which one shape appears `count` times on a circle, upright outwards."""
        sector = np.float32(2 * np.pi) / count
        angle = np.arctan2(self.u, -self.v)
        angle -= sector * np.round(angle / sector)
        distance = np.sqrt(self.u**2 + self.v**2)
        return Frame(distance * np.sin(angle), radius - distance * np.cos(angle), self.scale)


def ellipse(frame: Frame, rx: Length, ry: Length) -> Field:
    """Return the distance (near the edge) from an ellipse with half axes rx and ry."""
    inside = (frame.u * (1 / rx)) ** 2
    inside += (frame.v * (1 / ry)) ** 2
    np.sqrt(inside, out=inside)
    inside -= 1
    inside *= np.minimum(rx, ry)
    return inside


def ring(frame: Frame, radius: Length, half_width: Length) -> Field:
    """Return the distance from a circle drawn with a line."""
    return np.abs(np.sqrt(frame.u**2 + frame.v**2) - radius) - half_width


def box(frame: Frame, half_width: Length, half_height: Length, corner: Length = 0.0) -> Field:
    """Return the distance from a rectangle whose corners are rounded with a radius."""
    x = np.abs(frame.u)
    x -= half_width - corner
    y = np.abs(frame.v)
    y -= half_height - corner
    inside = np.minimum(np.maximum(x, y), 0)
    np.maximum(x, 0, out=x)
    np.maximum(y, 0, out=y)
    return np.sqrt(x**2 + y**2) + inside - corner


def polygon(frame: Frame, *corners: tuple[Length, Length]) -> Field:
    """Return the distance from a convex polygon, its corners given clockwise as seen."""
    distance: Field | None = None
    for (x, y), (next_x, next_y) in zip(corners, (*corners[1:], corners[0]), strict=True):
        dx, dy = next_x - x, next_y - y
        length = np.sqrt(dx * dx + dy * dy)
        a, b = dy / length, -dx / length
        side = a * frame.u
        side += b * frame.v
        side -= a * x + b * y
        distance = side if distance is None else np.maximum(distance, side, out=distance)
    return distance


def line(
    frame: Frame, start: tuple[Length, Length], end: tuple[Length, Length], half: Length
) -> Field:
    """Return the distance from a line between two points with round ends."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    x, y = frame.u - start[0], frame.v - start[1]
    along = np.clip((x * dx + y * dy) / (dx * dx + dy * dy), 0, 1)
    return np.sqrt((x - along * dx) ** 2 + (y - along * dy) ** 2) - half
