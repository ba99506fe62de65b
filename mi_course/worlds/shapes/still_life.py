"""Houses, flowers, trees and balls."""

import numpy as np

from mi_course.worlds.shapes.outlines import box, ellipse, line, polygon
from mi_course.worlds.shapes.pen import Pen, darker
from mi_course.worlds.shapes.vehicles import glass


def house(pen: Pen) -> None:
    """Paint a house with a chimney."""
    stack = pen.at(0.5, -0.55)
    brick = pen.colour((0.0, 0.06), (0.4, 0.8), (0.3, 0.6))
    pen.paint(stack, box(stack, 0.11, 0.3), brick, "chimney")
    wall, wide = pen.at(0.0, 0.36), pen.draw(0.68, 0.78)
    plaster = pen.colour(saturation=(0.1, 0.6), value=(0.75, 1.0))
    pen.paint(wall, box(wall, wide, 0.52), plaster, "wall")
    roof = pen.at(0, -0.1)
    corners = ((0.0, pen.draw(-0.8, -0.6)), (wide + 0.22, 0.06), (-0.22 - wide, 0.06))
    tiles = pen.colour((-0.04, 0.1), (0.55, 0.95), (0.4, 0.8))
    pen.paint(roof, polygon(roof, *corners), tiles, "roof")
    door = pen.at(pen.draw(-0.06, 0.06), 0.54)
    pen.paint(door, box(door, 0.16, 0.34, 0.02), darker(pen.colour(), 0.55), "door")
    panes = pen.at(0.0, 0.26).paired(0.44)
    half = pen.draw(0.15, 0.18)
    pen.paint(panes, box(panes, half + 0.05, half + 0.05), darker(tiles, 0.6), "window")
    pen.paint(panes, box(panes, half, half), glass(pen), "window")


def flower(pen: Pen) -> None:
    """Paint a flower on its stem."""
    green = pen.colour((0.25, 0.4), (0.5, 0.9), (0.35, 0.7))
    stem = pen.at(0.0, 0.4)
    pen.paint(stem, line(stem, (0.0, -0.4), (0.0, 0.56), 0.055), green, "stem")
    leaves = pen.at(0.0, 0.66).paired(0.27).turned(-0.5)
    pen.paint(leaves, ellipse(leaves, 0.3, 0.11), darker(green, 1.2), "leaf")
    count, head = pen.one_of(5, 6, 7), pen.at(0, -0.34)
    petals = head.around(count, 0.36)
    colour = pen.colour((0.7, 1.2), (0.35, 0.95), (0.75, 1.0))
    pen.paint(petals, ellipse(petals, 1.0 / count, 0.3), colour, "petal")
    disc, size = pen.at(0, -0.34), pen.draw(0.17, 0.23)
    yellow = pen.colour((0.08, 0.16), (0.7, 1.0), (0.6, 1.0))
    pen.paint(disc, ellipse(disc, size, size), yellow, "disc")


def tree(pen: Pen) -> None:
    """Paint a tree: round, or a fir of three storeys."""
    trunk = pen.at(0.0, 0.62)
    bark = pen.colour((0.04, 0.1), (0.4, 0.8), (0.25, 0.5))
    pen.paint(trunk, box(trunk, pen.draw(0.1, 0.15), 0.36), bark, "trunk")
    crown = pen.at(0, -0.25)
    green = pen.colour((0.18, 0.42), (0.5, 0.95), (0.3, 0.7))
    sides = ellipse(crown.at(0.0, 0.14).paired(0.38), 0.4, 0.38)
    round_crown = np.minimum(sides, ellipse(crown.at(0, -0.22), 0.46, 0.46))
    storeys = [
        polygon(crown, (0.0, top), (half, bottom), (-half, bottom))
        for top, half, bottom in ((-0.75, 0.38, -0.2), (-0.5, 0.55, 0.2), (-0.2, 0.72, 0.62))
    ]
    fir = np.minimum(np.minimum(*storeys[:2]), storeys[2])
    is_fir = pen.one_of(0, 1) > 0
    pen.paint(crown, np.where(is_fir, fir, round_crown), green, "foliage")
    lit = crown.at(-0.16, -0.26)
    bright = np.where(is_fir, 1.0, ellipse(lit, 0.22, 0.2)).astype(np.float32)
    pen.paint(lit, bright, darker(green, 1.35), "foliage")


def ball(pen: Pen) -> None:
    """Paint a beach ball: coloured segments that meet at a cap."""
    size, middle = pen.draw(0.66, 0.86), pen.at(0, 0)
    white = pen.colour(saturation=(0.0, 0.1), value=(0.88, 1.0))
    edge = ellipse(middle, size, size)
    pen.paint(middle, edge, white, "ball")
    cap = middle.at(pen.draw(-0.2, 0.2), pen.draw(-0.2, 0.2)).turned(pen.draw(0, 6.28))
    segments = np.cos(3 * np.arctan2(cap.v, cap.u)) * -0.25 * np.sqrt(cap.u**2 + cap.v**2)
    pen.paint(middle, np.maximum(segments, edge), pen.colour(), "ball")
    pen.paint(cap, ellipse(cap, 0.13, 0.13), darker(white, 0.95), "ball")
