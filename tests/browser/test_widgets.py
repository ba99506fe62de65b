"""A person opens a notebook in JupyterLab, runs it, and moves a slider: the figure changes."""

from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
# Chapter 00 has no widget.
WITH_WIDGET = sorted((ROOT / "chapters").glob("0[1-9]_*.ipynb"))
MINUTES = 60_000  # in milliseconds, as Playwright counts

DEMO = """
import ipywidgets as widgets
import plotly.graph_objects as go

slider = widgets.IntSlider(value=2, min=1, max=9, description="power")
output = widgets.Output()

def draw(change=None):
    with output:
        output.clear_output(wait=True)
        x = list(range(10))
        go.Figure(go.Scatter(x=x, y=[v**slider.value for v in x]), {"title": "x^n"}).show()

slider.observe(draw, "value")
draw()
widgets.VBox([slider, output])
"""

# What the figures of the page show, as text: changes when a plot is drawn with other numbers.
FIGURES = """() => JSON.stringify([...document.querySelectorAll('.js-plotly-plot')].map(
  plot => [plot.layout?.title?.text, (plot.calcdata || []).map(
    trace => trace.map(point => [point.x, point.y, point.z, point.text]))]))"""
RUN_ALL = "() => window.jupyterapp.commands.execute('notebook:run-all-cells')"
KERNEL_IDLE = """() => {
  const panel = window.jupyterapp.shell.currentWidget;
  return panel?.sessionContext?.session?.kernel?.status === 'idle';
}"""
SLIDER = ".jp-OutputArea .noUi-handle"


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Path:
    """A notebook with one slider and one figure."""
    path = tmp_path_factory.mktemp("demo") / "demo.ipynb"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
    notebook.cells.append(nbformat.v4.new_code_cell(DEMO))
    nbformat.write(notebook, path)
    return path


def run_notebook(visit, address: str) -> None:
    """Open a notebook, wait for its kernel, run all of it."""
    page = visit.page
    page.goto(address)
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    page.wait_for_function(KERNEL_IDLE, timeout=2 * MINUTES)
    page.set_default_timeout(5 * MINUTES)
    page.evaluate(RUN_ALL)


def move_slider(visit, name: str) -> tuple[str, str]:
    """Press the right arrow on the page's first slider; returns the figures before and after."""
    page = visit.page
    slider = page.locator(SLIDER).first
    slider.scroll_into_view_if_needed()
    page.wait_for_selector(".js-plotly-plot")
    page.wait_for_timeout(1000)  # figures below the slider finish drawing
    before = page.evaluate(FIGURES)
    visit.screenshot(f"{name}-before")
    slider.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"before => ({FIGURES})() !== before", arg=before, timeout=MINUTES)
    page.wait_for_timeout(500)
    visit.screenshot(f"{name}-after")
    return before, page.evaluate(FIGURES)


@pytest.mark.needs_browser
def test_moving_the_slider_of_a_demo_changes_its_figure(lab, visit, demo):
    run_notebook(visit, lab.open(demo))
    before, after = move_slider(visit, "demo")
    assert before != after
    assert visit.page.get_by_text("official Jupyter news").count() == 0
    assert visit.outside == []
    assert visit.errors == []


@pytest.mark.needs_browser
@pytest.mark.parametrize("chapter", WITH_WIDGET, ids=lambda path: path.stem)
def test_moving_the_slider_of_a_chapter_changes_its_figure(lab, visit, chapter):
    run_notebook(visit, lab.open(chapter))
    before, after = move_slider(visit, chapter.stem)
    assert before != after
    assert visit.outside == []
    assert visit.errors == []
