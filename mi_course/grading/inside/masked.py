"""Placeholders for the modules that are kept out of the sandbox.

A chapter's set-up cells import plots and reference methods that an answer does not need and must
not have. Their files are not in the sandbox; this finder lets the import statement pass and gives
a class whose use says why it is missing. In goes a package's name, out come empty modules.
"""

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


class NotAvailableError(ImportError):
    """Something that is not there while an answer is graded."""


class _Refusing(type):
    """A class whose every use is refused, but which may stand in an annotation."""

    def __call__(cls, *_args: Any, **_kwargs: Any) -> Any:
        raise NotAvailableError(f"{cls.__name__} is not available while an answer is graded")

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise NotAvailableError(f"{cls.__name__}.{name} is not available under grading")


class _Placeholder(ModuleType):
    """A module in which every public name is a placeholder."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Refusing(name, (), {})


class MaskedFinder(MetaPathFinder, Loader):
    """Finds placeholders for every module of a package that nobody else finds."""

    def __init__(self, package: str):
        self.prefix = f"{package}."

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A spec for a module of the package, None for any other."""
        ours = fullname.startswith(self.prefix)
        return ModuleSpec(fullname, self, is_package=True) if ours else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """An empty module with placeholders."""
        return _Placeholder(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing runs: there is no source."""


def mask(package: str) -> None:
    """Let imports of the package's absent modules give placeholders from now on."""
    sys.meta_path.append(MaskedFinder(package))
