"""Values that go into a student's function and come out of it.

References to models and generators become the real things just before a call, every argument is
copied so that an answer which writes into its input spoils nothing, and what comes back is made
plain (tensors, numbers, strings, containers of these), so that a judge knows no library type.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

Loader = Callable[[str], Any]


@dataclass(frozen=True)
class ModelRef:
    """A model named in a case; it is loaded where the student's function runs."""

    name: str


@dataclass(frozen=True)
class GeneratorRef:
    """A `torch.Generator` named by its seed; each call gets a fresh one."""

    seed: int


@lru_cache(maxsize=8)
def shared_model(name: str) -> Any:
    """The model called `name`, loaded once in this process, on the CPU as all cases are."""
    from mi_course.models import load  # a model's libraries load only where one is needed

    return load(name, device="cpu")


def resolve(value: Any, load: Loader = shared_model) -> Any:
    """A fresh copy of `value` in which every reference is the thing it names.

    Args:
        value: an argument of a case, or all of them.
        load: name -> model.
    """
    if isinstance(value, ModelRef):
        return load(value.name)
    if isinstance(value, GeneratorRef):
        import torch  # a case without tensors costs no torch import

        return torch.Generator().manual_seed(value.seed)
    if isinstance(value, tuple | list):
        return type(value)(resolve(item, load) for item in value)
    if isinstance(value, dict):
        return {key: resolve(item, load) for key, item in value.items()}
    return value.detach().clone() if hasattr(value, "detach") else copy.deepcopy(value)


def plain(value: Any) -> Any:
    """`value` with tensors detached on the CPU and factored matrices multiplied out."""
    value = getattr(value, "AB", value)
    if hasattr(value, "detach"):
        return value.detach().cpu()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, tuple | list):
        return tuple(map(plain, value)) if isinstance(value, tuple) else list(map(plain, value))
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def draws(value: Any) -> bool:
    """Whether a case's arguments hold a generator, whose seed the student's code can read."""
    if isinstance(value, dict):
        value = list(value.values())
    return isinstance(value, GeneratorRef) or (
        isinstance(value, tuple | list) and any(map(draws, value))
    )


def names_models(value: Any) -> set[str]:
    """Names of all models that a case's arguments refer to."""
    if isinstance(value, ModelRef):
        return {value.name}
    if isinstance(value, tuple | list):
        return set().union(*map(names_models, value))
    if isinstance(value, dict):
        return names_models(list(value.values()))
    return set()
