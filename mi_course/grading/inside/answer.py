"""One answer, run: the process that holds the student's code.

It runs in a child of the driver, with limits set, in a copy of the namespace that the teacher's
set-up cells made. For each call it writes one line `nonce index json` to its pipe, where json is
the value (`{"value": ...}`) or the exception (`{"raised": ...}`).
In go code and encoded inputs, out come lines; nothing here knows a right answer.
"""

import ast
import contextlib
import json
import linecache
import os
import resource
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from mi_course.grading.inside.borrowed import DEFINES, borrowed, reads, statements, without_magics
from mi_course.grading.inside.sealed import KEY_BYTES, unseal
from mi_course.grading.values import Caps, decode, encode

ANSWER = "<answer "  # the name of an answer's cell in a traceback begins so


@dataclass(frozen=True)
class Job:
    """One exercise of one submission.

    Args:
        exercise: its id.
        function: the function that is called.
        cells: the submission's answer cells, exercise id -> code, in the notebook's order.
        others: code of the submission's other cells, in the notebook's order.
        calls: encoded arguments of each call, sealed.
        shown: how many of the calls, counted from the first, may be told to the student.
        seconds: processor time of one call.
        patience: how many times `seconds` the wall clock may take.
        limits: names of `resource.RLIMIT_*` without the prefix -> value.
        caps: caps of the returned value.
    """

    exercise: str
    function: str
    cells: dict[str, str]
    others: list[str]
    calls: list[str]
    shown: int
    seconds: float
    patience: float
    limits: dict[str, int]
    caps: dict[str, int]


def restrict(limits: dict[str, int]) -> None:
    """Set resource limits that this process cannot raise again."""
    for name, value in limits.items():
        which = getattr(resource, f"RLIMIT_{name}", None)
        if which is None:
            continue
        ceiling = resource.getrlimit(which)[1]
        value = value if ceiling == resource.RLIM_INFINITY else min(value, ceiling)
        resource.setrlimit(which, (value, value))


def compiled(name: str, code: str) -> Any:
    """Compile a cell so that tracebacks can quote its lines."""
    source = without_magics(code)
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    return compile(source, name, "exec")


def needed(exercise: str, cells: dict[str, str]) -> list[str]:
    """Ids of the cells that the answer to `exercise` uses, itself last.

    An answer may call an earlier answer; one that it does not call is not run, so that a broken
    cell costs only its own exercise and those which build on it.
    """
    defines = {name: key for key in cells for name in _defined(cells[key])}
    wanted, queue = {exercise}, [exercise]
    while queue:
        for name in reads(cells[queue.pop()]):
            key = defines.get(name)
            if key is not None and key not in wanted:
                wanted.add(key)
                queue.append(key)
    return [key for key in cells if key in wanted and key != exercise] + [exercise]


def _defined(code: str) -> set[str]:
    """Functions and classes that a cell defines at its top level."""
    return {part.name for part in statements(code) if isinstance(part, DEFINES)}


class Line:
    """The child's line to the driver.

    Args:
        nonce: marks this child's lines.
        results: pipe that the driver reads.
        keys: pipe on which the keys of inputs come.
    """

    def __init__(self, nonce: str, results: int, keys: int):
        self.nonce = nonce
        self.results = results
        self.keys = keys

    def say(self, index: int, outcome: dict[str, Any]) -> None:
        """Send what came of one call; index -1 tells that nothing could be called."""
        write_all(self.results, f"{self.nonce} {index} {json.dumps(outcome)}\n".encode())

    def key(self, index: int) -> bytes:
        """The key of one input, which comes when the call before it has been answered."""
        with contextlib.suppress(Exception):  # the stream may be one of the student's making
            sys.stdout.flush()
        write_all(self.results, f"{self.nonce} ask {index}\n".encode())
        return os.read(self.keys, KEY_BYTES)


def run(job: Job, namespace: dict[str, Any], line: Line) -> None:
    """Define the student's function, call it on each input, and say what came of it.

    Args:
        job: the exercise and its calls.
        namespace: what the set-up cells left; changed here.
        line: where inputs are asked for, and where outcomes go.
    """
    try:
        function = _define(job, namespace)
    except BaseException as error:  # even SystemExit is the student's, not ours
        line.say(-1, {"raised": _describe(error)})
        return
    for index, sealed in enumerate(job.calls):
        arguments = unseal(sealed, line.key(index))
        line.say(index, _outcome(function, arguments, Caps(**job.caps)))


def _define(job: Job, namespace: dict[str, Any]) -> Callable[..., Any]:
    used = needed(job.exercise, job.cells)
    _borrow(job, used, namespace)
    for key in used:
        try:
            exec(compiled(f"{ANSWER}{key}>", job.cells[key]), namespace)
        except BaseException:
            if key == job.exercise:
                raise
    function = namespace.get(job.function)
    if not callable(function):
        others = sorted(_defined(job.cells[job.exercise]))
        got = f"it defines {', '.join(others)[:200]}" if others else "it defines no function"
        raise NameError(f"the cell of exercise {job.exercise} has no {job.function}: {got}")
    return function


def _borrow(job: Job, used: list[str], namespace: dict[str, Any]) -> None:
    """Run what the answers need from other cells; the set-up's own names stay as they are."""
    before = dict(namespace)
    lenders = [*job.others, *(code for key, code in job.cells.items() if key not in used)]
    for part in borrowed([job.cells[key] for key in used], lenders, before):
        with contextlib.suppress(BaseException):  # the answer will say what it lacks
            exec(compile(ast.Module([part], []), "<another cell>", "exec"), namespace)
    namespace.update(before)


def _outcome(function: Callable[..., Any], arguments: Any, caps: Caps) -> dict[str, Any]:
    try:
        values = decode(arguments, resolvers=RESOLVERS)
        if "torch" in sys.modules:  # an answer that draws numbers draws the same ones each time
            sys.modules["torch"].manual_seed(0)
        return {"value": encode(function(*values), caps)}
    except BaseException as error:
        return {"raised": _describe(error)}


def _describe(error: BaseException) -> dict[str, Any]:
    """Kind and message of an exception, and the student's cell and line that raised it."""
    try:
        message = str(error)
    except BaseException:  # an exception's text may be code of the student's
        message = ""
    cell, number = _where(error)
    kind = type(error).__name__
    return {"kind": kind[:80], "message": message[:500], "number": number, "cell": cell[:40]}


def _where(error: BaseException) -> tuple[str, int]:
    places = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError):
        places.append((error.filename, error.lineno))
    own = [(str(name), line) for name, line in places if str(name).startswith(ANSWER)]
    return (own[-1][0][len(ANSWER) : -1], int(own[-1][1] or 0)) if own else ("", 0)


@lru_cache
def _model(name: Any) -> Any:
    from mi_course.models import load  # most exercises need no model

    return load(str(name))


def _generator(seed: Any) -> Any:
    import torch

    return torch.Generator().manual_seed(int(seed))


RESOLVERS = {"model": _model, "generator": _generator}


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of `data`, also where a pipe takes only a part at once."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
