"""Values as JSON: what crosses the wall between the trusted grader and a student's code.

A value is written as plain JSON where JSON can say it, and as an object with a tag "t" where it
cannot (tensors and arrays as base64 with dtype and shape, tuples, dictionaries, NaN). Nothing is
ever unpickled or evaluated, and `decode` checks bytes, depth, dtype and shape before it builds
anything, because the other side may have written whatever it liked.
In goes a value, out comes JSON-ready data, and back. Knows nothing of exercises.
"""

import base64
import binascii
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Refer = Callable[[Any], dict[str, Any] | None]
Resolvers = dict[str, Callable[[Any], Any]]

DTYPES = {
    "bool": 1, "uint8": 1, "int8": 1, "int16": 2, "int32": 4, "int64": 8, "float16": 2,
    "bfloat16": 2, "float32": 4, "float64": 8, "complex64": 8, "complex128": 16,
}  # fmt: skip
SPECIAL = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
SMALL_INT = 2**63
MAX_ODD_KEYS = 1_000


class RefusedError(ValueError):
    """A value that must not or cannot cross: too large, too deep, or of an unknown kind."""


@dataclass(frozen=True)
class Caps:
    """How much one value may hold.

    Args:
        nbytes: bytes of all its tensors and arrays together.
        items: entries of all its containers together.
        depth: levels of nesting.
        text: characters of one string.
        ndim: axes of one tensor.
    """

    nbytes: int = 32 << 20
    items: int = 100_000
    depth: int = 12
    text: int = 100_000
    ndim: int = 12


def encode(value: Any, caps: Caps | None = None, *, refer: Refer | None = None) -> Any:
    """`value` as data that `json.dumps` can write.

    Args:
        value: numbers, strings, None, tensors, arrays, and containers of these.
        caps: how much it may hold; the default allows 32 MiB.
        refer: turns a reference (a model's name) into a tagged object, or gives None.

    Returns:
        JSON-ready data.

    Raises:
        RefusedError: the value is of another kind, or exceeds a cap.
    """
    return _Encoder(caps or Caps(), refer).encode(value, 0)


def decode(data: Any, caps: Caps | None = None, *, resolvers: Resolvers | None = None) -> Any:
    """The value that `encode` wrote.

    Args:
        data: parsed JSON, from a side that is not trusted.
        caps: how much it may hold; checked before memory is taken.
        resolvers: tag -> what builds the thing a reference names; other tags are refused.

    Returns:
        Numbers, strings, None, tensors, arrays, and containers of these.

    Raises:
        RefusedError: malformed, of an unknown kind, or beyond a cap.
    """
    return _Decoder(caps or Caps(), resolvers or {}).decode(data, 0)


class _Budget:
    """Counts what one value holds and refuses more than its caps."""

    def __init__(self, caps: Caps):
        self.caps = caps
        self.nbytes = 0
        self.items = 0

    def take(self, *, nbytes: int = 0, items: int = 0) -> None:
        self.nbytes += nbytes
        self.items += items
        if self.nbytes > self.caps.nbytes:
            raise RefusedError(f"expected at most {self.caps.nbytes} bytes of tensors")
        if self.items > self.caps.items:
            raise RefusedError(f"expected at most {self.caps.items} entries")

    def enter(self, depth: int) -> None:
        if depth > self.caps.depth:
            raise RefusedError(f"expected at most {self.caps.depth} levels of nesting")


class _Encoder(_Budget):
    def __init__(self, caps: Caps, refer: Refer | None):
        super().__init__(caps)
        self.refer = refer

    def encode(self, value: Any, depth: int) -> Any:
        self.enter(depth)
        self.take(items=1)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, np.generic):
            return self.encode(value.item(), depth)
        if isinstance(value, int | float | str):
            return self._scalar(value)
        if isinstance(value, list | tuple | dict):
            return self._container(value, depth + 1)
        return self._object(value, depth)

    def _scalar(self, value: int | float | str) -> Any:
        if isinstance(value, str):
            if len(value) > self.caps.text:
                raise RefusedError(f"expected at most {self.caps.text} characters in a string")
            return str(value)
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else {"t": "float", "v": str(float(value))}
        if abs(value) >= SMALL_INT:
            raise RefusedError("expected integers below 2**63 in size")
        return int(value)

    def _container(self, value: list | tuple | dict, depth: int) -> Any:
        if isinstance(value, dict):
            pairs = [[self.encode(k, depth), self.encode(v, depth)] for k, v in value.items()]
            return {"t": "dict", "v": pairs}
        parts = [self.encode(part, depth) for part in value]
        return parts if isinstance(value, list) else {"t": "tuple", "v": parts}

    def _object(self, value: Any, depth: int) -> Any:
        reference = self.refer(value) if self.refer else None
        if reference is not None:
            return reference
        if isinstance(value, np.ndarray):
            return self._raw("array", str(value.dtype), value.shape, np.ascontiguousarray(value))
        torch = sys.modules.get("torch")  # no tensor can exist before torch is imported
        if torch is not None and isinstance(value, torch.Tensor):
            return self._tensor(torch, value)
        if hasattr(value, "AB"):  # a factored matrix, as TransformerLens returns them
            return self.encode(value.AB, depth + 1)
        raise RefusedError(f"a value of type {type(value).__name__} cannot be sent to the grader")

    def _tensor(self, torch: Any, value: Any) -> Any:
        value = value.detach()
        value = value.to_dense() if value.layout != torch.strided else value
        value = value.cpu().contiguous().resolve_conj().resolve_neg()
        raw = value.reshape(-1).view(torch.uint8).numpy() if value.numel() else np.zeros(0)
        return self._raw("tensor", str(value.dtype).removeprefix("torch."), value.shape, raw)

    def _raw(self, tag: str, dtype: str, shape: Any, raw: np.ndarray) -> Any:
        if dtype not in DTYPES:
            raise RefusedError(f"expected a dtype among {', '.join(DTYPES)}, got {dtype}")
        if len(shape) > self.caps.ndim:
            raise RefusedError(f"expected at most {self.caps.ndim} axes, got {len(shape)}")
        self.take(nbytes=raw.nbytes)
        text = base64.b64encode(raw.tobytes()).decode("ascii")
        return {"t": tag, "dtype": dtype, "shape": [int(size) for size in shape], "data": text}


class _Decoder(_Budget):
    def __init__(self, caps: Caps, resolvers: Resolvers):
        super().__init__(caps)
        self.resolvers = resolvers

    def decode(self, data: Any, depth: int) -> Any:
        self.enter(depth)
        self.take(items=1)
        if data is None or isinstance(data, bool | float):
            return data
        if isinstance(data, int):
            return self._int(data)
        if isinstance(data, str):
            return self._text(data)
        if isinstance(data, list):
            return [self.decode(part, depth + 1) for part in data]
        return self._tagged(data, depth + 1)

    def _int(self, data: int) -> int:
        if abs(data) >= SMALL_INT:
            raise RefusedError("expected integers below 2**63 in size")
        return data

    def _text(self, data: str) -> str:
        if len(data) > self.caps.text:
            raise RefusedError(f"expected at most {self.caps.text} characters in a string")
        # A lone surrogate is legal in JSON and cannot be written to a file.
        return data.encode("utf-8", "replace").decode("utf-8")

    def _tagged(self, data: Any, depth: int) -> Any:
        tag = data.get("t") if isinstance(data, dict) else None
        if tag in ("tensor", "array"):
            return self._array(data, tag)
        inner = data.get("v") if isinstance(data, dict) and set(data) == {"t", "v"} else None
        if tag == "float" and isinstance(inner, str) and inner in SPECIAL:
            return SPECIAL[inner]
        if tag in ("tuple", "dict") and isinstance(inner, list):
            parts = [self.decode(part, depth) for part in inner]
            return tuple(parts) if tag == "tuple" else _dictionary(parts)
        if isinstance(tag, str) and tag in self.resolvers:
            return self.resolvers[tag](inner)
        raise RefusedError(f"expected a tagged value, got the tag {str(tag)[:40]!r}")

    def _array(self, data: dict[str, Any], tag: str) -> Any:
        dtype, shape, text = data.get("dtype"), data.get("shape"), data.get("data")
        texts = isinstance(dtype, str) and isinstance(text, str) and len(data) == 4
        if not texts or dtype not in DTYPES:
            raise RefusedError(f"expected a known dtype and base64 text, got {str(dtype)[:40]!r}")
        sizes = self._shape(shape)
        nbytes = math.prod(sizes) * DTYPES[dtype]
        self.take(nbytes=nbytes)  # before the text is decoded, so that a lie costs nothing
        if len(text) != 4 * math.ceil(nbytes / 3):
            raise RefusedError(f"expected {nbytes} bytes for shape {sizes}")
        try:
            raw = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise RefusedError("expected base64") from error
        if len(raw) != nbytes:
            raise RefusedError(f"expected {nbytes} bytes for shape {sizes}, got {len(raw)}")
        if dtype == "bool" and raw.strip(b"\0\1"):  # another byte is true here and false there
            raise RefusedError("expected bytes 0 and 1 for true and false")
        try:
            return _tensor(raw, dtype, sizes) if tag == "tensor" else _ndarray(raw, dtype, sizes)
        except (RuntimeError, ValueError, OverflowError) as error:  # such as a stride overflow
            raise RefusedError(f"expected a shape that can be built, got {sizes}") from error

    def _shape(self, shape: Any) -> tuple[int, ...]:
        if not isinstance(shape, list) or len(shape) > self.caps.ndim:
            raise RefusedError(f"expected a list of at most {self.caps.ndim} axes")
        for size in shape:
            if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < SMALL_INT:
                raise RefusedError("expected sizes of axes that are not negative")
        return tuple(shape)


def _dictionary(pairs: list[Any]) -> dict[Any, Any]:
    whole = all(isinstance(pair, list) and len(pair) == 2 for pair in pairs)
    # Anybody can make floats and tuples that share one hash; a table of them takes forever.
    if whole and sum(not isinstance(pair[0], str | int) for pair in pairs) > MAX_ODD_KEYS:
        raise RefusedError(f"expected at most {MAX_ODD_KEYS} keys other than strings and integers")
    try:
        found = {key: value for key, value in pairs} if whole else None
    except TypeError:
        found = None
    if found is None or len(found) != len(pairs):
        raise RefusedError("expected pairs of a value and a hashable key that occurs once")
    return found


def _tensor(raw: bytes, dtype: str, shape: tuple[int, ...]) -> Any:
    import torch  # only a side that handles tensors pays for torch

    kind = getattr(torch, dtype)
    if not raw:
        return torch.empty(shape, dtype=kind)
    return torch.frombuffer(bytearray(raw), dtype=kind).reshape(shape)


def _ndarray(raw: bytes, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    if dtype == "bfloat16":
        raise RefusedError("expected a dtype that numpy has, got bfloat16")
    return np.frombuffer(raw, dtype=dtype).reshape(shape).copy()
