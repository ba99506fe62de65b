"""Which names a function has at which line, so that a mutant can take one for another.

In goes source in normal form (one statement a line); out comes a `Scope`.
"""

import ast
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Scope:
    """Names of one function.

    Args:
        parameters: the function's own parameters, in order.
        lines: each name that the function assigns -> line of the first assignment.
        locals: parameters and names assigned before the line that is looked at.
    """

    parameters: tuple[str, ...]
    lines: dict[str, int]
    locals: tuple[str, ...] = ()

    @classmethod
    def of(cls, source: str, function: str) -> "Scope":
        """The scope of `function`, defined at the top level of `source`."""
        (node,) = (
            node
            for node in ast.parse(source).body
            if isinstance(node, ast.FunctionDef) and node.name == function
        )
        arguments = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
        rest = (node.args.vararg, node.args.kwarg)
        parameters = tuple(each.arg for each in (*arguments, *rest) if each is not None)
        lines: dict[str, int] = {}
        for each in _stores(node):
            lines[each.id] = min(each.lineno, lines.get(each.id, each.lineno))
        return cls(parameters, lines, parameters)

    def before(self, line: int) -> "Scope":
        """The same scope as seen from `line`."""
        assigned = (name for name, first in self.lines.items() if first < line)
        names = dict.fromkeys((*self.parameters, *assigned))
        return replace(self, locals=tuple(names))


def _stores(function: ast.FunctionDef) -> list[ast.Name]:
    """Names that the function itself assigns; comprehensions and inner functions keep theirs."""
    found: list[ast.Name] = []
    todo: list[ast.AST] = list(function.body)
    inner = (ast.FunctionDef, ast.Lambda, ast.comprehension, ast.ClassDef)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.append(node)
        todo += [child for child in ast.iter_child_nodes(node) if not isinstance(child, inner)]
    return found
