"""A person opens a notebook in JupyterLab, runs it, and moves a slider: the figure changes."""

from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
# Chapter 00 has no widget. The widgets of these are also shown alone, in a fraction of the time.
ALSO_ALONE = ("02", "03", "05", "07")
WITH_WIDGET = [
    pytest.param(path, marks=pytest.mark.slow if path.name.startswith(ALSO_ALONE) else ())
    for path in sorted((ROOT / "chapters").glob("0[1-9]_*.ipynb"))
]
MINUTE = 60_000  # in milliseconds, as Playwright counts

# The course's own widget and view, on patterns that are as they are because we say so.
DEMO = """
import ipywidgets as widgets
import torch
from IPython.display import display

from mi_course.plots import attention_view, plot_attention
from mi_course.plots.showing import Shown, redraw
from mi_course.results import Attention

patterns = torch.rand(4, 5, 5, generator=torch.Generator().manual_seed(0)).tril()
attention = Attention(
    patterns / patterns.sum(-1, keepdim=True),
    ("<s>", " Mr", " Dur", "sley", "</script>"),
    tuple(f"L0H{head}" for head in range(4)),
)
slider = widgets.IntSlider(value=3, max=3, description="head")
display(slider)
handle = display(Shown(plot_attention(attention, "L0H3")), display_id=True)
slider.observe(lambda c: redraw(handle, plot_attention(attention, f"L0H{c.new}")), "value")
"""
VIEWS = ["attention_view(attention)", "attention_view(attention)"]

LENS = """
from mi_course.methods.lens import load_translators
from mi_course.models import load
from mi_course.widgets import LensBrowser

text = "One day, Aaron and Judith had a long talk"
LensBrowser(load("town"), text, load_translators("town"))
"""

PROBES = """
from mi_course.models import load
from mi_course.widgets import ProbeBrowser

collections = ["natural_language", "text_feature"]
ProbeBrowser(load("town"), collections, layer=2, n_documents=60)
"""

# The neurons' own axes as a dictionary: nothing has to be trained.
FEATURES = """
from mi_course.methods.sae import labelled_activations, neurons
from mi_course.models import load
from mi_course.widgets import FeatureBrowser

model = load("town")
data = labelled_activations(
    model, "blocks.2.hook_resid_post", n_documents=60, collections=["text_feature", "subset"]
)
FeatureBrowser(model, neurons(data.x), data)
"""

PATCHES = """
from mi_course.models import load
from mi_course.widgets import PatchBrowser
from mi_course.worlds.tasks import ioi

model = load("town")
task = ioi(model.tokenizer, 4, 0, n_templates=1, order="ABBA")
PatchBrowser(model, task.pairs, ["io", "s1", "s2", "end"])
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
DROPDOWN = ".jp-OutputArea .widget-dropdown select"
LAST_CELL_RAN = """() => {
  const cells = window.jupyterapp.shell.currentWidget.content.widgets;
  const code = cells.map(cell => cell.model).filter(model => model.type === 'code');
  return code[code.length - 1].executionCount !== null;
}"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Path:
    """A notebook with one slider, one figure and two views."""
    return written(tmp_path_factory.mktemp("demo") / "demo.ipynb", DEMO, *VIEWS)


def written(path: Path, *sources: str) -> Path:
    """Write a notebook of code cells."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
    notebook.cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(notebook, path)
    return path


def run_notebook(visit, address: str) -> None:
    """Open a notebook, wait for its kernel, run all of it."""
    page = visit.page
    page.goto(address)
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    page.wait_for_function(KERNEL_IDLE, timeout=2 * MINUTE)
    page.evaluate(RUN_ALL)
    assert page.evaluate(LAST_CELL_RAN)


def move_slider(visit, name: str) -> None:
    """Move the page's first slider by one with the keyboard and wait for another figure."""
    page = visit.page
    slider = page.locator(SLIDER).first
    slider.scroll_into_view_if_needed()
    page.wait_for_selector(".js-plotly-plot")
    page.wait_for_timeout(1000)  # figures below the slider finish drawing
    before = page.evaluate(FIGURES)
    visit.screenshot(f"{name}-before")
    slider.focus()
    at_the_end = slider.get_attribute("aria-valuenow") == slider.get_attribute("aria-valuemax")
    page.keyboard.press("ArrowLeft" if at_the_end else "ArrowRight")
    try:
        page.wait_for_function(f"before => ({FIGURES})() !== before", arg=before)
        page.wait_for_timeout(500)
    finally:
        visit.screenshot(f"{name}-after")


def choose(visit, place: int, option: str, name: str) -> None:
    """Choose an option of one of the page's dropdowns and wait for another figure."""
    page = visit.page
    before = page.evaluate(FIGURES)
    page.locator(DROPDOWN).nth(place).select_option(option)
    page.wait_for_function(f"before => ({FIGURES})() !== before", arg=before)
    page.wait_for_timeout(500)
    visit.screenshot(name)


def drawn_views(visit, name: str) -> list[str]:
    """The text of each CircuitsVis view once all have drawn themselves."""
    page = visit.page
    places = page.locator("[data-mi-view]")
    for place in places.all():
        place.scroll_into_view_if_needed()
    page.wait_for_function(
        "() => [...document.querySelectorAll('[data-mi-view]')].every("
        "place => place.querySelector('canvas, svg, img, table, .colored-tokens'))"
    )
    page.wait_for_timeout(500)
    visit.screenshot(f"{name}-views")
    return places.all_inner_texts()


@pytest.mark.needs_browser
def test_the_slider_and_the_views_of_a_demo_work_offline(lab, visit, demo):
    run_notebook(visit, lab.open(demo))
    move_slider(visit, "demo")
    views = drawn_views(visit, "demo")
    assert len(views) == len(VIEWS)
    assert all("L0H0 Zoomed" in view and "L0H3" in view for view in views)
    assert visit.page.get_by_text("official Jupyter news").count() == 0
    assert visit.outside == []
    assert visit.errors == []


@pytest.mark.needs_browser
def test_the_slider_of_the_lens_browser_recolours_its_grid_offline(lab, visit, tmp_path):
    run_notebook(visit, lab.open(written(tmp_path / "lens.ipynb", LENS)))
    move_slider(visit, "lens")
    assert visit.page.get_by_text("right token").count() > 0
    assert visit.outside == []
    assert visit.errors == []


@pytest.mark.needs_browser
def test_slider_and_dropdowns_of_the_probe_browser_redraw_its_figure_offline(lab, visit, tmp_path):
    run_notebook(visit, lab.open(written(tmp_path / "probes.ipynb", PROBES)))
    move_slider(visit, "probes")
    assert visit.page.get_by_text("layer 2, 2 neurons: mean F1").count() > 0
    choose(visit, 1, "3", "probes-layer")
    assert visit.page.get_by_text("natural_language, layer 3, 2 neurons: mean F1").count() > 0
    choose(visit, 0, "text_feature", "probes-collection")
    assert visit.page.get_by_text("text_feature, layer 3, 2 neurons: mean F1").count() > 0
    assert visit.page.get_by_text("bracket_open").count() > 0
    assert visit.outside == []
    assert visit.errors == []


@pytest.mark.needs_browser
def test_the_slider_of_the_feature_browser_shows_another_latent_offline(lab, visit, tmp_path):
    run_notebook(visit, lab.open(written(tmp_path / "features.ipynb", FEATURES)))
    (before,) = drawn_views(visit, "features")
    visit.page.locator(SLIDER).first.scroll_into_view_if_needed()
    move_slider(visit, "features")
    (after,) = drawn_views(visit, "features-moved")
    assert after != before
    assert "Not drawn yet" not in after
    assert visit.page.get_by_text("Activations: ").count() == 1
    assert visit.outside == []
    assert visit.errors == []


@pytest.mark.needs_browser
def test_a_cell_of_the_patch_browser_is_chosen_by_a_click_and_by_the_keyboard(lab, visit, tmp_path):
    run_notebook(visit, lab.open(written(tmp_path / "patches.ipynb", PATCHES)))
    move_slider(visit, "patches")
    page = visit.page
    cells = page.locator(".jp-OutputArea .widget-gridbox button")
    before = page.evaluate(FIGURES)
    cells.nth(cells.count() - 1).click()  # layer 0, the last place
    page.wait_for_function(f"before => ({FIGURES})() !== before", arg=before)
    visit.screenshot("patches-clicked")
    assert [cell.strip() for cell in cells.all_inner_texts()] == [""] * (cells.count() - 1) + ["●"]
    cells.nth(0).focus()
    page.keyboard.press("Space")
    page.wait_for_function(
        "() => document.querySelector('.widget-gridbox button').innerText === '●'"
    )
    assert page.get_by_text("The model says").count() > 0
    assert visit.outside == []
    assert visit.errors == []


@pytest.mark.needs_browser
@pytest.mark.parametrize("chapter", WITH_WIDGET, ids=lambda path: path.stem)
def test_moving_the_slider_of_a_chapter_changes_its_figure(lab, visit, chapter):
    run_notebook(visit, lab.open(chapter))
    move_slider(visit, chapter.stem)
    drawn_views(visit, chapter.stem)
    assert visit.outside == []
    assert visit.errors == []
