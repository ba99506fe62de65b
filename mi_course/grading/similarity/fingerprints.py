"""What a piece of Python says, whatever its names, comments and layout: a set of fingerprints.

The syntax tree is written as a line of symbols; docstrings, comments and annotations do not occur
in it, and a name that the code itself binds becomes a number, counted afresh in every run of
`GRAM` symbols, so that renaming and reordering change little. Of the hashes of all runs the
smallest of each window is kept (winnowing: Schleimer, Wilkerson, Aiken, "Winnowing: local
algorithms for document fingerprinting", SIGMOD 2003): two codes that share `GRAM + WINDOW - 1`
symbols in a row share a fingerprint.
In goes code, out come fingerprints and the lines where they begin. Nothing is run.
"""

import ast
import hashlib
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

GRAM = 9  # symbols; shorter runs are grammar that everybody writes
WINDOW = 4
LONGEST = 50_000  # characters; nobody answers an exercise with more
WORD = re.compile(r"[^\W\d]\w*")
LEFT_OUT = {"annotation", "returns", "type_comment", "type_params", "ctx", "kind"}

Symbol = tuple[str, str]  # kind and text; the kind "local" marks a name that the code binds


@lru_cache(maxsize=50_000)  # a class hands in the same text many times
def fingerprints(code: str) -> dict[int, int] | None:
    """Fingerprint -> line where it first begins, or None where `code` is no Python."""
    text = "\n".join("" if line.lstrip()[:1] in ("%", "!") else line for line in code.split("\n"))
    if len(text) > LONGEST:
        return None
    try:
        tree = ast.parse(text)
        bound = frozenset(_bound(tree))
        written = [each for statement in tree.body for each in _symbols(statement, bound, 1)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return _winnow([symbol for symbol, _ in written], [line for _, line in written])


def _winnow(symbols: Sequence[Symbol], lines: Sequence[int]) -> dict[int, int]:
    """The smallest hash of each window of runs, the last where several are smallest."""
    count = max(len(symbols) - GRAM + 1, min(len(symbols), 1))
    hashes = [_hash(symbols[start : start + GRAM]) for start in range(count)]
    kept: dict[int, int] = {}
    for start in range(max(len(hashes) - WINDOW + 1, min(len(hashes), 1))):
        window = range(start, min(start + WINDOW, len(hashes)))
        least = min(window, key=lambda place: (hashes[place], -place))
        kept.setdefault(hashes[least], lines[least])
    return kept


def _hash(run: Sequence[Symbol]) -> int:
    """A number for a run of symbols, the same in every process and for all choices of names."""
    numbers: dict[str, str] = {}
    words = [
        f"{kind}:{numbers.setdefault(text, str(len(numbers))) if kind == 'local' else text}"
        for kind, text in run
    ]
    return int.from_bytes(hashlib.blake2b("\0".join(words).encode(), digest_size=8).digest())


def _bound(tree: ast.AST) -> Iterator[str]:
    """Every name that the code gives a meaning to."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.alias) and node.asname:
            yield node.asname


def _symbols(node: ast.AST, bound: frozenset[str], line: int) -> Iterator[tuple[Symbol, int]]:
    """The tree below `node` in the order of its text, each symbol with its line."""
    line = getattr(node, "lineno", line)
    if _says_nothing(node):
        return
    kind = "Assign" if isinstance(node, ast.AnnAssign) else type(node).__name__
    yield (kind, ""), line
    for name, value in ast.iter_fields(node):
        if name in LEFT_OUT:
            continue
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, ast.AST):
                yield from _symbols(each, bound, line)
            elif isinstance(node, ast.Constant):
                yield ("constant", _constant(each)), line
            elif isinstance(each, str):
                local = each in bound and not isinstance(node, ast.Attribute | ast.keyword)
                yield ("local" if local else "name", each), line


def _says_nothing(node: ast.AST) -> bool:
    """Whether a statement is a docstring, a bare annotation or `pass`."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return isinstance(node, ast.Pass) or (isinstance(node, ast.AnnAssign) and node.value is None)


def _constant(value: object) -> str:
    """A literal as text; the words of a string, such as axis names, are numbered too."""
    if not isinstance(value, str):
        return repr(value)
    words = list(dict.fromkeys(WORD.findall(value)))
    return WORD.sub(lambda found: f"w{words.index(found.group())}", value[:500])
