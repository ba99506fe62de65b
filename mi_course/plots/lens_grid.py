"""What a lens reads, as a grid: the best token at each point of the stream and each position."""

from collections.abc import Callable
from typing import NamedTuple

import plotly.graph_objects as go
from jaxtyping import Float
from torch import Tensor

from mi_course.plots.lens import where
from mi_course.plots.style import PROBABILITY, TRUTH, frame, visible
from mi_course.results import LensGrid

__all__ = ["GRID_COLOURS", "MAX_COLUMNS", "plot_lens_grid"]

# A word is cut at this length, and not written at all in more columns than this.
LETTERS, MAX_COLUMNS = 9, 40
CELL_WIDTH, CELL_HEIGHT = 58, 34
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
        width=max(480, 250 + width * len(columns)),
        height=max(240, 140 + CELL_HEIGHT * (len(rows) + 1)),
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
        textfont={"size": 11},
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
    places = [f"{count} {where(point)}" for point, count in zip(grid.points, counts, strict=True)]
    kept = places if len(places) <= 3 else [places[0], places[len(places) // 2], places[-1]]
    return f"{grid.lens.capitalize()}: of {known} best tokens are right: {', '.join(kept)}"


def _rank_ticks() -> dict:
    ticks = Tensor([0, 1, 10, 100, 1000, 10_000, 100_000])
    return {"tickvals": ticks.log1p().tolist(), "ticktext": [f"{int(t):,}" for t in ticks]}


def _short(token: str) -> str:
    cut = token if len(token) <= LETTERS else f"{token[: LETTERS - 1]}…"
    return visible(cut)
