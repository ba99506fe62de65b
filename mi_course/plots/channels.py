"""Channels by measure: tuning curves, kernels between layers, matches in another network."""

from collections.abc import Sequence
from math import degrees

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mi_course.plots.style import COLOURS, DASHES, SIGNED, frame
from mi_course.results import ExpandedKernels, TuningCurves, UnitMatches

__all__ = ["plot_channel_matches", "plot_kernels", "plot_tuning"]

SOURCES = 8
CELL = 130


def plot_tuning(
    found: TuningCurves, channels: Sequence[int] | None = None, *, title: str | None = None
) -> go.Figure:
    """Return tuning curves: the response of a channel's best row by angle.

    Args:
        found: any.
        channels: their numbers; the five most selective when None.
        title: the claim; by default how many channels are tuned.

    Returns:
        A figure, one curve for each channel.

    Raises:
        ValueError: a channel that was not measured, or more than seven.
    """
    chosen = found.tuned(0.0)[:5] if channels is None else tuple(channels)
    if len(chosen) > len(COLOURS) or not set(chosen) <= set(found.channels):
        raise ValueError(f"expected up to {len(COLOURS)} measured channels, got {chosen}")
    curves = found.best_rows()
    angles = [degrees(angle) for angle in found.angles.tolist()]
    figure = go.Figure()
    for number, channel in enumerate(chosen):
        figure.add_scatter(
            x=angles,
            y=curves[found.channels.index(channel)].tolist(),
            name=f"{found.layer}:{channel}",
            mode="lines",
            line={"color": COLOURS[number], "dash": DASHES[number]},
            showlegend=True,
        )
    figure.update_xaxes(title=f"angle of {found.property} (degrees)", dtick=90, range=[0, 360])
    figure.update_yaxes(title="activation", rangemode="tozero")
    n = len(found.tuned())
    return frame(
        figure,
        title=title
        or f"{n} of {len(found.channels)} channels of {found.layer} are tuned to the angle of "
        f"{found.property}",
        summary=found.summary(),
    )


def plot_kernels(
    found: ExpandedKernels,
    channel: int,
    sources: Sequence[int] | None = None,
    *,
    names: Sequence[str] | None = None,
    title: str | None = None,
) -> go.Figure:
    """Return the kernels of one target channel: where it wants which source channels.

    Args:
        found: any.
        channel: of the target.
        sources: channels of the source; the eight with the largest kernels when None.
        names: above each panel, such as the part that the source tells; its number when None.
        title: the claim; by default which channel's kernels these are.

    Returns:
        A figure, blue where the source excites the target and red where it inhibits it.

    Raises:
        ValueError: the channel was not read, or other numbers of names and sources.
    """
    kernels = found.of(channel)
    chosen = found.strongest(channel, SOURCES) if sources is None else tuple(sources)
    told = [f"{found.source}:{source}" for source in chosen] if names is None else list(names)
    if not chosen or len(told) != len(chosen):
        raise ValueError(f"expected sources and a name for each, got {len(chosen)}, {len(told)}")
    columns = min(4, len(chosen))
    rows = -(-len(chosen) // columns)
    figure = make_subplots(rows, columns, subplot_titles=told, vertical_spacing=0.25 / rows)
    figure.update_annotations(font={"size": 12})
    for i, source in enumerate(chosen):
        row, column = divmod(i, columns)
        figure.add_heatmap(
            z=kernels[source].tolist(), coloraxis="coloraxis", row=row + 1, col=column + 1
        )
    figure.update_xaxes(visible=False, constrain="domain")
    figure.for_each_yaxis(
        lambda axis: axis.update(
            visible=False, autorange="reversed", scaleanchor=axis.anchor, constrain="domain"
        )
    )
    most = kernels[list(chosen)].abs().max().item()
    kind = "Kernels" if found.adjacent else "Expanded kernels"
    framed = frame(
        figure,
        title=title or f"{kind} of {found.target}:{channel} on {found.source}",
        summary=found.summary(),
        width=CELL * columns + 130,
        height=(CELL + 24) * rows + 60,
    )
    top = framed.layout.margin.t + 20  # names of panels stand above them
    axis = {"colorscale": SIGNED, "cmin": -most, "cmax": most, "colorbar": {"title": "weight"}}
    return framed.update_layout(coloraxis=axis, margin={"l": 20, "t": top, "b": 20})


def plot_channel_matches(
    *found: UnitMatches, names: Sequence[str] | None = None, title: str | None = None
) -> go.Figure:
    """Return the correlation of each channel with its match, in falling order.

    Args:
        found: of several layers, or of a trained and a random network.
        names: of the curves; the layers when None.
        title: the claim; by default the first median.

    Returns:
        A figure, one curve for each.

    Raises:
        ValueError: nothing to show, or other numbers of names.
    """
    told = [each.layer for each in found] if names is None else list(names)
    if not 1 <= len(found) <= len(COLOURS) or len(told) != len(found):
        raise ValueError(f"expected 1 to {len(COLOURS)} matches with names, got {len(found)}")
    figure = go.Figure()
    for number, (name, each) in enumerate(zip(told, found, strict=True)):
        values = each.values().sort(descending=True).values.tolist()
        figure.add_scatter(
            x=[(i + 0.5) / len(values) for i in range(len(values))],
            y=values,
            name=name,
            mode="lines",
            line={"color": COLOURS[number], "dash": DASHES[number]},
            showlegend=True,
        )
    figure.update_xaxes(title="channels, best matched first", tickformat=".0%", range=[0, 1])
    figure.update_yaxes(title="correlation with the match", range=[0, 1.02])
    median = found[0].values().median()
    return frame(
        figure,
        title=title or f"{told[0]}: channels correlate by {median:.2f} with their matches",
        summary=" ".join(each.summary() for each in found),
    )
