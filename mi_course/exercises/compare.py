"""Compare two values and say, in a few lines, how they differ and which slip is likely.

`structure` looks at what can be said before any number is compared (shape, dtype, NaN and
infinity), `compare` at the numbers. Both see values only: tensors, arrays, numbers, strings, and
containers of these. In go got and expected; out comes a message, or None when they agree.
"""

from collections.abc import Iterator
from itertools import permutations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mi_course.exercises.slips import likely_slip

KINDS = {"b": "true or false", "i": "whole numbers", "u": "whole numbers", "f": "decimals"}
CASTS = {"b": "a comparison such as `==`", "i": "`.long()`", "u": "`.long()`", "f": "`.float()`"}


class Fault(NamedTuple):
    """A fault of structure: "shape", "dtype" or "finite", and its message."""

    group: str
    message: str


def structure(got: Any, expected: Any, axes: str = "") -> Fault | None:
    """The first fault of shape, dtype or finiteness, or None.

    Args:
        got: the value that came back.
        expected: the reference's value.
        axes: names of the axes of the expected tensor, such as "batch pos".
    """
    for where, left, right in _leaves(got, expected):
        fault = _leaf_structure(left, right, axes)
        if fault is not None:
            return Fault(fault.group, where + fault.message)
    return None


def compare(
    got: Any, expected: Any, *, axes: str = "", rtol: float = 1e-4, atol: float = 1e-5
) -> str | None:
    """How the values differ, with the likely slip, or None when they agree within tolerance.

    Args:
        got: the value that came back.
        expected: the reference's value.
        axes: names of the axes of the expected tensor.
        rtol: relative tolerance for decimals; whole numbers must be equal.
        atol: absolute tolerance for decimals.
    """
    fault = structure(got, expected, axes)
    if fault is not None:
        return fault.message
    for where, left, right in _leaves(got, expected):
        message = _leaf_values(left, right, axes, (rtol, atol))
        if message is not None:
            return where + message
    return None


def _leaves(got: Any, expected: Any, where: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Pairs of values to compare, each with where it sits; mismatched containers stay whole."""
    if isinstance(expected, dict) and isinstance(got, dict) and got.keys() == expected.keys():
        for key in expected:
            yield from _leaves(got[key], expected[key], f"{where}at key {key!r}: ")
    elif _nested(expected) and isinstance(got, tuple | list) and len(got) == len(expected):
        for index, (left, right) in enumerate(zip(got, expected, strict=True)):
            yield from _leaves(left, right, f"{where}item {index}: ")
    else:
        yield where, got, expected


def _nested(value: Any) -> bool:
    """Whether a container holds more than bare numbers, so that its items differ in kind."""
    return isinstance(value, tuple | list) and not all(
        isinstance(item, int | float) for item in value
    )


def as_array(value: Any) -> NDArray[Any] | None:
    """The numbers in `value`, or None when it holds none."""
    if isinstance(value, str | bytes | dict | set) or value is None:
        return None
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = (value.float() if value.dtype.is_floating_point else value).numpy()
    try:
        array = np.asarray(value)
    except (ValueError, TypeError):
        return None
    return array if array.dtype.kind in "biuf" else None


def _leaf_structure(got: Any, expected: Any, axes: str) -> Fault | None:
    right = as_array(expected)
    if right is None:
        return _container_structure(got, expected)
    left = as_array(got)
    if left is None:
        ending = ": is `return` missing?" if got is None else ""
        return Fault("shape", f"expected {_kind_of(expected)}, got {_kind_of(got)}{ending}")
    if left.shape != right.shape:
        return Fault("shape", _shape_message(left.shape, right.shape, _names(axes, right.ndim)))
    fault = _dtype_fault(left, right)
    return fault or _finite_fault(left, right, _names(axes, right.ndim))


def _container_structure(got: Any, expected: Any) -> Fault | None:
    if isinstance(expected, dict) and isinstance(got, dict):
        missing, extra = expected.keys() - got.keys(), got.keys() - expected.keys()
        keys = f"missing {sorted(map(str, missing))}, not expected {sorted(map(str, extra))}"
        return Fault("shape", f"expected other keys: {keys[:150]}")
    if isinstance(expected, tuple | list):
        if isinstance(got, tuple | list):
            message = f"expected {len(expected)} items, got {len(got)}"
            return Fault("shape", message) if len(got) != len(expected) else None
        return Fault("shape", f"expected {_kind_of(expected)}, got {_kind_of(got)}")
    if type(got) is not type(expected):
        ending = ": is `return` missing?" if got is None else ""
        return Fault("dtype", f"expected {_kind_of(expected)}, got {_kind_of(got)}{ending}")
    return None


def _kind_of(value: Any) -> str:
    if value is None:
        return "None"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    array = as_array(value)
    if array is None or array.ndim == 0:
        return "a number" if array is not None else f"a {type(value).__name__}"
    return f"a tensor of shape {list(array.shape)}"


def _names(axes: str, ndim: int) -> list[str]:
    names = axes.split()
    return names if len(names) == ndim else [f"axis {index}" for index in range(ndim)]


def _shape_message(got: tuple[int, ...], expected: tuple[int, ...], names: list[str]) -> str:
    sizes = ", ".join(f"{name} {size}" for name, size in zip(names, expected, strict=True))
    slip = _shape_slip(got, expected, names)
    return f"expected shape [{sizes}], got {list(got)}: {slip}"


def _shape_slip(got: tuple[int, ...], expected: tuple[int, ...], names: list[str]) -> str:
    if len(got) == len(expected) + 1:
        return _extra_axis(got, expected)
    if len(got) == len(expected) - 1:
        return _missing_axis(got, expected, names)
    if len(got) != len(expected):
        return "did you sum or index over the wrong axes?"
    for order in permutations(range(len(got))):
        if tuple(got[axis] for axis in order) == expected:
            right = " ".join(names)
            return f"the axes are in another order, try rearrange to `{right}`"
    wrong = [axis for axis in range(len(got)) if got[axis] != expected[axis]]
    if len(wrong) == 1 and abs(got[wrong[0]] - expected[wrong[0]]) == 1:
        more = "one too many" if got[wrong[0]] > expected[wrong[0]] else "one too few"
        return f"{more} along `{names[wrong[0]]}`, is it a slice's end or the wrong axis?"
    return "did you sum over the wrong axis?"


def _extra_axis(got: tuple[int, ...], expected: tuple[int, ...]) -> str:
    for axis, size in enumerate(got):
        if got[:axis] + got[axis + 1 :] == expected:
            if size == 1:
                return f"an axis of size 1 is left over at place {axis}, try index or squeeze"
            return f"one axis too many (place {axis}, size {size}), was it to be reduced?"
    return "one axis too many, did you sum over the wrong axis?"


def _missing_axis(got: tuple[int, ...], expected: tuple[int, ...], names: list[str]) -> str:
    for axis, name in enumerate(names):
        if expected[:axis] + expected[axis + 1 :] == got:
            return f"the axis `{name}` is missing, did you sum or average over it?"
    return "one axis is missing, did you sum over the wrong axis?"


def _dtype_fault(got: NDArray[Any], expected: NDArray[Any]) -> Fault | None:
    left, right = got.dtype.kind, expected.dtype.kind
    if KINDS[left] == KINDS[right] or (got.ndim == 0 and "b" not in (left, right) and right == "f"):
        return None
    kinds = f"expected {KINDS[right]}, got {KINDS[left]} ({got.dtype})"
    return Fault("dtype", f"{kinds}, try {CASTS[right]}")


def _finite_fault(got: NDArray[Any], expected: NDArray[Any], names: list[str]) -> Fault | None:
    if got.dtype.kind != "f":
        return None
    bad = ~np.isfinite(got) & np.isfinite(expected)
    if not bad.any():
        return None
    place = tuple(int(index) for index in np.argwhere(bad)[0])
    kind = "NaN" if np.isnan(got[place]) else "infinity"
    why = "0/0 or log of a negative number?" if kind == "NaN" else "a division by 0 or log of 0?"
    where = f" at [{', '.join(f'{n} {i}' for n, i in zip(names, place, strict=True))}]"
    count = f"{int(bad.sum())} of {bad.size} entries are not finite, the first is"
    head = f"{count} {kind}{where}" if got.ndim else f"got {kind}"
    return Fault("finite", f"{head}: {why}")


def _leaf_values(got: Any, expected: Any, axes: str, tolerance: tuple[float, float]) -> str | None:
    right = as_array(expected)
    if right is None:
        # Complex tensors, say, of one type by now, but of any shapes.
        tensors = hasattr(got, "detach")
        if np.array_equal(got.detach(), expected.detach()) if tensors else got == expected:
            return None
        return f"not the right answer\ngot {_short(got)}, expected {_short(expected)}"
    left = as_array(got)
    assert left is not None, "structure() lets only numbers through"
    rtol, atol = tolerance if right.dtype.kind == "f" else (0.0, 0.0)
    right_ones = np.asarray(np.isclose(left, right, rtol=rtol, atol=atol, equal_nan=True))
    if right_ones.all():
        return None
    return f"{_headline(left, right, axes, right_ones)}\n{_numbers(left, right, right_ones)}"


def _headline(
    got: NDArray[Any], expected: NDArray[Any], axes: str, right_ones: NDArray[Any]
) -> str:
    finite = np.isfinite(got).all() and np.isfinite(expected).all()
    if expected.ndim == 0 and expected.dtype.kind in "iu":
        steps = {1: "one too many", -1: "one too few"}
        return steps.get(int(got) - int(expected), "the value is wrong")
    if finite and got.dtype.kind != "b":
        names = _names(axes, expected.ndim)
        slip = likely_slip(got.astype(np.float64), expected.astype(np.float64), names)
        if slip is not None:
            return slip
    if expected.ndim == 0 or not right_ones.any():
        return "the value is wrong" if expected.ndim == 0 else "all values are wrong"
    return f"{int((~right_ones).sum())} of {right_ones.size} values are wrong"


def _numbers(got: NDArray[Any], expected: NDArray[Any], right_ones: NDArray[Any]) -> str:
    if expected.ndim == 0:
        return f"got {_short(got.item())}, expected {_short(expected.item())}"
    if expected.ndim == 1 and expected.size <= 6:
        return f"got {_row(got)}, expected {_row(expected)}"
    place = tuple(int(index) for index in np.argwhere(~right_ones)[0])
    pair = f"got {_short(got[place].item())}, expected {_short(expected[place].item())}"
    return f"{pair} at {list(place)}"


def _row(values: NDArray[Any]) -> str:
    return "[" + ", ".join(_short(value) for value in values.tolist()) + "]"


def _short(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, float):
        text = repr(value)
        return text if len(text) <= 60 else text[:57] + "..."
    return f"{value:.4g}"
