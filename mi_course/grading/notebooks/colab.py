"""The two cells that let a notebook start on Google Colab, or elsewhere without a checkout.

Badges that open the notebook on Colab and on Binder, and one quiet installation that does nothing
where the package is already present. In go the notebook's path in the repository and the address
where that is published; out come the cells.
"""

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from mi_course.grading.notebooks.address import Address, read_address

TAG = "colab"
INSTALL = """import importlib.util

if importlib.util.find_spec("mi_course") is None:
    %pip install -q "{requirement}\""""


def opening_cells(path: str, address: Address | None = None) -> list[NotebookNode]:
    """The badges, and the tagged cell that installs the package only where it is missing.

    Args:
        path: the notebook's place in the repository, such as "chapters/00_start_here.ipynb".
        address: where the repository is; None takes what `address.toml` says.
    """
    address = address or read_address()
    metadata = {"tags": [TAG]}
    install = install_command(address.requirement)
    return [
        new_markdown_cell(address.badges(path), id="colab-badge", metadata=metadata),
        new_code_cell(install, id="colab-install", metadata=metadata),
    ]


def install_command(requirement: str) -> str:
    """The source of the cell that installs what pip calls `requirement`."""
    return INSTALL.format(requirement=requirement)
