"""Show a figure in a notebook, with the sentence that says what it shows.

The sentence is printed, so it is read aloud by a screen reader, kept in saved notebooks, and
compared when notebooks are tested. The figure is sent as data that JupyterLab, Notebook and VS Code
draw with their own copy of plotly: no megabytes of script in the notebook and no network.
"""

import sys
import textwrap
from typing import Any

import plotly.graph_objects as go
import plotly.io as pio
from IPython.display import DisplayHandle, display

__all__ = ["Shown", "redraw", "show", "summary", "tell"]

LINE = 88  # characters; JupyterLab breaks a longer printed line in the middle of a word


class Shown:
    """A figure as IPython displays it: plotly's data, and its summary as plain text.

    Args:
        figure: made by one of the plots.
    """

    def __init__(self, figure: go.Figure) -> None:
        self.figure = figure

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        del include, exclude  # IPython asks with them; every form is offered anyway
        renderer = "colab" if "google.colab" in sys.modules else "plotly_mimetype"
        bundle = pio.renderers[renderer].to_mimebundle(self.figure.to_dict())
        return {**bundle, "text/plain": summary(self.figure)}


def summary(figure: go.Figure) -> str:
    """Return the sentence that tells what a figure shows.

    Args:
        figure: made by one of the plots.

    Returns:
        Plain text; empty for a figure made elsewhere.
    """
    return (figure.layout.meta or {}).get("summary", "")


def show(figure: go.Figure) -> None:
    """Print a figure's summary and display the figure below it.

    Args:
        figure: made by one of the plots.
    """
    _print(summary(figure))
    display(Shown(figure))


def tell(result: Any) -> None:
    """Print what a result says of itself where no figure is needed.

    Args:
        result: any of `mi_course.results` that has a `summary`.
    """
    _print(result.summary())


def _print(text: str) -> None:
    print(textwrap.fill(text, LINE, break_on_hyphens=False, break_long_words=False))


def redraw(handle: DisplayHandle, figure: go.Figure) -> None:
    """Put a figure in the place of one that was displayed with a `display_id`.

    Args:
        handle: what `display(Shown(...), display_id=True)` returned.
        figure: made by one of the plots.
    """
    # JupyterLab's plotly renderer keeps its first figure when it gets another; the empty text
    # between them makes JupyterLab throw that renderer away.
    handle.update({"text/plain": ""}, raw=True)
    handle.update(Shown(figure))
