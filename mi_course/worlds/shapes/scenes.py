"""Scenes: pictures of things whose class, and the part under every pixel, is known.

A scene is a background, one thing at a random place, size, angle and facing, up to two occluders,
and a little grain. Scrambled scenes hold the parts of one class anywhere and at any angle; their
label is "jumble". Scenes with the same seed differ only by what `without` leaves away.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8

from mi_course.worlds.shapes import animals, still_life, vehicles
from mi_course.worlds.shapes.backgrounds import backgrounds
from mi_course.worlds.shapes.names import (
    CLASSES,
    JUMBLE,
    PARTS,
    PARTS_OF,
    SIZE,
    class_number,
    part_number,
)
from mi_course.worlds.shapes.outlines import box, ellipse
from mi_course.worlds.shapes.pen import Pen

DRAWINGS = {
    "car": vehicles.car,
    "bus": vehicles.bus,
    "truck": vehicles.truck,
    "bicycle": vehicles.bicycle,
    "house": still_life.house,
    "cat": animals.cat,
    "dog": animals.dog,
    "fish": animals.fish,
    "flower": still_life.flower,
    "tree": still_life.tree,
    "ball": still_life.ball,
}
# A ball has one part, and a ball turned around is a ball.
SEVERAL = np.array([CLASSES.index(name) for name, parts in PARTS_OF.items() if len(parts) > 1])
TOGETHER = 32  # scenes painted at once: their planes stay in the cache
SEEN = 6  # pixels from which on a part counts as seen


@dataclass(frozen=True, eq=False)
class Scenes:
    """Pictures with their truth.

    Attributes:
        images: red, green and blue, 0 to 1.
        labels: number of the class in `CLASSES`.
        sources: the class whose parts are shown; differs from `labels` in a jumble.
        part_map: the part that each pixel shows, 1 + its number in `PARTS`; 0 for none.
    """

    images: Float32[np.ndarray, "image height width 3"]
    labels: Int64[np.ndarray, " image"]
    sources: Int64[np.ndarray, " image"]
    part_map: UInt8[np.ndarray, "image height width"]

    def __len__(self) -> int:
        """Return the number of scenes."""
        return len(self.labels)

    @property
    def masks(self) -> Bool[np.ndarray, "image part height width"]:
        """Return for each part of `PARTS` the pixels that show it."""
        return self.part_map[:, None] == np.arange(1, len(PARTS) + 1, dtype=np.uint8)[:, None, None]

    def mask(self, part: str) -> Bool[np.ndarray, "image height width"]:
        """Return the pixels that show one part.

        Raises:
            ValueError: there is no such part.
        """
        return self.part_map == part_number(part) + 1

    def shows(self, part: str) -> Bool[np.ndarray, " image"]:
        """Return which scenes show a part, in at least six pixels."""
        return self.mask(part).sum(axis=(1, 2)) >= SEEN

    def names(self) -> list[str]:
        """Return the name of each scene's class."""
        return [CLASSES[label] for label in self.labels]


def scenes(
    n: int,
    seed: int,
    *,
    classes: Sequence[str] | None = None,
    scrambled: bool = False,
    without: Collection[str] = (),
) -> Scenes:
    """Return n scenes, of all classes alike.

    Args:
        n: number of scenes.
        seed: the same seed gives the same scenes.
        classes: names of the classes to show; all of them, jumbles too, when None.
        scrambled: put the parts of these classes anywhere; every label is then "jumble".
        without: parts to leave away; nothing else changes.

    Raises:
        ValueError: no scene or class asked for, an unknown class or part, or a class of one part
            to scramble.
    """
    if n < 1:
        raise ValueError(f"expected at least one scene, got {n}")
    for part in without:
        part_number(part)
    rng = np.random.default_rng(seed)
    numbers = _numbers(classes, scrambled)
    drawn = numbers[rng.permutation(np.arange(n) % len(numbers))]
    jumbled = (drawn == class_number(JUMBLE)) | scrambled
    sources = np.where(drawn == class_number(JUMBLE), rng.choice(SEVERAL, n), drawn)
    images = np.empty((n, SIZE, SIZE, 3), np.float32)
    part_map = np.empty((n, SIZE, SIZE), np.uint8)
    for chosen, source, mixed in _groups(sources, jumbled):
        pen = Pen(backgrounds(len(chosen), rng), rng, without=without, scrambled=mixed)
        _paint(pen, CLASSES[source])
        images[chosen] = pen.image.transpose(0, 2, 3, 1)
        part_map[chosen] = pen.parts
    return Scenes(images, np.where(jumbled, class_number(JUMBLE), drawn), sources, part_map)


def _numbers(classes: Sequence[str] | None, scrambled: bool) -> Int64[np.ndarray, " some"]:
    """Return the numbers of the classes to draw from."""
    if classes is None:
        return SEVERAL if scrambled else np.arange(len(CLASSES))
    numbers = np.array([class_number(name) for name in classes])
    if not len(numbers):
        raise ValueError("expected at least one class, got none, try classes=None for all")
    if scrambled and not set(numbers) <= set(SEVERAL):
        raise ValueError(
            f"expected classes with several parts to scramble, got {list(classes)}, try some of "
            f"{[CLASSES[number] for number in SEVERAL]}"
        )
    return numbers


def _groups(sources: np.ndarray, jumbled: np.ndarray):
    """Yield scenes that are painted together, with what they show."""
    for source in np.unique(sources):
        for mixed in (False, True):
            members = np.flatnonzero((sources == source) & (jumbled == mixed))
            for start in range(0, len(members), TOGETHER):
                yield members[start : start + TOGETHER], int(source), mixed


def _paint(pen: Pen, name: str) -> None:
    scale = pen.draw(21, 28)
    room = 30 - scale
    x, y = pen.draw(-1, 1) * room, pen.draw(-1, 1) * room
    pen.place(x, y, scale, pen.draw(-0.17, 0.17), pen.one_of(-1, 1))
    DRAWINGS[name](pen)
    for _ in range(2):
        _occlude(pen)
    pen.image += 0.025 * pen.rng.standard_normal(pen.image.shape, dtype=np.float32)
    np.clip(pen.image, 0, 1, out=pen.image)


def _occlude(pen: Pen) -> None:
    """Hide a spot or a strip in a third of the scenes."""
    size, angle = pen.draw(3, 6), pen.draw(0, np.pi)
    pen.place(pen.draw(-32, 32), pen.draw(-32, 32), size, angle, 1.0)
    frame = pen.frame
    shape = np.where(pen.one_of(0, 1) > 0, ellipse(frame, 1.0, 1.0), box(frame, 0.4, 4.0))
    absent = pen.one_of(0, 1, 1) > 0
    distance = np.where(absent, np.float32(9), shape)
    pen.paint(frame, distance, pen.colour(saturation=(0.0, 0.9), value=(0.2, 1.0)), None)
