"""What a scene can show: classes of things, and the parts that they are made of.

Parts are shared: four classes have wheels, four have windows, three have eyes. A class is therefore
told by which parts stand where, and "jumble" is the class of scenes in which they stand anywhere.
"""

from typing import Final

SIZE: Final = 64  # pixels along each side of a scene
JUMBLE: Final = "jumble"

PARTS_OF: Final[dict[str, tuple[str, ...]]] = {
    "car": ("body", "window", "wheel", "light"),
    "bus": ("body", "window", "door", "wheel", "light"),
    "truck": ("cargo", "body", "window", "wheel", "light"),
    "bicycle": ("wheel", "frame", "saddle", "handlebar"),
    "house": ("chimney", "wall", "roof", "door", "window"),
    "cat": ("pointed ear", "head", "eye", "snout", "whisker"),
    "dog": ("head", "floppy ear", "eye", "snout", "tongue"),
    "fish": ("fin", "flank", "eye"),
    "flower": ("stem", "leaf", "petal", "disc"),
    "tree": ("trunk", "foliage"),
    "ball": ("ball",),
}
CLASSES: Final[tuple[str, ...]] = (*PARTS_OF, JUMBLE)
PARTS: Final[tuple[str, ...]] = tuple(
    dict.fromkeys(part for parts in PARTS_OF.values() for part in parts)
)


def class_number(name: str) -> int:
    """Return the label of a class.

    Raises:
        ValueError: there is no such class.
    """
    if name not in CLASSES:
        raise ValueError(f"expected one of the classes {list(CLASSES)}, got {name!r}")
    return CLASSES.index(name)


def part_number(name: str) -> int:
    """Return the place of a part on the part axis.

    Raises:
        ValueError: there is no such part.
    """
    if name not in PARTS:
        raise ValueError(f"expected one of the parts {list(PARTS)}, got {name!r}")
    return PARTS.index(name)
