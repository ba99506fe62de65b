"""Pictures inside figures, small enough to be saved with a notebook.

A picture is written as a PNG with a palette of its own (median cut), a fifth of what its pixels
take, and lies in the figure as an image with a place; an invisible point in its middle carries its
name for those who hover. In go pictures from 0 to 1, out come figures.
"""

import base64
import struct
import zlib
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, UInt8
from torch import Tensor

__all__ = ["add_picture", "add_sheet", "png", "without_axes"]

COLOURS_EACH = 64  # of a palette
NAME_SIZE = 11


def png(picture: Float[Tensor, "3 height width"], colours: int = COLOURS_EACH) -> str:
    """Return a picture as a data URI, with at most so many colours.

    Args:
        picture: from 0 to 1; values beyond are cut.
        colours: 2 to 256.

    Returns:
        A PNG that every browser shows.
    """
    scaled = (picture.detach().clamp(0, 1).cpu() * 255).round().byte().numpy()
    pixels = np.moveaxis(scaled, 0, -1)
    palette, index = _palette(pixels.reshape(-1, 3), colours)
    height, width = pixels.shape[:2]
    rows = np.zeros((height, width + 1), np.uint8)  # each row starts with its filter: none
    rows[:, 1:] = index.reshape(height, width)
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = [
        _chunk(b"IHDR", header),
        _chunk(b"PLTE", palette.tobytes()),
        _chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)),
        _chunk(b"IEND", b""),
    ]
    whole = b"\x89PNG\r\n\x1a\n" + b"".join(parts)
    return "data:image/png;base64," + base64.b64encode(whole).decode()


def add_picture(
    figure: go.Figure,
    picture: Float[Tensor, "3 height width"],
    *,
    at: tuple[int | float, int | float],
    size: tuple[int | float, int | float] = (1, 1),
    axes: tuple[str, str] = ("x", "y"),
    opacity: float = 1.0,
) -> None:
    """Put a picture into a figure.

    Args:
        figure: it is changed in place.
        picture: from 0 to 1.
        at: where its upper left corner is, in units of the axes.
        size: width and height, in the same units.
        axes: which.
        opacity: 0 to 1.
    """
    figure.add_layout_image(
        source=png(picture),
        xref=axes[0],
        yref=axes[1],
        x=at[0],
        y=at[1],
        sizex=size[0],
        sizey=size[1],
        sizing="stretch",
        opacity=opacity,
        layer="below",
    )


def add_sheet(
    figure: go.Figure,
    pictures: Sequence[Float[Tensor, "3 height width"]],
    names: Sequence[str],
    *,
    columns: int,
    hover: Sequence[str] | None = None,
    axes: tuple[str, str] = ("x", "y"),
) -> int:
    """Put pictures side by side, row by row, each with its name below; return the number of rows.

    Args:
        figure: it is changed in place.
        pictures: from 0 to 1.
        names: one for each; empty ones take no room.
        columns: in a row.
        hover: what is told of each; its name when None.
        axes: which.
    """
    rows = -(-len(pictures) // columns)
    gap, below = 0.06, 0.22 if any(names) else 0.06
    x, y = [], []
    for i, picture in enumerate(pictures):
        row, column = divmod(i, columns)
        at = (column * (1 + gap), -row * (1 + below))
        add_picture(figure, picture, at=at, axes=axes)
        x.append(at[0] + 0.5)
        y.append(at[1] - 1)
    figure.add_scatter(
        x=x,
        y=y,
        text=list(names),
        hovertext=list(names if hover is None else hover),
        hoverinfo="text",
        mode="text",
        textposition="bottom center",
        textfont={"size": NAME_SIZE},
        showlegend=False,
        xaxis=axes[0],
        yaxis=axes[1],
    )
    x_axis, y_axis = (name[0] + "axis" + name[1:] for name in axes)
    figure.layout[x_axis].update(range=[-gap, columns * (1 + gap)], **without_axes())
    figure.layout[y_axis].update(
        range=[-rows * (1 + below), gap], scaleanchor=axes[0], **without_axes()
    )
    return rows


def without_axes() -> dict[str, bool | str]:
    """Return what an axis needs to be unseen: pictures have no coordinates to read."""
    return {"visible": False, "constrain": "domain", "fixedrange": True}


def _palette(
    pixels: UInt8[np.ndarray, "pixel 3"], colours: int
) -> tuple[UInt8[np.ndarray, "colour 3"], UInt8[np.ndarray, " pixel"]]:
    """Return the colours of a picture and which one each pixel takes (median cut).

    The box with the largest spread of any of red, green and blue, times its pixels, is cut in two
    at its mean until there are enough boxes; each box gives its mean.
    """
    boxes = [np.arange(len(pixels))]
    spreads = [_spread(pixels)]
    while len(boxes) < colours and max(spread for spread, _ in spreads) > 0:
        widest = max(range(len(boxes)), key=lambda i: spreads[i][0])
        box, (_, axis) = boxes.pop(widest), spreads.pop(widest)
        values = pixels[box, axis]
        high = values > values.mean()
        for half in (box[~high], box[high]):
            boxes.append(half)
            spreads.append(_spread(pixels[half]))
    # Neighbours in brightness get neighbouring numbers, which compresses better.
    means = sorted((pixels[box].mean(axis=0).round().tolist(), i) for i, box in enumerate(boxes))
    index = np.zeros(len(pixels), np.uint8)
    for number, (_, i) in enumerate(means):
        index[boxes[i]] = number
    return np.array([mean for mean, _ in means]).astype(np.uint8), index


def _spread(pixels: UInt8[np.ndarray, "pixel 3"]) -> tuple[float, int]:
    """Return the largest sum of squares about the mean, and of which channel it is."""
    squares = pixels.astype(np.float64).var(axis=0) * len(pixels)
    return float(squares.max()), int(squares.argmax())


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)
