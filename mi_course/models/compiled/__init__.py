"""Models made by hand, of which the circuit is known exactly."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "model": ["CompiledModel", "Graph", "Prompts", "Truth"],
        "program": ["Head", "Move", "Neurons", "Program", "Score"],
        "rasp": ["reverse", "xproportion"],
        "weights": ["compile_program"],
    },
)
