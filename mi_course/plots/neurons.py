"""Single neurons: how they fire, what they write, what is lost without them, how they are held."""

import plotly.graph_objects as go
from jaxtyping import Bool, Float
from torch import Tensor

from mi_course.plots.style import (
    COLOURS,
    GREY,
    MARKERS,
    add_draws,
    bar_look,
    frame,
    ticks_of,
    visible,
    zero_line,
)
from mi_course.results import BestNeurons, ContextAblation, Fingerprint, LogitEffect
from mi_course.results.neurons import neuron_name

__all__ = [
    "plot_activation_histogram",
    "plot_best_neurons",
    "plot_context_ablation",
    "plot_fingerprint",
    "plot_logit_effect",
]


def plot_best_neurons(best: BestNeurons, *, title: str | None = None) -> go.Figure:
    """Return the held-out F1 of each feature's best neuron, beside neurons drawn by chance.

    Args:
        best: one neuron for each feature.
        title: the claim; by default both means.

    Returns:
        A figure; features from the best to the worst, grey marks are random neurons.
    """
    order = best.f1.argsort(descending=True).tolist()
    names = [best.features[i] for i in order]
    figure = go.Figure()
    small = {"mode": "markers", "marker": {"color": GREY, "size": 5}}
    draws = best.random_f1[order].T.tolist()
    add_draws(figure, names, draws, name="random neurons", look=small)
    figure.add_scatter(
        x=names,
        y=[best.f1[i].item() for i in order],
        mode="markers",
        name="best neuron",
        showlegend=True,
        hovertext=[neuron_name(best.neurons[i]) for i in order],
        marker={"color": COLOURS[0], "size": 10, "symbol": MARKERS[2]},
    )
    figure.update_xaxes(tickangle=-40)
    figure.update_yaxes(title="held-out F1", range=[0, 1.03])
    return frame(
        figure,
        title=title
        or f"One neuron each: mean F1 {best.f1.mean():.2f} for the best, "
        f"{best.random_f1.mean():.2f} for random ones",
        summary=best.summary(),
        width=max(520, 160 + 34 * len(names)),
        height=340,
    )


def plot_activation_histogram(
    activations: Float[Tensor, " token"],
    inside: Bool[Tensor, " token"],
    *,
    name: str,
    feature: str,
    title: str | None = None,
) -> go.Figure:
    """Return how often a neuron has which activation, with a feature and without it.

    Args:
        activations: of one neuron.
        inside: which tokens have the feature.
        name: of the neuron.
        feature: its name.
        title: the claim; by default the two means.

    Returns:
        A figure; each histogram is scaled to its own number of tokens.
    """
    groups = {feature: activations[inside], "all other tokens": activations[~inside]}
    figure = go.Figure()
    for i, (label, values) in enumerate(groups.items()):
        figure.add_histogram(
            x=[round(value, 3) for value in values.tolist()],
            histnorm="probability",
            nbinsx=60,
            name=label,
            showlegend=True,
            opacity=0.6,
            marker=bar_look(i),
            bingroup=1,
        )
    figure.update_layout(barmode="overlay")
    figure.update_xaxes(title=f"activation of {name}")
    figure.update_yaxes(title="fraction of the tokens")
    high, low = (values.mean().item() for values in groups.values())
    said = f"{name} is at {high:.2f} on average with {feature} and at {low:.2f} without"
    return frame(figure, title=title or said, summary=f"{said}.", width=640, height=320)


def plot_context_ablation(found: ContextAblation, *, title: str | None = None) -> go.Figure:
    """Return the rise in loss without some neurons, inside a context and outside.

    Args:
        found: by group of neurons.
        title: the claim; by default the largest rise inside the context.

    Returns:
        A figure; grey marks are random neurons of the same layers, inside the context.
    """
    groups = list(found.groups)
    figure = go.Figure()
    for i, (name, values) in enumerate({"inside": found.inside, "outside": found.outside}.items()):
        figure.add_bar(x=groups, y=values.tolist(), name=name, showlegend=True, marker=bar_look(i))
    mark = {"mode": "markers", "marker": {"color": "#777777", "size": 8, "symbol": MARKERS[4]}}
    draws = found.random_inside.T.tolist()
    add_draws(figure, groups, draws, name="random neurons, inside", look=mark)
    zero_line(figure)
    figure.update_yaxes(title="loss added (nats)")
    most = int(found.inside.argmax())
    return frame(
        figure,
        title=title
        or f"Without {groups[most]} the loss rises by {found.inside[most]:.3f} nats inside "
        f"{found.context}, by {found.outside[most]:.3f} outside",
        summary=found.summary(),
        width=max(520, 180 + 120 * len(groups)),
        height=320,
    )


def plot_logit_effect(effect: LogitEffect, *, k: int = 12, title: str | None = None) -> go.Figure:
    """Return the tokens that a neuron makes likelier and less likely.

    Args:
        effect: of one neuron on all logits.
        k: tokens at each end.
        title: the claim; by default the tokens most promoted.

    Returns:
        A figure of bars, blue where a logit rises.
    """
    pairs = effect.top(k) + effect.bottom(k)[::-1]
    values = [value for _, value in pairs]
    labels = [visible(token) for token, _ in pairs]
    figure = go.Figure(
        go.Bar(
            x=list(range(len(values))),
            y=values,
            marker={"color": [COLOURS[0] if value > 0 else COLOURS[1] for value in values]},
        )
    )
    figure.update_xaxes(title=f"the {k} tokens at each end", tickangle=-60, **ticks_of(labels))
    figure.update_yaxes(title="logit added by one unit")
    said = ", ".join(label for label in labels[:4])
    return frame(
        figure,
        title=title or f"{neuron_name(effect.neuron)} makes {said} likelier",
        summary=effect.summary(),
        width=700,
        height=320,
    )


def plot_fingerprint(found: Fingerprint, *, title: str | None = None) -> go.Figure:
    """Return the product of input norm and bias of every neuron, one box for each layer.

    Args:
        found: norms and biases by layer.
        title: the claim; by default the mean product of the first and the last layer.

    Returns:
        A figure.
    """
    figure = go.Figure()
    for layer, values in enumerate(found.products):
        figure.add_box(
            y=[round(value, 3) for value in values.tolist()],
            name=str(layer),
            marker={"color": COLOURS[0], "size": 3},
            boxpoints="outliers",
            showlegend=False,
        )
    zero_line(figure)
    figure.update_xaxes(title="layer", type="category")
    figure.update_yaxes(title="|w_in| b_in")
    means = found.products.mean(dim=1).tolist()
    return frame(
        figure,
        title=title
        or f"Mean |w_in| b_in is {means[0]:.2f} in layer 0 and {means[-1]:.2f} in the last one",
        summary=found.summary(),
        width=560,
        height=320,
    )
