"""Slides of 16:9 from the figures that the executed solutions saved.

`make figures` writes them into `docs/teaching/slides/`, which git does not keep: they follow from
the notebooks. A figure is laid out anew in a small frame of 16:9 and then drawn larger, so that its
text can be read from the last row.
"""

import os
import shutil
from textwrap import wrap

import plotly.graph_objects as go
import plotly.io as pio

from docs.figures import SOLUTIONS, figure_titled
from docs.teaching.kit import FOLDER, chapters, load

SLIDES = FOLDER / "slides"
WIDTH, HEIGHT = 1600, 900  # pixels of a picture
LEAST, MOST = 760, 880  # width of the frame in which it is laid out: text of 13 pixels is readable
TITLE_SIZE, TITLE_LINE = 18, 24
LETTER = 0.6  # width of a letter over its size, generously: a title that is cut off says nothing


def slide(figure: go.Figure, width: int = 0) -> go.Figure:
    """Return the figure laid out in a frame of 16:9, its title in lines as wide as that.

    Args:
        figure: one of the course's figures; it is changed in place.
        width: of the frame; 0 takes what suits the figure's size.
    """
    layout = figure.layout
    # A tall figure is pressed: in a frame of its own height its text would be small.
    width = width or min(MOST, max(LEAST, layout.width or 0, round(1.25 * (layout.height or 0))))
    height = round(width * HEIGHT / WIDTH)
    words = (layout.title.text or "").replace("<br>", " ")
    lines = wrap(words, width=int(width / (LETTER * TITLE_SIZE)), break_on_hyphens=False)
    was = 1 + (layout.title.text or "").count("<br>")
    top = 14 if len(lines) == 1 else 14 + TITLE_SIZE * 0.7  # see `plots.style.frame`
    figure.update_layout(
        width=width,
        height=height,
        title={"text": "<br>".join(lines), "y": 1 - top / height, "font": {"size": TITLE_SIZE}},
        margin={
            "t": (layout.margin.t or 60) + TITLE_LINE * (len(lines) - was) + 4,
            "b": (layout.margin.b or 60) + 16,  # the axis titles' descenders
        },
    )
    return figure


def drawn() -> dict[str, go.Figure]:
    """Return every slide by the name of its file."""
    figures = {}
    for chapter in chapters():
        kit = load(chapter)
        for each in kit.slides:
            saved = figure_titled(SOLUTIONS / f"{kit.source}.ipynb", each.figure)
            figures[each.file(chapter)] = slide(saved, each.width)
    return figures


def main() -> None:
    """Write the slides of every chapter."""
    if chromium := shutil.which("chromium"):
        os.environ.setdefault("BROWSER_PATH", chromium)
    SLIDES.mkdir(exist_ok=True)
    figures = drawn()
    # One browser draws them all; to start one for each would take a dozen times as long.
    pio.write_images(
        fig=list(figures.values()),
        file=[SLIDES / name for name in figures],
        width=[figure.layout.width for figure in figures.values()],
        height=[figure.layout.height for figure in figures.values()],
        scale=[WIDTH / figure.layout.width for figure in figures.values()],
    )
    print(f"wrote {len(figures)} slides into docs/teaching/slides/")


if __name__ == "__main__":
    main()
