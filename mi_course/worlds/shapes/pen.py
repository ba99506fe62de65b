"""The pen: paints shapes into many scenes at once and remembers which part each pixel shows.

Every paint covers what is below it, in the picture and in the map of parts alike; a pixel belongs
to a part when the part covers more than half of it. A pen that scrambles puts each part at a random
place and angle instead of where the drawing wants it.
"""

from collections.abc import Collection

import numpy as np
from jaxtyping import Float, UInt8

from mi_course.worlds.shapes.names import SIZE, part_number
from mi_course.worlds.shapes.outlines import Column, Field, Frame, Length

Colour = Float[np.ndarray, "n 3"]
NOTHING = 0  # in the map of parts


def pixel_grid() -> tuple[Float[np.ndarray, "height width"], Float[np.ndarray, "height width"]]:
    """Return the x and the y of the middle of each pixel, counted from the middle of the scene."""
    middle = np.arange(SIZE, dtype=np.float32) - (SIZE - 1) / 2
    return np.broadcast_to(middle, (SIZE, SIZE)), np.broadcast_to(middle[:, None], (SIZE, SIZE))


class Pen:
    """n scenes while they are painted.

    Attributes:
        image: [n 3 height width], 0 to 1.
        parts: map of parts; 0 where there is none, else 1 + the part's number.
        frame: of the thing that is painted; until `place` is called, pixels from the middle.
        rng: where the drawing takes its variety from.
    """

    def __init__(
        self,
        background: Float[np.ndarray, "n 3 height width"],
        rng: np.random.Generator,
        *,
        without: Collection[str] = (),
        scrambled: bool = False,
    ) -> None:
        """Start from a background; parts in `without` are drawn nowhere."""
        self.image = background
        self.n = len(background)
        self.parts: UInt8[np.ndarray, "n height width"] = np.zeros((self.n, SIZE, SIZE), np.uint8)
        self.rng = rng
        self._without = frozenset(without)
        self._scrambled = scrambled
        grid_x, grid_y = pixel_grid()
        self.frame = Frame(grid_x[None], grid_y[None], np.float32(1))

    def place(self, x: Length, y: Length, scale: Length, angle: Length, side: Length) -> None:
        """Say where the next thing stands: its middle and half size in pixels, angle, facing."""
        grid_x, grid_y = pixel_grid()
        turned = Frame(grid_x - x, grid_y - y, 1.0).turned(angle)
        self.frame = Frame(turned.u * (side / scale), turned.v / scale, scale)

    def at(self, x: Length, y: Length) -> Frame:
        """Return the frame of a part at (x, y) of the thing; anywhere when scrambled."""
        if not self._scrambled:
            return self.frame.at(x, y)
        # Every second part stands on its head or on its side, so no part keeps its usual place.
        moved = self.frame.at(self.draw(-0.75, 0.75), self.draw(-0.75, 0.75))
        turned = moved.turned(self.draw(0.8, 2 * np.pi - 0.8))
        return Frame(turned.u / 0.8, turned.v / 0.8, turned.scale * 0.8)

    def draw(self, low: int | float, high: int | float) -> Column:
        """Return a uniform random number for each scene."""
        return self.rng.uniform(low, high, (self.n, 1, 1)).astype(np.float32)

    def one_of(self, *values: int | float) -> Column:
        """Return one of some numbers for each scene."""
        return np.array(values, np.float32)[self.rng.integers(len(values), size=(self.n, 1, 1))]

    def colour(
        self,
        hue: tuple[float, float] = (0.0, 1.0),
        saturation: tuple[float, float] = (0.55, 1.0),
        value: tuple[float, float] = (0.45, 0.95),
    ) -> Colour:
        """Return a random colour for each scene; a range of hues may go past 1."""
        drawn = [self.rng.uniform(*bounds, self.n) for bounds in (hue, saturation, value)]
        return hsv(*drawn)

    def paint(self, frame: Frame, distance: Field, colour: Colour, part: str | None) -> None:
        """Paint the inside of an outline; a part of None hides the parts below it."""
        if part in self._without:
            return
        covered = np.clip(0.5 - distance * frame.scale, 0, 1)
        for channel in range(3):
            plane = self.image[:, channel]
            plane += covered * (colour[:, channel, None, None] - plane)
        self.parts[covered > 0.5] = NOTHING if part is None else part_number(part) + 1


def hsv(
    hue: Float[np.ndarray, " n"],
    saturation: Float[np.ndarray, " n"],
    value: Float[np.ndarray, " n"],
) -> Colour:
    """Return red, green and blue of colours given by hue (a turn is 1), saturation and value."""
    phase = np.abs((hue[:, None] * 6 + np.array([0, 4, 2])) % 6 - 3) - 1
    pure = np.clip(phase, 0, 1)
    return (value[:, None] * (1 - saturation[:, None] * (1 - pure))).astype(np.float32)


def darker(colour: Colour, factor: float = 0.6) -> Colour:
    """Return a colour nearer to black; nearer to white with a factor above 1."""
    return np.clip(colour * factor, 0, 1)
