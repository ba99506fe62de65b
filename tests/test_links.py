"""Links have a form that can work, checked without a network: files, anchors and addresses."""

import ast
import re
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
PAGES = [
    path
    for pattern in (
        "*.md",
        "docs/**/*.md",
        "benchmarks/*.md",
        "chapters/*.ipynb",
        "solutions/*.ipynb",
    )
    for path in sorted(ROOT.glob(pattern))
]
MODULES = sorted(
    path for folder in ("mi_course", "docs") for path in ROOT.glob(f"{folder}/**/*.py")
)
EACH = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
LINK = re.compile(
    r"\]\((<[^>]*>|[^()\s]*(?:\([^()]*\)[^()\s]*)*)(?:\s+\"[^\"]*\")?\)|\b(?:src|href)=\"([^\"]*)\""
)
ADDRESS = re.compile(r"\bhttps?:(?:\([^\s()]*\)|[^\s<>\"'`|()])+")
# A host in a sentence that nobody can click on, such as example.org/page.
BARE = re.compile(r"(?<![\w@/.-])(?:[a-z0-9-]+\.)+(?:org|com|io|net|edu|ai|dev|pub)\b(?!\.py)")
FILE = re.compile(r"`((?:mi_course|tests|docs|benchmarks|solutions|chapters)/[\w./-]+)`")
NN = "NN"  # stands for a chapter's number
LOCAL = ("localhost", "127.0.0.1")


@cache
def text_of(path):
    """The Markdown of a page or notebook without its code."""
    if path.suffix != ".ipynb":
        return CODE.sub("", path.read_text(encoding="utf-8"))
    cells = nbformat.read(path, as_version=4).cells
    return CODE.sub("", "\n\n".join(c.source for c in cells if c.cell_type == "markdown"))


@cache
def anchors(path):
    """The anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ +(.*?) *$", path.read_text(encoding="utf-8"), re.MULTILINE)
    plain = (re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title).lower() for title in titles)
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in plain}


def targets(text):
    return [(inside or attribute).strip("<>") for inside, attribute in LINK.findall(text)]


def lost(path, text):
    """Links to other files or headings that are not there."""
    found = []
    for target in targets(text):
        file, _, anchor = target.partition("#")
        if urlsplit(target).scheme:
            continue
        there = (path.parent / file) if file else path
        ours = there.exists() and there.resolve().is_relative_to(ROOT)
        if not ours or (anchor and there.suffix == ".md" and anchor not in anchors(there)):
            found.append(target)
    return found


def malformed(text):
    """Addresses that cannot work or are not safe: no host, plain http, a full stop at the end."""
    found = []
    for address in ADDRESS.findall(text):
        address = address.rstrip(".,;:!?*]}")
        parts = urlsplit(address)
        safe = parts.scheme == "https" or parts.hostname in LOCAL
        named = parts.hostname in LOCAL or re.fullmatch(
            r"([\w-]+\.)+[a-z]{2,}", parts.hostname or ""
        )
        if not (safe and named) or "//" in parts.path or parts.username:
            found.append(address)
    return found


def docstrings(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return "\n".join(ast.get_docstring(n) or "" for n in ast.walk(tree) if isinstance(n, kinds))


@EACH
def test_every_file_and_heading_that_is_linked_is_there(path):
    assert lost(path, text_of(path)) == []


@EACH
def test_addresses_are_well_formed(path):
    text = text_of(path)
    assert malformed(text) == []
    assert [t for t in targets(text) if urlsplit(t).scheme not in {"", "https", "mailto"}] == []
    assert BARE.findall(ADDRESS.sub("", text)) == []


def named_and_missing(text):
    """Files of this tree that the text names and that are neither there nor made by a command."""
    made = (ROOT / ".gitignore").read_text().split()
    missing = (name for name in FILE.findall(text) if NN not in name and not (ROOT / name).exists())
    return [name for name in missing if not any(name.startswith(each) for each in made)]


def test_every_file_that_prose_or_a_docstring_names_is_there():
    texts = {path: path.read_text(encoding="utf-8") for path in PAGES if path.suffix == ".md"}
    texts |= {path: docstrings(path) for path in MODULES}
    found = {path.name: bad for path, text in texts.items() if (bad := named_and_missing(text))}
    assert found == {}


def test_addresses_in_docstrings_are_well_formed():
    texts = {path.relative_to(ROOT): docstrings(path) for path in MODULES}
    assert {path: bad for path, text in texts.items() if (bad := malformed(text))} == {}
    bare = {path: BARE.findall(ADDRESS.sub("", text)) for path, text in texts.items()}
    assert {path: hosts for path, hosts in bare.items() if hosts} == {}


def test_the_rules_find_what_they_forbid():
    readme = ROOT / "README.md"
    text = '[a](nowhere.md) [b](LICENSE) [c](#two-commands) [d](README.md#no) <img src="x.png">'
    assert lost(readme, text) == ["nowhere.md", "README.md#no", "x.png"]
    assert named_and_missing("`docs/no.md` `docs/NN.md` `README.md`") == ["docs/no.md"]
    bad = ["http://example.org", "https://example", "https:example.org/a", "https://a.org//b"]
    assert malformed(f"{' '.join(bad)} https://example.org/a_(b). http://localhost:8888") == bad
    assert BARE.findall("see example.org/a, docs.example.com and mi_course.io.py") == [
        "example.org",
        "docs.example.com",
    ]
