"""The part of the package that a student's code may see.

Under grading an answer needs the worlds, the models and what hooks them; it must not find the
exercises, their references or the methods that solve them. The view is a copy of the allowed
source files in a folder of its own, with the driver and a `check` that does nothing; folders of
data (weights) are only linked. Whatever is not named here is absent.
In goes an empty folder, out comes what lies in it and what is to be linked.
"""

import ast
import shutil
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).parents[2]
# Rooms of the package that answers may use; a new room stays hidden until it is named here.
VISIBLE = ("worlds", "models", "activations", "activations.py", "metrics.py")
# Inside the visible rooms: what measures the very things that exercises ask for, and training.
HIDDEN = ("models/report*", "models/scoring.py", "models/ngram.py", "models/training.py",
          "models/card.py", "models/data.py", "models/fast_attention.py",
          "models/compiled/answer_key.py", "models/compiled/random_circuits.py",
          "models/compiled/drawing.py")  # fmt: skip
# Functions whose call would be the answer to an exercise; their source is left out.
ANSWERS = {
    "activations.py": ("ablate_heads", "head_replacements", "_with_heads_replaced"),
    "metrics.py": ("cross_entropy_by_position", "kl_divergence"),
    "worlds/tasks/induction.py": ("repeated_random_tokens",),
}
REFUSAL = '''def {name}(*_args, **_kwargs):
    """Not available while an answer is graded."""
    raise ImportError("{name} is not available while an answer is graded")
'''
INSIDE = ("values.py", "inside/__init__.py", "inside/answer.py", "inside/borrowed.py",
          "inside/driver.py", "inside/landlock.py", "inside/masked.py", "inside/namespaces.py",
          "inside/rights.py", "inside/sealed.py", "inside/seccomp.py", "inside/setup.py",
          "inside/syscalls.py", "inside/watch.py", "inside/workplace.py")  # fmt: skip


@dataclass(frozen=True)
class View:
    """A folder to put on the module path, and what lies elsewhere.

    Args:
        root: the folder that holds the visible `mi_course`.
        links: data, as (real path, path inside the view) pairs.
    """

    root: Path
    links: tuple[tuple[Path, Path], ...]


def build_view(root: Path, package: Path = PACKAGE) -> View:
    """Copy what is visible of `package` to `root`.

    Args:
        root: an empty folder, readable by the sandbox's user.
        package: the folder of `mi_course`.

    Returns:
        The view; its data folders are empty places for a link or a mount.
    """
    there = root / package.name
    there.mkdir(mode=0o755)
    (there / "__init__.py").write_bytes((package / "__init__.py").read_bytes())
    links: list[tuple[Path, Path]] = []
    hidden = {path for pattern in HIDDEN for path in package.glob(pattern)}
    for name in VISIBLE:
        if (package / name).exists():
            _copy(package / name, there / name, hidden, links)
    for name, functions in ANSWERS.items():
        if (there / name).exists():
            (there / name).write_text(
                without((there / name).read_text("utf-8"), functions), "utf-8"
            )
    _copy_grading(package / "grading", there / "grading")
    return View(root, tuple(links))


def without(source: str, functions: tuple[str, ...]) -> str:
    """`source` with the bodies of some functions replaced by a refusal."""
    lines = source.splitlines(keepends=True)
    for node in reversed(ast.parse(source).body):
        if isinstance(node, ast.FunctionDef) and node.name in functions:
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            lines[first - 1 : node.end_lineno] = [REFUSAL.format(name=node.name)]
    return "".join(lines)


def _copy(source: Path, target: Path, hidden: set[Path], links: list[tuple[Path, Path]]) -> None:
    if source in hidden or source.name == "__pycache__" or source.is_symlink():
        return
    if source.is_file():
        shutil.copyfile(source, target)
        target.chmod(0o644)
        return
    target.mkdir(mode=0o755)
    if not any(source.rglob("*.py")):
        links.append((source, target))
        return
    for path in sorted(source.iterdir()):
        _copy(path, target / path.name, hidden, links)


def _copy_grading(source: Path, target: Path) -> None:
    (target / "inside").mkdir(mode=0o755, parents=True)
    shutil.copyfile(source / "inside/stub.py", target / "__init__.py")
    for name in INSIDE:
        shutil.copyfile(source / name, target / name)
