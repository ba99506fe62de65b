"""The pictures of the README, taken from the saved outputs of the executed solutions.

`make figures` writes each beside this file, and the contact sheets of both networks of the
shapes, which it renders anew; it needs chromium, which draws them.
"""

import os
import shutil
from pathlib import Path
from typing import Any

import nbformat
import plotly.graph_objects as go

from docs.contact_sheets import write_sheets

FOLDER = Path(__file__).parent
SOLUTIONS = FOLDER.parent / "solutions"
PLOTLY = "application/vnd.plotly.v1+json"
# file -> the solution, how the figure's title begins, and how many pixels wide the picture is
PICTURES = {
    "channel.jpg": ("01_feature_visualization.ipynb", "conv5:", 1200),
    "phase_change.png": ("06_induction_heads.ipynb", "Loss drop on a repeated copy", 1600),
    "logit_lens.png": ("02_logit_lens.ipynb", "Logit lens: of 10 best tokens", 1240),
    "pentagon.png": ("04_superposition.ipynb", "5 features in 2 dimensions", 1200),
    "circuit.png": ("08_acdc.ipynb", "18 edges are kept", 1000),
}


def saved_figures(notebook: Path) -> list[dict[str, Any]]:
    """Return the plotly figures that a notebook saved, in order."""
    cells = nbformat.read(notebook, as_version=4).cells
    outputs = (output for cell in cells for output in cell.get("outputs", []))
    return [output.data[PLOTLY] for output in outputs if PLOTLY in output.get("data", {})]


def figure_titled(notebook: Path, beginning: str) -> go.Figure:
    """Return the saved figure of a notebook whose title begins so, however it is wrapped.

    Raises:
        ValueError: there is no such figure.
    """
    titles = []
    for data in saved_figures(notebook):
        titles.append(data["layout"].get("title", {}).get("text", "").replace("<br>", " "))
        if titles[-1].startswith(beginning):
            return go.Figure(data["data"], data["layout"])
    raise ValueError(f"expected a figure in {notebook.name} titled {beginning!r}, got {titles}")


def main() -> None:
    """Write every picture."""
    if chromium := shutil.which("chromium"):
        os.environ.setdefault("BROWSER_PATH", chromium)
    for name, (notebook, beginning, width) in PICTURES.items():
        figure = figure_titled(SOLUTIONS / notebook, beginning)
        figure.layout.margin.b = (figure.layout.margin.b or 0) + 24  # the axis titles' descenders
        figure.write_image(FOLDER / name, scale=width / figure.layout.width)
        print(f"wrote docs/{name}")
    for name in write_sheets():
        print(f"wrote docs/{name}")


if __name__ == "__main__":
    main()
