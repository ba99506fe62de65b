"""One page that shows a teacher how the class did, and opens from disk without a network.

The script that draws the figures lies in the page, once: plotly ships no smaller bundle than its
full one of about 5 MB, and there is one such page for a class. Each figure has its claim as a
heading and its numbers as text, so the page can be read without the script too. The page allows
exactly the two scripts that it was written with, by their digests, and no request to anywhere.
In goes a `ClassStatistics`, out comes HTML.
"""

import base64
import hashlib
import json
from dataclasses import dataclass

import plotly.graph_objects as go
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from mi_course.grading.isolation.isolation import UNSAFE
from mi_course.grading.reports import class_claims
from mi_course.grading.reports.class_plots import plot_seconds, plot_states, plot_totals
from mi_course.grading.reports.class_statistics import STATES, ChapterStatistics, ClassStatistics
from mi_course.grading.reports.feedback import TEMPLATES, template
from mi_course.plots.showing import summary

SLIPS = 25  # of one chapter; the database has all
DRAW = TEMPLATES / "class.js"


@dataclass(frozen=True)
class Shown:
    """A figure as the page holds it: an id, its claim, its text, and its data as JSON."""

    name: str
    title: str
    text: str
    data: Markup


def html(statistics: ClassStatistics) -> str:
    """The page as text.

    Args:
        statistics: of the class.
    """
    # Both are the course's own, never a student's: only they enter the page as they are.
    scripts = (get_plotlyjs(), DRAW.read_text(encoding="utf-8"))
    return template("class.html").render(
        all=statistics,
        figures={each.chapter: _figures(each) for each in statistics.chapters},
        claims=class_claims,
        states=STATES,
        most_slips=SLIPS,
        unsafe=UNSAFE,
        plotly=Markup(scripts[0]),
        draw=Markup(scripts[1]),
        digests=[_digest(script) for script in scripts],
    )


def _figures(chapter: ChapterStatistics) -> list[Shown]:
    figures = []
    if chapter.exercises:
        figures.append(("states", plot_states(chapter)))
    if chapter.totals and chapter.max_total:
        figures.append(("totals", plot_totals(chapter)))
    if any(each.seconds[2] > 0 for each in chapter.exercises):
        figures.append(("seconds", plot_seconds(chapter)))
    return [_shown(f"{kind}-{chapter.chapter}", figure) for kind, figure in figures]


def _shown(name: str, figure: go.Figure) -> Shown:
    """The figure without its title and width: the page has the one as a heading, sets the other."""
    title = figure.layout.title.text.replace("<br>", " ")
    text = summary(figure)
    lines = figure.layout.title.text.count("<br>") + 1
    top = figure.layout.margin.t - 22 * lines
    height = figure.layout.height - 22 * lines
    figure.update_layout(title=None, width=None, meta=None, height=height, margin={"t": top})
    return Shown(name, title, text, _json(figure))


def _json(figure: go.Figure) -> Markup:
    """The figure's data, in which no text can end the element that holds it."""
    data = {"data": figure.to_dict()["data"], "layout": figure.layout.to_plotly_json()}
    text = json.dumps(data, sort_keys=True, ensure_ascii=False)
    return Markup(text.replace("<", "\\u003c").replace("&", "\\u0026"))


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
