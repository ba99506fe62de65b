"""What an answer needs from the student's other cells, and nothing more of them.

A student may write `import math` or a function of their own in a cell that is no exercise. Where an
answer reads a name that neither the set-up nor another answer defines, the statement that defines
it is looked up there, with what it needs in turn. Only definitions, imports and assignments count.
In go pieces of code and names, out come statements in the notebook's order.
"""

import ast
import builtins
import re
import symtable
from collections.abc import Iterable

MAGIC = re.compile(r"^([ \t]*)[%!].*$", re.MULTILINE)  # of one line, or blank lines cost minutes
DEFINES = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
IMPORTS = ast.Import | ast.ImportFrom
BROKEN = (SyntaxError, ValueError, RecursionError, MemoryError)


def without_magics(code: str) -> str:
    """`code` with IPython's `%` and `!` lines made empty statements."""
    return MAGIC.sub(r"\1pass", code)


def statements(code: str) -> list[ast.stmt]:
    """The statements of a cell, none where it cannot be read."""
    try:
        return ast.parse(without_magics(code)).body
    except BROKEN:
        return []


def binds(statement: ast.stmt) -> set[str]:
    """Names that a statement at the top level gives a value; "*" stands for unknown ones."""
    if isinstance(statement, DEFINES):
        return {statement.name}
    if isinstance(statement, IMPORTS):
        return {(name.asname or name.name).split(".")[0] for name in statement.names}
    names = (node for node in ast.walk(statement) if isinstance(node, ast.Name))
    return {node.id for node in names if isinstance(node.ctx, ast.Store)}


def reads(code: str) -> set[str]:
    """Names that code looks up among the globals, at any depth; none where it cannot be read."""
    try:
        tables = [symtable.symtable(without_magics(code), "", "exec")]
    except BROKEN:
        return set()
    found = {each.get_name() for each in tables[0].get_symbols() if each.is_referenced()}
    while tables:
        table = tables.pop()
        tables += table.get_children()
        found |= {s.get_name() for s in table.get_symbols() if s.is_global() and s.is_referenced()}
    return found


def borrowed(answers: list[str], others: list[str], known: Iterable[str]) -> list[ast.stmt]:
    """Statements of other cells that answers need.

    Args:
        answers: code of the cells that will be run.
        others: code to look into, in the notebook's order.
        known: names that have a value already; they are never looked up.

    Returns:
        Statements to run before the answers, in order; of several that define a name, the last
        before it is read, as the notebook would have run them.
    """
    own = {name for code in answers for part in statements(code) for name in binds(part)}
    known = {*known, *vars(builtins), *own}
    sought = {name for code in answers for name in reads(code) - known}
    if not sought:  # as for nearly every answer: the other cells need not be read
        return []
    kinds = DEFINES | IMPORTS | ast.Assign | ast.AnnAssign
    offered = [part for code in others for part in statements(code) if isinstance(part, kinds)]
    defines: dict[str, list[int]] = {}
    for place, part in enumerate(offered):
        for name in binds(part):
            defines.setdefault(name, []).append(place)
    queue = [(name, len(offered)) for name in sought]
    wanted: set[int] = set()
    while queue:
        name, reader = queue.pop()
        # A name that nothing defines may come from `from module import *`.
        places = defines.get(name) or defines.get("*", [])
        found = [place for place in places if place < reader] or places
        if found and found[-1] not in wanted:
            wanted.add(found[-1])
            queue += [(name, found[-1]) for name in reads(ast.unparse(offered[found[-1]])) - known]
    return [offered[place] for place in sorted(wanted)]
