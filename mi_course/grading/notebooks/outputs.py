"""Tell whether two runs of a notebook cell said the same.

Numbers agree within a tolerance, plotly figures by structure (plotly 6 stores arrays as base64:
they are decoded first), compressed scripts by what they hold (Pythons and zlibs pack differently),
and what differs in every run is left out: progress bars and warnings on stderr, views of live
widgets, memory addresses, ids inside HTML, pixels of images.
In go the outputs of two runs; out come the differences in words.
"""

import base64
import gzip
import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Another processor sums float32 in another order: relative changes of 1e-6 grow to about 1e-4
# behind a few layers; a changed result is larger.
RTOL = 1e-3
NOISE = 1e-6  # what float32 leaves where the true value is zero
PLOTLY = "application/vnd.plotly.v1+json"
WIDGET = "application/vnd.jupyter.widget-view+json"
NUMBER = re.compile(r"[-+]?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?|\bnan\b|[-+]?\binf\b")
ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}\b")
# uuids, and hexadecimal ids of eight or more with at least one letter and one digit
HTML_ID = re.compile(r"(?=[0-9a-f-]*\d)(?=[0-9a-f-]*[a-f])\b[0-9a-f]{8,}(?:-[0-9a-f]{4,})*\b")
GZIP = re.compile(r"\bH4sI[A-Za-z0-9+/]{100,}={0,2}")  # in base64

Output = dict[str, Any]


def tidy(outputs: list[Any]) -> list[Output]:
    """The outputs worth keeping, in a form that does not change from run to run."""
    kept: list[Output] = []
    for output in outputs:
        tidied = _tidy_one(dict(output))
        if tidied is None:
            continue
        if tidied["output_type"] == "stream" and kept and kept[-1]["output_type"] == "stream":
            kept[-1]["text"] += tidied["text"]
        else:
            kept.append(tidied)
    return kept


def differences(saved: list[Any], new: list[Any], rtol: float | None = None) -> list[str]:
    """How the outputs of a new run differ from the saved ones; empty where they agree.

    Args:
        saved: outputs in the notebook.
        new: outputs of a run.
        rtol: relative tolerance; None takes `RTOL` for decimals and equality for whole numbers.
    """
    left, right = tidy(saved), tidy(new)
    if len(left) != len(right):
        kinds = [[_kind(output) for output in outputs] for outputs in (left, right)]
        return [f"saved {len(left)} outputs {kinds[0]}, the run gave {len(right)} {kinds[1]}"]
    found = []
    for number, (old, now) in enumerate(zip(left, right, strict=True), 1):
        found += [f"output {number}: {text}" for text in _output_differences(old, now, rtol)]
    return found


def text_difference(saved: str, new: str, rtol: float | None = None) -> str | None:
    """The first difference between two texts whose numbers agree within tolerance, or None."""
    if saved == new:
        return None
    words = [" ".join(NUMBER.sub(" # ", ADDRESS.sub("0x", text)).split()) for text in (saved, new)]
    if words[0] != words[1]:
        return f"saved text\n{_clip(saved)}\nthe run gave\n{_clip(new)}"
    numbers = [NUMBER.findall(ADDRESS.sub("0x", text)) for text in (saved, new)]
    for old, now in zip(*numbers, strict=True):
        if not _close(old, now, rtol):
            return f"saved number {old}, the run gave {now}, in\n{_clip(new)}"
    return None


def figure_difference(
    saved: Any, new: Any, rtol: float = RTOL, place: str = "figure"
) -> str | None:
    """The first difference between two plotly figures as JSON, or None."""
    left, right = _decoded(saved), _decoded(new)
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        return _array_difference(left, right, rtol, place)
    if isinstance(left, dict) and isinstance(right, dict):
        keys = (left.keys() | right.keys()) - {"uid"}
        if strange := sorted(key for key in keys if (key in left) != (key in right)):
            return f"{place}: only one of the two has {', '.join(strange)}"
        items: Iterator[Any] = ((f"{place}.{key}", left[key], right[key]) for key in sorted(keys))
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        items = ((f"{place}[{i}]", a, b) for i, (a, b) in enumerate(zip(left, right, strict=True)))
    elif isinstance(left, str) and isinstance(right, str):
        found = text_difference(left, right, rtol)
        return None if found is None else f"{place}: {found}"
    else:
        same = type(left) is type(right) and left == right
        return None if same else f"{place}: saved {_clip(left)}, the run gave {_clip(right)}"
    found_in = (figure_difference(old, now, rtol, name) for name, old, now in items)
    return next((found for found in found_in if found), None)


def _tidy_one(output: Output) -> Output | None:
    kind = output["output_type"]
    if kind == "stream":
        if output["name"] == "stderr":
            return None
        return {"output_type": "stream", "name": "stdout", "text": _joined(output["text"])}
    if kind == "error":
        line = f"{output['ename']}: {output['evalue']}"
        return {**output, "traceback": [line]}  # a traceback names files of one machine
    data = dict(output.get("data", {}))
    if kind not in ("display_data", "execute_result") or WIDGET in data:
        return None
    if PLOTLY in data:
        # The HTML beside it holds a random id, and the library.
        data = {PLOTLY: _without_server(data[PLOTLY])}
    data = {mime: _joined(value) for mime, value in data.items()}
    return {**output, "data": data, "metadata": {}}


def _without_server(figure: dict[str, Any]) -> dict[str, Any]:
    """A figure without the address of plotly's editor, which plotly 5 put into every one."""
    config = {k: v for k, v in figure.get("config", {}).items() if k != "plotlyServerURL"}
    rest = {key: value for key, value in figure.items() if key != "config"}
    return {**rest, "config": config} if config else rest


def _joined(value: Any) -> Any:
    lines = isinstance(value, list) and all(isinstance(line, str) for line in value)
    text = "".join(value) if lines else value
    return ADDRESS.sub("0x...", text) if isinstance(text, str) else text


def _kind(output: Output) -> str:
    return ", ".join(sorted(output.get("data", {}))) or output["output_type"]


def _output_differences(saved: Output, new: Output, rtol: float | None) -> Iterator[str]:
    if saved["output_type"] == "stream" == new["output_type"]:
        found = text_difference(saved["text"], new["text"], rtol)
        yield from [found] if found else []
    elif saved["output_type"] == "error" == new["output_type"]:
        found = text_difference(saved["traceback"][0], new["traceback"][0], rtol)
        yield from [found] if found else []
    elif saved.get("data", {}).keys() != new.get("data", {}).keys() or "data" not in new:
        yield f"saved {_kind(saved)}, the run gave {_kind(new)}"
    else:
        for mime, value in saved["data"].items():
            found = _mime_difference(mime, value, new["data"][mime], rtol)
            yield from [f"{mime}: {found}" if mime != PLOTLY else found] if found else []


def _mime_difference(mime: str, saved: Any, new: Any, rtol: float | None) -> str | None:
    if mime.startswith("image/"):
        return None
    if not isinstance(saved, str) or not isinstance(new, str):
        return figure_difference(saved, new, RTOL if rtol is None else rtol)
    if mime == "text/html" and saved != new:
        saved, new = (HTML_ID.sub("id", GZIP.sub(_unpacked, html)) for html in (saved, new))
    return text_difference(saved, new, rtol)


def _unpacked(packed: re.Match[str]) -> str:
    return gzip.decompress(base64.b64decode(packed[0])).decode()


def _close(saved: str, new: str, rtol: float | None) -> bool:
    """Whether printed numbers agree within tolerance, or but for the last digit's rounding."""
    whole = [text.lstrip("+-").isdigit() for text in (saved, new)]
    if all(whole) and rtol is None:
        return int(saved) == int(new)
    left, right = float(saved), float(new)
    if not (math.isfinite(left) and math.isfinite(right)):
        return left == right or (math.isnan(left) and math.isnan(right))
    last_digit = 0.0 if all(whole) else min(map(_last_digit, (saved, new)))
    tolerance = (RTOL if rtol is None else rtol) * max(abs(left), abs(right))
    return abs(left - right) <= max(tolerance, 1.01 * last_digit, NOISE)


def _last_digit(text: str) -> float:
    """The size of one step in the last printed digit, such as 0.01 for "3.14"."""
    mantissa, _, exponent = text.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    return float(10.0 ** (int(exponent or 0) - decimals))


def _decoded(value: Any) -> Any:
    """Plotly's base64 arrays, and lists of numbers, as arrays; other values as they are."""
    if isinstance(value, dict) and {"dtype", "bdata"} <= value.keys():
        array = np.frombuffer(base64.b64decode(value["bdata"]), np.dtype(value["dtype"]))
        shape = value.get("shape")
        sizes = [int(size) for size in str(shape).split(",")] if shape else [-1]
        return array.reshape(sizes).astype(np.float64)
    if isinstance(value, tuple | list) and value:
        try:
            array = np.asarray([_decoded(item) for item in value])
        except ValueError:  # rows of different lengths
            return list(value)
        return array.astype(np.float64) if array.dtype.kind in "iuf" else list(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return np.asarray(value, np.float64)
    return value


def _array_difference(
    saved: NDArray[np.float64], new: NDArray[np.float64], rtol: float, place: str
) -> str | None:
    if saved.shape != new.shape:
        return f"{place}: saved shape {list(saved.shape)}, the run gave {list(new.shape)}"
    finite = np.abs(saved[np.isfinite(saved)])
    scale = float(finite.max()) if finite.size else 0.0
    # Entries near zero are judged on the scale of the whole array.
    close = np.isclose(saved, new, rtol=rtol, atol=rtol * 0.1 * scale, equal_nan=True)
    if close.all():
        return None
    where = tuple(int(index) for index in np.argwhere(~close)[0])
    return f"{place}{list(where)}: saved {saved[where]:.6g}, the run gave {new[where]:.6g}"


def _clip(value: Any) -> str:
    text = str(value).strip()
    return text if len(text) <= 600 else f"{text[:600]}..."
