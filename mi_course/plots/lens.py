"""How readings move through the layers: ranks, probabilities, and how far the end is."""

import plotly.graph_objects as go

from mi_course.plots.style import COLOURS, DASHES, MARKERS, frame
from mi_course.results import LensGrid, LensTrajectories

__all__ = ["plot_kl_by_layer", "plot_trajectories", "where"]


KINDS = {
    "rank": "rank of the answer (0 is best, log scale)",
    "log_prob": "log-probability of the answer (nats)",
    "entropy": "entropy of the reading (nats)",
    "kl_to_final": "KL to the final prediction (nats)",
}


def plot_trajectories(
    *trajectories: LensTrajectories, what: str = "rank", title: str | None = None
) -> go.Figure:
    """Return how readings of many prompts move from point to point: medians and quartiles.

    Args:
        *trajectories: one or several, such as the logit lens and the tuned lens of one task.
        what: "rank" and "log_prob" of the answer, "entropy", or "kl_to_final".
        title: the claim; by default the first and the last two medians of each.

    Returns:
        A figure; a line joins the medians, its band holds half of the prompts.

    Raises:
        ValueError: nothing to plot, something else to read, or points that differ.
    """
    _same_points(trajectories)
    figure = go.Figure()
    first_rank = 1 if what == "rank" else 0  # a log scale has no zero
    for i, each in enumerate(trajectories):
        low, median, high = (each.quartiles(what) + first_rank).tolist()
        points, style = list(each.points), COLOURS[i % len(COLOURS)]
        figure.add_scatter(
            x=[*points, *reversed(points)],
            y=[*high, *reversed(low)],
            fill="toself",
            fillcolor=style,
            opacity=0.2,
            mode="none",
            hoverinfo="skip",
            showlegend=False,
        )
        figure.add_scatter(
            x=points,
            y=median,
            customdata=[value - first_rank for value in median],
            hovertemplate="%{x}: median %{customdata:.2f}<extra></extra>",
            **_line(_name(each, trajectories), i),
        )
    figure.update_xaxes(title="where it is read")
    figure.update_yaxes(title=KINDS[what], **_axis(what))
    return frame(
        figure,
        title=title or _trajectory_claim(trajectories, what),
        summary=" ".join(each.summary() for each in trajectories),
        width=max(560, 160 + 60 * len(trajectories[0].points)),
    )


def plot_kl_by_layer(*readings: LensGrid | LensTrajectories, title: str | None = None) -> go.Figure:
    """Return the mean divergence from the final prediction at each point, one line for each lens.

    Args:
        *readings: one or several of the same points.
        title: the claim; by default the mean of each lens before the last point.

    Returns:
        A figure, in nats.

    Raises:
        ValueError: nothing to plot, or points that differ.
    """
    _same_points(readings)
    figure = go.Figure()
    for i, each in enumerate(readings):
        means = each.kl_to_final.mean(dim=1).tolist()
        figure.add_scatter(
            x=list(each.points),
            y=means,
            text=[f"{mean:.2f}" if mean > 0.005 * max(means) else "" for mean in means],
            textposition="bottom center" if i % 2 else "top center",
            cliponaxis=False,
            **_line(_name(each, readings), i) | {"mode": "lines+markers+text"},
        )
    figure.update_xaxes(title="where it is read")
    figure.update_yaxes(title="mean KL to the final prediction (nats)")
    point = readings[0].points[-2] if len(readings[0].points) > 1 else readings[0].points[0]
    at = readings[0].points.index(point)
    ends = ", ".join(
        f"{_name(each, readings)} {each.kl_to_final[at].mean().item():.2f}" for each in readings
    )
    return frame(
        figure,
        title=title or f"Mean KL to the final prediction {where(point)} (nats): {ends}",
        summary=" ".join(each.summary() for each in readings),
        width=max(560, 160 + 60 * len(readings[0].points)),
    )


def _trajectory_claim(trajectories: tuple[LensTrajectories, ...], what: str) -> str:
    if what == "rank":
        return _rank_claim(trajectories)
    parts = []
    for each in trajectories:
        medians = each.quartiles(what)[1].tolist()
        shown = sorted({0, max(0, len(medians) - 2), len(medians) - 1})
        told = ", ".join(f"{each.points[at]} {medians[at]:.2f}" for at in shown)
        parts.append(f"{_name(each, trajectories)}: {told}")
    return f"Median {KINDS[what]}. {'; '.join(parts).capitalize()}"


def _rank_claim(trajectories: tuple[LensTrajectories, ...]) -> str:
    parts = []
    for each in trajectories:
        medians = each.median_rank().tolist()
        best = [point for point, rank in zip(each.points, medians, strict=True) if rank == 0]
        place = (
            f"first {where(best[0])}"
            if best
            else f"nowhere (lowest median rank {min(medians):.0f})"
        )
        parts.append(f"{_name(each, trajectories)} {place}")
    return f"At least half of the answers are the best token: {'; '.join(parts)}"


def where(point: str) -> str:
    """Return a point's label as the place that a sentence names."""
    if point.startswith(("before", "inside", "after")):
        return point
    return "at the embedding" if point == "embedding" else f"at {point}"


def _name(one: LensGrid | LensTrajectories, among: tuple) -> str:
    """What tells one reading from the others: its lens, or the prompts it read."""
    alike = len({each.lens for each in among}) < len(among)
    return f"{one.lens}, {one.name}" if alike and isinstance(one, LensTrajectories) else one.lens


def _same_points(readings: tuple) -> None:
    if len({each.points for each in readings}) != 1:
        raise ValueError(
            f"expected one or several readings of the same points, got "
            f"{[each.points for each in readings]}"
        )


def _line(name: str, i: int) -> dict:
    return {
        "mode": "lines+markers",
        "name": name,
        "showlegend": True,
        "line": {"color": COLOURS[i % len(COLOURS)], "dash": DASHES[i % len(DASHES)], "width": 3},
        "marker": {"symbol": MARKERS[i % len(MARKERS)], "size": 9},
    }


def _axis(what: str) -> dict:
    if what != "rank":
        return {}
    ticks = [0, 1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000]
    return {"type": "log", "tickvals": [tick + 1 for tick in ticks], "ticktext": ticks}
