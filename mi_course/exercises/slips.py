"""Name the slip that turns the expected numbers into the ones that came back.

Each slip is one hypothesis, such as "the sign is wrong", tried on the numbers alone: when undoing
it gives the expected array, it is named. Two arrays of the same shape go in; one sentence comes
out, or None where no hypothesis fits. `kind_of` makes of a sentence what all who make the same slip
have in common, so that a class's slips can be counted.
"""

import re
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Slip = Callable[[Array, Array, list[str]], str | None]

LN2 = float(np.log(2))
# Looser than a comparison: the slip must be named even where it magnifies rounding.
CLOSE = 1e-3


def likely_slip(got: Array, expected: Array, axes: list[str]) -> str | None:
    """One sentence that names the first slip which explains `got`, or None.

    Args:
        got: finite numbers of the same shape as `expected`.
        expected: finite numbers.
        axes: a name for each axis.
    """
    got, expected = np.atleast_1d(got, expected)  # a bare number has no axis to name
    with np.errstate(all="ignore"):
        for slip in SLIPS:
            if (sentence := slip(got, expected, axes)) is not None:
                return sentence
    return None


# What differs between students who make the same slip: numbers, places, values.
OWN = (
    (r"^(?:item \d+: |at key .*?: )+", ""),
    (r"^expected shape .*?\]: ", ""),
    (r"^got (?:NaN|infinity): .*|^\d+ of \d+ entries are not finite.*", "not finite"),
    (r"^\d+ of \d+ values are wrong", "some values are wrong"),
    (r"^every entry is \S+: ", ""),
    (r"^off by the same amount, \S+,", "off by the same amount"),
    (r"the constant factor -?[\d.e+-]+", "a constant factor"),
    (r"the square root of \d+", "a square root"),
    (r"^expected \d+ items, got \d+", "another number of items"),
    (r"^expected other keys.*", "other keys"),
    (r" of shape \[.*?\]|(?<=tuple|.list) of \d+| at place \d+", ""),
    (r", (?:try|is it|was it|did you) [^,]*$", ""),
    (r" ?\([^)]*\)", ""),
    (r"'[^']*'|\"[^\"]*\"", "…"),
    (r"(?<![\w`])-?\d[\d.]*(?:e[+-]\d+)?(?!\w)", "…"),
)
MAX_KIND = 80


def kind_of(message: str) -> str:
    """The slip that a message speaks of, without what is one student's own.

    Args:
        message: what is wrong with a value, as the student reads it.
    """
    text = next(iter(message.splitlines()), "")
    for pattern, common in OWN:
        text = re.sub(pattern, common, text)
    return text.strip(" ,:")[:MAX_KIND]


def same(left: Array, right: Array) -> bool:
    """Whether the arrays agree up to rounding, on the scale of the right one."""
    if left.shape != right.shape or right.size == 0 or not np.all(np.isfinite(left)):
        return False
    scale = float(np.max(np.abs(right)))
    return scale > 0 and float(np.max(np.abs(left - right))) <= CLOSE * scale


def _flat(got: Array, expected: Array, _axes: list[str]) -> str | None:
    if got.size < 2 or np.ptp(got) > 0 or np.ptp(expected) == 0:
        return None
    return f"every entry is {got.flat[0]:.4g}: the values do not depend on the place"


def _sign(got: Array, expected: Array, _axes: list[str]) -> str | None:
    return "the sign is wrong everywhere" if same(-got, expected) else None


def _factor(got: Array, expected: Array, _axes: list[str]) -> str | None:
    norm = float(np.sum(expected * expected))
    factor = float(np.sum(got * expected)) / norm if norm else 0.0
    if abs(factor) < CLOSE / 100 or not same(got / factor, expected):
        return None
    reason = _reason(abs(factor))
    if np.ptp(expected) == 0 and not reason:
        return None  # one number is always some factor away from another
    sign = " and the sign is wrong" if factor < 0 else ""
    return f"off by the constant factor {factor:.4g}{sign}{reason}"


def _reason(factor: float) -> str:
    known = {LN2: ": nats and bits mixed up?", 1 / LN2: ": bits in place of nats?"}
    known |= {100.0: ": a percentage in place of a fraction?", 0.01: ": percent or fraction?"}
    for value, reason in known.items():
        if abs(factor / value - 1) < CLOSE:
            return reason
    larger = max(factor, 1 / factor)
    if larger < 10_000 and abs(larger - round(larger)) < CLOSE:
        return ": a sum in place of a mean?" if factor > 1 else ": a mean in place of a sum?"
    if larger < 50 and abs(larger**2 - round(larger**2)) < CLOSE:
        return f": scaled by the square root of {round(larger**2)}?"
    return ""


def _offset(got: Array, expected: Array, _axes: list[str]) -> str | None:
    offset = float(np.mean(got - expected))
    if np.ptp(expected) == 0 or not same(got - offset, expected):
        return None
    return f"off by the same amount, {offset:.4g}, everywhere"


def _complement(got: Array, expected: Array, _axes: list[str]) -> str | None:
    return "this is one minus what was asked" if same(1 - got, expected) else None


def _shift(got: Array, expected: Array, axes: list[str]) -> str | None:
    for axis, name in enumerate(axes):
        size = got.shape[axis]
        head, tail = np.arange(size - 1), np.arange(1, size)
        for own, other, way in ((tail, head, "late"), (head, tail, "early")):
            left, right = got.take(own, axis), expected.take(other, axis)
            if size > 2 and np.ptp(right) > 0 and same(left, right):
                return f"shifted by one along `{name}`: each value sits one place too {way}"
    return None


def _swapped(got: Array, expected: Array, axes: list[str]) -> str | None:
    for first, second in _pairs(len(axes)):
        if same(np.swapaxes(got, first, second), expected):
            return f"the axes `{axes[first]}` and `{axes[second]}` are swapped"
    return None


def _pairs(count: int) -> Iterator[tuple[int, int]]:
    return ((i, j) for i in range(count) for j in range(i + 1, count))


def _reversed(got: Array, expected: Array, axes: list[str]) -> str | None:
    for axis, name in enumerate(axes):
        if same(np.flip(got, axis), expected):
            return f"the axis `{name}` runs backwards"
    return None


def _softmax_axis(got: Array, expected: Array, axes: list[str]) -> str | None:
    sums = [_sums_to_one(expected, axis) for axis in range(len(axes))]
    if sum(sums) != 1:
        return None
    right = axes[sums.index(True)]
    for axis, name in enumerate(axes):
        if name != right and _sums_to_one(got, axis):
            return f"softmax over `{name}` in place of `{right}`"
        if name == right and not _sums_to_one(got, axis) and same(_softmax(got, axis), expected):
            return f"a softmax over `{right}` is missing"
    return None


def _sums_to_one(values: Array, axis: int) -> bool:
    if values.shape[axis] < 2:
        return False
    return bool(np.all(values >= 0) and np.allclose(values.sum(axis), 1, atol=CLOSE))


def _softmax(values: Array, axis: int) -> Array:
    powers = np.exp(values - values.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


def _logarithm(got: Array, expected: Array, _axes: list[str]) -> str | None:
    changes: dict[str, Callable[[Array], Array]] = {
        "these are logarithms of what was asked: exp is missing": np.exp,
        "these are exponentials of what was asked: log is missing": np.log,
        "a square root is missing": np.sqrt,
        "a square is missing": np.square,
        "this is one over what was asked": np.reciprocal,
        "the absolute value is missing": np.abs,
    }
    return next((say for say, undo in changes.items() if same(undo(got), expected)), None)


def _absolute(got: Array, expected: Array, _axes: list[str]) -> str | None:
    lost = same(got, np.abs(expected))
    return "the signs are lost: an absolute value too many?" if lost else None


def _centred(got: Array, expected: Array, axes: list[str]) -> str | None:
    for axis, name in enumerate(axes):
        mean = (got - expected).mean(axis, keepdims=True)
        if got.shape[axis] > 2 and np.ptp(mean) > 0 and same(got - mean, expected):
            return f"right up to a constant along `{name}`: was a mean subtracted or left in?"
    return None


def _scaled(got: Array, expected: Array, axes: list[str]) -> str | None:
    for axis, name in enumerate(axes):
        length = (expected**2).sum(axis, keepdims=True)
        factor = (got * expected).sum(axis, keepdims=True) / length
        if got.shape[axis] > 2 and np.all(np.isfinite(factor)) and same(got / factor, expected):
            return f"right up to a factor along `{name}`: normalised by something else?"
    return None


def _order(got: Array, expected: Array, _axes: list[str]) -> str | None:
    if got.size > 2 and same(np.sort(got, None), np.sort(expected, None)):
        return "the right numbers in another order"
    return None


SLIPS: tuple[Slip, ...] = (
    _flat,
    _sign,
    _factor,
    _offset,
    _complement,
    _shift,
    _swapped,
    _reversed,
    _softmax_axis,
    _logarithm,
    _absolute,
    _centred,
    _scaled,
    _order,
)
