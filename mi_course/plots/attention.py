"""Attention in one text: the whole pattern of a head, or where one token looks."""

import plotly.graph_objects as go

from mi_course.plots.style import PROBABILITY, bar_look, frame, ticks_of, visible
from mi_course.results import Attention

__all__ = ["plot_attention", "plot_attention_from"]

CELL = 18


def plot_attention(
    attention: Attention, head: str | None = None, *, title: str | None = None
) -> go.Figure:
    """Return the attention pattern of one head as a heat map, white 0 to blue 1.

    Args:
        attention: patterns with the text's tokens.
        head: such as "L1H4"; the first one when None.
        title: the claim; by default only the head's name.

    Returns:
        A figure; the text runs downwards and to the right.

    Raises:
        ValueError: there is no head of this name.
    """
    one = attention.head(head or attention.heads[0])
    labels = [visible(token) for token in one.tokens]
    heat = go.Heatmap(
        z=one.patterns[0].tolist(),
        colorscale=PROBABILITY,
        zmin=0,
        zmax=1,
        colorbar={"title": {"text": "probability"}},
        customdata=[[f"{query} looks at {key}" for key in labels] for query in labels],
        hovertemplate="%{customdata}: %{z:.2f}<extra></extra>",
    )
    figure = go.Figure(heat)
    ticks = ticks_of(labels)
    figure.update_xaxes(title="token looked at (key)", tickangle=-60, showgrid=False, **ticks)
    figure.update_yaxes(
        title="token that looks (query)", autorange="reversed", showgrid=False, **ticks
    )
    side = max(320, CELL * len(labels))
    return frame(
        figure,
        title=title or f"Where {one.heads[0]} looks",
        summary=one.summary(),
        width=side + 260,
        height=side + 110,
    )


def plot_attention_from(
    attention: Attention, query: int = -1, *, title: str | None = None
) -> go.Figure:
    """Return where one token looks, head by head, drawn token by token.

    Args:
        attention: patterns with the text's tokens.
        query: position of the token that looks; the last one unless said otherwise.
        title: the claim; by default which token looks.

    Returns:
        A figure with one bar for each token and head.
    """
    labels = [visible(token) for token in attention.tokens]
    figure = go.Figure()
    for i, name in enumerate(attention.heads):
        figure.add_bar(
            x=list(range(len(labels))),
            y=attention.patterns[i, query].tolist(),
            name=name,
            showlegend=True,
            marker=bar_look(i),
            hovertemplate=f"{name} looks at %{{customdata}}: %{{y:.2f}}<extra></extra>",
            customdata=labels,
        )
    figure.update_layout(barmode="group")
    figure.update_xaxes(title="token looked at", tickangle=-60, showgrid=False, **ticks_of(labels))
    figure.update_yaxes(title="attention (probability)", range=[0, 1])
    return frame(
        figure,
        title=title or f"Where {labels[query]} looks",
        summary=attention.summary() if query == -1 else _told(attention, query),
        width=min(1000, max(560, 160 + 2 * CELL * len(labels))),
        height=340,
    )


def _told(attention: Attention, query: int) -> str:
    upto = query % len(attention.tokens) + 1
    text = attention.tokens[:upto]
    return Attention(attention.patterns[:, :upto, :upto], text, attention.heads).summary()
