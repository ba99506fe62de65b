"""Cats and dogs from the front, fish from the side: three arrangements that have eyes."""

import numpy as np

from mi_course.worlds.shapes.outlines import Frame, Length, ellipse, line, polygon
from mi_course.worlds.shapes.pen import Colour, Pen, darker


def fur(pen: Pen) -> Colour:
    """Return a colour of fur: brown, ginger, grey, cream or black."""
    return pen.colour((0.04, 0.12), (0.1, 0.85), (0.3, 0.9))


def eyes(pen: Pen, frame: Frame, radius: Length) -> None:
    """Paint white eyes with dark pupils."""
    white = pen.colour(saturation=(0.0, 0.2), value=(0.92, 1.0))
    pen.paint(frame, ellipse(frame, radius, radius), white, "eye")
    black = pen.colour(saturation=(0.0, 0.3), value=(0.0, 0.15))
    pen.paint(frame, ellipse(frame, radius * 0.55, radius * 0.62), black, "eye")


def cat(pen: Pen) -> None:
    """Paint the face of a cat."""
    coat = fur(pen)
    ears, tall = pen.at(0, -0.5).paired(0.5), pen.draw(0.36, 0.5)
    corners = ((0.16, -tall), (0.3, 0.34), (-0.36, 0.14))
    pen.paint(ears, polygon(ears, *corners), darker(coat, 0.8), "pointed ear")
    inner = ((0.12, -tall * 0.5), (0.16, 0.1), (-0.12, 0.08))
    pink = pen.colour((0.95, 1.02), (0.2, 0.4), (0.8, 1.0))
    pen.paint(ears, polygon(ears, *inner), pink, "pointed ear")
    face = pen.at(0.0, 0.12)
    pen.paint(face, ellipse(face, 0.82, pen.draw(0.62, 0.72)), coat, "head")
    eyes(pen, pen.at(0, -0.05).paired(0.34), pen.draw(0.16, 0.21))
    snout = pen.at(0.0, 0.34)
    pale = darker(coat, 1.5)
    pen.paint(snout, ellipse(snout.paired(0.12), 0.17, 0.15), pale, "snout")
    corners = ((-0.11, -0.16), (0.11, -0.16), (0.0, 0.0))
    pen.paint(snout, polygon(snout, *corners), darker(pink, 0.7), "snout")
    hairs = pen.at(0.0, 0.34).paired(0)
    black = pen.colour(saturation=(0.0, 0.2), value=(0.0, 0.2))
    upper = line(hairs, (0.4, -0.06), (0.98, -0.16), 0.022)
    lower = line(hairs, (0.4, 0.06), (0.98, 0.12), 0.022)
    pen.paint(hairs, np.minimum(upper, lower), black, "whisker")


def dog(pen: Pen) -> None:
    """Paint the face of a dog."""
    coat = fur(pen)
    face = pen.at(0, -0.1)
    pen.paint(face, ellipse(face, 0.58, pen.draw(0.66, 0.76)), coat, "head")
    ears = pen.at(0, -0.14).paired(0.66).turned(-0.22)
    pen.paint(ears, ellipse(ears, 0.22, pen.draw(0.48, 0.6)), darker(coat, 0.5), "floppy ear")
    eyes(pen, pen.at(0, -0.28).paired(0.25), pen.draw(0.12, 0.16))
    tongue, out = pen.at(0.0, 0.72), pen.one_of(0.16, 0.22)
    red = pen.colour((0.95, 1.0), (0.55, 0.8), (0.8, 1.0))
    pen.paint(tongue, ellipse(tongue, 0.15, out), red, "tongue")
    snout = pen.at(0.0, 0.32)
    pen.paint(snout, ellipse(snout, 0.4, 0.36), darker(coat, 1.5), "snout")
    black = pen.colour(saturation=(0.0, 0.3), value=(0.0, 0.15))
    nose = snout.at(0, -0.17)
    pen.paint(nose, ellipse(nose, 0.19, 0.13), black, "snout")
    pen.paint(snout, line(snout, (0.0, -0.1), (0.0, 0.2), 0.025), black, "snout")


def fish(pen: Pen) -> None:
    """Paint a fish that swims to the right."""
    scales, tall = pen.colour(), pen.draw(0.38, 0.5)
    dark = darker(scales, 0.65)
    tail = pen.at(-0.72, 0)
    upper = polygon(tail, (-0.3, -0.46), (0.22, 0.0), (-0.12, 0.02))
    lower = polygon(tail, (-0.12, -0.02), (0.22, 0.0), (-0.3, 0.46))
    pen.paint(tail, np.minimum(upper, lower), dark, "fin")
    back = pen.at(0.08, -tall)
    corners = ((-0.3, -0.2), (0.05, -0.26), (0.32, 0.14), (-0.3, 0.14))
    pen.paint(back, polygon(back, *corners), dark, "fin")
    flank = pen.at(0.16, 0.0)
    pen.paint(flank, ellipse(flank, 0.78, tall), scales, "flank")
    bands = np.abs(flank.in_row(2, 0.38).u + 0.16) - 0.07
    bands = np.maximum(ellipse(flank, 0.74, tall * 0.94), bands)
    pen.paint(flank, bands, pen.colour(saturation=(0.2, 0.9), value=(0.7, 1.0)), "flank")
    eyes(pen, pen.at(0.62, -0.1), pen.draw(0.11, 0.15))
