"""Compare two values and say, in a few lines, how they differ and which slip is likely.

`structure` looks at what can be said before any number is compared (shape, dtype, NaN and infinity), `compare`
at the numbers. Both see values only: tensors, arrays, numbers, strings, and containers of these.
In go got and expected; out comes a message, or None when they agree.
"""

from typing import Any, NamedTuple

import numpy as np


class Fault(NamedTuple):
    """A fault of structure: "shape", "dtype" or "finite", and its message."""

    group: str
    message: str


def structure(got: Any, expected: Any, axes: str = "") -> Fault | None:
    """The first fault of shape, dtype or finiteness, or None."""
    return None


def compare(
    got: Any, expected: Any, *, axes: str = "", rtol: float = 1e-4, atol: float = 1e-5
) -> str | None:
    """How the values differ, with the likely slip, or None when they agree within tolerance."""
    left, right = np.asarray(got), np.asarray(expected)
    return None if np.allclose(left, right, rtol=rtol, atol=atol) else "values differ"
