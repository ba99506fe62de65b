"""A person opens a notebook in JupyterLab or Notebook 7, runs it, and works without a mouse."""

from pathlib import Path

import pytest

from mi_course import widgets
from tests.browser.front_ends import SITUATIONS, VIEWS, WIDGETS, Situation, written
from tests.browser.keyboard import CHANGED, drawn_figures, operate, stand_on

pytestmark = pytest.mark.needs_browser

ROOT = Path(__file__).parents[2]
CHAPTERS = sorted((ROOT / "chapters").glob("0[1-9]_*.ipynb"))  # chapter 00 has no widget
MINUTE = 60_000  # in milliseconds, as Playwright counts

RUN_ALL = "() => window.jupyterapp.commands.execute('notebook:run-all-cells')"
KERNEL_IDLE = """() => {
  const panel = window.jupyterapp?.shell.currentWidget;
  return panel?.sessionContext?.session?.kernel?.status === 'idle';
}"""
LAST_CELL_RAN = """() => {
  const cells = window.jupyterapp.shell.currentWidget.content.widgets;
  const code = cells.map(cell => cell.model).filter(model => model.type === 'code');
  return code[code.length - 1].executionCount !== null;
}"""
SLIDER = ".jp-OutputArea .noUi-handle"
CELL_OF_SLIDER = f"""() => window.jupyterapp.shell.currentWidget.content.widgets.findIndex(
  cell => cell.node.querySelector('{SLIDER}'))"""
DRAWN = """() => [...document.querySelectorAll('[data-mi-view]')].every(
  place => place.querySelector('canvas, .colored-tokens'))"""

# Words of the active cell's outputs that stand out from their ground by less than 4.5 to 1; ticks
# and titles of figures count, which plotly draws on its own ground.
FAINT = """() => {
  const shades = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => c / 255).map(
    c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (node) => {
    const paper = node.closest('.js-plotly-plot')?.querySelector('.main-svg');
    for (let each = paper ?? node; each; each = each.parentElement) {
      const shade = shades(getComputedStyle(each).backgroundColor);
      if (shade.length === 3 || shade[3] === 1) return shade;
    }
    return [255, 255, 255];
  };
  const ratio = (one, other) => {
    const [dark, bright] = [light(one), light(other)].sort((a, b) => a - b);
    return (bright + 0.05) / (dark + 0.05);
  };
  const outputs = window.jupyterapp.shell.currentWidget.content.activeCell.node
    .querySelector('.jp-Cell-outputWrapper');
  const words = [...outputs.querySelectorAll(
    'pre, p, h3, select, .jupyter-button, .widget-label, .widget-readout, .widget-html-content, '
    + '.xtick text, .gtitle'
  )];
  return words.filter(each => each.textContent.trim()).map(each => {
    const style = getComputedStyle(each);
    const ink = each instanceof SVGElement ? style.fill : style.color;
    return [each.textContent.trim().slice(0, 40), ratio(shades(ink), ground(each))];
  }).filter(([, found]) => found < 4.5);
}"""

# What of the active cell's outputs cannot be reached: wider than its place, which does not scroll,
# or a control squeezed to nothing.
CUT = """() => {
  const outputs = window.jupyterapp.shell.currentWidget.content.activeCell.node
    .querySelector('.jp-Cell-outputWrapper');
  const wide = [...outputs.querySelectorAll('.jp-OutputArea-output')].filter(each =>
    each.scrollWidth > each.clientWidth + 1
    && !['auto', 'scroll'].includes(getComputedStyle(each).overflowX));
  const small = [...outputs.querySelectorAll('.noUi-target, select, input[type=text]')].filter(
    each => each.getBoundingClientRect().width < 60);
  return [...wide, ...small].map(each => each.className);
}"""


def open_and_run(lab, visit, notebook: Path, situation: Situation = SITUATIONS[0]) -> None:
    """Open a notebook somewhere, wait for its kernel, run all of it."""
    page = visit.page
    page.set_viewport_size({"width": situation.width, "height": 1200})
    page.goto(lab.open(notebook, situation.front_end, situation.theme))
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    page.wait_for_function(KERNEL_IDLE, timeout=2 * MINUTE)
    page.evaluate(RUN_ALL)
    assert page.evaluate(LAST_CELL_RAN)
    assert page.evaluate("document.body.dataset.jpThemeName").lower().endswith(situation.theme)


def work_with_the_widget(visit, name: str, cell: int, situation: Situation) -> None:
    """Reach and move every control of a cell by keyboard; it stays legible and complete."""
    page = visit.page
    stand_on(page, cell)
    drawn_figures(page)
    visit.screenshot(f"{name}-{situation}-before")
    kinds = operate(page)
    assert kinds, "a widget has controls"
    page.wait_for_timeout(300)
    visit.screenshot(f"{name}-{situation}-after")
    assert page.evaluate(FAINT) == []
    assert page.evaluate(CUT) == []


def drawn_views(visit, name: str) -> list[str]:
    """The text of each CircuitsVis view once all have drawn themselves."""
    page = visit.page
    places = page.locator("[data-mi-view]")
    places.first.scroll_into_view_if_needed()
    page.wait_for_function(DRAWN)
    page.wait_for_timeout(500)
    visit.screenshot(f"{name}-views")
    return places.all_inner_texts()


def work_with_the_views(visit, situation: Situation, cell: int) -> None:
    """Look at another head by keyboard, lock it, and read both views' sentences."""
    page = visit.page
    texts = drawn_views(visit, str(situation))
    assert ["L0H0 Zoomed" in text for text in texts][:2] == [True, False]
    stand_on(page, cell)
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.innerText") == "L0H2":
            break
    page.get_by_text("L0H2 Zoomed").wait_for()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.get_by_text("L0H3 Zoomed").wait_for()
    page.keyboard.press("Tab")  # past the last head: the locked one comes back
    page.get_by_text("L0H2 Zoomed").wait_for()
    visit.screenshot(f"{situation}-view-locked")
    for number, words in enumerate(("From the last token", "Activations: 2.00 at")):
        stand_on(page, cell + number)
        assert page.get_by_text(words).first.is_visible()
        assert page.evaluate(FAINT) == []
        assert page.evaluate(CUT) == []


def assert_quiet(visit) -> None:
    assert visit.outside == []
    assert visit.errors == []
    assert visit.page.get_by_text("official Jupyter news").count() == 0


def test_every_widget_of_the_course_is_looked_at_in_every_situation_once():
    assert sorted(WIDGETS) == sorted(widgets.__all__)
    assert len(SITUATIONS) == len(WIDGETS) == len(set(SITUATIONS))


@pytest.mark.parametrize(
    ("name", "situation"), zip(WIDGETS, SITUATIONS, strict=True), ids=lambda each: str(each)
)
def test_a_widget_follows_the_keyboard(lab, visit, tmp_path, name, situation):
    open_and_run(lab, visit, written(tmp_path / f"{name}.ipynb", WIDGETS[name]), situation)
    work_with_the_widget(visit, name, 0, situation)
    assert_quiet(visit)


@pytest.mark.parametrize("situation", [SITUATIONS[-1]], ids=str)
def test_the_views_follow_the_keyboard(lab, visit, tmp_path, situation):
    open_and_run(lab, visit, written(tmp_path / "views.ipynb", *VIEWS), situation)
    work_with_the_views(visit, situation, 1)
    assert_quiet(visit)


@pytest.mark.slow
@pytest.mark.parametrize("situation", SITUATIONS, ids=str)
def test_all_widgets_and_views_in(lab, visit, tmp_path, situation):
    sources = (*VIEWS, *WIDGETS.values())
    open_and_run(lab, visit, written(tmp_path / f"all-{situation}.ipynb", *sources), situation)
    work_with_the_views(visit, situation, 1)
    for cell, name in enumerate(WIDGETS, len(VIEWS)):
        work_with_the_widget(visit, name, cell, situation)
    assert_quiet(visit)


@pytest.mark.slow
@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_moving_the_slider_of_a_chapter_changes_its_figure(lab, visit, chapter):
    open_and_run(lab, visit, chapter)
    page = visit.page
    slider = page.locator(SLIDER).first
    slider.scroll_into_view_if_needed()  # waits until the widget is there
    stand_on(page, page.evaluate(CELL_OF_SLIDER))
    before = drawn_figures(page)
    slider.focus()
    at_the_end = slider.get_attribute("aria-valuenow") == slider.get_attribute("aria-valuemax")
    page.keyboard.press("ArrowLeft" if at_the_end else "ArrowRight")
    page.wait_for_function(CHANGED, arg=before)
    if page.locator("[data-mi-view]").count():
        assert not any("Not drawn yet" in text for text in drawn_views(visit, chapter.stem))
    assert_quiet(visit)
