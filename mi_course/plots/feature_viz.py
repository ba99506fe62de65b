"""Optimised pictures: contact sheets, losses, a channel's page, an atlas, what an image loses."""

from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mi_course.plots.pictures import add_picture, add_sheet, without_axes
from mi_course.plots.style import COLOURS, GREY, SIGNED, frame
from mi_course.results import (
    ActivationAtlas,
    DatasetExamples,
    OcclusionMap,
    PartScores,
    Pictures,
)

__all__ = [
    "plot_atlas",
    "plot_channel",
    "plot_occlusion",
    "plot_picture_losses",
    "plot_pictures",
]

CELL = 84  # pixels for a picture of a sheet
LARGE = 230  # for a picture by itself
PARTS_SHOWN = 6
MANY = 7  # curves with colours of their own


def plot_pictures(
    pictures: Pictures,
    shown: Sequence[int] | None = None,
    *,
    columns: int = 8,
    names: Sequence[str] | None = None,
    title: str | None = None,
) -> go.Figure:
    """Return a contact sheet.

    Args:
        pictures: any.
        shown: places of those to show; all when None.
        columns: pictures in a row.
        names: below each; its number when None.
        title: the claim; by default what is shown.

    Returns:
        A figure; hover tells the objective's value.

    Raises:
        ValueError: nothing to show, or other numbers of names and pictures.
    """
    chosen = list(range(len(pictures)) if shown is None else shown)
    layer = pictures.names[chosen[0]].split(":")[0] if chosen else ""
    told = [pictures.names[i].removeprefix(f"{layer}:") for i in chosen] if names is None else names
    if not chosen or len(told) != len(chosen):
        raise ValueError(f"expected pictures and a name for each, got {len(chosen)}, {len(told)}")
    columns = min(columns, len(chosen))
    figure = go.Figure()
    values = pictures.values.tolist()
    rows = add_sheet(
        figure,
        [pictures.images[i] for i in chosen],
        told,
        columns=columns,
        hover=[f"{pictures.names[i]}: {values[i]:.2f}" for i in chosen],
    )
    return frame(
        figure,
        title=title or f"What excites {len(chosen)} channels of {layer} most",
        summary=pictures.summary(),
        width=max(380, CELL * columns + 100),
        height=int(CELL * 1.2 * rows) + 30,
    ).update_layout(margin={"l": 20, "r": 20, "b": 10})


def plot_picture_losses(
    pictures: Pictures, shown: Sequence[int] | None = None, *, title: str | None = None
) -> go.Figure:
    """Return how the loss of each picture fell.

    Args:
        pictures: any.
        shown: places of those to show; the first seven when None.
        title: the claim; by default how far the mean loss fell.

    Returns:
        A figure, one curve for each picture.
    """
    chosen = list(range(min(MANY, len(pictures))) if shown is None else shown)
    figure = go.Figure()
    for number, i in enumerate(chosen):
        figure.add_scatter(
            y=pictures.losses[:, i].tolist(),
            name=pictures.names[i],
            mode="lines",
            line={"color": COLOURS[number % len(COLOURS)], "width": 1.5},
            showlegend=True,
        )
    figure.update_xaxes(title="step")
    figure.update_yaxes(title="loss (minus activation)")
    first, last = (pictures.losses[i].mean() for i in (0, -1))
    return frame(
        figure,
        title=title or f"The mean loss falls from {first:.2f} to {last:.2f}",
        summary=pictures.summary(),
    )


def plot_channel(
    pictures: Pictures,
    examples: DatasetExamples,
    channel: int,
    scores: PartScores | None = None,
    *,
    title: str | None = None,
) -> go.Figure:
    """Return a channel's page: its picture, the patches that excite it, and the parts it tells.

    Args:
        pictures: from `render_channels` of the same layer.
        examples: from `top_examples` of the same layer.
        channel: which.
        scores: from `part_scores` of the same layer; without it there is no panel of parts.
        title: the claim; by default which part lies under the channel's peak.

    Returns:
        A figure of two or three panels.

    Raises:
        ValueError: the channel is not among the pictures or the examples, or another layer.
    """
    name = f"{examples.layer}:{channel}"
    i, at = pictures.of(name), examples.of(channel)
    if scores is not None and scores.layer != examples.layer:
        raise ValueError(f"expected part scores of {examples.layer}, got {scores.layer}")
    titles = ("optimised", f"the strongest of {examples.n_images} images", "parts (AUC)")
    n = 2 if scores is None else 3
    widths = [0.3, 0.3, 0.4][:n]
    figure = make_subplots(1, n, column_widths=widths, subplot_titles=titles[:n])
    figure.update_annotations(font={"size": 13})
    add_sheet(figure, [pictures.images[i]], [""], columns=1, hover=[name])
    values = examples.values[at].tolist()
    hover = [
        f"image {index}: {value:.2f}"
        for index, value in zip(examples.indices[at].tolist(), values, strict=True)
    ]
    columns = round(len(values) ** 0.5)
    patches = list(examples.patches[at])
    add_sheet(figure, patches, [""] * len(patches), columns=columns, hover=hover, axes=("x2", "y2"))
    if scores is not None:
        _add_parts(figure, scores, channel)
    told = _channel_told(pictures, examples, channel, scores)
    framed = frame(
        figure,
        title=title or told.split(";", maxsplit=1)[0],
        summary=f"{told}.",
        width=LARGE * n + 90,
        height=LARGE + 90,
    )
    top = framed.layout.margin.t + 20  # names of panels stand above them
    return framed.update_layout(margin={"l": 20, "r": 20, "t": top, "b": 40})


def _add_parts(figure: go.Figure, scores: PartScores, channel: int) -> None:
    order = scores.auc[channel].argsort(descending=True).tolist()[:PARTS_SHOWN][::-1]
    figure.add_bar(
        x=[scores.auc[channel, i].item() for i in order],
        y=[scores.parts[i] for i in order],
        hovertext=[f"under {scores.precision[channel, i]:.0%} of the top" for i in order],
        orientation="h",
        marker={"color": COLOURS[0]},
        showlegend=False,
        row=1,
        col=3,
    )
    figure.add_vline(x=0.5, line={"color": GREY, "width": 1}, row=1, col=3)
    figure.update_xaxes(range=[0, 1], title="area under the ROC curve", row=1, col=3)


def _channel_told(
    pictures: Pictures, examples: DatasetExamples, channel: int, scores: PartScores | None
) -> str:
    name = f"{examples.layer}:{channel}"
    strongest = examples.values[examples.of(channel), 0].item()
    rest = (
        f"the optimised picture reaches a mean of {pictures.values[pictures.of(name)]:.2f}, the "
        f"strongest image a peak of {strongest:.2f}"
    )
    if scores is None:
        return f"{name}: {rest}"
    part = scores.favourite(channel)
    number = scores.parts.index(part)
    return (
        f"{name}: under {scores.precision[channel, number]:.0%} of its highest peaks lies a "
        f"{part} (AUC {scores.auc[channel, number]:.2f}); {rest}"
    )


def plot_atlas(atlas: ActivationAtlas, *, title: str | None = None) -> go.Figure:
    """Return the atlas: neighbours in the plane are alike in their activations.

    Args:
        atlas: any.
        title: the claim; by default what is laid out.

    Returns:
        A figure; hover tells a cell's commonest label.
    """
    figure = go.Figure()
    x, y = (each.tolist() for each in (atlas.columns, atlas.rows))
    for i, (column, row) in enumerate(zip(x, y, strict=True)):
        add_picture(figure, atlas.pictures.images[i], at=(column, -row), size=(0.96, 0.96))
    told = zip(atlas.labels, atlas.shares.tolist(), atlas.counts.tolist(), strict=True)
    figure.add_scatter(
        x=[column + 0.5 for column in x],
        y=[-row - 0.5 for row in y],
        hovertext=[f"{label} {share:.0%} of {count}" for label, share, count in told],
        hoverinfo="text",
        mode="markers",
        marker={"size": 30, "opacity": 0},
        showlegend=False,
    )
    figure.update_xaxes(range=[0, atlas.grid], **without_axes())
    figure.update_yaxes(range=[-atlas.grid, 0], scaleanchor="x", **without_axes())
    side = 70 * atlas.grid
    return frame(
        figure,
        title=title or f"{atlas.n_points} activations of {atlas.layer}, alike beside alike",
        summary=atlas.summary(),
        width=side + 40,
        height=side + 20,
    ).update_layout(margin={"l": 20, "r": 20, "b": 10})


def plot_occlusion(found: OcclusionMap, *, title: str | None = None) -> go.Figure:
    """Return an image beside what the channel loses when each of its squares is covered.

    Args:
        found: any.
        title: the claim; by default the most that is lost.

    Returns:
        A figure of two panels; blue squares carried the channel's peak.
    """
    height, width = found.image.shape[1:]
    figure = make_subplots(1, 2, horizontal_spacing=0.05)
    for axes in (("x", "y"), ("x2", "y2")):
        add_picture(figure, found.image, at=(0, 0), size=(width, height), axes=axes)
    most = max(found.values.abs().max().item(), 1e-6)
    rows, columns = found.values.shape
    middle = (found.side - 1) / 2
    figure.add_heatmap(
        z=found.values.tolist(),
        x=[middle + found.stride * i for i in range(columns)],
        y=[middle + found.stride * i for i in range(rows)],
        colorscale=SIGNED,
        zmin=-most,
        zmax=most,
        opacity=0.75,
        colorbar={"title": {"text": "lost"}},
        hovertemplate="row %{y}, column %{x}: %{z:.2f}<extra></extra>",
        row=1,
        col=2,
    )
    figure.update_xaxes(range=[0, width], **without_axes())
    figure.for_each_yaxis(
        lambda axis: axis.update(range=[height, 0], scaleanchor=axis.anchor, **without_axes())
    )
    part = f" ({most / found.baseline:.0%})" if found.baseline > 0 else ""
    return frame(
        figure,
        title=title or f"One covered square changes {found.name} by up to {most:.2f}{part}",
        summary=found.summary(),
        width=2 * LARGE + 140,
        height=LARGE + 40,
    ).update_layout(margin={"l": 20, "b": 20})
