"""Changes of one expression: operators, constants, axes, slices, calls.

Each operator takes a node of the syntax tree and yields the text of what may stand in its place.
"""

import itertools
import re
from collections.abc import Callable, Iterator

import libcst as cst

from benchmarks.mutation.scope import Scope

Operator = Callable[[cst.CSTNode, Scope], Iterator[str]]

ARITHMETIC = {
    "+": "-*",
    "-": "+",
    "*": "/+",
    "/": ("*", "//"),
    "//": ("/", "*"),
    "%": ("//", "*"),
    "**": "*",
    "@": "*",
}
COMPARISONS = {
    "<": ("<=", ">"),
    "<=": ("<", ">="),
    ">": (">=", "<"),
    ">=": (">", "<="),
    "==": ("!=",),
    "!=": ("==",),
    "is": ("is not",),
    "is not": ("is",),
    "in": ("not in",),
    "not in": ("in",),
}
TWINS = (
    ("mean", "sum"),
    ("max", "min"),
    ("amax", "amin"),
    ("argmax", "argmin"),
    ("softmax", "log_softmax"),
    ("tril", "triu"),
    ("any", "all"),
    ("zeros_like", "ones_like"),
    ("zeros", "ones"),
    ("exp", "log"),
    ("real", "imag"),
    ("cumsum", "cumprod"),
    ("square", "sqrt"),
)
TWIN = {a: b for pair in TWINS for a, b in (pair, pair[::-1])}


def text(node: cst.CSTNode) -> str:
    """The source of a node."""
    return cst.Module([]).code_for_node(node).strip()


def arithmetic(node: cst.CSTNode, _scope: Scope) -> Iterator[str]:
    """Another operator between the same two terms."""
    if isinstance(node, cst.BinaryOperation):
        for other in ARITHMETIC.get(text(node.operator), ()):
            yield f"({text(node.left)}) {other} ({text(node.right)})"


def dropped_term(node: cst.CSTNode, _scope: Scope) -> Iterator[str]:
    """One of the two terms alone."""
    if isinstance(node, cst.BinaryOperation | cst.BooleanOperation):
        yield from (text(node.left), text(node.right))


def turned(node: cst.CSTNode, _scope: Scope) -> Iterator[str]:
    """The two terms in the other order, where that matters."""
    if isinstance(node, cst.BinaryOperation) and text(node.operator) in ("-", "/", "//", "**", "@"):
        yield f"({text(node.right)}) {text(node.operator)} ({text(node.left)})"


def comparison(node: cst.CSTNode, _scope: Scope) -> Iterator[str]:
    """Another comparison of the same two values."""
    if isinstance(node, cst.Comparison) and len(node.comparisons) == 1:
        (target,) = node.comparisons
        for other in COMPARISONS.get(text(target.operator), ()):
            yield f"({text(node.left)}) {other} ({text(target.comparator)})"


def boolean(node: cst.CSTNode, _scope: Scope) -> Iterator[str]:
    """And for or, a dropped not, the other branch."""
    if isinstance(node, cst.BooleanOperation):
        other = {"and": "or", "or": "and"}[text(node.operator)]
        yield f"({text(node.left)}) {other} ({text(node.right)})"
    if isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Not | cst.BitInvert):
        yield text(node.expression)
    if isinstance(node, cst.IfExp):
        yield from (text(node.body), text(node.orelse))


def dropped_minus(node: cst.CSTNode, _scope: Scope) -> Iterator[str]:
    """The same without its sign."""
    if isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Minus):
        yield text(node.expression)


def constant(node: cst.CSTNode, _scope: Scope) -> Iterator[str]:
    """A number one off, zero or one, twice a decimal, the other truth value."""
    if isinstance(node, cst.Integer):
        number = int(node.value, 0)
        yield from map(str, {number + 1, number - 1, 0, 1, -number} - {number})
    if isinstance(node, cst.Float):
        yield from (f"2 * {node.value}", f"-{node.value}", "0.0")
    if isinstance(node, cst.Name) and node.value in ("True", "False"):
        yield str(node.value == "False")


def minus_constant(node: cst.CSTNode, _scope: Scope) -> Iterator[str]:
    """A negative number, such as an axis, one off or zero."""
    is_minus = isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Minus)
    if is_minus and isinstance(node.expression, cst.Integer):
        number = -int(node.expression.value, 0)
        yield from map(str, {number - 1, number + 1, 0})


def axis_names(node: cst.CSTNode, _scope: Scope) -> Iterator[str]:
    """An axis pattern with two neighbours exchanged, or one name less on the right."""
    if not isinstance(node, cst.SimpleString) or "->" not in node.value:
        return
    pattern = node.value
    found = list(re.finditer(r"\w+", pattern))
    for left, right in itertools.pairwise(found):
        between = pattern[left.end() : right.start()]
        if "->" not in between and "," not in between:
            yield pattern[: left.start()] + right[0] + between + left[0] + pattern[right.end() :]
    for name in found:
        if name.start() > pattern.index("->"):
            yield (pattern[: name.start()] + pattern[name.end() :]).replace("  ", " ")


def reduction(node: cst.CSTNode, _scope: Scope) -> Iterator[str]:
    """Another reduction named by a string."""
    others = {"mean": ("sum", "max"), "sum": ("mean", "max"), "max": ("min",), "min": ("max",)}
    if isinstance(node, cst.SimpleString):
        for other in others.get(node.evaluated_value, ()):
            yield repr(other)


def dropped_item(node: cst.CSTNode, _scope: Scope) -> Iterator[str]:
    """A tuple or list with one item less, and with two neighbours exchanged."""
    if not isinstance(node, cst.Tuple | cst.List) or len(node.elements) < 2:
        return
    items = [text(element.value) for element in node.elements]
    opening, closing = "()" if isinstance(node, cst.Tuple) else "[]"
    for place in range(len(items)):
        rest = items[:place] + items[place + 1 :]
        yield f"{opening}{', '.join(rest)},{closing}"
        if place:
            swapped = [*items[: place - 1], items[place], items[place - 1], *items[place + 1 :]]
            yield f"{opening}{', '.join(swapped)}{closing}"


def dropped_condition(node: cst.CSTNode, _scope: Scope) -> Iterator[str]:
    """A comprehension that leaves nothing out."""
    if isinstance(node, cst.ListComp | cst.SetComp | cst.GeneratorExp) and node.for_in.ifs:
        yield text(node.with_changes(for_in=node.for_in.with_changes(ifs=())))


OPERATORS: tuple[tuple[str, Operator], ...] = (
    ("arithmetic", arithmetic),
    ("dropped term", dropped_term),
    ("swapped terms", turned),
    ("comparison", comparison),
    ("boolean", boolean),
    ("dropped minus", dropped_minus),
    ("constant", constant),
    ("constant", minus_constant),
    ("axis names", axis_names),
    ("reduction", reduction),
    ("dropped item", dropped_item),
    ("dropped condition", dropped_condition),
)
