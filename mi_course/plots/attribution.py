"""What each part of the network adds to an answer: heads as a grid, or the largest as bars."""

import plotly.graph_objects as go

from mi_course.plots.style import COLOURS, GREY, SIGNED, frame, in_cells
from mi_course.results import Attribution

__all__ = ["plot_attribution", "plot_largest_parts"]

CELL = 46


def plot_attribution(attribution: Attribution, *, title: str | None = None) -> go.Figure:
    """Return a heat map of heads and, in a column of their own, MLPs; layer 0 is at the bottom.

    Args:
        attribution: means over its prompts are shown.
        title: the claim; by default the three parts that add or take most.

    Returns:
        A figure; the embedding and the biases are told below the axis.
    """
    heads, mlps = attribution.heads().tolist(), attribution.mlps().tolist()
    n_heads = len(heads[0])
    rows = [[*row, None, mlp] for row, mlp in zip(heads, mlps, strict=True)] if mlps else heads
    largest = attribution.mean().abs().max().item() or 1.0
    figure = go.Figure(
        go.Heatmap(
            z=rows,
            colorscale=SIGNED,
            zmid=0,
            zmin=-largest,
            zmax=largest,
            colorbar={"title": {"text": "logits"}},
            customdata=_names(len(rows), n_heads, bool(mlps)),
            hovertemplate="%{customdata}: %{z:.2f} logits<extra></extra>",
            xgap=1,
            ygap=1,
            **in_cells(rows),
        )
    )
    others = ", ".join(f"{name} {value:+.2f}" for name, value in attribution.others().items())
    ticks = {"tickvals": [*range(n_heads), n_heads + 1], "ticktext": [*range(n_heads), "MLP"]}
    below = f"head<br><span style='font-size:12px'>besides: {others}</span>"
    figure.update_xaxes(title=below, showgrid=False, **(ticks if mlps else {"dtick": 1}))
    figure.update_yaxes(title="layer", dtick=1, showgrid=False)
    return frame(
        figure,
        title=title or _claim(attribution),
        summary=attribution.summary(),
        width=max(560, 200 + CELL * (n_heads + 2)),
        height=max(240, 120 + CELL * len(rows)),
    )


def plot_largest_parts(
    attribution: Attribution, k: int = 10, *, title: str | None = None
) -> go.Figure:
    """Return bars of the k parts that add or take most, the largest on top.

    Args:
        attribution: means over its prompts are shown.
        k: how many.
        title: the claim; by default the three parts that add or take most.

    Returns:
        A figure.
    """
    names, values = zip(*reversed(attribution.top(k)), strict=True)
    low, high = min(0.0, *values), max(0.0, *values)
    room = 0.18 * (high - low)  # for the numbers beside the bars
    figure = go.Figure(
        go.Bar(
            y=names,
            x=values,
            orientation="h",
            marker={"color": [COLOURS[0] if value >= 0 else COLOURS[1] for value in values]},
            texttemplate="%{x:+.2f}",
            textposition="outside",
            cliponaxis=False,
        )
    )
    figure.add_vline(x=0, line={"color": GREY, "width": 1})
    figure.update_yaxes(title={"text": "part", "standoff": 14}, type="category", showgrid=False)
    figure.update_xaxes(title="what it adds to the logit difference (logits)")
    figure.update_xaxes(range=[low - room if low < 0 else 0, high + room])
    return frame(
        figure,
        title=title or _claim(attribution),
        summary=attribution.summary(),
        height=max(260, 120 + 30 * len(names)),
    )


def _names(n_layers: int, n_heads: int, mlps: bool) -> list[list[str]]:
    return [
        [*(f"L{layer}H{head}" for head in range(n_heads)), *(["", f"MLP {layer}"] if mlps else [])]
        for layer in range(n_layers)
    ]


def _claim(attribution: Attribution) -> str:
    parts = ", ".join(f"{name} {value:+.1f}" for name, value in attribution.top(3))
    total = attribution.total.mean().item()
    return f"Most of the logit difference of {total:.1f} is written by {parts}"
