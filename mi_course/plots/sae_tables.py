"""Several dictionaries of features in one figure, and what their scores go with."""

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mi_course.plots.sae import BESIDE, LEFT, marker
from mi_course.plots.style import COLOURS, frame
from mi_course.results import DictionaryTable, MomentCorrelations

__all__ = ["plot_dictionary_table", "plot_moment_correlations"]


def plot_dictionary_table(table: DictionaryTable, *, title: str | None = None) -> go.Figure:
    """Return how well each dictionary is explained and tells labels, with their intervals.

    Args:
        table: one row for each dictionary.
        title: the claim; by default the best explained dictionary.

    Returns:
        A figure of two panels.
    """
    panels = {
        "score of explanations": table.interpretability,
        "F1 of a label's best feature": table.label_f1,
    }
    figure = make_subplots(cols=2, shared_yaxes=True, subplot_titles=list(panels))
    for column, values in enumerate(panels.values(), start=1):
        mean, low, high = values.T
        figure.add_scatter(
            x=mean.tolist(),
            y=list(table.names),
            mode="markers",
            error_x={"array": (high - mean).tolist(), "arrayminus": (mean - low).tolist()},
            marker={"color": COLOURS[0], "size": 9},
            showlegend=False,
            row=1,
            col=column,
        )
    figure.update_xaxes(range=[0, 1])
    figure.update_yaxes(autorange="reversed")
    best = int(table.interpretability[:, 0].argmax())
    framed = frame(
        figure,
        title=title
        or f"{table.names[best]}: mean score of explanations {table.interpretability[best, 0]:.2f},"
        f" mean F1 of labels {table.label_f1[best, 0]:.2f} ({table.level:.0%} intervals)",
        summary=table.summary(),
        width=800,
        height=120 + 34 * len(table.names),
    )
    return framed.update_layout(title=LEFT, margin={"t": framed.layout.margin.t + 30})


def plot_moment_correlations(found: MomentCorrelations, *, title: str | None = None) -> go.Figure:
    """Return each feature's score against the skew and the kurtosis of its activation.

    Args:
        found: features of one or several dictionaries.
        title: the claim; by default both correlations.

    Returns:
        A figure of two panels, the moments on log scales; moments of 0 or less are left out.
    """
    figure = make_subplots(cols=2, shared_yaxes=True)
    for i, name in enumerate(found.names):
        for column, moment in enumerate((found.skew, found.kurtosis), start=1):
            here = (found.dictionary == i) & (moment > 0)
            figure.add_scattergl(
                x=[round(value, 3) for value in moment[here].tolist()],
                y=[round(value, 3) for value in found.score[here].tolist()],
                mode="markers",
                name=name,
                legendgroup=name,
                showlegend=column == 1,
                marker={**marker(i, 4), "opacity": 0.6},
                row=1,
                col=column,
            )
    figure.update_xaxes(type="log", title="skew (log scale)", col=1)
    figure.update_xaxes(type="log", title="excess kurtosis (log scale)", col=2)
    figure.update_yaxes(title="top-and-random score (correlation)", col=1)
    return frame(
        figure,
        title=title
        or f"Scores correlate {found.with_skew:.2f} with skew and {found.with_kurtosis:.2f} with "
        "kurtosis",
        summary=found.summary(),
        width=900,
        height=360,
    ).update_layout(legend=BESIDE)
