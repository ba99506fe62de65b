"""Probes: scores by layer and feature, along training, beside their control, and by number of k."""

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mi_course.plots.style import (
    COLOURS,
    DASHES,
    MARKERS,
    PROBABILITY,
    TRUTH,
    curve_look,
    frame,
    in_cells,
)
from mi_course.results import LayersByTraining, ProbeScores, Selectivity, SparseTable
from mi_course.results.sparse_probing import PUBLISHED_F1

__all__ = [
    "plot_feature_scores",
    "plot_layers_by_training",
    "plot_probe_scores",
    "plot_selectivity",
    "plot_sparse_collections",
    "plot_sparse_table",
]

CELL = 46
NAMES = {"f1": "F1", "mcc": "MCC", "balanced_accuracy": "balanced accuracy"}


def plot_probe_scores(
    scores: ProbeScores, *, measure: str = "f1", title: str | None = None
) -> go.Figure:
    """Return a heat map of one score for each layer and feature, layer 0 at the bottom.

    Args:
        scores: by layer and feature.
        measure: "f1", "precision", "recall", "accuracy" or "balanced_accuracy".
        title: the claim; by default the layer with the highest mean.

    Returns:
        A figure.
    """
    values = getattr(scores, measure)
    name = NAMES.get(measure, measure)
    by_layer = values.mean(dim=1)
    best = int(by_layer.argmax())
    figure = _heat(values.tolist(), list(scores.features), list(map(str, scores.layers)), name)
    figure.update_xaxes(title="feature", tickangle=-40 if len(scores.features) > 6 else 0)
    figure.update_yaxes(title="layer")
    return frame(
        figure,
        title=title
        or f"Layer {scores.layers[best]} tells these features best, mean {name} "
        f"{by_layer[best]:.2f}",
        summary=scores.summary(),
        width=max(440, 180 + CELL * len(scores.features)),
        height=max(200, 90 + CELL * len(scores.layers)),
    )


def plot_layers_by_training(found: LayersByTraining, *, title: str | None = None) -> go.Figure:
    """Return a heat map of a probe's score, training to the right and layers upwards.

    Args:
        found: one score for each checkpoint and layer.
        title: the claim; by default the best layer's score before and after training.

    Returns:
        A figure.
    """
    first, last = found.values[0].max().item(), found.values[-1].max().item()
    steps = [str(step) for step in found.steps.tolist()]
    figure = _heat(found.values.T.tolist(), steps, list(map(str, found.layers)), found.name)
    figure.update_xaxes(title="step of training")
    figure.update_yaxes(title="layer")
    return frame(
        figure,
        title=title
        or f"{found.label}: {found.name} of the best layer goes from {first:.2f} to {last:.2f}",
        summary=found.summary(),
        width=max(460, 200 + CELL * len(steps)),
        height=max(200, 90 + CELL * len(found.layers)),
    )


def plot_selectivity(found: Selectivity, *, title: str | None = None) -> go.Figure:
    """Return accuracy by layer on a task and on its control task; their distance is selectivity.

    Args:
        found: accuracies by layer and feature, of which means over features are drawn.
        title: the claim; by default both accuracies in the most selective layer, or that random
            labels are solved better everywhere.

    Returns:
        A figure; a black dashed line marks a guess.
    """
    layers = list(found.layers)
    task, control = found.task.mean(dim=1), found.control.mean(dim=1)
    best = int((task - control).argmax())
    said = f"Layer {layers[best]} is the most selective"
    if task[best] <= control[best]:
        said = f"Random labels are solved better in every layer; layer {layers[best]}"
    figure = go.Figure()
    for i, (name, values) in enumerate({"task": task, "control task": control}.items()):
        figure.add_scatter(
            x=layers,
            y=values.tolist(),
            name=name,
            showlegend=True,
            **curve_look(i),
        )
    figure.add_hline(y=0.5, line=TRUTH, annotation={"text": "a guess"})
    figure.update_xaxes(title="layer", dtick=1)
    figure.update_yaxes(title="held-out accuracy (fraction)", range=[0.4, 1.02])
    return frame(
        figure,
        title=title
        or f"{said}: {task[best]:.2f} on the task, {control[best]:.2f} on random labels",
        summary=found.summary(),
        width=560,
        height=320,
    )


def plot_feature_scores(scores: ProbeScores, *, title: str | None = None) -> go.Figure:
    """Return bars of F1 with precision and recall as marks, one group for each feature.

    Args:
        scores: by feature, of one layer (with or without an axis for it).
        title: the claim; by default the mean F1 and the best feature.

    Returns:
        A figure.
    """
    f1, precision, recall = (
        getattr(scores, name).reshape(-1) for name in ("f1", "precision", "recall")
    )
    names = list(scores.features)
    best = int(f1.argmax())
    figure = go.Figure()
    figure.add_bar(
        x=names,
        y=f1.tolist(),
        name="F1",
        showlegend=True,
        marker={"color": COLOURS[5]},
        text=[f"{value:.2f}" for value in f1.tolist()] if len(names) <= 12 else None,
        textposition="inside",
        insidetextanchor="start",
        insidetextfont={"color": "black"},
        textangle=0,
    )
    for i, (name, values) in enumerate({"precision": precision, "recall": recall}.items()):
        figure.add_scatter(
            x=names,
            y=values.tolist(),
            mode="markers",
            name=name,
            showlegend=True,
            marker={"symbol": MARKERS[i + 1], "size": 9, "color": COLOURS[i]},
        )
    figure.update_xaxes(tickangle=-40 if len(names) > 6 else 0)
    figure.update_yaxes(title="held-out score", range=[0, 1.05])
    return frame(
        figure,
        title=title or f"Mean F1 {f1.mean():.2f}; best for {names[best]}, {f1[best]:.2f}",
        summary=scores.summary(),
        width=max(520, 160 + 44 * len(names)),
        height=300,
    )


def plot_sparse_table(table: SparseTable, *, title: str | None = None) -> go.Figure:
    """Return mean F1 against the number of neurons, one line for each method, beside the paper's.

    Args:
        table: F1 by collection, method and k.
        title: the claim; by default the best method at the least k.

    Returns:
        A figure of two panels; the second one has the published means.
    """
    panels = ("town, 768 neurons a layer", "Gurnee et al. (2023), Pythia models")
    figure = make_subplots(cols=2, shared_yaxes=True, subplot_titles=panels)
    best = int(table.mean[:, 0].argmax())
    for i, (method, values) in enumerate(zip(table.methods, table.mean.tolist(), strict=True)):
        published = PUBLISHED_F1.get(method, {})
        pairs = [(table.ks, values), (tuple(published), list(published.values()))]
        for column, (ks, f1) in enumerate(pairs, start=1):
            figure.add_scatter(
                x=[str(k) for k in ks],
                y=f1,
                mode="lines+markers",
                name=method,
                legendgroup=method,
                showlegend=column == 1,
                line={"color": COLOURS[i % len(COLOURS)], "dash": DASHES[i % len(DASHES)]},
                marker={"symbol": MARKERS[i % len(MARKERS)], "size": 8},
                row=1,
                col=column,
            )
    figure.update_xaxes(title="k, neurons that the probe may read", type="category")
    figure.update_yaxes(title="mean held-out F1", row=1, col=1)
    framed = frame(
        figure,
        title=title
        or f"With k = {table.ks[0]}, {table.methods[best]} reaches a mean F1 of "
        f"{table.mean[best, 0]:.2f}",
        summary=table.summary(),
        width=860,
        height=360,
    )
    return framed.update_layout(legend={"y": 1.1}, margin={"t": framed.layout.margin.t + 40})


def plot_sparse_collections(
    table: SparseTable, *, k: int | None = None, title: str | None = None
) -> go.Figure:
    """Return a heat map of F1 for each method (upwards) and collection (to the right).

    Args:
        table: F1 by collection, method and k.
        k: number of neurons; the least one when None.
        title: the claim; by default the collections with the highest and the lowest F1.

    Returns:
        A figure.
    """
    at = 0 if k is None else table.ks.index(k)
    values = table.f1[:, :, at]
    by_collection = values.amax(dim=1)
    most, least = int(by_collection.argmax()), int(by_collection.argmin())
    figure = _heat(values.T.tolist(), list(table.collections), list(table.methods), "F1")
    figure.update_xaxes(tickangle=-40)
    return frame(
        figure,
        title=title
        or f"F1 at k = {table.ks[at]}: up to {by_collection[most]:.2f} for "
        f"{table.collections[most]}, up to {by_collection[least]:.2f} for "
        f"{table.collections[least]}",
        summary=table.summary(),
        width=max(520, 240 + CELL * len(table.collections)),
        height=max(240, 140 + 34 * len(table.methods)),
    )


def _heat(values: list[list[float]], columns: list[str], rows: list[str], unit: str) -> go.Figure:
    heat = go.Heatmap(
        z=values,
        x=columns,
        y=rows,
        zmin=0,
        zmax=1,
        colorscale=PROBABILITY,
        colorbar={"title": {"text": unit}},
        hovertemplate=f"%{{y}}, %{{x}}: %{{z:.3f}} {unit}<extra></extra>",
        **in_cells(values),
    )
    figure = go.Figure(heat)
    figure.update_xaxes(type="category", showgrid=False)
    figure.update_yaxes(type="category", showgrid=False)
    return figure
