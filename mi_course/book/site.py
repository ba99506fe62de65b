"""Write the book with Sphinx and MyST-NB, the engine of Jupyter Book, and everything it needs.

plotly, CircuitsVis and MathJax come out of the installed packages, one copy each, so the pages open
from disk on a machine without a network. Saved outputs are shown as they are; nothing is run.
In goes a folder of executed notebooks; out comes a folder of HTML.
"""

import importlib.util
import io
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import plotly
from nbformat import NotebookNode

from mi_course.book.pages import front_page, page
from mi_course.plots.circuitsvis_view import script_path

__all__ = ["Book", "write_book"]

STATIC = Path(__file__).parent / "static"
NEEDED = ("sphinx", "myst_nb", "sphinx_book_theme", "sphinx-mathjax-offline")
SCRIPTS = ("plotly.min.js", "circuitsvis.js", "book.js")
MATHJAX = "tex-svg.js"  # this form of it draws letters as paths and needs no fonts

SETTINGS: dict[str, Any] = {
    "project": "mi-course",
    "author": "The mi-course authors",
    "html_title": "mi-course",
    "language": "en",
    "extensions": ["myst_nb"],
    "nb_execution_mode": "off",
    "nb_merge_streams": True,
    "myst_enable_extensions": ["dollarmath", "amsmath"],
    "html_theme": "sphinx_book_theme",
    "html_theme_options": {
        "home_page_in_toc": True,
        "navbar_persistent": [],  # the sidebar has a search already
        "use_download_button": False,
    },
    "html_context": {"default_mode": "auto"},  # light or dark, as the reader's system is
    "html_css_files": ["book.css"],
    "html_js_files": [(name, {"defer": "defer"}) for name in SCRIPTS],
    "mathjax_path": MATHJAX,
    # No sources, which are the notebooks once more; and no excerpts among the results of a search,
    # since a page that was opened from disk may not fetch another one.
    "html_copy_source": False,
    "html_show_sourcelink": False,
    "html_show_search_summary": False,
    "html_show_sphinx": False,
    "html_show_copyright": False,
}


@dataclass(frozen=True)
class Book:
    """A book that was written.

    Attributes:
        index: its first page.
        chapters: names of the pages, in order.
        n_bytes: of all files.
        warnings: what Sphinx found odd, a line each; empty for a sound book.
    """

    index: Path
    chapters: tuple[str, ...]
    n_bytes: int
    warnings: tuple[str, ...]


def write_book(solutions: Path, out: Path) -> Book:
    """Write the book of a folder of executed notebooks; what `out` held before is replaced.

    Args:
        solutions: with `NN_topic.ipynb`, executed.
        out: a new folder, an empty one, or an older book.

    Returns:
        What was written.

    Raises:
        ValueError: no notebooks, one without outputs, a folder that holds something else, or
            Sphinx and its extensions are not installed.
    """
    notebooks = {
        path.stem: nbformat.read(path, as_version=4)
        for path in sorted(solutions.glob("[0-9][0-9]_*.ipynb"))
    }
    if not notebooks:
        raise ValueError(f"expected executed notebooks `NN_topic.ipynb` in {solutions}, got none")
    lacking = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if lacking:
        raise ValueError(
            f"expected {', '.join(lacking)} to be installed, try `make book` or "
            "`pip install 'mi-course[book]'`"
        )
    _clear(out)
    with tempfile.TemporaryDirectory() as folder:
        _write_sources(notebooks, Path(folder) / "pages")
        _copy_scripts(Path(folder) / "static")
        warnings = _run_sphinx(Path(folder), out)
    n_bytes = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    return Book(out / "index.html", tuple(notebooks), n_bytes, warnings)


def _clear(out: Path) -> None:
    """Empty a folder that holds an older book, and nothing else than such a folder."""
    if out.exists() and any(out.iterdir()):
        if not (out / "_static" / "book.js").exists():
            raise ValueError(
                f"expected a new folder or an older book, got {out} with other files in it, "
                "try `--out` with another name"
            )
        shutil.rmtree(out)


def _write_sources(notebooks: dict[str, NotebookNode], folder: Path) -> None:
    folder.mkdir()
    for name, notebook in notebooks.items():
        nbformat.write(page(notebook), folder / f"{name}.ipynb")
    (folder / "index.md").write_text(front_page(notebooks))


def _copy_scripts(folder: Path) -> None:
    """Put one copy of every script into a folder, out of the packages that bring them."""
    shutil.copytree(STATIC, folder)
    shutil.copy(Path(plotly.__file__).parent / "package_data" / "plotly.min.js", folder)
    shutil.copy(script_path(), folder / "circuitsvis.js")
    package = importlib.util.find_spec("sphinx-mathjax-offline")
    assert package is not None and package.origin is not None
    shutil.copy(Path(package.origin).parent / "static" / "mathjax" / MATHJAX, folder)


def _run_sphinx(folder: Path, out: Path) -> tuple[str, ...]:
    from sphinx.application import Sphinx

    warnings = io.StringIO()
    app = Sphinx(
        srcdir=folder / "pages",
        confdir=None,
        outdir=out,
        doctreedir=folder / "doctrees",
        buildername="html",
        confoverrides=SETTINGS | {"html_static_path": [str(folder / "static")]},
        status=None,
        warning=warnings,
    )
    app.build()
    return tuple(line for line in warnings.getvalue().splitlines() if line)
