"""The teacher's set-up cells, run once in the sandbox before any student's code.

Statements that need something which is kept out of the sandbox (a plot, a reference method) are
left out, and so are those that need what such a statement would have made; any other failure is
the teacher's to mend and stops the grading of the chapter.
In go cells, out comes the namespace that answers start from.
"""

import ast
from collections.abc import Iterable
from typing import Any

from mi_course.grading.inside.borrowed import without_magics
from mi_course.grading.inside.masked import NotAvailableError


def namespace_of(cells: Iterable[str]) -> dict[str, Any]:
    """The namespace that the set-up cells leave.

    Args:
        cells: code of the set-up cells, in order.

    Returns:
        Names and values, to be copied by forking.

    Raises:
        RuntimeError: a statement failed for another reason than a placeholder.
    """
    namespace: dict[str, Any] = {"__name__": "__main__"}
    missing: set[str] = set()
    for cell in cells:
        for statement in ast.parse(without_magics(cell)).body:
            _run(statement, namespace, missing)
    return namespace


def _run(statement: ast.stmt, namespace: dict[str, Any], missing: set[str]) -> None:
    module = ast.Module(body=[statement], type_ignores=[])
    try:
        exec(compile(module, "<set-up>", "exec"), namespace)
    except NotAvailableError:
        missing |= _assigned(statement)
    except NameError as error:
        if error.name not in missing:
            raise _failure(statement, error) from error
        missing |= _assigned(statement)
    except Exception as error:
        raise _failure(statement, error) from error


def _assigned(statement: ast.stmt) -> set[str]:
    names = (node for node in ast.walk(statement) if isinstance(node, ast.Name))
    return {node.id for node in names if isinstance(node.ctx, ast.Store)}


def _failure(statement: ast.stmt, error: Exception) -> RuntimeError:
    line = ast.unparse(statement).splitlines()[0][:200]
    return RuntimeError(f"the set-up line {line!r} failed: {type(error).__name__}: {error}")
