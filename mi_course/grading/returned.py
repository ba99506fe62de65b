"""Read what one call is said to have returned, from a side that may say anything.

A line holds one JSON object: `{"value": ...}` with a value as `values.encode` writes it, or
`{"raised": {"kind", "message", "number", "cell"}}`. Whatever has another form is refused, before it
can cost much: its separators are counted before it is parsed, and values are decoded with caps.
In go bytes, out comes a value, or a `Thrown` exception as plain data.
"""

import json
from dataclasses import dataclass
from typing import Any, NoReturn

from mi_course.grading.values import Caps, RefusedError, decode

# A parsed container takes some 60 bytes, its separator one: without a cap a line of 48 MiB would
# take gigabytes. An honest entry has at most 17 (a tensor of twelve axes).
SEPARATORS = b"[{,"
PER_ITEM = 17
FORM = {"kind": 80, "message": 500, "cell": 40}
MAX_NUMBER = 200_000


@dataclass(frozen=True)
class Thrown:
    """What the student's function raised in place of returning.

    Args:
        kind: name of the exception's class; any text.
        message: its text; any text.
        cell: the exercise in whose cell it was raised, or any text.
        number: number of the line in that cell, 0 where unknown.
    """

    kind: str
    message: str
    cell: str = ""
    number: int = 0


UNREADABLE = {"raised": None}  # no honest line; `returned` refuses it


def parsed(line: bytes, caps: Caps) -> Any:
    """The JSON object in a line, or `UNREADABLE`.

    Args:
        line: what came, without the marks around it.
        caps: how many entries a value may hold.
    """
    if sum(line.count(mark) for mark in SEPARATORS) > PER_ITEM * caps.items:
        return UNREADABLE
    try:
        return json.loads(line, parse_constant=_refuse, object_pairs_hook=_once)
    except (ValueError, RecursionError, MemoryError):
        return UNREADABLE


def returned(body: Any, caps: Caps) -> Any:
    """The value that a call returned, or `Thrown`.

    Args:
        body: from `parsed`.
        caps: how much the value may hold.

    Raises:
        RefusedError: it has another form, or the value exceeds a cap.
    """
    if not isinstance(body, dict) or len(body) != 1:
        raise RefusedError("expected one value or one exception")
    if "value" in body:
        return decode(body["value"], caps)
    return _thrown(body.get("raised"))


def _thrown(raised: Any) -> Thrown:
    if not isinstance(raised, dict) or set(raised) != {*FORM, "number"}:
        raise RefusedError(f"expected an exception's {', '.join(FORM)} and number")
    number = raised["number"]
    if type(number) is not int or not 0 <= number <= MAX_NUMBER:
        raise RefusedError("expected the number of a line")
    for name, longest in FORM.items():
        if not isinstance(raised[name], str) or len(raised[name]) > longest:
            raise RefusedError(f"expected at most {longest} characters as an exception's {name}")
    texts = {name: decode(raised[name]) for name in FORM}  # which mends lone surrogates
    return Thrown(**texts, number=number)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) != len(pairs):
        raise ValueError("expected each key once")
    return found


def _refuse(token: str) -> NoReturn:
    raise ValueError(f"expected no {token}")
