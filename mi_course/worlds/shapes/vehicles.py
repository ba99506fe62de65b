"""Cars, buses, trucks and bicycles from the side: windows above, wheels below."""

import numpy as np

from mi_course.worlds.shapes.outlines import Frame, Length, box, ellipse, line, polygon, ring
from mi_course.worlds.shapes.pen import Colour, Pen, darker


def wheel(pen: Pen, frame: Frame, radius: Length) -> None:
    """Paint a tyre with a hub."""
    tyre = pen.colour(saturation=(0.0, 0.2), value=(0.03, 0.2))
    pen.paint(frame, ellipse(frame, radius, radius), tyre, "wheel")
    hub = pen.colour(saturation=(0.0, 0.1), value=(0.65, 0.95))
    pen.paint(frame, ellipse(frame, radius * 0.48, radius * 0.48), hub, "wheel")


def glass(pen: Pen) -> Colour:
    """Return the colour of window panes."""
    return pen.colour((0.5, 0.62), (0.1, 0.4), (0.8, 1.0))


def light(pen: Pen, frame: Frame) -> None:
    """Paint a yellow headlight."""
    yellow = pen.colour((0.13, 0.17), (0.3, 0.7), (0.95, 1.0))
    pen.paint(frame, ellipse(frame, 0.09, 0.11), yellow, "light")


def car(pen: Pen) -> None:
    """Paint a car that faces right."""
    paint, lift, back = pen.colour(), pen.draw(-0.08, 0.08), pen.draw(-0.08, 0.08)
    cabin = pen.at(-0.05, -0.15)
    corners = ((-0.3 + back, -0.42 + lift), (0.25, -0.42 + lift), (0.58, 0.2), (-0.62, 0.2))
    pen.paint(cabin, polygon(cabin, *corners), paint, "body")
    pane = pen.at(-0.05, -0.18)
    corners = ((-0.23 + back, -0.3 + lift), (0.2, -0.3 + lift), (0.4, 0.06), (-0.44, 0.06))
    panes = np.maximum(polygon(pane, *corners), 0.045 - np.abs(pane.u))
    pen.paint(pane, panes, glass(pen), "window")
    body = pen.at(0.0, 0.2)
    pen.paint(body, box(body, 0.98, 0.25, 0.14), paint, "body")
    light(pen, pen.at(0.86, 0.14))
    wheel(pen, pen.at(0.0, 0.47).paired(0.56), pen.draw(0.23, 0.29))


def bus(pen: Pen) -> None:
    """Paint a bus that faces right."""
    paint, half = pen.colour(), pen.draw(0.42, 0.54)
    body = pen.at(0, -0.02)
    pen.paint(body, box(body, 1.0, half, 0.1), paint, "body")
    count = pen.one_of(3, 4)
    panes = pen.at(-0.18, -0.18).in_row(count, 1.44 / count)
    pen.paint(panes, box(panes, 0.55 / count, 0.17, 0.03), glass(pen), "window")
    door = pen.at(0.76, 0.04)
    wood = darker(paint, 0.4)
    pen.paint(door, box(door, 0.13, 0.36, 0.02), wood, "door")
    light(pen, pen.at(0.95, 0.3))
    wheel(pen, pen.at(-0.08, half).paired(0.52), pen.draw(0.19, 0.24))


def truck(pen: Pen) -> None:
    """Paint a truck that faces right, its cargo box behind a lower cab."""
    cargo = pen.at(-0.34, -0.12)
    grey = pen.colour(saturation=(0.0, 0.9), value=(0.55, 0.95))
    pen.paint(cargo, box(cargo, 0.64, pen.draw(0.44, 0.54), 0.03), grey, "cargo")
    cab, paint = pen.at(0.64, 0.1), pen.colour()
    corners = ((-0.3, -0.36), (0.12, -0.36), (0.33, 0.02), (0.33, 0.34), (-0.3, 0.34))
    pen.paint(cab, polygon(cab, *corners), paint, "body")
    pane = pen.at(0.66, -0.06)
    corners = ((-0.15, -0.13), (0.06, -0.13), (0.2, 0.1), (-0.15, 0.1))
    pen.paint(pane, polygon(pane, *corners), glass(pen), "window")
    light(pen, pen.at(0.93, 0.28))
    size = pen.draw(0.2, 0.25)
    wheel(pen, pen.at(-0.58, 0.46).paired(0.22), size)
    wheel(pen, pen.at(0.62, 0.46), size)


def bicycle(pen: Pen) -> None:
    """Paint a bicycle that faces right."""
    rims, size = pen.at(0.0, 0.3).paired(0.58), pen.draw(0.36, 0.42)
    tyre = pen.colour(saturation=(0.0, 0.2), value=(0.03, 0.2))
    pen.paint(rims, ring(rims, size, 0.065), tyre, "wheel")
    pen.paint(rims, ellipse(rims, 0.07, 0.07), tyre, "wheel")
    paint, tubes = pen.colour(value=(0.35, 0.85)), pen.at(0, 0)
    rear, pedal, front = (-0.58, 0.3), (-0.08, 0.3), (0.58, 0.3)
    seat, head = (-0.26, -0.28), (0.38, -0.28)
    bars = [(rear, pedal), (rear, seat), (pedal, seat), (seat, head), (pedal, head), (head, front)]
    for start, end in bars:
        pen.paint(tubes, line(tubes, start, end, 0.048), paint, "frame")
    saddle = pen.at(-0.3, -0.4)
    black = pen.colour(saturation=(0.0, 0.5), value=(0.05, 0.25))
    pen.paint(saddle, ellipse(saddle, 0.2, 0.08), black, "saddle")
    bar = pen.at(0.34, -0.46)
    stem = line(bar, (0.04, 0.16), (0.0, -0.02), 0.05)
    grip = line(bar, (-0.1, -0.04), (0.14, 0.0), 0.05)
    pen.paint(bar, np.minimum(stem, grip), black, "handlebar")
