"""Terms are used one way: docs/glossary.md against the prose of all notebooks and pages."""

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = [*sorted(ROOT.glob("solutions/*.ipynb")), *sorted(ROOT.glob("chapters/*.ipynb"))]
FIGURE = "application/vnd.plotly.v1+json"
GLOSSARY = ROOT / "docs" / "glossary.md"
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")} - {GLOSSARY})
EACH = pytest.mark.parametrize(
    "path",
    [*NOTEBOOKS, *PAGES],
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
# `x`, $x$, fenced code, and "what others said" are not our words, nor are the titles of papers.
NOT_OURS = re.compile(
    r"```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$|\"[^\"\n]*\"|\(https?:[^)]*\)", re.S
)
TITLES = re.compile(r"^(?=.*(?:Further reading|\[\w+\d\d\])).*$", re.M)
HEADS = re.compile(r"\bhead \d+\.\d+\b|\bL\d+\.?(?:h|\.H)\d+\b|\bH\d+L\d+\b")
STEMS = (
    "analy optimi minimi maximi normali recogni organi generali summari initiali memori speciali"
)
AMERICAN = re.compile(
    r"\b(?:behavior|color|center|favor|neighbor|gray|label(?:ed|ing)|model(?:ed|ing)|"
    rf"(?:{'|'.join(STEMS)})z(?:e|es|ed|ing|ation))s?\b",
    re.IGNORECASE,
)
KEY = re.compile(r"\[((?:[A-Z][A-Za-z]+|nostalgebraist)\d\d)\]")


class Term(NamedTuple):
    name: str
    meaning: str
    source: str
    chapters: tuple[str, ...]
    banned: tuple[str, ...]


def rows(heading, text):
    """The cells of each row of the first table whose first column has this heading."""
    table = re.search(rf"^\| {heading} \|.*\n\|[-|]+\n((?:\|.*\n?)*)", text, re.M)
    return [[c.strip() for c in row.split("|")[1:-1]] for row in table[1].splitlines()]


def terms():
    found = []
    for name, meaning, source, chapters, banned in rows("term", GLOSSARY.read_text()):
        variants = tuple(each.strip() for each in banned.split(",") if each.strip())
        found.append(Term(name, meaning, source.strip("[]"), tuple(chapters.split()), variants))
    return found


@cache
def markdown(path):
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8")
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def said_by_figures(path):
    """Titles and summaries of the figures that a notebook saved."""
    cells = nbformat.read(path, as_version=4).cells
    outputs = (output for cell in cells for output in cell.get("outputs", []))
    layouts = [data["layout"] for each in outputs if (data := each.get("data", {}).get(FIGURE))]
    titles = (layout["title"]["text"].replace("<br>", " ") for layout in layouts)
    return "\n".join([*titles, *(layout["meta"]["summary"] for layout in layouts)])


def own_words(text):
    """The text without code, formulas, quotations and titles, on one line."""
    text = NOT_OURS.sub(" ", text)
    text = re.sub(r"^- \[\w+\d\d\].*$", " ", text, flags=re.MULTILINE)  # in a list of works
    text = TITLES.sub(lambda line: re.sub(r"(?<!\*)\*[^*]+\*(?!\*)", " ", line[0]), text)
    return re.sub(r"\s+", " ", text)


def slips(text, listed):
    """Variants in the text that the glossary does not want, with the term to write instead."""
    found = {
        variant: term.name
        for term in listed
        for variant in term.banned
        if re.search(rf"(?<![\w-]){re.escape(variant)}(?![\w-])", text, re.IGNORECASE)
    }
    found |= dict.fromkeys(HEADS.findall(text), "L1H4")
    return found | dict.fromkeys(AMERICAN.findall(text), "British spelling")


def chapter_texts():
    solutions = (path for path in NOTEBOOKS if path.parent.name == "solutions")
    return {path.name[:2]: re.sub(r"\s+", " ", markdown(path)).lower() for path in solutions}


@EACH
def test_no_term_is_written_in_another_way(path):
    assert slips(own_words(markdown(path)), terms()) == {}


@pytest.mark.parametrize(
    "path", [path for path in NOTEBOOKS if path.parent.name == "solutions"], ids=lambda p: p.stem
)
def test_figures_use_the_same_words(path):
    said = said_by_figures(path)
    assert said
    assert slips(own_words(said), terms()) == {}


def test_a_planted_variant_of_each_kind_is_found():
    said = 'Causal tracing in `latent` on head 1.4 shows a color; see "phase transition".'
    assert slips(own_words(said), terms()) == {
        "causal tracing": "activation patching",
        "head 1.4": "L1H4",
        "color": "British spelling",
    }
    assert slips(own_words("[Olah17] *Latent color*\n- [Olah17] Color"), terms()) == {}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_term_that_a_chapter_lists_is_in_the_glossary_under_that_chapter(path):
    known = {term.name: term.chapters for term in terms()}
    listed = [name.strip() for row in rows("term", markdown(path)) for name in row[0].split(",")]
    assert listed
    missing = [name for name in listed if path.name[:2] not in known.get(name, ())]
    assert missing == [], "add them to docs/glossary.md"


def test_every_term_is_used_in_the_chapters_that_the_glossary_names():
    texts = chapter_texts()
    named = {(term.name, number) for term in terms() for number in term.chapters}
    assert {number for _, number in named} <= {f"{number:02}" for number in range(9)}
    assert [
        (name, number)
        for name, number in sorted(named)
        if number in texts and name.lower() not in texts[number]
    ] == []


def test_terms_are_explained_once_in_a_short_sentence_and_in_order():
    names = [term.name.lower() for term in terms()]
    assert names == sorted(set(names), key=str.casefold)
    assert [term.name for term in terms() if not 3 <= len(term.meaning.split()) <= 30] == []
    assert [term.name for term in terms() if ". " in term.meaning or not term.chapters] == []


def test_every_source_that_is_cited_is_listed_once_and_every_listed_one_is_cited():
    listed = [key.strip("[]") for key, _ in rows("key", GLOSSARY.read_text())]
    assert listed == sorted(set(listed), key=str.casefold)
    modules = (path.read_text(encoding="utf-8") for path in ROOT.glob("mi_course/**/*.py"))
    texts = [*map(markdown, NOTEBOOKS), *modules, *map(markdown, PAGES)]
    cited = {key for text in texts for key in KEY.findall(text)} | {t.source for t in terms()}
    assert cited == set(listed)
