"""Directions of features that come in pairs, partners in one colour."""

import plotly.graph_objects as go

from mi_course.plots.superposition import plot_directions
from mi_course.results.superposition_pairs import PairedFeatures

__all__ = ["plot_paired_features"]


def plot_paired_features(found: PairedFeatures, *, title: str | None = None) -> go.Figure:
    """Return the directions of paired features in a plane, one panel for each density.

    Args:
        found: of models with two hidden dimensions.
        title: the claim; by default how partners stand at the highest and the lowest density.

    Returns:
        A figure; partners have one colour.

    Raises:
        ValueError: there are not two hidden dimensions.
    """
    density = found.geometry.density
    ends = dict.fromkeys([0, len(density) - 1])
    told = " and ".join(f"{found.arrangement(i)} at density {density[i]:.2g}" for i in ends)
    figure = plot_directions(
        found.geometry,
        colours=[feature // 2 for feature in range(found.geometry.W.shape[1])],
        title=title or f"Partners that are {found.pairing}: {told}",
    )
    return figure.update_layout(meta={"summary": found.summary()})
