"""How every figure looks: one template, one list of colours, one place for the title.

The colours are those of Okabe and Ito, told apart by people with any colour vision, with two made
darker so that each stands out from white by 3 to 1; each also comes with its own dash and marker,
so that a print in grey still works.
"""

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

import plotly.graph_objects as go

__all__ = [
    "COLOURS",
    "DASHES",
    "GREY",
    "MARKERS",
    "PROBABILITY",
    "SIGNED",
    "TRUTH",
    "add_draws",
    "bar_look",
    "curve_look",
    "frame",
    "in_cells",
    "visible",
    "zero_line",
]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#704A00", "#2996FF", "#555555")
GREY = "#8C8C8C"  # what lies behind: other draws, other tokens, a line to compare with
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "solid")
STRIPES = ("", "/", ".", "x", "-", "+", "|")
MARKERS = ("circle", "square", "diamond", "triangle-up", "x", "cross", "star")
# ColorBrewer's red-blue and blues without their darkest steps, so that black words stay readable.
# Red is below zero and blue above: plots centre the first on zero.
_RED_TO_BLUE = "214,96,77 244,165,130 253,219,199 247,247,247 209,229,240 146,197,222 67,147,195"
_BLUES = "247,251,255 222,235,247 198,219,239 158,202,225 107,174,214 66,146,198"
SIGNED, PROBABILITY = (
    [[i / scale.count(" "), f"rgb({rgb})"] for i, rgb in enumerate(scale.split())]
    for scale in (_RED_TO_BLUE, _BLUES)
)
TRUTH = {"color": "black", "dash": "dash", "width": 2}

TITLE_SIZE = 16
# Numbers in more cells cannot be read. GPT-2 has 12 rows of 12 heads, a gap and an MLP.
MAX_WRITTEN = 168
# A control character, such as a token of one byte may be, would make the whole picture invalid.
SHOWN = {code: chr(0x2400 + code) for code in range(0x20)} | {0x7F: "\u2421"}
SHOWN |= str.maketrans({" ": "\u00b7", "\n": "\u21b5", "\t": "\u21e5", "<": "&lt;", ">": "&gt;"})
_AXIS = {"showgrid": True, "gridcolor": "#e6e6e6", "zeroline": False, "linecolor": GREY}
TEMPLATE = go.layout.Template(
    data={"heatmap": [{"textfont": {"color": "black"}}]},
    layout={
        "font": {"family": "Helvetica, Arial, sans-serif", "size": 13, "color": "#222222"},
        # From the figure's edge: beside a wide axis a title would have less room than it needs.
        "title": {"font": {"size": TITLE_SIZE}, "x": 0, "xref": "container", "xanchor": "left"},
        "colorway": COLOURS,
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "xaxis": {**_AXIS, "automargin": True},
        "yaxis": {**_AXIS, "automargin": True},
        "legend": {"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0, "xanchor": "left"},
    },
)


def frame(
    figure: go.Figure, *, title: str, summary: str, width: int = 640, height: int = 420
) -> go.Figure:
    """Return the figure with the course's template, its title wrapped, and its summary attached.

    Args:
        figure: any figure; it is changed in place.
        title: the claim that the figure supports.
        summary: a sentence for those who cannot see it; `plots.show` prints it.
        width: pixels.
        height: pixels, the title's lines not counted.

    Returns:
        The same figure.
    """
    lines = wrap(title, width=max(20, int(width / (0.56 * TITLE_SIZE)))) or [""]
    legend_line = 30 if any(trace.showlegend for trace in figure.data) else 0
    above = 24 + 22 * len(lines) + legend_line
    # Plotly hangs a single line from this place, and stands the first of several lines on it.
    top = 14 if len(lines) == 1 else 14 + TITLE_SIZE * 0.7
    figure.update_layout(
        template=TEMPLATE,
        title={
            "text": "<br>".join(lines),
            "y": 1 - top / (height + above),
            "yanchor": "top",
            "pad": {"l": 12},
        },
        width=width,
        height=height + above,
        margin={"t": above, "l": 70, "r": 30, "b": 60},
        meta={"summary": summary},
    )
    return figure


def zero_line(figure: go.Figure) -> None:
    """Draw the line at 0 from which changes are read."""
    figure.add_hline(y=0, line={"color": GREY, "width": 1})


def in_cells(values: Sequence[Sequence[float | None]], size: int = 11) -> dict[str, Any]:
    """Return what writes a heat map's numbers into its cells: nothing where they are too many.

    Args:
        values: rows of numbers; None or NaN where a cell stays empty.
        size: of the letters, in pixels.
    """
    if sum(map(len, values)) > MAX_WRITTEN:
        return {}
    # z: a number that rounds to 0 has no sign.
    text = [["" if v is None or v != v else f"{v:z.2f}" for v in row] for row in values]
    return {"text": text, "texttemplate": "%{text}", "textfont": {"size": size}}


def ticks_of(labels: Sequence[str]) -> dict[str, Any]:
    """Return ticks at 0, 1, 2, ...; a categorical axis would merge tokens written alike."""
    return {"tickmode": "array", "tickvals": list(range(len(labels))), "ticktext": list(labels)}


def bar_look(number: int) -> dict[str, Any]:
    """Return the marker of bars that stand beside others: a colour and stripes of their own.

    Args:
        number: of the kind of bar in its figure, from 0.
    """
    at = number % len(COLOURS)
    stripes = {"shape": STRIPES[at], "fillmode": "overlay", "fgcolor": "white", "size": 6}
    return {"color": COLOURS[at], "pattern": stripes}


def curve_look(number: int, size: int = 9) -> dict[str, Any]:
    """Return mode, line and marker of a figure's curve: a colour, a dash and a symbol of its own.

    Args:
        number: of the curve in its figure, from 0.
        size: of its markers, in pixels.
    """
    return {
        "mode": "lines+markers",
        "line": {"color": COLOURS[number], "dash": DASHES[number]},
        "marker": {"symbol": MARKERS[number], "size": size},
    }


def add_draws(
    figure: go.Figure,
    x: Sequence[Any],
    draws: Sequence[Sequence[float]],
    *,
    name: str,
    look: Mapping[str, Any],
) -> None:
    """Draw what chance gives beside a result: a trace for each random draw, one legend entry.

    Args:
        figure: it is changed in place.
        x: the same for all draws.
        draws: the values of each.
        name: in the legend.
        look: mode, line and marker of the traces.
    """
    for i, values in enumerate(draws):
        figure.add_scatter(
            x=x, y=values, name=name, legendgroup="random", showlegend=i == 0, **look
        )


def visible(token: str) -> str:
    """Return a token as a tick label: what is blank can be seen, markup cannot act."""
    return token.translate(SHOWN)
