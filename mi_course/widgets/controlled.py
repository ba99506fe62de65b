"""A figure under controls: what every browser of the course has in common.

The figure is an ordinary output of the cell, which the controls replace in place. So the saved
notebook shows the default state where no kernel runs, and only core ipywidgets are needed.
In go rows of controls and a way to draw; out comes something to display.
"""

import html
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import ipywidgets
import plotly.graph_objects as go
from IPython.display import display

from mi_course.plots import summary
from mi_course.plots.showing import Shown, redraw

__all__ = ["ControlledFigure", "text_box"]

# JupyterLab and Notebook take the arrow keys and letters of every control that is no line of text
# for themselves: they would move to another cell, or delete this one. A control that has the focus
# asks them not to. Core widgets cannot carry an attribute, so a picture that is not there sets it.
OWN_KEYS = """<img src="data:," alt="" hidden onerror="
  this.closest('.widget-vbox')?.addEventListener('focusin', (event) =>
    event.target.setAttribute('data-lm-suppress-shortcuts', 'true'))">"""


def text_box(value: str) -> ipywidgets.Text:
    """A line of text that counts when it is finished, not at each key."""
    layout = ipywidgets.Layout(width="90%")
    return ipywidgets.Text(value=value, description="text", continuous_update=False, layout=layout)


class ControlledFigure(ABC):
    """Controls, and below them the figure that they ask for.

    Args:
        rows: controls from the top; those of one row stand side by side.

    Raises:
        ValueError: the controls ask for something that cannot be drawn.
    """

    def __init__(self, *rows: Sequence[ipywidgets.Widget]) -> None:
        self.told = ipywidgets.HTML()
        # In a narrow window the controls of a row stand below each other, not squeezed together.
        wrapped = ipywidgets.Layout(flex_flow="row wrap")
        boxes = [row[0] if len(row) == 1 else ipywidgets.HBox(row, layout=wrapped) for row in rows]
        self.controls = ipywidgets.VBox([*boxes, self.told, ipywidgets.HTML(OWN_KEYS)])
        self._figure = self._draw()
        self._sentence: Any = None
        self._handle: Any = None
        for control in (control for row in rows for control in row):
            control.observe(self._changed, names="value")

    @abstractmethod
    def _draw(self) -> go.Figure:
        """The figure as the controls stand; ValueError where they make no sense."""

    @property
    def figure(self) -> go.Figure:
        """The figure as the controls stand, or as they last stood with sense."""
        return self._figure

    def _ipython_display_(self) -> None:
        display(self.controls)
        self._sentence = display(_text(self._figure), raw=True, display_id=True)
        self._handle = display(Shown(self._figure), display_id=True)

    def _changed(self, _change: Any) -> None:
        self.told.value = ""
        try:
            self._figure = self._draw()
        except ValueError as error:
            self.told.value = f"<b>{error}</b>"
            return
        if self._handle is not None:
            self._sentence.update(_text(self._figure), raw=True)
            redraw(self._handle, self._figure)


def _text(figure: go.Figure) -> dict[str, str]:
    text = summary(figure)
    return {"text/plain": text, "text/html": f"<p>{html.escape(text)}</p>"}
