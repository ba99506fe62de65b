"""Grids of patches beside something else: other grids, or what the model says in one cell's run."""

from collections.abc import Mapping

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mi_course.plots.patching import (
    CELL_HEIGHT,
    MAX_TICKS,
    heat_of,
    label_axes,
    row_labels,
    shown_name,
    tick,
)
from mi_course.plots.style import COLOURS, GREY, frame, visible
from mi_course.results import PatchedPrompt, PatchGrid

__all__ = ["plot_patch_comparison", "plot_patched_prompt"]

NARROW = 34  # pixels of a column: two figures must fit beside each other on a page


def plot_patch_comparison(grids: Mapping[str, PatchGrid], *, title: str | None = None) -> go.Figure:
    """Return grids of the same cells side by side, such as several metrics or corruptions.

    Args:
        grids: name -> grid; each has a colour range of its own, whose end its heading tells.
        title: the claim; by default which cell each grid finds strongest.

    Returns:
        A figure.

    Raises:
        ValueError: no grids, or grids of other cells.
    """
    first = next(iter(grids.values()), None)
    if first is None or any(grid.labels != first.labels for grid in grids.values()):
        raise ValueError("expected at least one grid, and all of the same cells, got others")
    headings = [
        f"{name}<br>up to {grid.change().abs().max():.2f} ({grid.unit})"
        for name, grid in grids.items()
    ]
    figure = make_subplots(1, len(grids), subplot_titles=headings, shared_yaxes=True)
    for column, grid in enumerate(grids.values(), start=1):
        figure.add_trace(heat_of(grid, showscale=False), row=1, col=column)
        label_axes(figure, grid, row=1, col=column)
    figure.update_yaxes(title=None, col=None)
    figure.update_yaxes(title="layer", row=1, col=1)
    figure.update_annotations(font={"size": 12})
    told = ", ".join(f"{shown_name(grid.top()[0][0])} by {name}" for name, grid in grids.items())
    wide = max(180, NARROW * min(len(first.labels[-1]), MAX_TICKS))
    framed = frame(
        figure,
        title=title or f"Strongest: {told}",
        summary=" ".join(f"{name}: {grid.summary()}" for name, grid in grids.items()),
        width=max(560, 100 + wide * len(grids)),
        height=max(220, 140 + CELL_HEIGHT * min(len(row_labels(first)), MAX_TICKS)),
    )
    return framed.update_layout(margin={"t": framed.layout.margin.t + 40})


def plot_patched_prompt(
    grid: PatchGrid, chosen: tuple[int, int], shown: PatchedPrompt, *, title: str | None = None
) -> go.Figure:
    """Return a grid with one cell framed, and beside it what the model says in that cell's run.

    Args:
        grid: by layer and position.
        chosen: row and column of the cell.
        shown: the run of that cell.
        title: the claim; by default what the model says.
    """
    figure = make_subplots(1, 2, column_widths=[0.7, 0.3], horizontal_spacing=0.14)
    figure.add_trace(heat_of(grid, showscale=False), row=1, col=1)
    label_axes(figure, grid, row=1, col=1)
    row, column = chosen
    box = {"x0": column - 0.5, "x1": column + 0.5, "y0": row - 0.5, "y1": row + 0.5}
    figure.add_shape(type="rect", **box, line={"color": "black", "width": 3}, row=1, col=1)
    _add_answers(figure, shown)
    figure.update_xaxes(title="probability", range=[0, 1], row=1, col=2)
    figure.update_yaxes(type="category", row=1, col=2)
    name = shown_name(row_labels(grid)[row] if len(grid.axes) > 2 else f"L{grid.labels[0][row]}")
    place = tick(grid.labels[-1][column])
    return frame(
        figure,
        title=title
        or f"{grid.site} of {name} at {place}: the model says {visible(shown.says[0])}, "
        f"{shown.probs[0]:.2f} (before {shown.before[0]:.2f})",
        summary=shown.summary(),
        width=max(640, 360 + NARROW * min(len(grid.labels[-1]), MAX_TICKS)),
        height=max(260, 140 + CELL_HEIGHT * len(row_labels(grid))),
    )


def _add_answers(figure: go.Figure, shown: PatchedPrompt) -> None:
    """Draw the likeliest tokens before and after, in the second column."""
    says = [visible(token) for token in shown.says][::-1]
    for name, probs, colour in (
        ("before", shown.before, GREY),
        ("patched", shown.probs, COLOURS[0]),
    ):
        values = probs.flip(0).tolist()
        bar = go.Bar(x=values, y=says, orientation="h", name=name, marker={"color": colour})
        figure.add_trace(bar.update(showlegend=True), row=1, col=2)
