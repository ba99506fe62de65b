"""Losses as curves: along a text, and along training."""

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mi_course.plots.style import COLOURS, DASHES, MARKERS, TRUTH, frame
from mi_course.results import LossByPosition, PhaseChange

__all__ = ["plot_loss_by_position", "plot_phase_change"]

PANELS = {
    "loss drop on the copy (nats)": lambda change: change.repeat_drop,
    "best prefix-matching score": lambda change: change.best_heads(),
    "in-context-learning score (nats)": lambda change: change.in_context,
}


def plot_loss_by_position(loss: LossByPosition, *, title: str | None = None) -> go.Figure:
    """Return the mean loss at each position, one curve for each condition.

    Args:
        loss: means by condition and position.
        title: the claim; by default how far the first condition's loss falls on the repetition.

    Returns:
        A figure; a black dashed line marks where the repetition starts.
    """
    figure = go.Figure()
    positions = list(range(1, loss.values.shape[1] + 1))
    for i, (name, row) in enumerate(zip(loss.conditions, loss.values, strict=True)):
        figure.add_scatter(
            x=positions,
            y=row.tolist(),
            mode="lines",
            name=name,
            showlegend=True,
            line={"color": COLOURS[i % len(COLOURS)], "dash": DASHES[i % len(DASHES)]},
        )
    if loss.repeat_at is not None:
        figure.add_vline(
            x=loss.repeat_at,
            line=TRUTH,
            annotation={"text": "second copy starts"},
            annotation_position="top right",
        )
    figure.update_xaxes(title="position of the token predicted")
    figure.update_yaxes(title="loss (nats)", rangemode="tozero")
    return frame(figure, title=title or loss.summary(), summary=loss.summary(), width=720)


def plot_phase_change(*changes: PhaseChange, title: str | None = None) -> go.Figure:
    """Return three curves along training, one line for each model.

    Args:
        *changes: one result for each model.
        title: the claim; by default where each model ends.

    Returns:
        A figure with three panels: loss drop on repeated tokens, best prefix-matching score, and
        in-context-learning score.
    """
    figure = make_subplots(cols=len(PANELS), subplot_titles=list(PANELS), horizontal_spacing=0.09)
    for i, change in enumerate(changes):
        for column, values in enumerate(PANELS.values(), start=1):
            figure.add_scatter(
                x=change.tokens_seen.tolist(),
                y=values(change).tolist(),
                customdata=change.steps.tolist(),
                hovertemplate="step %{customdata}: %{y:.2f}<extra></extra>",
                mode="lines+markers",
                name=change.model,
                legendgroup=change.model,
                showlegend=column == 1,
                line={"color": COLOURS[i % len(COLOURS)], "dash": DASHES[i % len(DASHES)]},
                marker={"symbol": MARKERS[i % len(MARKERS)], "size": 7},
                row=1,
                col=column,
            )
    figure.update_xaxes(title="tokens seen in training")
    figure.update_yaxes(range=[0, 1], row=1, col=2)
    ends = ", ".join(f"{change.model} {change.repeat_drop[-1]:.1f}" for change in changes)
    framed = frame(
        figure,
        title=title or f"Loss drop on a repeated copy at the end of training (nats): {ends}",
        summary=" ".join(change.summary() for change in changes),
        width=860,
        height=300,
    )
    return framed.update_layout(legend={"y": 1.12}, margin={"t": framed.layout.margin.t + 20})
