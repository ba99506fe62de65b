"""Browse the heads of a model: choose a layer, a head and a text, see where the head looks.

The figure is an ordinary output of the cell, which the controls replace in place. So the saved
notebook shows the default state where no kernel runs, and only core ipywidgets are needed.
In go a bridge and a text; out comes something to display.
"""

from functools import lru_cache
from typing import Any

import ipywidgets
import plotly.graph_objects as go
from IPython.display import display
from transformer_lens.model_bridge import TransformerBridge

from mi_course.activations import Head
from mi_course.methods.induction import attention
from mi_course.plots import plot_attention, summary
from mi_course.plots.showing import Shown, redraw
from mi_course.results import Attention, head_name

__all__ = ["HeadBrowser"]

# More tick labels than this cannot be read.
MAX_TOKENS = 80


class HeadBrowser:
    """A layer, a head and a text to choose, and the head's attention pattern below.

    Args:
        model: any bridge with a tokenizer.
        text: what to show first; 2 to 80 tokens.
        head: which head to show first.

    Raises:
        ValueError: the text is too short or too long, or the head does not exist.
    """

    def __init__(self, model: TransformerBridge, text: str, *, head: Head = (0, 0)) -> None:
        n_layers, n_heads = model.cfg.n_layers, model.cfg.n_heads
        if not (0 <= head[0] < n_layers and 0 <= head[1] < n_heads):
            raise ValueError(
                f"expected layer 0-{n_layers - 1} and head 0-{n_heads - 1}, got {head_name(*head)}"
            )
        self._model = model
        # Every head's pattern comes from one forward pass: moving the slider computes nothing.
        self._attention = lru_cache(maxsize=16)(self._read)
        self.layer = ipywidgets.Dropdown(
            options=list(range(n_layers)), value=head[0], description="layer"
        )
        self.head = ipywidgets.IntSlider(value=head[1], max=n_heads - 1, description="head")
        self.text = ipywidgets.Text(
            value=text,
            description="text",
            continuous_update=False,
            layout=ipywidgets.Layout(width="90%"),
        )
        self.told = ipywidgets.HTML()
        chosen = ipywidgets.HBox([self.layer, self.head])
        self.controls = ipywidgets.VBox([chosen, self.text, self.told])
        self._figure = self._draw()
        self._sentence: Any = None
        self._handle: Any = None
        for control in (self.layer, self.head, self.text):
            control.observe(self._changed, names="value")

    @property
    def figure(self) -> go.Figure:
        """The figure as the controls stand."""
        return self._figure

    def _ipython_display_(self) -> None:
        display(self.controls)
        self._sentence = display(_text(self._figure), raw=True, display_id=True)
        self._handle = display(Shown(self._figure), display_id=True)

    def _changed(self, _change: Any) -> None:
        try:
            self._figure = self._draw()
        except ValueError as error:
            self.told.value = f"<b>{error}</b>"
            return
        self.told.value = ""
        if self._handle is not None:
            self._sentence.update(_text(self._figure), raw=True)
            redraw(self._handle, self._figure)

    def _draw(self) -> go.Figure:
        name = head_name(self.layer.value, self.head.value)
        return plot_attention(self._attention(self.text.value), name)

    def _read(self, text: str) -> Attention:
        n_tokens = self._model.to_tokens(text).shape[1]
        longest = min(MAX_TOKENS, self._model.cfg.n_ctx)
        if not 2 <= n_tokens <= longest:
            raise ValueError(f"expected 2 to {longest} tokens, got {n_tokens}, try another text")
        return attention(self._model, text)


def _text(figure: go.Figure) -> dict[str, str]:
    return {"text/plain": summary(figure)}
