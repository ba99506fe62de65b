"""Turn an executed notebook into a page of the book.

A notebook holds figures as data that its front end draws, and CircuitsVis packed into its first
view. A page has no front end: each figure's data stands where the page's own script finds it, and
the one copy of CircuitsVis in the book replaces what the notebook carried. Nothing is run again.
In go notebooks as nbformat reads them; out come notebooks and text that MyST understands.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from nbformat import NotebookNode

from mi_course.grading.notebooks.outputs import PLOTLY
from mi_course.grading.notebooks.source import BEGIN, END
from mi_course.plots.circuitsvis_view import without_script

__all__ = ["front_page", "opening", "page"]

# `book.js` draws what stands inside.
FIGURE = """<div class="mi-figure" role="img" aria-label="{label}">
<script type="application/json">{data}</script>
</div>"""
FOLDED = "hide-cell"  # what myst-nb calls a cell that opens with a click

# To a file of the course outside the folder of notebooks, which is no page of the book.
ELSEWHERE = re.compile(r"\[([^\]]+)\]\(\.\./([^)]+)\)")

FRONT = """# Mechanistic interpretability, solved

Every chapter of the course with every answer, figure and number as they were computed on the
embedded models. Nothing on these pages asks the network. The notebooks without the answers are in
the folder `chapters` of the course.

{chapters}

```{{toctree}}
:hidden:

{names}
```
"""


def page(notebook: NotebookNode) -> NotebookNode:
    """Return a notebook as a page: figures as the page's script draws them, checks folded away.

    Args:
        notebook: executed, with its outputs saved.

    Returns:
        A notebook of its own; the given one is left as it is.

    Raises:
        ValueError: no code cell has been run.
    """
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if not any(cell.outputs for cell in code):
        raise ValueError(
            "expected an executed notebook, got one without outputs, try `make notebooks`"
        )
    made = NotebookNode(notebook)
    made.cells = [_cell(cell) for cell in notebook.cells]
    return made


def opening(notebook: NotebookNode) -> tuple[str, str]:
    """Return a chapter's title and the question that it opens with.

    Args:
        notebook: its first cell begins with a heading.

    Raises:
        ValueError: it does not.
    """
    first = notebook.cells[0].source if notebook.cells else ""
    title, *rest = [line.strip() for line in first.splitlines() if line.strip()] or [""]
    if not title.startswith("# "):
        raise ValueError(f"expected a first cell that begins with `# TITLE`, got {title[:40]!r}")
    question = rest[0] if rest and rest[0].startswith("**") else ""
    return title.removeprefix("# "), question.strip("*")


def front_page(chapters: Mapping[str, NotebookNode]) -> str:
    """Return the book's first page: what it is, and each chapter with its question.

    Args:
        chapters: notebooks by the name of their page, in order.

    Returns:
        MyST markdown.
    """
    lines = []
    for name, notebook in chapters.items():
        title, question = opening(notebook)
        lines.append(f"- [{title}]({name}.ipynb)" + (f"<br>{question}" if question else ""))
    return FRONT.format(chapters="\n".join(lines), names="\n".join(chapters))


def _cell(cell: NotebookNode) -> NotebookNode:
    made = NotebookNode(cell)
    if cell.cell_type != "code":
        made.source = ELSEWHERE.sub(r"\1 (`\2`)", cell.source)
        return made
    lines = cell.source.splitlines(keepends=True)
    made.source = "".join(line for line in lines if line.strip() not in (BEGIN, END))
    made.outputs = [_output(output) for output in cell.outputs]
    if "hidden" in cell.metadata:
        made.metadata = NotebookNode(cell.metadata, tags=[*cell.metadata.get("tags", ()), FOLDED])
    return made


def _output(output: NotebookNode) -> NotebookNode:
    data: dict[str, Any] = dict(output.get("data", {}))
    if PLOTLY in data:
        data = {"text/html": _drawn_by_script(data[PLOTLY])}
    elif "text/html" in data:
        data["text/html"] = without_script(data["text/html"])
    return NotebookNode(output, data=NotebookNode(data)) if data else output


def _drawn_by_script(figure: Mapping[str, Any]) -> str:
    """Return a place for a figure, with its data, which must not end the script that holds it."""
    told = figure["layout"].get("title", {}).get("text", "figure").replace("<br>", " ")
    label = told.replace("&", "&amp;").replace('"', "&quot;")
    packed = json.dumps({key: figure[key] for key in ("data", "layout")}, separators=(",", ":"))
    return FIGURE.format(label=label, data=packed.replace("<", "\\u003c"))
