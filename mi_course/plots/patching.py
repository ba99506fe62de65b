"""Patching effects: heat maps by layer and place, scatters against the truth, comparisons.

Colours are changes from a patch without effect, so white is "nothing happens" in both directions.
"""

import re
from collections.abc import Mapping

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mi_course.plots.style import COLOURS, SIGNED, TRUTH, frame, visible, zero_line
from mi_course.results import AblationEffects, PatchedPrompt, PatchGrid, PatchScatter

__all__ = [
    "plot_ablations",
    "plot_patch_comparison",
    "plot_patch_grid",
    "plot_patch_intervals",
    "plot_patch_scatter",
    "plot_patched_prompt",
]

CELL_WIDTH, CELL_HEIGHT = 46, 34
# Numbers in more cells, and tick labels of more columns, cannot be read.
MAX_WRITTEN, MAX_TICKS = 160, 48
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
    rows, columns = _rows(grid), grid.labels[-1]
    figure = go.Figure(_heat(grid, colorbar={"title": {"text": f"change<br>({grid.unit})"}}))
    _axes(figure, grid)
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
        y=[_shown(names[i]) for i in order.tolist()],
        mode="markers",
        marker={"color": COLOURS[0], "size": 9},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": (high - value).clamp_min(0).tolist(),
            "arrayminus": (value - low).clamp_min(0).tolist(),
            "color": COLOURS[0],
        },
        hovertemplate="%{y}: %{x:.3f}<extra></extra>",
    )
    figure = go.Figure(bars)
    figure.add_vline(x=grid.base, line={"color": "#999999", "width": 1, "dash": "dash"})
    figure.update_xaxes(title=f"{grid.metric} ({grid.unit}), interval over prompts")
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
        text=[_shown(name) * (name in far) for name in scatter.names],
        hovertext=[_shown(name) for name in scatter.names],
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
        title=title
        or f"To first order effects of {scatter.site} correlate {scatter.correlation():.2f} with "
        f"the truth, and signs agree in {scatter.sign_agreement():.0%}",
        summary=scatter.summary(),
        width=560,
    )


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
        figure.add_trace(_heat(grid, showscale=False), row=1, col=column)
        _axes(figure, grid, row=1, col=column)
    figure.update_yaxes(title=None, col=None)
    figure.update_yaxes(title="layer", row=1, col=1)
    figure.update_annotations(font={"size": 12})
    told = ", ".join(f"{_shown(grid.top()[0][0])} by {name}" for name, grid in grids.items())
    wide = max(180, 28 * min(len(first.labels[-1]), MAX_TICKS))
    framed = frame(
        figure,
        title=title or f"Strongest: {told}",
        summary=" ".join(f"{name}: {grid.summary()}" for name, grid in grids.items()),
        width=max(560, 100 + wide * len(grids)),
        height=max(220, 140 + CELL_HEIGHT * min(len(_rows(first)), MAX_TICKS)),
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
    figure = make_subplots(1, 2, column_widths=[0.68, 0.32], horizontal_spacing=0.16)
    figure.add_trace(_heat(grid, showscale=False), row=1, col=1)
    _axes(figure, grid, row=1, col=1)
    row, column = chosen
    box = {"x0": column - 0.5, "x1": column + 0.5, "y0": row - 0.5, "y1": row + 0.5}
    figure.add_shape(type="rect", **box, line={"color": "black", "width": 3}, row=1, col=1)
    says = [visible(token) for token in shown.says][::-1]
    for name, probs, colour in (
        ("before", shown.before, "#bbbbbb"),
        ("patched", shown.probs, COLOURS[0]),
    ):
        values = probs.flip(0).tolist()
        bar = go.Bar(x=values, y=says, orientation="h", name=name, marker={"color": colour})
        figure.add_trace(bar.update(showlegend=True), row=1, col=2)
    figure.update_xaxes(title="probability", range=[0, 1], row=1, col=2)
    figure.update_yaxes(type="category", row=1, col=2)
    name = _shown(_rows(grid)[row] if len(grid.axes) > 2 else f"L{grid.labels[0][row]}")
    place = _tick(grid.labels[-1][column])
    return frame(
        figure,
        title=title
        or f"{grid.site} of {name} at {place}: the model says {visible(shown.says[0])}, "
        f"{shown.probs[0]:.2f} (before {shown.before[0]:.2f})",
        summary=shown.summary(),
        width=max(640, 380 + CELL_WIDTH * min(len(grid.labels[-1]), MAX_TICKS)),
        height=max(260, 140 + CELL_HEIGHT * len(_rows(grid))),
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
    low, high = effects.values - effects.low, effects.high - effects.values
    figure = go.Figure(
        go.Bar(
            x=names,
            y=effects.values.tolist(),
            marker={"color": COLOURS[0]},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": high.clamp_min(0).tolist(),
                "arrayminus": low.clamp_min(0).tolist(),
            },
        )
    )
    zero_line(figure)
    whole = effects.clean.mean().item()
    figure.add_hline(y=whole, line={"color": "#999999", "width": 1, "dash": "dash"})
    most = int(effects.change().abs().argmax())
    figure.update_xaxes(title=f"removed ({effects.mode} ablation)", type="category")
    figure.update_yaxes(title=f"{effects.metric} ({effects.unit})")
    return frame(
        figure,
        title=title
        or f"Without {names[most]} {effects.metric} is {effects.values[most]:.2f}, with all "
        f"{whole:.2f}",
        summary=effects.summary(),
        width=max(480, 160 + 56 * len(names)),
    )


def _heat(grid: PatchGrid, **more: object) -> go.Heatmap:
    change = grid.change()
    change = change.reshape(-1, change.shape[-1])
    largest = change.abs().max().item() or 1.0
    few = change.numel() <= MAX_WRITTEN
    hover = [_shown(name) for name in grid.names]
    ends = zip(*(t.flatten().tolist() for t in (grid.values, grid.low, grid.high)), strict=True)
    told = [
        f"{name}: {v:.3f} ({a:.3f} to {b:.3f}) {grid.unit}"
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
        texttemplate="%{z:.2f}" if few else None,
        textfont={"size": 10},
        **more,
    )


def _axes(figure: go.Figure, grid: PatchGrid, **where: int) -> None:
    rows, columns = _rows(grid), [_tick(label) for label in grid.labels[-1]]
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


def _rows(grid: PatchGrid) -> list[str]:
    if len(grid.axes) == 2:
        return list(grid.labels[0])
    return [f"L{layer}H{head}" for layer in grid.labels[0] for head in grid.labels[1]]


def _tick(label: str) -> str:
    """Return a position's token, or a place's name."""
    return visible(POSITION.sub("", label, count=1)) if POSITION.match(label) else label


def _shown(name: str) -> str:
    """Return a cell's name with its token as it can be seen."""
    before, at, place = name.strip().partition(" @")
    return f"{before} at {_tick(place)}" if at else before


def _claim(grid: PatchGrid) -> str:
    name, value = grid.top()[0]
    place = _shown(name)
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
