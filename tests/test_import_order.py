"""Every line of code has one room, and rooms are entered from one side only."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "mi_course"
# Left to right. Research flows from worlds to widgets, teaching from exercises to grading;
# results and metrics are the vocabulary that methods return and so stand before them.
ORDER = [
    "worlds",
    "metrics",
    "results",
    "models",
    "activations",
    "methods",
    "plots",
    "widgets",
    "exercises",
    "grading",
    "book",
    "doctor",
    "lab",
    "cli",
]
NEVER_IN_WORLDS = {"torch", "transformer_lens", "plotly", "ipywidgets"}


def imported_names(source: str, package: str) -> set[str]:
    """Dotted names that a module in `package` imports anywhere, relative ones resolved."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*(above if node.level else []), *filter(None, [node.module])])
            names |= {f"{base}.{alias.name}" for alias in node.names}
    return names


def rooms_entered(source: str, package: str) -> set[str]:
    """The rooms of mi_course that a module imports from."""
    ours = (name.split(".") for name in imported_names(source, package))
    return {parts[1] for parts in ours if parts[0] == "mi_course" and len(parts) > 1}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def package_of(path: Path) -> str:
    return ".".join(("mi_course", *path.relative_to(PACKAGE).parent.parts))


MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_module_imports_only_from_its_left(path):
    room = room_of(path)
    assert room in ORDER, f"{room} has no place in the flow: add it to ORDER"
    allowed = set(ORDER[: ORDER.index(room) + 1]) | {"__version__"}
    assert rooms_entered(path.read_text(), package_of(path)) <= allowed


@pytest.mark.parametrize(
    "path", [path for path in MODULES if room_of(path) == "worlds"], ids=lambda path: path.name
)
def test_worlds_know_no_model(path):
    names = imported_names(path.read_text(), package_of(path))
    assert not {name.split(".")[0] for name in names} & NEVER_IN_WORLDS


@pytest.mark.parametrize(
    "line",
    [
        "import mi_course.plots.heads",
        "from mi_course.plots import heads",
        "from mi_course import plots",
        "from ..plots import heads",
        "from .. import plots",
        "def f():\n    from mi_course.plots.heads import plot_heads",
    ],
)
def test_every_form_of_import_is_seen(line):
    assert rooms_entered(line, "mi_course.methods") == {"plots"}


def test_an_import_from_the_same_package_stays_in_its_room():
    assert rooms_entered("from . import core", "mi_course.methods") == {"methods"}
