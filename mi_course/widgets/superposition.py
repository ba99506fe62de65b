"""Browse the geometry of superposition: move the sparsity, see the features rearrange.

All models were trained before, side by side; moving the slider only chooses one of them.
In go the geometry of toy models of several densities; out comes something to display.
"""

import ipywidgets
import plotly.graph_objects as go

from mi_course.plots import plot_directions, plot_feature_lengths, plot_gram
from mi_course.results import FeatureGeometry
from mi_course.widgets.controlled import ControlledFigure

__all__ = ["GeometryBrowser"]

DIRECTIONS, GRAM, LENGTHS = "directions", "W W^T", "lengths"


class GeometryBrowser(ControlledFigure):
    """A density and a view to choose, and the features of the model of that density below.

    Args:
        found: geometry of toy models; those of one density are told apart by number.
        instance: which one is shown first; the one of the highest density when None.

    Raises:
        ValueError: there is no such instance.
    """

    def __init__(self, found: FeatureGeometry, *, instance: int | None = None) -> None:
        order = found.density.argsort(descending=True, stable=True).tolist()
        first = order[0] if instance is None else instance
        if first not in order:
            raise ValueError(f"expected an instance from 0 to {len(order) - 1}, got {instance}")
        self._found = found
        views = [DIRECTIONS, GRAM, LENGTHS] if found.W.shape[2] == 2 else [GRAM, LENGTHS]
        names = _names([found.density[i].item() for i in order])
        self.density = ipywidgets.SelectionSlider(
            options=list(zip(names, order, strict=True)), value=first, description="density"
        )
        self.view = ipywidgets.Dropdown(options=views, value=views[0], description="view")
        super().__init__([self.density, self.view])

    def _draw(self) -> go.Figure:
        i = self.density.value
        self.told.value = self._found.told(i)
        if self.view.value == GRAM:
            return plot_gram(self._found, i)
        one = self._found.instance(i)
        if self.view.value == LENGTHS:
            title = f"At density {one.density[0]:.2g}: {one.told(0)}"
            return plot_feature_lengths(one, title=title)
        return plot_directions(one)


def _names(densities: list[float]) -> list[str]:
    """Return densities as labels, a number behind those that repeat."""
    labels = [f"{density:.3g}" for density in densities]
    seen = [labels[: i + 1].count(label) for i, label in enumerate(labels)]
    return [f"{label} ({k})" if k > 1 else label for label, k in zip(labels, seen, strict=True)]
