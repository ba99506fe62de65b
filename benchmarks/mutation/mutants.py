"""All mutants of one function: its source with one change, each different from the others.

Sources are first written in one normal form (one statement a line, brackets only where needed), so
that a mutant can be told by the line that differs and two that mean the same are one.
In goes source, out come `Mutant`s.
"""

import ast
import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from benchmarks.mutation import calls, expressions, names, statements
from benchmarks.mutation.expressions import Operator
from benchmarks.mutation.scope import Scope

OPERATORS = (*expressions.OPERATORS, *calls.OPERATORS, *names.OPERATORS, *statements.OPERATORS)


@dataclass(frozen=True)
class Mutant:
    """One change of one function.

    Args:
        operator: what kind of change, in a word or two.
        source: the changed source, in normal form.
        diff: the line before and after, as `before  →  after`.
    """

    operator: str
    source: str
    diff: str


def mutants(
    source: str, function: str, operators: Iterable[tuple[str, Operator]] = OPERATORS
) -> list[Mutant]:
    """All mutants of `function`, which is defined at the top level of `source`.

    Args:
        source: Python source; what stands outside the function is left alone.
        function: name of the function.
        operators: kinds of change with their names.

    Raises:
        ValueError: no such function.
    """
    source, operators = normal(source), tuple(operators)
    module = cst.parse_module(source)
    target = _target(module, function)
    scope = Scope.of(source, function)
    places = MetadataWrapper(module, unsafe_skip_copy=True).resolve(PositionProvider)
    found: dict[str, Mutant] = {}
    for node in _nodes(target):
        line = places[node].start.line
        for name, operator in operators:
            for text in operator(node, scope.before(line)):
                changed = _replaced(module, node, text)
                if changed is not None and changed != source:
                    found.setdefault(changed, Mutant(name, changed, _diff(source, changed)))
    return list(found.values())


def normal(source: str) -> str:
    """The same program in normal form, without comments.

    Raises:
        SyntaxError: `source` is no Python.
    """
    return ast.unparse(ast.parse(source)) + "\n"


def _target(module: cst.Module, function: str) -> cst.FunctionDef:
    for node in module.body:
        if isinstance(node, cst.FunctionDef) and node.name.value == function:
            return node
    raise ValueError(f"expected a function {function!r} at the top level, got none")


def _nodes(node: cst.CSTNode) -> Iterator[cst.BaseExpression | cst.BaseStatement]:
    """Expressions and statements that run, outside in; types, names of things and text do not."""
    if isinstance(node, cst.BaseExpression | cst.BaseStatement):
        yield node
    for child in _children(node):
        yield from _nodes(child)


def _children(node: cst.CSTNode) -> list[cst.CSTNode]:
    """Parts of a node that run; a docstring and a negative number are changed as one or not."""
    match node:
        case cst.Annotation() | cst.Decorator() | cst.Parameters():
            return []
        case cst.SimpleStatementLine(body=[cst.Expr(value=cst.SimpleString())]):
            return []
        case cst.UnaryOperation(operator=cst.Minus(), expression=cst.Integer()):
            return []
        case cst.FunctionDef(body=only) | cst.Attribute(value=only) | cst.Arg(value=only):
            return [only]
        case cst.AssignTarget(target=cst.Name() | cst.Tuple()):
            return []
    targets = (node.target,) if isinstance(node, cst.For | cst.CompFor) else ()
    return [child for child in node.children if child not in targets]


def _replaced(module: cst.Module, node: cst.CSTNode, text: str) -> str | None:
    """The module's source with `node` replaced by `text`, or None where that is no program."""
    try:
        if isinstance(node, cst.BaseExpression):
            new: cst.CSTNode = cst.parse_expression(f"({text})")
        else:
            new = cst.parse_statement(text)
        changed = module.deep_replace(node, new)
        return normal(changed.code) if isinstance(changed, cst.Module) else None
    except (cst.ParserSyntaxError, cst.CSTValidationError, SyntaxError):
        return None


def _diff(before: str, after: str) -> str:
    """The lines that differ, as `before  →  after`."""
    lines = list(difflib.ndiff(before.splitlines(), after.splitlines()))
    old, new = (
        " | ".join(line[2:].strip() for line in lines if line.startswith(mark)) or "nothing"
        for mark in "-+"
    )
    return f"{old}  →  {new}"
