"""Computing in superposition and exact codes: neurons as stacks of features, points on a circle."""

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mi_course.plots.style import COLOURS, MARKERS, TRUTH, curve_look, frame
from mi_course.results.superposition_codes import CircleCodes
from mi_course.results.superposition_computing import NeuronStacks

__all__ = ["plot_circle_codes", "plot_computed_features", "plot_neuron_stacks"]


def plot_neuron_stacks(found: NeuronStacks, i: int = 0, *, title: str | None = None) -> go.Figure:
    """Return each neuron's input weights as a stack of features, of one instance.

    Args:
        found: weights of trained layers.
        i: the instance.
        title: the claim; by default how many neurons read two or more features.

    Returns:
        A figure: a bar above zero is a positive weight; a bar of one piece is a neuron that reads
        one feature. The colour tells the feature.
    """
    weights = found.W_in[i].tolist()
    neurons = list(range(found.W_in.shape[2]))
    figure = go.Figure()
    for feature, row in enumerate(weights):
        figure.add_bar(
            x=neurons,
            y=row,
            name=f"feature {feature}",
            showlegend=False,
            marker={
                "color": [feature] * len(row),
                "coloraxis": "coloraxis",
                "line": {"width": 1, "color": "white"},
            },
            hovertemplate=f"neuron %{{x}}, feature {feature}: %{{y:.2f}}<extra></extra>",
        )
    bar = {"title": {"text": "feature"}}
    scale = {"colorscale": "Viridis", "cmin": 0, "cmax": len(weights) - 1, "colorbar": bar}
    figure.update_layout(barmode="relative", coloraxis=scale)
    figure.update_xaxes(title="neuron", dtick=1 if len(neurons) <= 20 else 5)
    figure.update_yaxes(title="input weights, stacked")
    return frame(
        figure,
        title=title
        or f"|x| at density {found.density[i]:.2g}: {int(found.polysemantic[i])} of "
        f"{int(found.alive[i])} neurons read two or more features",
        summary=found.summary(),
        width=700,
        height=340,
    )


def plot_computed_features(found: NeuronStacks, *, title: str | None = None) -> go.Figure:
    """Return how many features are computed and how many neurons read several, by sparsity.

    Args:
        found: weights of trained layers of several densities.
        title: the claim; by default the most features beside what two neurons each would give.

    Returns:
        A figure; the black dashed line is half of the neurons.
    """
    x, half = (1 / found.density).tolist(), found.W_in.shape[2] / 2
    curves = {
        "features computed": found.computed(),
        "neurons that read two or more": found.polysemantic,
    }
    figure = go.Figure()
    for i, (name, counts) in enumerate(curves.items()):
        figure.add_scatter(
            x=x,
            y=counts.tolist(),
            name=name,
            showlegend=True,
            **curve_look(i),
        )
    figure.add_hline(y=half, line=TRUTH, annotation={"text": "two neurons for each feature"})
    figure.update_xaxes(title="1 / density", type="log")
    figure.update_yaxes(title="number", rangemode="tozero")
    most = int(found.computed().argmax())
    return frame(
        figure,
        title=title
        or f"{found.W_in.shape[2]} neurons compute |x| of up to {int(found.computed()[most])} "
        f"features (density {found.density[most]:.2g})",
        summary=found.summary(),
        width=640,
        height=340,
    )


def plot_circle_codes(found: CircleCodes, *, title: str | None = None) -> go.Figure:
    """Return the gain that a read-out from the circle needs, and how often it reads two features.

    Args:
        found: the construction for several numbers of features.
        title: the claim; by default exactness and the gain for the most features.

    Returns:
        A figure of two panels.
    """
    ns = list(found.ns)
    panels = ("what reading costs", "two active features")
    figure = make_subplots(cols=2, subplot_titles=panels, horizontal_spacing=0.14)
    curves = [(found.gain, "gain of the read-out"), (found.two_read_right, "pairs read right")]
    for column, (values, unit) in enumerate(curves, start=1):
        figure.add_scatter(
            x=ns,
            y=values.tolist(),
            mode="lines+markers",
            showlegend=False,
            line={"color": COLOURS[column - 1]},
            marker={"symbol": MARKERS[column - 1], "size": 9},
            row=1,
            col=column,
        )
        figure.update_yaxes(title=unit, row=1, col=column)
    figure.update_xaxes(title="features in two dimensions", type="log")
    figure.update_yaxes(type="log", row=1, col=1)
    figure.update_yaxes(range=[-0.03, 1.05], title="pairs read right (fraction)", row=1, col=2)
    framed = frame(
        figure,
        title=title
        or f"{ns[-1]} one-hot features are read exactly from two dimensions, with a gain of "
        f"{found.gain[-1]:,.0f}",
        summary=found.summary(),
        width=780,
        height=330,
    )
    return framed.update_layout(margin={"t": framed.layout.margin.t + 20})
