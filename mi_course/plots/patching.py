"""Patching effects: heat maps by layer and place, scatters against the truth, comparisons.

Colours are changes from a patch without effect, so white is "nothing happens" in both directions.
"""

import re

import plotly.graph_objects as go
from torch import Tensor

from mi_course.plots.style import (
    COLOURS,
    GREY,
    SIGNED,
    TRUTH,
    frame,
    in_cells,
    visible,
    zero_line,
)
from mi_course.results import AblationEffects, PatchGrid, PatchScatter
from mi_course.results.patching import measured

__all__ = [
    "heat_of",
    "label_axes",
    "plot_ablations",
    "plot_patch_grid",
    "plot_patch_intervals",
    "plot_patch_scatter",
    "row_labels",
    "shown_name",
    "tick",
]

CELL_WIDTH, CELL_HEIGHT = 46, 34
MAX_TICKS = 48  # labels of more columns cannot be read
POSITION = re.compile(r"\d+ (?=.)", re.DOTALL)
NAMED = 6


def plot_patch_grid(grid: PatchGrid, *, title: str | None = None) -> go.Figure:
    """Return a heat map of effects, layer 0 at the bottom; heads by position are rows of heads.

    Args:
        grid: of two axes, or of layer, head and position.
        title: the claim; by default which cell moves the run most.

    Returns:
        A figure; numbers and colours are changes from a patch without effect.
    """
    rows, columns = row_labels(grid), grid.labels[-1]
    figure = go.Figure(heat_of(grid, colorbar={"title": {"text": f"change<br>({grid.unit})"}}))
    label_axes(figure, grid)
    return frame(
        figure,
        title=title or _claim(grid),
        summary=grid.summary(),
        width=max(480, 220 + CELL_WIDTH * min(len(columns), MAX_TICKS)),
        height=max(220, 120 + CELL_HEIGHT * min(len(rows), MAX_TICKS)),
    )


def plot_patch_intervals(grid: PatchGrid, k: int = 12, *, title: str | None = None) -> go.Figure:
    """Return the k cells that move the run most, with their intervals over prompts.

    Args:
        grid: of any axes.
        k: how many cells.
        title: the claim; by default as for the heat map.

    Returns:
        A figure of values, not of changes; the dashed line is a patch without effect.
    """
    order = grid.change().flatten().abs().argsort(descending=True, stable=True)[:k].flip(0)
    value, low, high = (t.flatten()[order] for t in (grid.values, grid.low, grid.high))
    names = grid.names
    bars = go.Scatter(
        x=value.tolist(),
        y=[shown_name(names[i]) for i in order.tolist()],
        mode="markers",
        marker={"color": COLOURS[0], "size": 9},
        error_x=_bars(value, low, high),
        hovertemplate="%{y}: %{x:.3f}<extra></extra>",
    )
    figure = go.Figure(bars)
    figure.add_vline(x=grid.base, line={"color": GREY, "width": 1, "dash": "dash"})
    figure.update_xaxes(title=f"{measured(grid.metric, grid.unit)}, interval over prompts")
    figure.update_yaxes(title="patched", type="category")
    return frame(
        figure,
        title=title or _claim(grid),
        summary=grid.summary(),
        height=max(240, 90 + 26 * len(order)),
    )


def plot_patch_scatter(scatter: PatchScatter, *, title: str | None = None) -> go.Figure:
    """Return approximate against true effects; on the dashed line both are equal.

    Args:
        scatter: from `compare_with_truth`.
        title: the claim; by default the correlation.

    Returns:
        A figure; the cells that are furthest off are named, all on hovering.
    """
    far = {name for name, *_ in scatter.worst(NAMED)}
    true, approximate = scatter.true.tolist(), scatter.approximate.tolist()
    ends = [min(true + approximate), max(true + approximate)]
    figure = go.Figure()
    figure.add_scatter(x=ends, y=ends, mode="lines", line=TRUTH, name="equal", showlegend=True)
    figure.add_scatter(
        x=true,
        y=approximate,
        mode="markers+text",
        text=[shown_name(name) * (name in far) for name in scatter.names],
        hovertext=list(map(shown_name, scatter.names)),
        # Labels near the right edge would be cut.
        textposition=["bottom left" if x > sum(ends) / 2 else "bottom right" for x in true],
        textfont={"size": 10},
        marker={"color": COLOURS[0], "size": 7, "opacity": 0.7},
        showlegend=False,
    )
    figure.update_xaxes(title=f"patching {scatter.site} ({scatter.unit})")
    figure.update_yaxes(title=f"first order ({scatter.unit})")
    return frame(
        figure,
        title=title or _agreement(scatter),
        summary=scatter.summary(),
        width=560,
    )


def plot_ablations(effects: AblationEffects, *, title: str | None = None) -> go.Figure:
    """Return the metric without each set of nodes, with intervals over prompts.

    Args:
        effects: from `ablate`.
        title: the claim; by default which set changes most.

    Returns:
        A figure; the dashed line is the whole model.
    """
    names = [" ".join(nodes) or "nothing" for nodes in effects.sets]
    figure = go.Figure(
        go.Bar(
            x=names,
            y=effects.values.tolist(),
            marker={"color": COLOURS[0]},
            error_y=_bars(effects.values, effects.low, effects.high),
        )
    )
    zero_line(figure)
    whole = effects.clean.mean().item()
    figure.add_hline(y=whole, line={"color": GREY, "width": 1, "dash": "dash"})
    most = int(effects.change().abs().argmax())
    figure.update_xaxes(
        title=f"removed ({effects.mode.replace('_', ' ')} ablation)", type="category"
    )
    figure.update_yaxes(title=measured(effects.metric, effects.unit))
    return frame(
        figure,
        title=title
        or f"Without {names[most]} {effects.metric} is {effects.values[most]:.2f}, with all "
        f"{whole:.2f}",
        summary=effects.summary(),
        width=max(480, 160 + 56 * len(names)),
    )


def _agreement(scatter: PatchScatter) -> str:
    return (
        f"To first order effects of {scatter.site} correlate {scatter.correlation():.2f} with "
        f"the truth, and signs agree in {scatter.sign_agreement():.0%}"
    )


def _bars(value: Tensor, low: Tensor, high: Tensor) -> dict:
    """Return error bars from the ends of intervals."""
    above, below = (high - value).clamp_min(0), (value - low).clamp_min(0)
    return {
        "type": "data",
        "symmetric": False,
        "array": above.tolist(),
        "arrayminus": below.tolist(),
        "color": "#555555",
    }


def heat_of(grid: PatchGrid, **more: object) -> go.Heatmap:
    """Return a grid's changes as a heat map, white where nothing happens; more goes to plotly."""
    change = grid.change()
    change = change.reshape(-1, change.shape[-1])
    largest = change.abs().max().item() or 1.0
    hover = [shown_name(name) for name in grid.names]
    ends = zip(*(t.flatten().tolist() for t in (grid.values, grid.low, grid.high)), strict=True)
    told = [
        f"{name}: {v:z.3f} ({a:z.3f} to {b:z.3f}) {grid.unit}"
        for name, (v, a, b) in zip(hover, ends, strict=True)
    ]
    width = change.shape[1]
    return go.Heatmap(
        z=change.tolist(),
        colorscale=SIGNED,
        zmid=0,
        zmin=-largest,
        zmax=largest,
        customdata=[told[i : i + width] for i in range(0, len(told), width)],
        hovertemplate="%{customdata}<extra></extra>",
        **in_cells(change.tolist(), size=10),
        **more,
    )


def label_axes(figure: go.Figure, grid: PatchGrid, **where: int) -> None:
    """Write a grid's labels on a figure's axes; `where` says which ones, by row and col."""
    rows, columns = row_labels(grid), [tick(label) for label in grid.labels[-1]]
    titles = {"position": "patched position", "head": "head", "neuron": "neuron"}
    figure.update_xaxes(title=titles[grid.axes[-1]], showgrid=False, **_ticks(columns), **where)
    slanted = grid.axes[-1] == "position"
    figure.update_xaxes(tickangle=-45 if slanted else 0, **where)
    name = "layer" if len(grid.axes) == 2 else "head"
    figure.update_yaxes(title=name, showgrid=False, **_ticks(rows), **where)


def _ticks(labels: list[str]) -> dict:
    if len(labels) > MAX_TICKS:
        return {}
    return {"tickvals": list(range(len(labels))), "ticktext": labels}


def row_labels(grid: PatchGrid) -> list[str]:
    """Return layers, or heads by their names where each has a row."""
    if len(grid.axes) == 2:
        return list(grid.labels[0])
    return [f"L{layer}H{head}" for layer in grid.labels[0] for head in grid.labels[1]]


def tick(label: str) -> str:
    """Return a position's token, or a place's name."""
    return visible(POSITION.sub("", label, count=1)) if POSITION.match(label) else label


def shown_name(name: str) -> str:
    """Return a cell's name with its token as it can be seen."""
    before, at, place = name.strip().partition(" @")
    return f"{before} at {tick(place)}" if at else before


def _claim(grid: PatchGrid) -> str:
    name, value = grid.top()[0]
    place = shown_name(name)
    through = grid.method.removeprefix("path patching ")
    path = "" if through == grid.method else f" {through}"
    if grid.unit != "fraction":
        return (
            f"{grid.site} of {place}{path} moves {grid.metric} most: {grid.base:.2f} to {value:.2f}"
        )
    if grid.direction == "denoising":
        return f"Clean {grid.site} of {place}{path} alone brings back {value:.0%} of the difference"
    return (
        f"Corrupted {grid.site} of {place}{path} alone takes away {1 - value:.0%} of the difference"
    )
