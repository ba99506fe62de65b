"""Slides of 16:9 from the figures that the executed solutions saved.

`make figures` writes them into `docs/teaching/slides/`, which git does not keep: they follow from
the notebooks. A figure is laid out anew in the smallest 16:9 frame that holds it and then drawn
larger, so that its text is as large on the wall as its plot.
"""

import os
import shutil
from textwrap import wrap

import plotly.graph_objects as go

from docs.figures import SOLUTIONS, figure_titled
from docs.teaching.kit import FOLDER, chapters, load

SLIDES = FOLDER / "slides"
WIDTH, HEIGHT = 1600, 900  # pixels of a picture
LEAST, MOST = 640, 1040  # of the frame in which it is laid out
TITLE_SIZE, TITLE_LINE = 18, 24


def slide(figure: go.Figure) -> go.Figure:
    """Return the figure laid out in a frame of 16:9, its title in lines as wide as that.

    Args:
        figure: one of the course's figures; it is changed in place.
    """
    layout = figure.layout
    wanted = max(LEAST, layout.width or 0, (layout.height or 0) * WIDTH / HEIGHT)
    width = min(MOST, round(wanted))
    height = round(width * HEIGHT / WIDTH)
    words = (layout.title.text or "").replace("<br>", " ")
    lines = wrap(words, width=int(width / (0.56 * TITLE_SIZE)), break_long_words=False)
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


def main() -> None:
    """Write the slides of every chapter."""
    if chromium := shutil.which("chromium"):
        os.environ.setdefault("BROWSER_PATH", chromium)
    SLIDES.mkdir(exist_ok=True)
    for chapter in chapters():
        kit = load(chapter)
        for each in kit.slides:
            figure = slide(figure_titled(SOLUTIONS / f"{kit.source}.ipynb", each.figure))
            file = SLIDES / each.file(chapter)
            figure.write_image(file, scale=WIDTH / figure.layout.width)
            print(f"wrote docs/teaching/slides/{file.name}")


if __name__ == "__main__":
    main()
