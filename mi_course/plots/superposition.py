"""Features in superposition: their directions, who disturbs whom, and the plateaus they stop at."""

from collections.abc import Sequence
from math import ceil

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mi_course.plots.style import COLOURS, GREY, MARKERS, SIGNED, TRUTH, frame
from mi_course.results.superposition import FeatureGeometry, Plateaus

__all__ = [
    "plot_dimensionality",
    "plot_directions",
    "plot_feature_lengths",
    "plot_gram",
]

CELL = 190
COLUMNS = 5
MAX_LABELLED = 30  # more tick labels than this are too many to read


def plot_directions(
    found: FeatureGeometry,
    *,
    instances: Sequence[int] | None = None,
    colours: Sequence[int] | None = None,
    title: str | None = None,
) -> go.Figure:
    """Return the directions of features in a plane, one panel for each instance.

    Args:
        found: of models with two hidden dimensions.
        instances: which ones; all when None.
        colours: a number for each feature; equal numbers get one colour. Each its own when None.
        title: the claim; by default the shapes of the first and the last panel.

    Returns:
        A figure; the grey circle has radius 1.

    Raises:
        ValueError: there are not two hidden dimensions, or no instance is asked for.
    """
    if found.W.shape[2] != 2:
        raise ValueError(f"expected two hidden dimensions, got {found.W.shape[2]}, try plot_gram")
    shown = list(range(len(found)) if instances is None else instances)
    if not shown:
        raise ValueError("expected at least one instance, got none")
    chosen = list(range(found.W.shape[1]) if colours is None else colours)
    rows = ceil(len(shown) / COLUMNS)
    columns = ceil(len(shown) / rows)
    names = [f"density {found.density[i]:.2g}" for i in shown]
    figure = make_subplots(rows, columns, subplot_titles=names)
    for panel, i in enumerate(shown):
        at = {"row": panel // columns + 1, "col": panel % columns + 1}
        _arrows(figure, found.W[i].tolist(), chosen, legend=panel == 0, at=at)
        figure.add_shape(
            type="circle", x0=-1, y0=-1, x1=1, y1=1, line={"color": GREY, "width": 1}, **at
        )
    plain = {"range": [-1.45, 1.45], "dtick": 1, "showgrid": False, "zeroline": True}
    figure.update_xaxes(**plain, constrain="domain")
    # A circle is round: one unit is as long upwards as to the right, in each panel.
    figure.for_each_yaxis(
        lambda axis: axis.update(**plain, scaleanchor=axis.anchor, constrain="domain")
    )
    framed = frame(
        figure,
        title=title or _shapes_title(found, shown),
        summary=found.summary(),
        width=max(420, 90 + CELL * columns),
        height=70 + (CELL + 30) * rows,
    )
    top = framed.layout.margin.t + 26  # names of panels stand above them
    # Between the panels' names and the title there is no room for a legend: it stands below.
    return framed.update_layout(margin={"t": top}, legend={"y": -0.1 / rows, "yanchor": "top"})


def plot_gram(found: FeatureGeometry, i: int = 0, *, title: str | None = None) -> go.Figure:
    """Return W W^T of one instance: how much of each feature is read as which.

    Args:
        found: of any models.
        i: the instance.
        title: the claim; by default the instance's shapes.

    Returns:
        A heat map: 1 on the diagonal is a feature read as itself, red elsewhere pushes down.
    """
    gram = (found.W[i] @ found.W[i].T).tolist()
    heat = go.Heatmap(
        z=gram,
        zmid=0,
        zmin=-1,
        zmax=1,
        colorscale=SIGNED,
        colorbar={"title": {"text": "W W<sup>T</sup>"}},
        hovertemplate="feature %{x} read as %{y}: %{z:.2f}<extra></extra>",
    )
    figure = go.Figure(heat)
    ticks = {"dtick": 1} if len(gram) <= MAX_LABELLED else {}
    figure.update_xaxes(title="feature that is active", showgrid=False, **ticks)
    figure.update_yaxes(
        title="output", showgrid=False, autorange="reversed", scaleanchor="x", constrain="domain"
    )
    figure.update_xaxes(constrain="domain")
    return frame(
        figure,
        title=title or f"At density {found.density[i]:.2g}: {found.told(i)}",
        summary=found.instance(i).summary(),
        width=500,
        height=400,
    )


def plot_feature_lengths(found: FeatureGeometry, *, title: str | None = None) -> go.Figure:
    """Return the length of each feature's direction as bars, coloured by who disturbs it.

    Args:
        found: of any models.
        title: the claim; by default how many features each extreme density represents.

    Returns:
        A figure of one row for each instance; dark bars share their direction with others.
    """
    lengths, disturbed = found.lengths(), found.interference()
    names = [f"density {p:.2g}" for p in found.density.tolist()]
    figure = make_subplots(len(found), 1, shared_xaxes=True, subplot_titles=names)
    for i in range(len(found)):
        marker = {"color": disturbed[i].tolist(), "coloraxis": "coloraxis"}
        figure.add_bar(y=lengths[i].tolist(), marker=marker, showlegend=False, row=i + 1, col=1)
        figure.update_yaxes(title="|W|", range=[0, 1.3], row=i + 1, col=1)
    bar = {"title": {"text": "interference"}}
    scale = {"colorscale": "Cividis_r", "cmin": 0, "cmax": 1, "colorbar": bar}
    figure.update_layout(coloraxis=scale, bargap=0.1)
    figure.update_xaxes(title="feature, most important first", row=len(found), col=1)
    counts = [sum(len(shape.features) for shape in shapes) for shapes in found.shapes]
    most = max(range(len(counts)), key=counts.__getitem__)
    framed = frame(
        figure,
        title=title
        or f"{found.W.shape[2]} dimensions hold {counts[0]} features at density "
        f"{found.density[0]:.2g} and {counts[most]} at density {found.density[most]:.2g}",
        summary=found.summary(),
        width=680,
        height=100 + 110 * len(found),
    )
    return framed.update_layout(margin={"t": framed.layout.margin.t + 20})


def plot_dimensionality(
    found: FeatureGeometry, named: Plateaus, *, title: str | None = None
) -> go.Figure:
    """Return each feature's dimensionality against sparsity, with the plateaus that have a name.

    Args:
        found: of the models.
        named: counts at the plateaus, of the same models.
        title: the claim; by default the plateaus at which features stand.

    Returns:
        A figure; the line is hidden dimensions per feature.
    """
    ratio = (1 / found.density).tolist()
    represented = found.dimensionality > 0
    at = [x for x, row in zip(ratio, represented, strict=True) for _ in range(int(row.sum()))]
    figure = go.Figure()
    figure.add_scatter(
        x=at,
        y=found.dimensionality[represented].tolist(),
        mode="markers",
        name="a feature",
        showlegend=True,
        marker={"color": COLOURS[0], "symbol": MARKERS[0], "size": 7, "opacity": 0.35},
    )
    figure.add_scatter(
        x=ratio,
        y=found.dimensions_per_feature().clamp(max=1.2).tolist(),
        mode="lines",
        name="dimensions per feature",
        showlegend=True,
        line={"color": COLOURS[1], "width": 2},
    )
    for name, value in zip(named.names, named.values.tolist(), strict=True):
        below = value == min(named.values.tolist())  # two plateaus are too near for two lines
        anchor = {"xanchor": "left", "yanchor": "top" if below else "bottom"}
        label = {"text": name, "font": {"size": 11}, **anchor}
        figure.add_hline(y=value, line={**TRUTH, "width": 1}, annotation=label)
    figure.update_xaxes(title="1 / density", type="log")
    figure.update_yaxes(title="dimensionality of a feature (fraction)", range=[0, 1.1])
    most = dict(zip(named.names, named.counts.amax(dim=0).tolist(), strict=True))
    told = ", ".join(f"{name} ({most[name]:.0f})" for name in named.found())
    framed = frame(
        figure,
        title=title or f"Features stop at plateaus (most at one density): {told or 'none'}",
        summary=named.summary(),
        width=760,
        height=430,
    )
    return framed.update_layout(margin={"r": 120})


def _arrows(
    figure: go.Figure,
    W: list[list[float]],
    colours: list[int],
    *,
    legend: bool,
    at: dict[str, int],
) -> None:
    for feature, ((x, y), group) in enumerate(zip(W, colours, strict=True)):
        figure.add_scatter(
            x=[0, x],
            y=[0, y],
            mode="lines+markers",
            name=f"feature {feature}",
            legendgroup=f"feature {feature}",
            showlegend=legend,
            line={"color": COLOURS[group % len(COLOURS)], "width": 2},
            marker={"symbol": MARKERS[feature % len(MARKERS)], "size": [0, 9]},
            **at,
        )


def _shapes_title(found: FeatureGeometry, shown: list[int]) -> str:
    ends = dict.fromkeys([shown[0], shown[-1]])
    told = ", ".join(f"{found.told(i)} at density {found.density[i]:.2g}" for i in ends)
    return f"{found.W.shape[1]} features in {found.W.shape[2]} dimensions: {told}"
