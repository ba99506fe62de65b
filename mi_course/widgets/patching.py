"""Explore patches: choose a cell of the heat map, see the prompt and what the model then says.

The cells are ordinary buttons of core ipywidgets: a click chooses one, and so does the keyboard
(tab and space, or the arrow keys on the sliders). As elsewhere the figure below is an ordinary
output that is replaced in place, and stands alone in a saved notebook. In go a bridge and pairs;
out comes something to display.
"""

from collections.abc import Sequence
from functools import lru_cache, partial
from html import escape
from typing import Any

import ipywidgets
import plotly.graph_objects as go
from plotly.colors import sample_colorscale
from transformer_lens.model_bridge import TransformerBridge

from mi_course.methods.lens.reading import hooks_of
from mi_course.methods.patching import Place, patch_by_position, patched_prompt
from mi_course.methods.patching.cells import STREAM_SITES
from mi_course.plots import plot_patched_prompt
from mi_course.plots.style import SIGNED, visible
from mi_course.results import PatchedPrompt, PatchGrid
from mi_course.results.patching import DIRECTIONS
from mi_course.widgets.controlled import ControlledFigure
from mi_course.worlds.tasks import PromptPair

__all__ = ["PatchBrowser"]

MAX_CELLS = 600
CELL = "34px"


class PatchBrowser(ControlledFigure):
    """A site and a direction to choose, a cell to click, and the patched prompt below.

    Args:
        model: any bridge with a tokenizer.
        pairs: the heat map is their mean; the prompt of the first is shown.
        places: names of positions; every position when None, for pairs of one length.
        site: patched first.
        direction: patched first.

    Raises:
        ValueError: an unknown site, direction or place, prompts that cannot be patched together,
            or more cells than can be clicked.
    """

    def __init__(
        self,
        model: TransformerBridge,
        pairs: Sequence[PromptPair],
        places: Sequence[str] | None = None,
        *,
        site: str = "resid_pre",
        direction: str = "denoising",
    ) -> None:
        sites = [name for name in STREAM_SITES if name in hooks_of(model)]
        if site not in sites or direction not in DIRECTIONS:
            raise ValueError(
                f"expected a site among {sites} and a direction among {DIRECTIONS}, got "
                f"{site!r} and {direction!r}"
            )
        self._model, self._pairs, self._places = model, tuple(pairs), places
        self._grid = lru_cache(maxsize=16)(self._swept)
        self._shown = lru_cache(maxsize=256)(self._patched)
        self.site = ipywidgets.Dropdown(options=sites, value=site, description="site")
        self.direction = ipywidgets.Dropdown(
            options=list(DIRECTIONS), value=direction, description="direction"
        )
        grid = self._grid(site, direction)
        self.layer, self.position = _sliders(grid)
        self.prompt = ipywidgets.HTML()
        self.cells = self._buttons(grid)
        super().__init__([self.site, self.direction], [self.layer, self.position])
        columns = f"repeat({grid.values.shape[1]}, {CELL})"
        box = ipywidgets.GridBox(
            [button for line in reversed(self.cells) for button in line],
            layout=ipywidgets.Layout(grid_template_columns=columns),
        )
        self.controls.children = (*self.controls.children, box, self.prompt)

    @property
    def shown(self) -> PatchedPrompt:
        """The run of the chosen cell."""
        return self._shown(
            self.site.value, self.direction.value, self.layer.value, self.position.value
        )

    def choose(self, layer: int, position: int) -> None:
        """Choose a cell, as a click does.

        Args:
            layer: row of the heat map, from the bottom.
            position: column, from the left.
        """
        # Both change before anything is drawn: a cell is one choice.
        with self.layer.hold_trait_notifications():
            self.position.unobserve(self._changed, names="value")
            self.position.value = position
            self.position.observe(self._changed, names="value")
            same = self.layer.value == layer
            self.layer.value = layer
        if same:
            self._changed(None)

    def _draw(self) -> go.Figure:
        grid = self._grid(self.site.value, self.direction.value)
        shown, chosen = self.shown, (self.layer.value, self.position.value)
        self.prompt.value = _html(shown)
        self._colour(grid, chosen)
        return plot_patched_prompt(grid, chosen, shown)

    def _swept(self, site: str, direction: str) -> PatchGrid:
        return patch_by_position(
            self._model, self._pairs, site, direction=direction, places=self._places
        )

    def _patched(self, site: str, direction: str, layer: int, column: int) -> PatchedPrompt:
        position = column if self._places is None else self._places[column]
        place = Place(site, layer, None, position)
        return patched_prompt(self._model, self._pairs[0], place, direction=direction)

    def _buttons(self, grid: PatchGrid) -> list[list[ipywidgets.Button]]:
        layout = ipywidgets.Layout(width=CELL, height=CELL, margin="0")
        lines = []
        for row, layer in enumerate(grid.labels[0]):
            line = []
            for column, label in enumerate(grid.labels[-1]):
                button = ipywidgets.Button(
                    tooltip=f"layer {layer}, {visible(label)}", layout=layout
                )
                button.style.text_color = "black"  # the mark, in dark themes too
                button.on_click(partial(self._clicked, row, column))
                line.append(button)
            lines.append(line)
        return lines

    def _clicked(self, row: int, column: int, _button: Any) -> None:
        self.choose(row, column)

    def _colour(self, grid: PatchGrid, chosen: tuple[int, int]) -> None:
        change = grid.change()
        scaled = (change / (2 * (change.abs().max().item() or 1)) + 0.5).flatten().tolist()
        colours = iter(sample_colorscale(SIGNED, scaled))
        for row, line in enumerate(self.cells):
            for column, button in enumerate(line):
                button.style.button_color = next(colours)
                # A space, since a button whose text becomes empty keeps showing the old one.
                button.description = "●" if (row, column) == chosen else "\u00a0"


def _sliders(grid: PatchGrid) -> tuple[ipywidgets.IntSlider, ipywidgets.IntSlider]:
    """Return sliders of row and column, at the cell that moves the run most."""
    n_rows, n_columns = grid.values.shape
    if n_rows * n_columns > MAX_CELLS:
        raise ValueError(f"expected up to {MAX_CELLS} cells, got {n_rows} x {n_columns}")
    row, column = divmod(int(grid.change().abs().argmax()), n_columns)
    return (
        ipywidgets.IntSlider(value=row, max=n_rows - 1, description="layer"),
        ipywidgets.IntSlider(value=column, max=n_columns - 1, description="place"),
    )


def _html(shown: PatchedPrompt) -> str:
    """Return the prompt with patched tokens marked, and what is said before and after."""
    some = len(shown.patched) < len(shown.tokens)
    words = [
        f"<mark><b>{escape(token)}</b></mark>" if some and at in shown.patched else escape(token)
        for at, token in enumerate(shown.tokens)
    ]
    says = ", ".join(
        f"<b>{escape(token)}</b> {p:.2f}"
        for token, p in zip(shown.says[:3], shown.probs.tolist(), strict=False)
    )
    return f"<p>{''.join(words)} &hellip;</p><p>The model says: {says}</p>"
