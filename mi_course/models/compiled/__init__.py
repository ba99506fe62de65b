"""Models made by hand, of which the circuit is known exactly.

`reverse`, `xproportion`, `induction`, `inhibition`, `either`, `both` and `negative` are written
out, `random_circuit(seed)` is drawn. Each is a `CompiledModel`: a bridge, prompts with answers, and
the true circuit as data. A model of one's own is a `Program` for `compile_program`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "circuits": ["induction", "inhibition"],
        "gates": ["both", "either", "negative"],
        "model": ["CompiledModel", "Prompts", "Truth"],
        "program": ["Head", "Move", "Neurons", "Program", "Score"],
        "random_circuits": ["MysteryModel", "mystery_model", "random_circuit"],
        "rasp": ["reverse", "xproportion"],
        "weights": ["compile_program"],
    },
)
