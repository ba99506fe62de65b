"""What a function does, told by its source.

A question is the same as last time when nothing that makes it has changed. Its values cannot tell:
a float drawn or summed on another processor may differ in the last digit, and then one machine
would not know another's questions. The text of the functions that make the values is the same
everywhere, so it is hashed, with that of all functions of ours which they call and with the
constants that they name. A comment that changes counts as a change; that costs time only.
In go functions and plain data, out comes a digest.
"""

import ast
import functools
import hashlib
import inspect
import linecache
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, is_dataclass
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

PLAIN = (str, int, float, bool, bytes, complex, type(None))
FUNCTIONS = (FunctionType, MethodType, BuiltinFunctionType, functools.partial, type)
COURSE = "mi_course"


def source_digest(*values: Any) -> str:
    """Hexadecimal digest of functions, containers, dataclasses and plain data.

    Args:
        values: functions count by their source and by all of ours that they use.
    """
    return hashlib.sha256("\n".join(_Text().of(value) for value in values).encode()).hexdigest()


class _Text:
    """Writes values down; each function once, since functions may call each other in rings."""

    def __init__(self) -> None:
        self.seen: set[int] = set()
        self.rooms = {COURSE}  # top-level packages whose functions are followed

    def of(self, value: Any) -> str:
        if isinstance(value, PLAIN):
            return repr(value)
        if isinstance(value, dict):
            return f"{{{', '.join(f'{self.of(k)}: {self.of(v)}' for k, v in value.items())}}}"
        if isinstance(value, tuple | list):
            return f"[{', '.join(map(self.of, value))}]"
        if isinstance(value, set | frozenset):
            return f"{{{', '.join(sorted(map(self.of, value)))}}}"
        if isinstance(value, FUNCTIONS):
            return self.of_callable(value)
        kind = type(value)
        parts = [getattr(value, f.name) for f in fields(value)] if is_dataclass(value) else []
        head = self.of(kind) if callable(value) else f"{kind.__module__}.{kind.__qualname__}"
        return f"{head}({', '.join(map(self.of, parts))})"

    def of_callable(self, value: Callable[..., Any]) -> str:
        if isinstance(value, functools.partial):
            return f"partial {self.of([value.func, value.args, value.keywords])}"
        if isinstance(value, MethodType):
            return f"method {self.of([value.__func__, value.__self__])}"
        value = inspect.unwrap(value)
        name = f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', '')}"
        if id(value) in self.seen or not isinstance(value, FunctionType | type):
            return name
        self.seen.add(id(value))
        if not self._ours(value):
            return name
        return f"{name} {_class(value)}" if isinstance(value, type) else self._function(value)

    def _ours(self, value: Any) -> bool:
        """Whether a function or class is the course's, or of the package of the first function."""
        room = str(value.__module__).partition(".")[0]
        if len(self.seen) == 1:  # a teacher's own chapter may lie in another package
            self.rooms.add(room)
        return room in self.rooms

    def _function(self, function: FunctionType) -> str:
        code = function.__code__
        free = inspect.getclosurevars(function).nonlocals if code.co_freevars else {}
        used = [f"{name}={self.of(value)}" for name, value in sorted(free.items())]
        for name, value in sorted(_globals(function).items()):
            if not isinstance(value, ModuleType):
                used.append(f"{name}={self.of(value)} {_assignment(code.co_filename, name)}")
        defaults = self.of([function.__defaults__, function.__kwdefaults__])
        return "\n".join([_source(code), defaults, *used])


def _globals(function: FunctionType) -> dict[str, Any]:
    """What a function finds by name outside itself, in our modules one step further in."""
    names = set(_names(function.__code__))
    found = {n: function.__globals__[n] for n in names if n in function.__globals__}
    for prefix, module in list(found.items()):
        if isinstance(module, ModuleType) and module.__name__.partition(".")[0] == COURSE:
            inside = {n: getattr(module, n, None) for n in names - {prefix}}
            found |= {f"{prefix}.{n}": each for n, each in inside.items() if each is not None}
    return found


def _assignment(file: str, name: str) -> str:
    """The statement that gives a module's constant its value: a tensor is known by that only."""
    return _assignments(file).get(name, "")


@functools.lru_cache(maxsize=64)
def _assignments(file: str) -> dict[str, str]:
    lines = _lines(file)
    found = {}
    for node in _parsed("".join(lines)).body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            for target in getattr(node, "targets", None) or [node.target]:
                if isinstance(target, ast.Name):
                    found[target.id] = "".join(lines[node.lineno - 1 : node.end_lineno])
    return found


def _parsed(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError:
        return ast.Module([], [])


def _lines(file: str) -> list[str]:
    """A file's lines; none for "<string>", the name of what `exec` runs and of any `python -c`."""
    return [] if file == "<string>" else linecache.getlines(file)


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for inner in _inner(code):
        yield from _names(inner)


def _inner(code: CodeType) -> Iterable[CodeType]:
    return (constant for constant in code.co_consts if isinstance(constant, CodeType))


def _source(code: CodeType) -> str:
    """The lines that a function was compiled from, or the code itself where there are none."""
    spans = list(_spans(code))
    last = max((end for _, end, _, _ in spans), default=code.co_firstlineno)
    lines = _lines(code.co_filename)[code.co_firstlineno - 1 : last]
    if not lines:
        plain = [constant for constant in code.co_consts if isinstance(constant, PLAIN)]
        return f"{code.co_code.hex()} {plain} {code.co_names}"
    if code.co_name != "<lambda>" or not spans:
        return "".join(lines).rstrip()
    # Several may stand in one line, so the body alone is taken; columns count bytes.
    raw = [line.encode() for line in lines]
    raw[-1] = raw[-1][: max(right for _, end, _, right in spans if end == last)]
    first = min(start for start, *_ in spans)
    left = min(column for start, _, column, _ in spans if start == first)
    return b"".join(raw[first - code.co_firstlineno :])[left:].decode(errors="replace")


def _spans(code: CodeType) -> Iterator[tuple[int, int, int, int]]:
    """First and last line, first and last column of each instruction, inner functions' too."""
    for start, end, left, right in code.co_positions():
        if (
            start
            and end
            and left is not None
            and right is not None
            and (start, left) != (end, right)
        ):
            yield start, end, left, right
    for inner in _inner(code):
        yield from _spans(inner)


def _class(kind: type) -> str:
    """The statement of a class with its decorators, or nothing where there is no file."""
    try:
        return _classes(inspect.getfile(kind)).get(kind.__qualname__, "")
    except (OSError, TypeError):
        return ""


@functools.lru_cache(maxsize=64)
def _classes(file: str) -> dict[str, str]:
    """Qualified name -> statement; where types are checked, `inspect` of 3.13 loses decorators."""
    lines, found = _lines(file), {}

    def look(inside: ast.AST, prefix: str) -> None:
        for node in ast.iter_child_nodes(inside):
            if isinstance(node, ast.ClassDef):
                first = min(part.lineno for part in [node, *node.decorator_list])
                found[prefix + node.name] = "".join(lines[first - 1 : node.end_lineno])
                look(node, f"{prefix}{node.name}.")
            elif isinstance(node, ast.FunctionDef):
                look(node, f"{prefix}{node.name}.<locals>.")
            else:
                look(node, prefix)

    look(_parsed("".join(lines)), "")
    return found
