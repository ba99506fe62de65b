"""Browse the heads of a model: choose a layer, a head and a text, see where the head looks.

In go a bridge and a text; out comes something to display.
"""

from functools import lru_cache

import ipywidgets
import plotly.graph_objects as go
from transformer_lens.model_bridge import TransformerBridge

from mi_course.activations import Head
from mi_course.methods.induction import attention
from mi_course.plots import plot_attention
from mi_course.results import Attention, head_name
from mi_course.widgets.controlled import ControlledFigure, text_box

__all__ = ["HeadBrowser"]

# More tick labels than this cannot be read.
MAX_TOKENS = 80


class HeadBrowser(ControlledFigure):
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
        self.text = text_box(text)
        super().__init__([self.layer, self.head], [self.text])

    def _draw(self) -> go.Figure:
        name = head_name(self.layer.value, self.head.value)
        return plot_attention(self._attention(self.text.value), name)

    def _read(self, text: str) -> Attention:
        n_tokens = self._model.to_tokens(text).shape[1]
        longest = min(MAX_TOKENS, self._model.cfg.n_ctx)
        if not 2 <= n_tokens <= longest:
            raise ValueError(f"expected 2 to {longest} tokens, got {n_tokens}, try another text")
        return attention(self._model, text)
