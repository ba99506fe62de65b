"""Browse a lens: choose a text, what is read, through which lens, and what colours the grid.

As with the heads, the figure is an ordinary output of the cell that the controls replace in place.
In go a bridge, a text and maybe a tuned lens; out comes something to display.
"""

from functools import lru_cache

import ipywidgets
import plotly.graph_objects as go
from transformer_lens.model_bridge import TransformerBridge

from mi_course.methods.lens import Translators, logit_lens
from mi_course.methods.lens.reading import hooks_of
from mi_course.plots import plot_lens_grid
from mi_course.plots.lens_grid import GRID_COLOURS, MAX_COLUMNS
from mi_course.results import LensGrid
from mi_course.widgets.controlled import ControlledFigure, text_box

__all__ = ["LensBrowser"]

LOGIT, TUNED = "logit lens", "tuned lens"


class LensBrowser(ControlledFigure):
    """A text, a hook, a lens and a colour to choose, and the grid of best tokens below.

    Args:
        model: any bridge with a tokenizer.
        text: what to show first; 2 to 40 tokens.
        translators: a tuned lens; without one only the logit lens can be chosen.

    Raises:
        ValueError: the text is too short or too long.
    """

    def __init__(
        self, model: TransformerBridge, text: str, translators: Translators | None = None
    ) -> None:
        self._model, self._translators = model, translators
        # A grid holds every colour: moving the slider computes nothing.
        self._grid = lru_cache(maxsize=16)(self._read)
        lenses = [LOGIT] if translators is None else [LOGIT, TUNED]
        self.hook = ipywidgets.Dropdown(
            options=list(hooks_of(model)), value="resid_post", description="read"
        )
        self.lens = ipywidgets.Dropdown(options=lenses, value=LOGIT, description="lens")
        self.colour = ipywidgets.SelectionSlider(
            options=list(GRID_COLOURS), value="logit", description="colour"
        )
        self.text = text_box(text)
        super().__init__([self.hook, self.lens, self.colour], [self.text])

    def _draw(self) -> go.Figure:
        grid = self._grid(self.text.value, self.hook.value, self.lens.value)
        return plot_lens_grid(grid, self.colour.value)

    def _read(self, text: str, hook: str, lens: str) -> LensGrid:
        tokens = self._model.to_tokens(text)
        longest = min(MAX_COLUMNS, self._model.cfg.n_ctx)
        if not 2 <= tokens.shape[1] <= longest:
            raise ValueError(
                f"expected 2 to {longest} tokens, got {tokens.shape[1]}, try another text"
            )
        translators = self._translators if lens == TUNED else None
        return logit_lens(self._model, tokens, hook=hook, translators=translators)
