"""The book opens from disk in a browser without a network: figures, views, formulas, links."""

import subprocess
from pathlib import Path

import nbformat
import plotly.graph_objects as go
import pytest
import torch
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from mi_course.plots import attention_view
from mi_course.plots.showing import Shown
from mi_course.plots.style import frame
from mi_course.results import Attention

ROOT = Path(__file__).parents[2]
COMMAND = ROOT / ".venv-book" / "bin" / "mi-course"
SOLUTIONS = sorted((ROOT / "solutions").glob("[0-9][0-9]_*.ipynb"))
MB = 1_000_000

pytestmark = [
    pytest.mark.needs_browser,
    pytest.mark.skipif(not COMMAND.exists(), reason="Sphinx is not installed: `make book`"),
]

# How many figures, views and formulas there are, and how many of them are drawn.
DRAWN = """() => Object.fromEntries(Object.entries({
  figures: ['.mi-figure', '.main-svg'],
  views: ['[data-mi-view]', 'canvas, .colored-tokens, [style*=background-color]'],
  formulas: ['.math', 'mjx-container svg'],
}).map(([name, [place, drawn]]) => {
  const places = [...document.querySelectorAll(place)];
  return [name, [places.length, places.filter(each => each.querySelector(drawn)).length]];
}))"""
ALL_DRAWN = f"() => Object.values(({DRAWN})()).every(([all, drawn]) => all === drawn)"


def chapter(title: str, text: str, *outputs: NotebookNode) -> NotebookNode:
    """A notebook as it is saved after a run."""
    code = new_code_cell("print('as saved')", outputs=list(outputs))
    cells = [new_markdown_cell(f"# {title}\n\n{text}"), code]
    return new_notebook(cells=cells, metadata={"language_info": {"name": "python"}})


def displayed(shown: Shown) -> NotebookNode:
    return new_output("display_data", shown._repr_mimebundle_())


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    """The first page of a book of three short chapters."""
    root = tmp_path_factory.mktemp("course")
    (root / "solutions").mkdir()
    words = {"title": "It rises", "summary": "It rises."}
    figure, wide = (
        frame(go.Figure(go.Scatter(y=[1, 3, 2])), width=width, **words) for width in (640, 900)
    )
    heads = Attention(torch.eye(3).unsqueeze(0), ("<s>", " a", "</script>"), ("L0H0",))
    view = attention_view(heads)
    saved = new_output("display_data", {"text/html": view.html(with_script=True)})
    chapters = {
        "00_figure": chapter("00 · Figure", r"$x^2$ and $$\sum_i x_i$$", displayed(Shown(figure))),
        "01_view": chapter("01 · View", "Hover.", saved),
        "02_wide": chapter("02 · Wide", "Look.", displayed(Shown(wide))),
    }
    for name, notebook in chapters.items():
        nbformat.write(notebook, root / "solutions" / f"{name}.ipynb")
    return written(root)


def written(root: Path, *options: str) -> Path:
    """Write the book with the command; returns its first page."""
    done = subprocess.run(
        [COMMAND, "book", "--root", root, *options],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    index = Path(done.stdout.strip().rpartition(": ")[2])
    return root / index


@pytest.fixture
def reader(browser):
    """A page in a browser without a network, with what it asked for and what went wrong."""
    context = browser.new_context(offline=True, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.asked, page.wrong = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.on("console", lambda said: said.type == "error" and page.wrong.append(said.text))
    yield page
    context.close()


def follow(page, link) -> None:
    """Click on a link, and go on only when the page behind it is whole."""
    with page.expect_navigation(wait_until="load"):
        link.click()


def counted(page) -> dict[str, list[int]]:
    """What is on the page once all of it is drawn: how many figures, views and formulas."""
    page.wait_for_function(ALL_DRAWN, timeout=60_000)
    return {name: number for name, (number, _) in page.evaluate(DRAWN).items()}


def assert_nothing_went_wrong(page) -> None:
    assert [url for url in page.asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert page.wrong == []


def test_a_small_book_is_read_from_disk_without_a_network(small, reader):
    reader.goto(small.as_uri())
    follow(reader, reader.get_by_role("link", name="00 · Figure").first)
    assert counted(reader) == {"figures": 1, "views": 0, "formulas": 2}
    assert reader.get_by_text("It rises").count() > 0
    follow(reader, reader.locator("a.right-next"))
    assert counted(reader) == {"figures": 0, "views": 1, "formulas": 0}
    assert reader.get_by_text("L0H0 Zoomed").is_visible()
    assert reader.get_by_text("From the last token").is_visible()
    assert_nothing_went_wrong(reader)


def test_a_wide_figure_has_room_and_the_chapters_wait_behind_a_button(small, reader):
    chapters = reader.get_by_role("navigation").get_by_role("link", name="01 · View")
    reader.goto((small.parent / "00_figure.html").as_uri())
    assert chapters.is_visible()
    reader.goto((small.parent / "02_wide.html").as_uri())
    counted(reader)
    assert reader.locator(".mi-figure").evaluate("place => place.scrollWidth <= place.clientWidth")
    assert not chapters.is_visible()
    reader.locator(".primary-toggle:visible").click()
    chapters.wait_for()
    assert_nothing_went_wrong(reader)


def test_each_script_is_in_the_book_once(small):
    for name in ("plotly*.js", "circuitsvis*.js", "*svg*.js"):
        assert len(list(small.parent.rglob(name))) == 1, name
    assert all(page.stat().st_size < 0.1 * MB for page in small.parent.glob("*.html"))


@pytest.mark.slow
def test_every_page_of_the_whole_book_is_read_from_disk(browser, reader, tmp_path):
    index = written(ROOT, "--out", str(tmp_path / "book"))
    figures = views = 0
    reader.goto(index.as_uri())
    for _ in SOLUTIONS:
        follow(reader, reader.locator("a.right-next"))
        found = counted(reader)
        figures, views = figures + found["figures"], views + found["views"]
        assert found["formulas"] > 0
        assert reader.get_by_role("heading", level=1).count() == 1
    assert reader.locator("a.right-next").count() == 0
    assert (figures, views) == saved_outputs()
    assert sum(path.stat().st_size for path in index.parent.rglob("*") if path.is_file()) < 40 * MB
    assert_nothing_went_wrong(reader)


def saved_outputs() -> tuple[int, int]:
    """How many figures and CircuitsVis views the solutions hold."""
    texts = [path.read_text() for path in SOLUTIONS]
    figure, view = '"application/vnd.plotly.v1+json": {', "<div data-mi-view="
    return sum(t.count(figure) for t in texts), sum(t.count(view) for t in texts)
