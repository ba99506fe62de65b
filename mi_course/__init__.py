"""A practical course in mechanistic interpretability on models whose inner workings are known.

Research flows from `worlds` (inputs with true labels) over `models`, `activations` and `methods`
to `plots` and `widgets`; teaching flows from `exercises` to `grading`. A module imports only from
its left. Importing this package is cheap: each part is loaded when it is first used.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules={
        "activations",
        "exercises",
        "grading",
        "methods",
        "metrics",
        "models",
        "plots",
        "results",
        "widgets",
        "worlds",
    },
)
