"""Heads by class, and how a circuit stands beside the whole model."""

import plotly.graph_objects as go

from mi_course.plots.style import COLOURS, GREY, MARKERS, TRUTH, frame
from mi_course.results import head_name
from mi_course.results.ioi import CircuitTest, HeadClasses, Minimality

__all__ = ["plot_circuit_test", "plot_head_classes", "plot_minimality"]

CELL = 46
NAMED = 6  # sets whose names are written; the others tell theirs on hovering


def plot_head_classes(classes: HeadClasses, *, title: str | None = None) -> go.Figure:
    """Return all heads as a grid, layer 0 at the bottom, those that play a part by colour.

    Args:
        classes: from `classify_heads`.
        title: the claim; by default how many heads have a class.

    Returns:
        A figure; a head with two classes wears both marks.
    """
    figure = go.Figure()
    every = [(i, j) for i in range(classes.n_layers) for j in range(classes.n_heads)]
    figure.add_scatter(
        x=[head for _, head in every],
        y=[layer for layer, _ in every],
        mode="markers",
        name="no class",
        showlegend=True,
        hovertext=[head_name(*head) for head in every],
        marker={"size": 7, "color": GREY},
    )
    filled = [(name, heads) for name, heads in classes.classes.items() if heads]
    for i, (name, heads) in enumerate(filled):
        figure.add_scatter(
            x=[head for _, head in heads],
            y=[layer for layer, _ in heads],
            mode="markers",
            name=name,
            showlegend=True,
            hovertext=[f"{head_name(*head)}: {name}" for head in heads],
            marker={
                "size": 20,
                "color": COLOURS[i % len(COLOURS)],
                "symbol": MARKERS[i % len(MARKERS)],
            },
        )
    figure.update_xaxes(title="head", dtick=1, range=[-0.6, classes.n_heads - 0.4], showgrid=False)
    figure.update_yaxes(
        title="layer", dtick=1, range=[-0.6, classes.n_layers - 0.4], showgrid=False
    )
    figure = frame(
        figure,
        title=title or f"{len(classes.circuit)} of {len(every)} heads play a part",
        summary=classes.summary(),
        width=max(620, 180 + CELL * classes.n_heads),
        height=max(260, 80 + CELL * classes.n_layers),
    )
    # Several classes need more than one line above the picture.
    return figure.update_layout(legend={"orientation": "v", "x": 1.02, "y": 1, "yanchor": "top"})


def plot_circuit_test(test: CircuitTest, *, title: str | None = None) -> go.Figure:
    """Return circuit against model, one point for each set of heads that both lost.

    Args:
        test: from `faithfulness` or `completeness`.
        title: the claim; by default the largest difference, and the set for which it is found.

    Returns:
        A figure; on the dashed line both would be equal.
    """
    name, most = test.worst()
    x, y = test.model.tolist(), test.circuit.tolist()
    low, high = min(*x, *y, 0), max(*x, *y)
    figure = go.Figure()
    figure.add_scatter(
        x=[low, high], y=[low, high], mode="lines", line=TRUTH, name="equal", showlegend=True
    )
    drawn = [each.startswith("random") for each in test.names]
    for random, label in ((False, "nothing, a class, or chosen heads"), (True, "random heads")):
        at = [i for i, yes in enumerate(drawn) if yes == random]
        if at:
            figure.add_scatter(
                x=[x[i] for i in at],
                y=[y[i] for i in at],
                mode="markers" if random or len(at) > NAMED else "markers+text",
                name=label,
                showlegend=True,
                text=[test.names[i] for i in at],
                textposition=[
                    "bottom right" if x[i] < (low + high) / 2 else "bottom left" for i in at
                ],
                hovertext=[
                    f"{test.names[i]}: {' '.join(head_name(*h) for h in test.heads[i])}" for i in at
                ],
                marker={"size": 9, "color": COLOURS[random], "symbol": MARKERS[random]},
            )
    figure.update_xaxes(title="logit difference of the model without the set")
    figure.update_yaxes(title="logit difference of the circuit without the set")
    return frame(
        figure,
        title=title or f"Circuit and model are at most {most:.2f} logits apart ({name})",
        summary=test.summary(),
    )


def plot_minimality(result: Minimality, *, title: str | None = None) -> go.Figure:
    """Return a bar for each head: what it adds in the company in which it adds most.

    Args:
        result: from `minimality`.
        title: the claim; by default the least of them.

    Returns:
        A figure; on hovering the company.
    """
    names = [head_name(*head) for head in result.heads]
    least = int(result.values.argmin())
    bars = go.Bar(
        x=names,
        y=result.values.tolist(),
        marker={"color": COLOURS[0]},
        hovertext=[
            "without " + (", ".join(head_name(*head) for head in company) or "anybody else")
            for company in result.company
        ],
    )
    figure = go.Figure(bars)
    figure.update_xaxes(title="head", type="category")
    figure.update_yaxes(title="change of the logit difference (fraction)", rangemode="tozero")
    return frame(
        figure,
        title=title or f"Each head adds at least {result.values[least]:.2f} ({names[least]})",
        summary=result.summary(),
    )
