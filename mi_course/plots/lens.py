"""What a lens reads: the grid of best tokens, and how readings move through the layers."""

from collections.abc import Callable
from typing import NamedTuple

import plotly.graph_objects as go
from jaxtyping import Float
from torch import Tensor

from mi_course.plots.style import COLOURS, DASHES, MARKERS, PROBABILITY, TRUTH, frame, visible
from mi_course.results import LensGrid, LensTrajectories

__all__ = ["GRID_COLOURS", "plot_kl_by_layer", "plot_lens_grid", "plot_trajectories"]

# A word is cut at this length, and not written at all in more columns than this.
LETTERS, MAX_COLUMNS = 9, 40
CELL_WIDTH, CELL_HEIGHT = 68, 34
HALO = {"color": "white", "width": 4}  # black dashes are lost on the darkest cells


class Shade(NamedTuple):
    """What the colour of a cell stands for."""

    unit: str
    values: Callable[[LensGrid], Float[Tensor, "point pos"]]
    largest: float | None = None


GRID_COLOURS = {
    "logit": Shade("logit of the best token", lambda grid: grid.logits[..., 0]),
    "probability": Shade("probability of the best token", lambda grid: grid.probs[..., 0], 1.0),
    "entropy": Shade("entropy (nats)", lambda grid: grid.entropy),
    "KL": Shade("KL to the end (nats)", lambda grid: grid.kl_to_final),
    "rank": Shade("rank of the right token", lambda grid: grid.target_rank.clamp(min=0).log1p()),
}
KINDS = {
    "rank": "rank of the answer (0 is best, log scale)",
    "log_prob": "log-probability of the answer (nats)",
    "entropy": "entropy of the reading (nats)",
    "kl_to_final": "KL to the final prediction (nats)",
}


def plot_lens_grid(grid: LensGrid, colour: str = "logit", *, title: str | None = None) -> go.Figure:
    """Return the best token at each point and position, the embedding at the bottom.

    Args:
        grid: of one text; `LensGrid.between` takes a part of a long one.
        colour: what the cells are coloured by: "logit", "probability" (both of the best token),
            "entropy", "KL" (to the final prediction) or "rank" (of the right token, log scale).
        title: the claim; by default how many best tokens are right at the start and at the end.

    Returns:
        A figure; a black dashed frame marks a best token that is right, and the right tokens stand
        above the grid.

    Raises:
        ValueError: another colour.
    """
    if colour not in GRID_COLOURS:
        raise ValueError(f"expected a colour among {', '.join(GRID_COLOURS)}, got {colour!r}")
    columns, rows = list(range(len(grid.tokens))), list(range(len(grid.points)))
    figure = go.Figure(_cells(grid, colour))
    figure.add_scatter(**_frames(grid), line=HALO, showlegend=False)
    figure.add_scatter(**_frames(grid), line=TRUTH, showlegend=bool(grid.correct.any()))
    labels = [_short(token) for token in grid.tokens]
    if len(columns) <= MAX_COLUMNS:
        above = {"x": columns, "y": [len(rows)] * len(columns), "mode": "text", "hoverinfo": "skip"}
        figure.add_scatter(**above, text=[_short(t) for t in grid.targets], showlegend=False)
        points = {"tickvals": [*rows, len(rows)], "ticktext": [*grid.points, "right token"]}
    else:
        points = {"tickvals": rows, "ticktext": grid.points}
    figure.update_xaxes(title="token read", tickvals=columns, ticktext=labels, showgrid=False)
    figure.update_xaxes(tickangle=-45, range=[-0.5, len(columns) - 0.5])
    figure.update_yaxes(title="where it is read", showgrid=False, **points)
    width = CELL_WIDTH if len(columns) <= MAX_COLUMNS else CELL_WIDTH // 4
    return frame(
        figure,
        title=title or _grid_claim(grid),
        summary=grid.summary(),
        width=max(480, 280 + width * len(columns)),
        height=max(240, 140 + CELL_HEIGHT * (len(rows) + 1)),
    )


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
            textfont={"color": COLOURS[i % len(COLOURS)]},
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
        title=title or f"Mean KL to the final prediction {_at(point)} (nats): {ends}",
        summary=" ".join(each.summary() for each in readings),
        width=max(560, 160 + 60 * len(readings[0].points)),
    )


def _cells(grid: LensGrid, colour: str) -> go.Heatmap:
    shade = GRID_COLOURS[colour]
    values = shade.values(grid)
    written = len(grid.tokens) <= MAX_COLUMNS
    known = (grid.target_rank >= 0).tolist()
    ranks = colour == "rank"
    shown = [
        [value if there or not ranks else None for value, there in zip(*row, strict=True)]
        for row in zip(values.tolist(), known, strict=True)
    ]
    bar = {"title": {"text": shade.unit, "side": "right"}, "len": 1, "thickness": 14}
    return go.Heatmap(
        z=shown,
        colorscale=PROBABILITY,
        zmin=min(0.0, values.min().item()),
        zmax=shade.largest or max(values.max().item(), 1e-9),
        colorbar=bar | (_rank_ticks() if ranks else {}),
        text=[[_short(cell[0]) for cell in row] for row in grid.words] if written else None,
        texttemplate="%{text}" if written else None,
        textfont={"size": 12},
        customdata=_hover(grid),
        hovertemplate="%{customdata}<extra></extra>",
        xgap=1,
        ygap=1,
    )


def _frames(grid: LensGrid) -> dict:
    """One line that goes around every cell whose best token is right."""
    x, y = [], []
    for point, pos in grid.correct.nonzero().tolist():
        left, right, low, high = pos - 0.46, pos + 0.46, point - 0.44, point + 0.44
        x += [left, right, right, left, left, None]
        y += [low, low, high, high, low, None]
    return {"x": x, "y": y, "mode": "lines", "name": "the best token is right", "hoverinfo": "skip"}


def _hover(grid: LensGrid) -> list[list[str]]:
    return [
        [_told(grid, point, pos) for pos in range(len(grid.tokens))]
        for point in range(len(grid.points))
    ]


def _told(grid: LensGrid, point: int, pos: int) -> str:
    probs = grid.probs[point, pos].tolist()
    best = zip(grid.words[point][pos], grid.logits[point, pos].tolist(), probs, strict=True)
    lines = [f"{grid.points[point]}, at {visible(grid.tokens[pos])}"]
    lines += [f"{visible(word)}: logit {logit:.1f}, p {prob:.2f}" for word, logit, prob in best]
    rank = grid.target_rank[point, pos].item()
    if rank >= 0:
        lines.append(f"right: {visible(grid.targets[pos])}, rank {rank}")
    entropy, kl = grid.entropy[point, pos].item(), grid.kl_to_final[point, pos].item()
    return "<br>".join([*lines, f"entropy {entropy:.2f}, KL {kl:.2f} nats"])


def _grid_claim(grid: LensGrid) -> str:
    known = int((grid.target_rank[-1] >= 0).sum())
    counts = grid.correct.sum(dim=1).tolist()
    where = [f"{count} {_at(point)}" for point, count in zip(grid.points, counts, strict=True)]
    kept = where if len(where) <= 3 else [where[0], where[len(where) // 2], where[-1]]
    return f"{grid.lens.capitalize()}: of {known} best tokens are right: {', '.join(kept)}"


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
        where = (
            f"first {_at(best[0])}" if best else f"nowhere (lowest median rank {min(medians):.0f})"
        )
        parts.append(f"{_name(each, trajectories)} {where}")
    return f"At least half of the answers are the best token: {'; '.join(parts)}"


def _at(point: str) -> str:
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


def _rank_ticks() -> dict:
    ticks = Tensor([0, 1, 10, 100, 1000, 10_000, 100_000])
    return {"tickvals": ticks.log1p().tolist(), "ticktext": [f"{int(t):,}" for t in ticks]}


def _short(token: str) -> str:
    cut = token if len(token) <= LETTERS else f"{token[: LETTERS - 1]}…"
    return visible(cut)
