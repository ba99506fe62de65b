"""Browse the channels of an image network: a layer and a channel to choose, by keyboard or mouse.

Beside each other stand the optimised picture, the patches of images that excite the channel most,
and the parts that its peak tells. A layer's pictures are made all at once when the layer is first
chosen; moving from channel to channel computes nothing. In go a `VisionModel` and scenes; out comes
something to display.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import ipywidgets
import plotly.graph_objects as go

from mi_course.methods.feature_viz import (
    Recipe,
    as_images,
    neuron,
    part_scores,
    render_channels,
    top_examples,
)
from mi_course.models.vision import VisionModel
from mi_course.plots import plot_channel
from mi_course.results import DatasetExamples, PartScores, Pictures
from mi_course.widgets.controlled import ControlledFigure
from mi_course.worlds.shapes import Scenes

__all__ = ["ChannelBrowser"]

Page = tuple[Pictures, DatasetExamples, PartScores]


class ChannelBrowser(ControlledFigure):
    """A layer and a channel to choose, and the channel's page below.

    Args:
        model: of the shapes.
        scenes: where examples and parts are looked for.
        layer: shown first; the last one on the way to the logits when None.
        channel: shown first.
        recipe: how pictures are made; each channel is drawn once, in the middle.
        pictures: by layer, those that are made already.

    Raises:
        ValueError: no such layer or channel, or fewer than nine scenes.
    """

    def __init__(
        self,
        model: VisionModel,
        scenes: Scenes,
        *,
        layer: str | None = None,
        channel: int = 0,
        recipe: Recipe | None = None,
        pictures: Mapping[str, Pictures] | None = None,
    ) -> None:
        self._model, self._scenes, self._recipe = model, scenes, recipe
        self._made = dict(pictures or {})
        self._page = lru_cache(maxsize=None)(self._read)
        first = model.module.path(model.layers[-1])[-1] if layer is None else layer
        n_channels = model.channels(first)
        if not 0 <= channel < n_channels:
            raise ValueError(f"expected channels 0-{n_channels - 1} of {first}, got {channel}")
        self.layer = ipywidgets.Dropdown(
            options=list(model.layers), value=first, description="layer"
        )
        self.channel = ipywidgets.IntSlider(
            value=channel, max=n_channels - 1, description="channel", continuous_update=False
        )
        # Before the figure follows: the slider must not ask for a channel the layer lacks.
        self.layer.observe(self._fit, names="value")
        super().__init__([self.layer, self.channel])

    def _fit(self, change: Any) -> None:
        n_channels = self._model.channels(change["new"])
        with self.channel.hold_trait_notifications():
            self.channel.value = min(self.channel.value, n_channels - 1)
            self.channel.max = n_channels - 1

    def _draw(self) -> go.Figure:
        pictures, examples, scores = self._page(self.layer.value)
        return plot_channel(pictures, examples, self.channel.value, scores)

    def _read(self, layer: str) -> Page:
        images = as_images(self._scenes)
        examples = top_examples(self._model, layer, images)
        scores = part_scores(self._model, layer, self._scenes, top=min(100, len(images)))
        made = self._made.get(layer)
        if made is None:
            made = render_channels(self._model, layer, recipe=self._recipe, goal=neuron)
        return made, examples, scores
