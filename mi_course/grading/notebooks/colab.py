"""The two cells that let a notebook start on Google Colab.

A badge that opens the notebook there, and one quiet installation that does nothing where the
package is already present. This is the only place that names the repository.
In goes the notebook's path in the repository; out come the cells.
"""

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

REPOSITORY = "mi-course/mi-course"  # owner/name on GitHub; a fork changes this line
BRANCH = "main"

BADGE = (
    "[![Open In Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
    "(https://colab.research.google.com/github/{repository}/blob/{branch}/{path})"
)
INSTALL = """import importlib.util

if importlib.util.find_spec("mi_course") is None:
    %pip install -q "mi-course @ git+https://github.com/{repository}\""""


def opening_cells(path: str) -> list[NotebookNode]:
    """The badge, and the tagged cell that installs the package only where it is missing.

    Args:
        path: the notebook's place in the repository, such as "chapters/00_start_here.ipynb".
    """
    badge = BADGE.format(repository=REPOSITORY, branch=BRANCH, path=path)
    install = INSTALL.format(repository=REPOSITORY)
    return [
        new_markdown_cell(badge, id="colab-badge", metadata={"tags": ["colab"]}),
        new_code_cell(install, id="colab-install", metadata={"tags": ["colab"]}),
    ]
