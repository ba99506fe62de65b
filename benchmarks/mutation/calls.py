"""Changes of a call or of an index: arguments, methods, slices one off.

Each operator takes a node of the syntax tree and yields the text of what may stand in its place.
"""

from collections.abc import Iterator, Sequence

import libcst as cst

from benchmarks.mutation.expressions import TWIN, Operator, text
from benchmarks.mutation.scope import Scope


def _called(node: cst.Call, arguments: Sequence[str]) -> str:
    return f"{text(node.func)}({', '.join(arguments)})"


def _arguments(node: cst.Call) -> list[str]:
    return [text(each.with_changes(comma=cst.MaybeSentinel.DEFAULT)) for each in node.args]


def swapped_arguments(node: cst.CSTNode, _scope: Scope) -> Iterator[str]:
    """Two neighbouring arguments without keywords exchanged."""
    if not isinstance(node, cst.Call):
        return
    given = _arguments(node)
    for place in range(1, sum(each.keyword is None for each in node.args)):
        yield _called(
            node, [*given[: place - 1], given[place], given[place - 1], *given[place + 1 :]]
        )


def dropped_argument(node: cst.CSTNode, _scope: Scope) -> Iterator[str]:
    """One argument less, with a keyword or without."""
    if isinstance(node, cst.Call):
        given = _arguments(node)
        for place in range(len(given)):
            yield _called(node, given[:place] + given[place + 1 :])


def dropped_call(node: cst.CSTNode, scope: Scope) -> Iterator[str]:
    """What a method is called on, or what a function is called with."""
    if not isinstance(node, cst.Call):
        return
    receiver = node.func.value if isinstance(node.func, cst.Attribute) else None
    is_module = isinstance(receiver, cst.Name) and receiver.value not in scope.locals
    if receiver is not None and not is_module:
        yield text(receiver)
    elif node.args and node.args[0].keyword is None and not node.args[0].star:
        yield text(node.args[0].value)


def twin(node: cst.CSTNode, _scope: Scope) -> Iterator[str]:
    """A function's or an attribute's twin: mean for sum, tril for triu."""
    if isinstance(node, cst.Attribute) and node.attr.value in TWIN:
        yield f"{text(node.value)}.{TWIN[node.attr.value]}"


def dropped_attribute(node: cst.CSTNode, scope: Scope) -> Iterator[str]:
    """A value without `.T`, `.real` and the like; a module's attribute stays."""
    if isinstance(node, cst.Attribute):
        is_module = isinstance(node.value, cst.Name) and node.value.value not in scope.locals
        if not is_module:
            yield text(node.value)


def range_off_by_one(node: cst.CSTNode, _scope: Scope) -> Iterator[str]:
    """A range that begins or ends one off."""
    if isinstance(node, cst.Call) and text(node.func) == "range":
        yield from _one_off(node)


def _one_off(node: cst.Call) -> Iterator[str]:
    given = _arguments(node)
    for place, argument in enumerate(given):
        for change in ("+ 1", "- 1"):
            yield _called(node, [*given[:place], f"{argument} {change}", *given[place + 1 :]])


def index_off_by_one(node: cst.CSTNode, _scope: Scope) -> Iterator[str]:
    """An index or a slice that begins or ends one off, and an index to everything."""
    if not isinstance(node, cst.Subscript):
        return
    parts = [text(each.slice) for each in node.slice]
    for place, element in enumerate(node.slice):
        for other in _other_parts(element.slice):
            changed = ", ".join([*parts[:place], other, *parts[place + 1 :]])
            yield f"{text(node.value)}[{changed}]"


def _other_parts(part: cst.BaseSlice) -> Iterator[str]:
    if isinstance(part, cst.Index):
        if isinstance(part.value, cst.Name | cst.BinaryOperation) and text(part) != "None":
            yield from (f"{text(part)} + 1", f"{text(part)} - 1")
    elif isinstance(part, cst.Slice):
        yield from _other_slices(part)


def _other_slices(part: cst.Slice) -> Iterator[str]:
    lower, upper = (text(each) if each else "" for each in (part.lower, part.upper))
    step = f":{text(part.step)}" if part.step else ""
    for other in (f"{lower} + 1", f"{lower} - 1", "") if lower else ("1",):
        yield f"{other}:{upper}{step}"
    for other in (f"{upper} + 1", f"{upper} - 1", "") if upper else ("-1",):
        yield f"{lower}:{other}{step}"


OPERATORS: tuple[tuple[str, Operator], ...] = (
    ("swapped arguments", swapped_arguments),
    ("dropped argument", dropped_argument),
    ("dropped call", dropped_call),
    ("twin", twin),
    ("dropped attribute", dropped_attribute),
    ("range one off", range_off_by_one),
    ("index one off", index_off_by_one),
)
