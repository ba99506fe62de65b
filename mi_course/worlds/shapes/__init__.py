"""The world of shapes: scenes whose class is known, and the part that every pixel shows.

Things (cars, cats, houses, flowers) are painted from parts that they share (wheels, eyes,
windows) on varied backgrounds behind occluders; scrambled scenes hold the same parts anywhere. So
what a channel of a vision model sees can be measured instead of guessed. Stimuli (edges, curves,
high beside low frequencies) vary one property and nothing else.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "names": ["CLASSES", "JUMBLE", "PARTS", "PARTS_OF", "SIZE", "class_number", "part_number"],
        "scenes": ["Scenes", "scenes"],
        "stimuli": ["curves", "edges", "high_low"],
    },
)
