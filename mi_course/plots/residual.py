"""The residual stream: its length through the layers, and what its parts are worth."""

import plotly.graph_objects as go

from mi_course.plots.style import COLOURS, DASHES, GREY, MARKERS, frame, visible
from mi_course.results import PartEffects, ResidualNorms

__all__ = ["plot_part_effects", "plot_residual_norms"]


def plot_residual_norms(norms: ResidualNorms, *, title: str | None = None) -> go.Figure:
    """Return the stream's length from the embedding to the last layer, one line for each token.

    Args:
        norms: of one text.
        title: the claim; by default how much the stream grows.

    Returns:
        A figure; pale lines are tokens, the two strong ones the first token and the others' mean.
    """
    figure = go.Figure()
    points, first = list(norms.points), visible(norms.tokens[0])
    for token, column in zip(norms.tokens[1:], norms.values[:, 1:].T.tolist(), strict=True):
        figure.add_scatter(
            x=points,
            y=column,
            mode="lines",
            line={"color": GREY, "width": 1},
            hovertemplate=f"{visible(token)}, %{{x}}: %{{y:.1f}}<extra></extra>",
            showlegend=False,
        )
    strong = {
        "mean of the other tokens": norms.typical(),
        f"first token, {first}": norms.values[:, 0],
    }
    for i, (name, row) in enumerate(strong.items()):
        figure.add_scatter(
            x=points,
            y=row.tolist(),
            mode="lines+markers",
            name=name,
            showlegend=True,
            line={"color": COLOURS[i], "dash": DASHES[i], "width": 3},
            marker={"symbol": MARKERS[i], "size": 9},
        )
    figure.update_xaxes(title="point in the network")
    figure.update_yaxes(
        title="length of the residual stream (norm, log scale)", type="log", dtick="D2"
    )
    claim = f"The residual stream is {norms.growth():.1f} times as long at the end as at the start"
    return frame(figure, title=title or claim, summary=norms.summary(), width=680)


def plot_part_effects(effects: PartEffects, *, title: str | None = None) -> go.Figure:
    """Return one bar for each part: what the loss gains when it is silenced.

    Args:
        effects: of all parts.
        title: the claim; by default which part matters most.

    Returns:
        A figure; the first part that runs is at the bottom.
    """
    part, most = effects.ranked()[0]
    kinds = dict.fromkeys(name.split()[0] for name in effects.parts)
    figure = go.Figure()
    for i, kind in enumerate(kinds):
        own = [name for name in effects.parts if name.startswith(kind)]
        figure.add_bar(
            y=own,
            x=[effects.of(name) for name in own],
            orientation="h",
            name=kind,
            showlegend=True,
            marker={"color": COLOURS[i]},
            texttemplate="%{x:.2f}",
            textposition="outside",
            cliponaxis=False,
        )
    order = list(effects.parts)
    figure.update_yaxes(title="part", categoryorder="array", categoryarray=order, showgrid=False)
    figure.update_xaxes(title=f"loss added when the part is {effects.edit} (nats)")
    return frame(
        figure,
        title=title or f"Without {part} the loss rises by {most:.2f} nats, the most of all parts",
        summary=effects.summary(),
        width=680,
        height=max(260, 120 + 30 * len(order)),
    )
