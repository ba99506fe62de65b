"""Browse a dictionary's latents: by number, or as the best ones for a label.

Below the controls stands the latent's page, and below that its strongest examples as CircuitsVis
shows them. Everything was encoded once, when the browser was made; choosing a latent only reads.
In go a bridge, a dictionary and labelled activations; out comes something to display.
"""

from typing import Any

import ipywidgets
import plotly.graph_objects as go
from IPython.display import display
from transformer_lens.model_bridge import TransformerBridge

from mi_course.methods.sae import feature_page, label_f1, latent_activity
from mi_course.methods.sae.dictionary import Dictionary
from mi_course.methods.sae.labelled import LabelledActivations
from mi_course.plots import plot_feature_page, token_view
from mi_course.plots.circuitsvis_view import CircuitsVisView, ViewScript
from mi_course.results import FeaturePage, LabelScores
from mi_course.widgets.controlled import ControlledFigure

__all__ = ["FeatureBrowser"]

RANKS = 8


class FeatureBrowser(ControlledFigure):
    """A label and a rank, or a number, to choose a latent; its page and its examples below.

    Args:
        model: the bridge that the activations are of, with its tokenizer.
        dictionary: any dictionary of their width.
        data: from `labelled_activations`.
        scores: from `label_f1` of the same; computed when None.
        latent: shown first; the best one for the label that is told best when None.

    Raises:
        ValueError: another width, or a latent that does not exist or is never active.
    """

    def __init__(
        self,
        model: TransformerBridge,
        dictionary: Dictionary,
        data: LabelledActivations,
        scores: LabelScores | None = None,
        *,
        latent: int | None = None,
    ) -> None:
        self._model = model
        self._activity = latent_activity(dictionary, data)
        self._scores = label_f1(dictionary, data) if scores is None else scores
        order = self._scores.f1.argsort(descending=True, stable=True).tolist()
        labels = [self._scores.labels[i] for i in order]
        self.label = ipywidgets.Dropdown(options=labels, value=labels[0], description="label")
        self.rank = ipywidgets.IntSlider(value=1, min=1, max=RANKS, description="rank")
        self.latent = ipywidgets.BoundedIntText(
            value=self._ranked() if latent is None else latent,
            min=0,
            max=dictionary.n_features - 1,
            description="feature",
        )
        self._view: Any = None
        self._page: FeaturePage | None = None
        for control in (self.label, self.rank):
            control.observe(self._follow, names="value")
        super().__init__([self.label, self.rank], [self.latent])

    @property
    def page(self) -> FeaturePage:
        """The page that is shown."""
        assert self._page is not None
        return self._page

    @property
    def view(self) -> CircuitsVisView:
        """The strongest examples, as CircuitsVis shows them."""
        return token_view(self.page.examples)

    def _ranked(self) -> int:
        """Return the latent that stands at the chosen rank for the chosen label."""
        f1 = self._scores.matrix[:, self._scores.of(self.label.value)]
        best = f1.argsort(descending=True, stable=True)
        return int(best[min(self.rank.value, len(best)) - 1])

    def _follow(self, _change: Any) -> None:
        self.latent.value = self._ranked()

    def _draw(self) -> go.Figure:
        self._page = feature_page(self._model, self._activity, self.latent.value)
        return plot_feature_page(self._page)

    def _ipython_display_(self) -> None:
        super()._ipython_display_()
        # The view is replaced when another latent is chosen, and the script must stay.
        display(ViewScript())
        self._view = display(_html(self.view), raw=True, display_id=True)

    def _changed(self, change: Any) -> None:
        # A label or a rank that leads to another latent has drawn that one already.
        if self.told.value == "" and self.latent.value == self.page.latent:
            return
        super()._changed(change)
        if self._view is not None and not self.told.value:
            self._view.update(_html(self.view), raw=True)


def _html(view: CircuitsVisView) -> dict[str, str]:
    return {"text/html": view.html(with_script=False), "text/plain": view.summary}
