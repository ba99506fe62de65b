"""Learning in jumps: the loss of a toy model beside the dimensionality of its features."""

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mi_course.plots.style import COLOURS, DASHES, TRUTH, frame
from mi_course.results.superposition_training import LearningDynamics

__all__ = ["plot_learning_dynamics"]


def plot_learning_dynamics(found: LearningDynamics, *, title: str | None = None) -> go.Figure:
    """Return the loss, and below it each feature's dimensionality, along training.

    Args:
        found: curves of one model.
        title: the claim; by default how much of the fall happens in how much of the time.

    Returns:
        A figure; jumps are shaded.
    """
    steps = found.steps.tolist()
    figure = make_subplots(2, 1, shared_xaxes=True, vertical_spacing=0.08)
    figure.add_scatter(
        x=steps,
        y=found.loss.tolist(),
        mode="lines",
        showlegend=False,
        line={"color": COLOURS[0]},
        row=1,
        col=1,
    )
    for feature, values in enumerate(found.dimensionality.T.tolist()):
        figure.add_scatter(
            x=steps,
            y=values,
            mode="lines",
            name=f"feature {feature}",
            showlegend=True,
            line={"color": COLOURS[feature % len(COLOURS)], "dash": DASHES[feature % len(DASHES)]},
            row=2,
            col=1,
        )
    for begin, end in found.jumps:
        figure.add_vrect(
            x0=steps[begin], x1=steps[end], fillcolor=COLOURS[5], opacity=0.18, line_width=0
        )
    jumps = "jump that takes" if len(found.jumps) == 1 else "jumps that take"
    end = found.d_hidden / found.dimensionality.shape[1]
    figure.add_hline(y=end, line={**TRUTH, "width": 1}, row=2, col=1)
    figure.update_yaxes(title="loss", type="log", row=1, col=1)
    figure.update_yaxes(title="dimensionality", range=[0, 1.05], row=2, col=1)
    figure.update_xaxes(title="step of training", row=2, col=1)
    return frame(
        figure,
        title=title
        or f"{found.fall_in_jumps():.0%} of the loss's fall happens in {len(found.jumps)} "
        f"{jumps} {found.time_in_jumps():.0%} of the time",
        summary=found.summary(),
        width=720,
        height=460,
    )
