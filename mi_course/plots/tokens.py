"""Tokens against tokens: a part of an OV or QK circuit."""

import plotly.graph_objects as go

from mi_course.plots.style import SIGNED, frame, ticks_of, visible
from mi_course.results import TokenMatrix

__all__ = ["plot_token_matrix"]

CELL = 24


def plot_token_matrix(matrix: TokenMatrix, *, title: str | None = None) -> go.Figure:
    """Return a heat map of a circuit between some tokens, red to blue around zero.

    Args:
        matrix: values with the tokens of their rows and columns.
        title: the claim; by default in how many rows the token itself comes first.

    Returns:
        A figure; rows are read from the top, so that copying is a blue diagonal.
    """
    rows, columns = map(_labels, (matrix.rows, matrix.columns))
    largest = matrix.values.abs().max().item() or 1.0
    heat = go.Heatmap(
        z=matrix.values.tolist(),
        colorscale=SIGNED,
        zmid=0,
        zmin=-largest,
        zmax=largest,
        colorbar={"title": {"text": "logits"}},
        customdata=[[f"{row} to {column}" for column in columns] for row in rows],
        hovertemplate="%{customdata}: %{z:.2f}<extra></extra>",
    )
    figure = go.Figure(heat)
    across, down = ticks_of(columns), ticks_of(rows)
    figure.update_xaxes(title=matrix.column_axis, **across, tickangle=-60, showgrid=False)
    figure.update_yaxes(title=matrix.row_axis, **down, autorange="reversed", showgrid=False)
    wins = int(matrix.diagonal_wins().sum())
    return frame(
        figure,
        title=title or f"{matrix.name}: {wins} of {len(rows)} tokens raise themselves most",
        summary=matrix.summary(),
        width=max(460, 220 + CELL * len(columns)),
        height=max(360, 120 + CELL * len(rows)),
    )


def _labels(tokens: tuple[str, ...]) -> list[str]:
    return [visible(token) for token in tokens]
