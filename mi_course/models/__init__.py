"""Models: whatever owns weights. `load(name)` gives a `TransformerBridge`."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["compiled", "recipes", "zoo", "training", "report"],
    submod_attrs={"zoo": ["Checkpoint", "card", "checkpoints", "load", "tiny"]},
)
