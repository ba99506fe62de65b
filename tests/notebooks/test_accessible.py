"""A notebook can be read with a screen reader, and fits a slow connection."""

import re
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
SOLUTIONS = sorted(ROOT.glob("solutions/*.ipynb"))
CHAPTERS = sorted(ROOT.glob("chapters/*.ipynb"))
EACH = pytest.mark.parametrize(
    "path", [*SOLUTIONS, *CHAPTERS], ids=lambda path: f"{path.parent.name}-{path.stem}"
)
FIGURE = "application/vnd.plotly.v1+json"
PICTURE = re.compile(r"!\[([^\]]*)\]\(|<img(?![^>]*\balt=\"[^\"]+\")[^>]*>")
KILOBYTE = 1000
# The largest were 72 kB and 783 kB when this was written; pictures of chapter 01 need more.
STUDENT, SOLUTION = 300 * KILOBYTE, 6000 * KILOBYTE


def cells(path):
    return nbformat.read(path, as_version=4).cells


def headings(texts):
    """Depth of each heading, in order; a line that starts with # in fenced code is none."""
    prose = (re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE) for text in texts)
    return [len(marks) for text in prose for marks in re.findall(r"^(#+) ", text, re.MULTILINE)]


def unnamed_pictures(text):
    """Pictures in Markdown or HTML without words for those who cannot see them."""
    return [hit[0] for hit in PICTURE.finditer(text) if not (hit[1] or "").strip()]


def figures(path):
    outputs = (output for cell in cells(path) for output in cell.get("outputs", []))
    return [output["data"][FIGURE] for output in outputs if FIGURE in output.get("data", {})]


def mute_figures(path):
    """Cells with an output that is seen and not said.

    A figure carries a summary that is also printed, or shown as text of its own, beside it; of a
    view in HTML its plain text may say it.
    """
    mute = []
    for number, cell in enumerate(cells(path)):
        outputs = cell.get("outputs", [])
        shown = [output["data"] for output in outputs if "data" in output]
        said = [output.get("text", "") for output in outputs]
        said += [data["text/plain"] for data in shown if set(data) <= {"text/plain", "text/html"}]
        words = " ".join("".join(said).split())
        for data in shown:
            summary = (data.get(FIGURE, {}).get("layout", {}).get("meta") or {}).get("summary", "")
            seen = FIGURE in data or any(kind.startswith("image/") for kind in data)
            spoken = summary.strip() and " ".join(summary.split()) in words
            html = "text/html" in data and not "".join([*said, data.get("text/plain", "")]).strip()
            if (seen and not spoken) or html:
                mute.append(number)
    return mute


def told_by_colour(path):
    """Titles of figures in which two entries of the legend differ by colour alone.

    Bars are told apart by their order, which is that of the legend.
    """
    found = []
    for figure in figures(path):
        looks = {}
        for trace in figure["data"]:
            if trace.get("type") == "scatter" and trace.get("showlegend"):
                line, marker = trace.get("line", {}), trace.get("marker", {})
                look = trace["mode"], line.get("dash"), str(marker.get("symbol")), line.get("width")
                looks.setdefault(look, set()).add(str(line.get("color") or marker.get("color")))
        if any(len(colours) > 1 for colours in looks.values()):
            found.append(figure["layout"]["title"]["text"])
    return found


@EACH
def test_headings_start_with_one_title_and_skip_no_level(path):
    depths = headings(cell.source for cell in cells(path) if cell.cell_type == "markdown")
    assert depths[0] == 1
    assert depths.count(1) == 1
    assert [pair for pair in pairwise(depths) if pair[1] > pair[0] + 1] == []


@EACH
def test_every_picture_in_the_text_has_words(path):
    texts = (cell.source for cell in cells(path) if cell.cell_type == "markdown")
    assert [each for text in texts for each in unnamed_pictures(text)] == []


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_every_figure_is_also_said(path):
    assert mute_figures(path) == []


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_no_curve_is_told_by_its_colour_alone(path):
    assert told_by_colour(path) == []


def test_the_rules_find_what_they_forbid(tmp_path):
    assert headings(["# A\n### B", "```\n# code\n```"]) == [1, 3]
    assert unnamed_pictures('![](a.png) ![b](b.png) <img src="c"> <img alt="d">') == [
        "![](",
        '<img src="c">',
    ]
    curves = [
        {"type": "scatter", "showlegend": True, "mode": "lines", "line": {"color": colour}}
        for colour in ("#0072B2", "#D55E00")
    ]
    layout = {"title": {"text": "Up"}, "meta": {"summary": "It rises."}}
    figure = {FIGURE: {"data": curves, "layout": layout}}
    shown = nbformat.v4.new_output("display_data", figure)
    printed = nbformat.v4.new_output("stream", text="It rises.\n")
    code = [nbformat.v4.new_code_cell(outputs=outputs) for outputs in ([shown], [printed, shown])]
    nbformat.write(nbformat.v4.new_notebook(cells=code), tmp_path / "n.ipynb")
    assert mute_figures(tmp_path / "n.ipynb") == [0]
    assert told_by_colour(tmp_path / "n.ipynb") == ["Up", "Up"]


@EACH
def test_a_notebook_is_a_quick_download(path):
    assert path.stat().st_size <= (STUDENT if path.parent.name == "chapters" else SOLUTION)
