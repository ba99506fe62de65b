"""Figures of how a class did: each reads its statistics and computes nothing."""

import plotly.graph_objects as go

from mi_course.grading.reports import class_claims
from mi_course.grading.reports.class_statistics import STATES, ChapterStatistics, ExerciseStatistics
from mi_course.plots.style import COLOURS, frame, visible

# Blue to red, told apart by everybody; the hatching does the same on a grey print.
FILLS = {
    "right": (COLOURS[0], ""),
    "partly right": (COLOURS[5], "/"),
    "wrong": (COLOURS[1], ""),
    "not written": (COLOURS[4], "."),
    "missing": ("#8a8f96", "x"),
}

HATCHING = {"fillmode": "overlay", "fgcolor": "#222222", "fgopacity": 0.45, "size": 7}

TICKS = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300]  # seconds


def plot_states(chapter: ChapterStatistics) -> go.Figure:
    """Return the share of students by exercise and outcome, one bar for each exercise.

    Args:
        chapter: with at least one exercise.

    Returns:
        Stacked bars from 0 to 100 %, the first exercise on top.
    """
    figure = go.Figure()
    labels = [_label(each) for each in chapter.exercises]
    for index, state in enumerate(STATES):
        colour, hatch = FILLS[state]
        figure.add_bar(
            y=labels,
            x=[each.share(index) for each in chapter.exercises],
            customdata=[each.states[index] for each in chapter.exercises],
            name=state,
            orientation="h",
            showlegend=True,
            marker={"color": colour, "pattern": {"shape": hatch, **HATCHING}},
            hovertemplate=f"%{{y}}<br>{state}: %{{x:.0f}} % (%{{customdata}})<extra></extra>",
        )
    figure.update_layout(barmode="stack", legend={"traceorder": "normal"})
    figure.update_xaxes(title="share of students (%)", range=[0, 100])
    figure.update_yaxes(autorange="reversed", type="category", showgrid=False)
    height = 130 + 34 * len(labels)
    return frame(
        figure,
        title=class_claims.hardest(chapter),
        summary=class_claims.states_text(chapter),
        height=height,
    )


def plot_totals(chapter: ChapterStatistics) -> go.Figure:
    """Return how many students have how many points.

    Args:
        chapter: with at least one total.

    Returns:
        A histogram with a bar for each number of points.
    """
    figure = go.Figure()
    figure.add_bar(
        x=list(range(chapter.max_total + 1)),
        y=chapter.histogram,
        marker={"color": COLOURS[0]},
        showlegend=False,
        hovertemplate="%{x} points: %{y} students<extra></extra>",
    )
    figure.update_layout(bargap=0.08)
    figure.update_xaxes(title=f"points of {chapter.max_total}")
    figure.update_yaxes(title="students", rangemode="tozero")
    return frame(
        figure,
        title=class_claims.middle(chapter),
        summary=class_claims.totals_text(chapter),
        height=300,
    )


def plot_seconds(chapter: ChapterStatistics) -> go.Figure:
    """Return how long answers ran: the median and the 95th percentile of each exercise.

    Args:
        chapter: with at least one answer that ran.

    Returns:
        A logarithmic axis with a dot for the median and a square for the 95th percentile.
    """
    figure = go.Figure()
    ran = [each for each in chapter.exercises if each.seconds[2] > 0]
    labels = [_label(each) for each in ran]
    kinds = (("median", 0, "circle"), ("95 % take less", 1, "square"), ("longest", 2, "x"))
    for name, index, symbol in kinds:
        figure.add_scatter(
            x=[max(each.seconds[index], 0.001) for each in ran],
            y=labels,
            mode="markers",
            name=name,
            showlegend=True,
            marker={"symbol": symbol, "size": 10, "color": COLOURS[index]},
            hovertemplate=f"%{{y}}<br>{name}: %{{x:.3f}} s<extra></extra>",
        )
    figure.update_xaxes(title="running time of an answer (s)", type="log", tickvals=TICKS)
    figure.update_yaxes(autorange="reversed", type="category")
    height = 130 + 30 * len(labels)
    return frame(
        figure,
        title=class_claims.slowest(chapter),
        summary=class_claims.seconds_text(chapter),
        height=height,
    )


def _label(each: ExerciseStatistics) -> str:
    return visible(each.exercise).replace("\u00b7", " ")
