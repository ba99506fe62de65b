"""A sparse autoencoder while it learns: how sparse, how much unexplained, how many dead."""

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mi_course.plots.style import COLOURS, DASHES, frame
from mi_course.results import TrainingCurves

__all__ = ["plot_training_curves"]

PANELS = {
    "L0: features active (log scale)": lambda curves: curves.l0,
    "FVU: variance unexplained": lambda curves: curves.fvu,
    "fraction of features dead": lambda curves: curves.dead,
}
L0_TICKS = [n * 10**power for power in range(-1, 5) for n in (1, 2, 5)]
LEAST_L0 = 0.1  # a log scale has no zero


def plot_training_curves(*curves: TrainingCurves, title: str | None = None) -> go.Figure:
    """Return L0, FVU and dead latents along training, one line for each autoencoder.

    Args:
        *curves: one for each training.
        title: the claim; by default where each ends.

    Returns:
        A figure with three panels.

    Raises:
        ValueError: nothing to plot.
    """
    if not curves:
        raise ValueError("expected the curves of one training or more, got none")
    figure = make_subplots(cols=len(PANELS), subplot_titles=list(PANELS), horizontal_spacing=0.1)
    for i, each in enumerate(curves):
        for column, values in enumerate(PANELS.values(), start=1):
            figure.add_scatter(
                x=each.steps.tolist(),
                y=values(each).clamp(min=LEAST_L0 if column == 1 else 0).tolist(),
                mode="lines",
                name=each.name,
                legendgroup=str(i),
                showlegend=column == 1,
                line={"color": COLOURS[i % len(COLOURS)], "dash": DASHES[i % len(DASHES)]},
                row=1,
                col=column,
            )
    figure.update_xaxes(title="step of training")
    figure.update_yaxes(type="log", tickvals=L0_TICKS, row=1, col=1)
    figure.update_yaxes(rangemode="tozero", row=1, col=2)
    figure.update_yaxes(range=[-0.02, 1], row=1, col=3)
    framed = frame(
        figure,
        title=title or _claim(curves),
        summary=" ".join(each.summary() for each in curves),
        width=880,
        height=300,
    )
    return framed.update_layout(legend={"y": 1.12}, margin={"t": framed.layout.margin.t + 20})


def _claim(curves: tuple[TrainingCurves, ...]) -> str:
    ends = ", ".join(f"{each.name} {each.fvu[-1]:.2f} at L0 {each.l0[-1]:.0f}" for each in curves)
    return f"Variance left unexplained: {ends}"
