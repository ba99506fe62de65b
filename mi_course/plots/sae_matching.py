"""Features of two dictionaries side by side: matched, shared by seeds, split, absorbed."""

import plotly.graph_objects as go

from mi_course.plots.sae import LEFT
from mi_course.plots.style import COLOURS, PROBABILITY, bar_look, frame, in_cells
from mi_course.results import Absorption, Matching, Splitting, Stability

__all__ = ["plot_absorption", "plot_matching", "plot_splitting", "plot_stability"]

BINS = {"start": 0, "end": 1.0001, "size": 0.05}


def plot_matching(matching: Matching, *, title: str | None = None) -> go.Figure:
    """Return how near each feature's nearest one in another dictionary is.

    Args:
        matching: of two dictionaries.
        title: the claim; by default MMCS and the fraction shared.

    Returns:
        A histogram; pairs that are each other's nearest in one colour, the rest in another.
    """
    figure = go.Figure()
    groups = {"mutually nearest": matching.mutual, "one-sided": ~matching.mutual}
    for i, (name, chosen) in enumerate(groups.items()):
        figure.add_histogram(
            x=[round(value, 4) for value in matching.cosines[chosen].tolist()],
            xbins=BINS,
            name=name,
            showlegend=True,
            marker=bar_look(i),
        )
    figure.update_layout(barmode="stack")
    figure.update_xaxes(title=f"cosine with the nearest feature of {matching.names[1]}")
    figure.update_yaxes(title=f"features of {matching.names[0]}")
    return frame(
        figure,
        title=title
        or f"{matching.fraction(0.7):.0%} of the features have a counterpart (cosine 0.7 or more); "
        f"mean cosine {matching.mmcs:.2f}",
        summary=matching.summary(),
        width=600,
        height=320,
    )


def plot_stability(found: Stability, *, title: str | None = None) -> go.Figure:
    """Return a heat map of the fraction of features that each pair of dictionaries shares.

    Args:
        found: of several dictionaries.
        title: the claim; by default the mean over pairs.

    Returns:
        A figure; the row's features are looked for in the column.
    """
    figure = go.Figure(
        go.Heatmap(
            z=found.fractions.tolist(),
            x=list(found.names),
            y=list(found.names),
            zmin=0,
            zmax=1,
            colorscale=PROBABILITY,
            colorbar={"title": {"text": "fraction"}},
            **in_cells(found.fractions.tolist()),
        )
    )
    figure.update_xaxes(title="are found in", type="category", showgrid=False)
    figure.update_yaxes(title="features of", type="category", autorange="reversed", showgrid=False)
    return frame(
        figure,
        title=title
        or f"Two dictionaries share {found.mean():.0%} of their features (cosine "
        f"{found.threshold:g} or more)",
        summary=found.summary(),
        width=max(440, 240 + 70 * len(found.names)),
        height=max(220, 120 + 50 * len(found.names)),
    )


def plot_splitting(found: Splitting, *, title: str | None = None) -> go.Figure:
    """Return how many latents of a small dictionary have how many children in a wide one.

    Args:
        found: of two dictionaries.
        title: the claim; by default the fraction that splits.

    Returns:
        A figure of bars.
    """
    sizes = found.sizes
    counts = sizes.bincount().tolist()
    several = (sizes > 1).float().mean().item()
    figure = go.Figure(
        go.Bar(x=list(range(len(counts))), y=counts, text=counts, marker={"color": COLOURS[0]})
    )
    figure.update_xaxes(title=f"children in {found.names[1]}", dtick=1)
    figure.update_yaxes(title=f"features of {found.names[0]}")
    return frame(
        figure,
        title=title or f"{several:.0%} of the features split into several in the wider dictionary",
        summary=found.summary(),
        width=560,
        height=320,
    )


def plot_absorption(found: Absorption, *, title: str | None = None) -> go.Figure:
    """Return who is active where a label's best latent is silent, and where it is not.

    Args:
        found: of one label.
        title: the claim; by default what is missed, and how much of that others take.

    Returns:
        A figure of grouped bars, one group for each absorbing latent, named by its best label.
    """
    names = [
        f"#{latent} ({favourite})"
        for latent, favourite in zip(found.latents.tolist(), found.favourites, strict=True)
    ]
    groups = {
        f"where #{found.parent} is silent": found.on_missed,
        f"where #{found.parent} is active": found.on_found,
    }
    figure = go.Figure()
    for i, (name, values) in enumerate(groups.items()):
        figure.add_bar(
            y=names,
            x=values.tolist(),
            orientation="h",
            name=name,
            showlegend=True,
            marker=bar_look(i),
        )
    figure.update_xaxes(title="share of the label's tokens on which it is active")
    figure.update_xaxes(range=[0, 1])
    figure.update_yaxes(autorange="reversed")
    return frame(
        figure,
        title=title
        or f"#{found.parent} misses {1 - found.recall:.0%} of {found.label}; more special features "
        f"are active on {found.explained:.0%} of that",
        summary=found.summary(),
        width=720,
        height=120 + 44 * max(len(names), 1),
    ).update_layout(title=LEFT)
