"""Changes of a statement or of a whole function: what is deleted, returned or ignored.

Each operator takes a node of the syntax tree and yields the text of what may stand in its place.
"""

from collections.abc import Iterator

import libcst as cst

from benchmarks.mutation.expressions import Operator, text
from benchmarks.mutation.scope import Scope


def _only(node: cst.CSTNode) -> cst.BaseSmallStatement | None:
    """The small statement of a line that holds one."""
    if isinstance(node, cst.SimpleStatementLine) and len(node.body) == 1:
        return node.body[0]
    return None


def deleted(node: cst.CSTNode, _scope: Scope) -> Iterator[str]:
    """Nothing in place of a statement; a docstring is never looked at."""
    statement = _only(node)
    if isinstance(statement, cst.Expr) and isinstance(statement.value, cst.SimpleString):
        return
    changes = cst.Assign | cst.AugAssign | cst.AnnAssign | cst.Expr | cst.Return | cst.Continue
    if isinstance(statement, changes) or isinstance(node, cst.If | cst.For | cst.While):
        yield "pass"


def other_return(node: cst.CSTNode, scope: Scope) -> Iterator[str]:
    """A return of another name that the function has."""
    if isinstance(_only(node), cst.Return):
        yield from (f"return {name}" for name in scope.locals)


def negated(node: cst.CSTNode, _scope: Scope) -> Iterator[str]:
    """The value that is returned or assigned with the other sign."""
    statement = _only(node)
    if isinstance(statement, cst.Return) and statement.value is not None:
        yield f"return -({text(statement.value)})"
    if isinstance(statement, cst.Assign):
        targets = " = ".join(text(each.target) for each in statement.targets)
        yield f"{targets} = -({text(statement.value)})"


def augmented(node: cst.CSTNode, _scope: Scope) -> Iterator[str]:
    """A plain assignment, or the other sign, in place of `+=` and `-=`."""
    statement = _only(node)
    if isinstance(statement, cst.AugAssign):
        target, value = text(statement.target), text(statement.value)
        yield f"{target} = {value}"
        other = {"+=": "-=", "-=": "+=", "*=": "/=", "/=": "*="}.get(text(statement.operator))
        if other:
            yield f"{target} {other} {value}"


def branch(node: cst.CSTNode, _scope: Scope) -> Iterator[str]:
    """A condition that always or never holds."""
    if isinstance(node, cst.If):
        yield from (text(node.with_changes(test=cst.Name(word))) for word in ("True", "False"))


def ignored_argument(node: cst.CSTNode, scope: Scope) -> Iterator[str]:
    """A function that overwrites one of its arguments by another or by a number."""
    if not isinstance(node, cst.FunctionDef) or not isinstance(node.body, cst.IndentedBlock):
        return
    own = [parameter.name.value for parameter in node.params.params]
    if own != list(scope.parameters):  # an inner function
        return
    lines = list(node.body.body)
    after = isinstance(_only(lines[0]), cst.Expr)  # a docstring stays first
    for name in own:
        for other in (*own, "0", "1"):
            if other != name:
                line = cst.parse_statement(f"{name} = {other}")
                body = node.body.with_changes(body=[*lines[:after], line, *lines[after:]])
                yield text(node.with_changes(body=body))


OPERATORS: tuple[tuple[str, Operator], ...] = (
    ("deleted statement", deleted),
    ("other return", other_return),
    ("sign", negated),
    ("augmented assignment", augmented),
    ("branch", branch),
    ("ignored argument", ignored_argument),
)
