"""Models: whatever owns weights.

`load(name)` gives a `TransformerBridge`, `load_vision(name)` a `VisionModel`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["compiled", "recipes", "zoo", "training", "report", "vision"],
    submod_attrs={
        "vision": ["VisionModel", "load_vision"],
        "zoo": ["Checkpoint", "card", "checkpoints", "load", "tiny"],
    },
)
