"""Curves about edges: against a known circuit, against size, and over resampled prompts."""

from collections.abc import Sequence

import plotly.graph_objects as go

from mi_course.plots.style import COLOURS, GREY, PROBABILITY, TRUTH, curve_look, frame
from mi_course.results.circuit_graph import edge_name
from mi_course.results.circuit_scores import EdgeStability, FaithfulnessCurve, RocCurve

__all__ = ["plot_edge_stability", "plot_faithfulness_by_size", "plot_roc"]

MOST_EDGES = 40  # rows of a figure that can be read


def plot_roc(curves: Sequence[RocCurve], *, title: str | None = None) -> go.Figure:
    """Return how many true edges several methods find for how many false ones.

    Args:
        curves: of the methods, about one truth.
        title: the claim; by default which has the largest area.

    Returns:
        A figure.

    Raises:
        ValueError: no curves.
    """
    if not curves:
        raise ValueError("expected at least one curve, got none")
    figure = go.Figure()
    for i, curve in enumerate(curves):
        figure.add_scatter(
            x=curve.false_positive.tolist(),
            y=curve.true_positive.tolist(),
            name=f"{curve.name} ({curve.area():.3f})",
            hovertemplate="%{y:.0%} of the true edges, %{x:.1%} of the others<extra></extra>",
            showlegend=True,
            **curve_look(i % len(COLOURS), size=6),
        )
    ends = {"x": [0, 1], "y": [0, 1], "line": {"color": GREY, "width": 1}}
    figure.add_scatter(mode="lines", hoverinfo="skip", showlegend=False, **ends)
    figure.update_xaxes(title="fraction of the other edges kept", range=[-0.02, 1.02])
    figure.update_yaxes(title="fraction of the true edges kept", range=[-0.02, 1.02])
    best = max(curves, key=lambda curve: curve.area())
    return frame(
        figure,
        title=title or f"{best.name} has the largest area under its curve, {best.area():.3f}",
        summary=" ".join(curve.summary() for curve in curves),
        width=560,
        height=440,
    )


def plot_faithfulness_by_size(
    curves: Sequence[FaithfulnessCurve], *, at: int | None = None, title: str | None = None
) -> go.Figure:
    """Return what the best edges recover of the model's work, against their number.

    Args:
        curves: of several ways to order edges.
        at: a size to mark, such as that of the true circuit.
        title: the claim; by default what each needs for 90 %.

    Returns:
        A figure.

    Raises:
        ValueError: no curves.
    """
    if not curves:
        raise ValueError("expected at least one curve, got none")
    figure = go.Figure()
    for i, curve in enumerate(curves):
        figure.add_scatter(
            # A logarithm has no zero: nothing kept stands one step left of one edge.
            x=[size or 0.5 for size in curve.sizes],
            y=curve.recovered().tolist(),
            customdata=curve.sizes,
            name=curve.name,
            hovertemplate="%{customdata} edges: %{y:.0%} recovered<extra></extra>",
            showlegend=True,
            **curve_look(i % len(COLOURS), size=6),
        )
    figure.add_hline(y=1, line={"color": GREY, "width": 1})
    if at is not None:
        figure.add_vline(x=at, line=TRUTH)
    figure.update_xaxes(title="edges kept", type="log", **_ticks(curves))
    figure.update_yaxes(title="fraction recovered")
    needed = ", ".join(f"{curve.needed(0.9) or 'all'} by {curve.name}" for curve in curves)
    return frame(
        figure,
        title=title or f"Edges needed to recover 90 %: {needed}",
        summary=" ".join(curve.summary() for curve in curves),
        width=640,
        height=400,
    )


def _ticks(curves: Sequence[FaithfulnessCurve]) -> dict[str, list]:
    largest = max(curve.sizes[-1] for curve in curves)
    marks = [mark * 10**power for power in range(6) for mark in (1, 3)]
    shown = [mark for mark in marks if mark <= largest]
    return {"tickvals": [0.5, *shown], "ticktext": ["0", *(f"{mark:,}" for mark in shown)]}


def plot_edge_stability(
    stability: EdgeStability, n: int = 20, *, title: str | None = None
) -> go.Figure:
    """Return the intervals of the edges that are kept most often, those kept always on top.

    Args:
        stability: of all edges.
        n: how many edges to show.
        title: the claim; by default how alike two resamples are.

    Returns:
        A figure; the darker a mark, the more often its edge is kept.

    Raises:
        ValueError: more edges than can be read, or none.
    """
    if not 1 <= n <= MOST_EDGES:
        raise ValueError(f"expected 1 to {MOST_EDGES} edges to show, got {n}")
    size = stability.values.abs() / stability.values.abs().max().clamp(min=1e-30)
    order = (stability.kept + 1e-3 * size).argsort(descending=True)[:n].flip(0).tolist()
    values, low, high, kept = (
        getattr(stability, name)[order].tolist() for name in ("values", "low", "high", "kept")
    )
    spread = {
        "type": "data",
        "symmetric": False,
        "array": [up - value for up, value in zip(high, values, strict=True)],
        "arrayminus": [value - down for down, value in zip(low, values, strict=True)],
        "color": "#777777",
    }
    figure = go.Figure()
    figure.add_scatter(
        x=values,
        y=[edge_name(stability.edges[i]) for i in order],
        error_x=spread,
        mode="markers",
        marker={
            "size": 10,
            "color": kept,
            "colorscale": PROBABILITY,
            "cmin": 0,
            "cmax": 1,
            "colorbar": {"title": {"text": "kept in"}, "tickformat": ".0%"},
            "line": {"color": "#222222", "width": 1},
        },
        customdata=kept,
        hovertemplate="%{y}: %{x:.3g}, kept in %{customdata:.0%} of the resamples<extra></extra>",
        showlegend=False,
    )
    figure.add_vline(x=0, line={"color": GREY, "width": 1})
    figure.update_xaxes(title="score and the interval that holds 95 % of the resamples")
    share = stability.jaccard.mean().item()
    return frame(
        figure,
        title=title or f"Two draws of prompts share {share:.0%} of the edges that either keeps",
        summary=stability.summary(),
        width=720,
        height=110 + 22 * n,
    )
