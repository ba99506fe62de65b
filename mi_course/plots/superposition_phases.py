"""Phase diagrams: what becomes of a feature in trained models, beside the best solution."""

from collections.abc import Sequence
from math import log10

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mi_course.plots.style import COLOURS, TRUTH, frame
from mi_course.results.superposition_phases import PHASES, PhaseDiagram

__all__ = ["plot_phase_diagram"]

SHADES = ("#dddddd", COLOURS[5], COLOURS[1])
TICKS = (1, 2, 5, 10, 20, 50, 100)
RELATIVE = (0.1, 0.3, 1, 3, 10)


def plot_phase_diagram(found: PhaseDiagram, *, title: str | None = None) -> go.Figure:
    """Return two maps of the phase of the last feature: trained models, and the best solution.

    Args:
        found: both, by density and importance.
        title: the claim; by default on how much of the map they agree.

    Returns:
        A figure; the black dashed line is the density at which superposition becomes the best.
    """
    x = (1 / found.density).log10().tolist()
    y = found.importance.log10().tolist()
    panels = ("trained models", "least expected loss")
    figure = make_subplots(cols=2, shared_yaxes=True, subplot_titles=panels)
    for column, phases in enumerate((found.measured, found.analytic), start=1):
        steps = [(edge / 3, SHADES[i]) for i in range(3) for edge in (i, i + 1)]
        heat = go.Heatmap(
            z=phases.tolist(),
            x=x,
            y=y,
            zmin=-0.5,
            zmax=2.5,
            colorscale=steps,
            xgap=1,
            ygap=1,
            colorbar={"tickvals": [0, 1, 2], "ticktext": list(PHASES)},
            showscale=column == 1,
            customdata=found.length.tolist(),
            hovertemplate="phase %{z}, trained length %{customdata:.2f}<extra></extra>",
        )
        figure.add_trace(heat, row=1, col=column)
        line = {"mode": "lines", "line": TRUTH, "name": "boundary", "showlegend": False}
        edge = (1 / found.boundary).log10().tolist()
        figure.add_scatter(x=edge, y=y, row=1, col=column, **line)
    shown = [tick for tick in TICKS if tick <= 1.01 / found.density.min()]
    ticks = _log_ticks(shown)
    figure.update_xaxes(title="1 / density", showgrid=False, range=_around(x), **ticks)
    figure.update_yaxes(showgrid=False, range=_around(y), **_log_ticks(RELATIVE))
    figure.update_yaxes(title="importance of the last feature", row=1, col=1)
    framed = frame(
        figure,
        title=title
        or f"{found.n_features} features in {found.d_hidden} "
        f"dimension{'s' * (found.d_hidden > 1)}: trained models are in the best "
        f"phase at {found.agreement():.0%} of points",
        summary=found.summary(),
        width=820,
        height=380,
    )
    return framed.update_layout(margin={"t": framed.layout.margin.t + 20})


def _log_ticks(values: Sequence[float | int]) -> dict[str, list]:
    return {"tickvals": [log10(value) for value in values], "ticktext": list(map(str, values))}


def _around(values: list[float]) -> list[float]:
    """Return a range that shows whole cells around the first and the last centre."""
    half = abs(values[1] - values[0]) / 2 if len(values) > 1 else 0.5
    return [min(values) - half, max(values) + half]
