"""A reader without a mouse: reaches each control of a cell by the tab key and moves it by a key."""

from typing import Any

__all__ = ["CHANGED", "drawn_figures", "operate", "stand_on"]

# What the figures of the active cell show, as text; empty while one is taken away for the next.
FIGURES = """() => {
  const cell = window.jupyterapp.shell.currentWidget.content.activeCell.node;
  const plots = [...cell.querySelectorAll('.js-plotly-plot')];
  return plots.length && plots.every(plot => plot.calcdata) ? JSON.stringify(plots.map(plot => [
    plot.layout.title?.text,
    plot.layout.images?.map(image => image.source),
    plot.calcdata.map(trace => trace.map(point => [point.x, point.y, point.z, point.text])),
  ])) : '';
}"""
CHANGED = f"before => ![before, ''].includes(({FIGURES})())"

STAND_ON = """(number) => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  notebook.activeCellIndex = number;
  notebook.mode = 'command';
  notebook.activeCell.node.focus();
}"""

# The controls of the active cell: where each stands, what it is, and which one has the focus. What
# plotly puts into a figure's corner is none of ours; a slider's number is a second way to move it.
CONTROLS = """() => {
  const output = window.jupyterapp.shell.currentWidget.content.activeCell.node
    .querySelector('.jp-Cell-outputWrapper');
  const all = '.noUi-handle, select, input:not([type=hidden]), .jupyter-button, h4[tabindex]';
  return [...output.querySelectorAll(all)].filter(each => !each.disabled).map(each => ({
    kind: each.matches('.noUi-handle') ? 'slider' : each.type || each.tagName.toLowerCase(),
    focused: each === document.activeElement,
    last: each.tagName === 'SELECT' ? each.selectedIndex === each.options.length - 1
      : each.getAttribute('aria-valuenow') === each.getAttribute('aria-valuemax'),
    chosen: each.innerText === '●',
  }));
}"""
MOST_STOPS = 150


def stand_on(page: Any, number: int) -> None:
    """Select a cell, as the arrow keys do outside its editor."""
    page.evaluate(STAND_ON, number)


def drawn_figures(page: Any) -> str:
    """What the figures of the active cell show, as soon as all of them are drawn."""
    return page.wait_for_function(FIGURES).json_value()


def operate(page: Any) -> list[str]:
    """Reach every control of the active cell by tab, and move each; returns their kinds in order.

    One button of many is pressed. Each key must change what the figures show.
    """
    reached: dict[int, str] = {}
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        controls = page.evaluate(CONTROLS)
        here = next((place for place, each in enumerate(controls) if each["focused"]), None)
        if here is not None and here not in reached:
            pressed = "submit" in reached.values() or controls[here]["chosen"]
            reached[here] = controls[here]["kind"]
            if reached[here] != "submit" or not pressed:
                _move(page, controls[here])
        if len(reached) == len(controls):
            break
    assert len(reached) == len(controls), f"the tab key reaches {reached} of {controls}"
    return [kind for _, kind in sorted(reached.items())]


def _move(page: Any, control: dict) -> None:
    """Press what moves the control that has the focus, and wait until another figure is drawn.

    A list goes back to where it was: not every two choices go together.
    """
    back = control["last"]
    keys = {
        "slider": [["ArrowLeft" if back else "ArrowRight"]],
        "select-one": [["ArrowUp"], ["ArrowDown"]] if back else [["ArrowDown"], ["ArrowUp"]],
        "checkbox": [["Space"]],
        "number": [["ArrowUp"]],
        "submit": [["Space"]],
        "text": [["End", *" and", "Enter"]],
    }
    for pressed in keys[control["kind"]]:
        before = drawn_figures(page)
        for key in pressed:
            page.keyboard.press(key)
        page.wait_for_function(CHANGED, arg=before)
