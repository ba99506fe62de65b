"""Put the address at which the course is published into everything that names it.

The notebooks of the students, the pages between two marks, and the citation are all written from
`address.toml`; nothing is executed and no other byte changes, so that a fork is published by one
command and a second run changes nothing.
In go a checkout and an address; out come the files that changed.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat

from mi_course.grading.notebooks import address as here
from mi_course.grading.notebooks.address import FIRST, Address, read_address
from mi_course.grading.notebooks.build import as_text
from mi_course.grading.notebooks.colab import TAG, opening_cells

ADDRESS = Path("mi_course") / here.FILE.relative_to(Path(here.__file__).parents[2])
BEGIN, END = "<!-- address -->", "<!-- /address -->"
BETWEEN = re.compile(rf"(?<={BEGIN}\n).*?(?={END}$)", re.DOTALL | re.MULTILINE)
CITED = re.compile(r"^repository-code: .*$", re.MULTILINE)
CLONED = re.compile(r"^git clone .*$", re.MULTILINE)
MARKS = {
    BETWEEN: f"{BEGIN} and {END}",
    CITED: "a line `repository-code: ...`",
    CLONED: "a line `git clone ...`",
}

PLACES: tuple[tuple[str, re.Pattern[str], Callable[[Address], str]], ...] = (
    ("README.md", BETWEEN, lambda address: address.badges(FIRST) + "\n"),
    ("README.md", CLONED, lambda address: f"git clone {address.url}"),
    (
        "docs/front_ends.md",
        BETWEEN,
        lambda address: f"```\nhttps://HUB/hub/user-redirect/{address.hub_query}\n```\n",
    ),
    ("CITATION.cff", CITED, lambda address: f'repository-code: "{address.url}"'),
)


def publish(root: Path, address: Address) -> list[Path]:
    """Write `address` wherever the checkout names one, and return the files that changed.

    Args:
        root: the course's checkout.
        address: where it is published from now on.

    Raises:
        ValueError: `root` is no checkout of the course, a page has lost its marks, or a notebook
            its first two cells. Then nothing is written.
    """
    texts = dict(published(root, address))
    changed = [path for path, text in texts.items() if path.read_text(encoding="utf-8") != text]
    for path in changed:
        path.write_text(texts[path], encoding="utf-8")
    return changed


def published(root: Path, address: Address) -> Iterator[tuple[Path, str]]:
    """Each file that names an address, with the text that it has at this one."""
    committed(root)
    yield root / ADDRESS, address.as_toml((root / ADDRESS).read_text(encoding="utf-8"))
    pages = {root / name: (root / name).read_text(encoding="utf-8") for name, _, _ in PLACES}
    for name, place, content in PLACES:
        path = root / name
        pages[path] = _filled(path, pages[path], place, content(address))
    yield from pages.items()
    for path in sorted((root / "chapters").glob("*.ipynb")):
        yield path, _notebook(path, address)


def committed(root: Path) -> Address:
    """The address that a checkout carries.

    Raises:
        ValueError: `root` is no checkout of the course.
    """
    if not (root / ADDRESS).is_file():
        raise ValueError(f"expected a checkout with {ADDRESS}, got {root}, try --root CHECKOUT")
    return read_address(root / ADDRESS)


def _filled(path: Path, text: str, place: re.Pattern[str], content: str) -> str:
    filled, count = place.subn(lambda _: content, text)
    if count != 1:
        raise ValueError(
            f"expected {MARKS[place]} once in {path}, got {count}, try git diff {path}"
        )
    return filled


def _notebook(path: Path, address: Address) -> str:
    notebook = nbformat.read(path, as_version=4)
    tagged = [
        number for number, c in enumerate(notebook.cells) if TAG in c.metadata.get("tags", [])
    ]
    if tagged != [0, 1]:
        raise ValueError(
            f"expected badges and installation first in {path}, got them as cells {tagged}, try "
            "`mi-course build`"
        )
    notebook.cells[:2] = opening_cells(f"chapters/{path.name}", address)
    return as_text(notebook)
