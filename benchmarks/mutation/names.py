"""One name taken for another: each use of an argument or of an intermediate value.

Each operator takes a node of the syntax tree and yields the text of what may stand in its place.
"""

from collections.abc import Iterator

import libcst as cst

from benchmarks.mutation.expressions import Operator
from benchmarks.mutation.scope import Scope


def other_name(node: cst.CSTNode, scope: Scope) -> Iterator[str]:
    """Another name that has a value at this place."""
    if isinstance(node, cst.Name) and node.value in scope.locals:
        yield from (name for name in scope.locals if name != node.value)


def number_for_argument(node: cst.CSTNode, scope: Scope) -> Iterator[str]:
    """A number in place of one use of an argument."""
    if isinstance(node, cst.Name) and node.value in scope.parameters:
        yield from ("0", "1")


OPERATORS: tuple[tuple[str, Operator], ...] = (
    ("other name", other_name),
    ("ignored argument", number_for_argument),
)
