"""What a newcomer reads first is short, true to the tree, and dated."""

import datetime
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from docs.figures import FOLDER, PICTURES, SOLUTIONS, figure_titled
from docs.teaching.syllabus import notebook_minutes

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SHOWN = re.findall(r"!\[([^]]*)\]\((docs/[^)]*)\)", README)
KILOBYTE = 1000


def version_dates():
    """Version and date of each heading of the changelog, newest first."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    return re.findall(r"^## (\S+) - (\S+)$", text, re.MULTILINE)


def citation():
    return yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))


def width_of(data):
    """Width in pixels of a PNG, or of a JPEG by its frame header."""
    if data[1:4] == b"PNG":
        return int.from_bytes(data[16:20])
    frame = data.index(b"\xff\xc0")
    return int.from_bytes(data[frame + 7 : frame + 9])


def test_readme_is_read_in_two_minutes():
    text = re.sub(r"```.*?```|<!--.*?-->", "", README, flags=re.DOTALL)
    prose = re.sub(r"^\|.*$|\]\([^)]*\)", "", text, flags=re.MULTILINE)
    assert "To cite the course" in prose  # the last lines count too
    assert len(prose.split()) <= 600  # at 300 words a minute


def test_readme_shows_the_pictures_that_make_figures_draws():
    assert sorted(name for _, name in SHOWN) == sorted(f"docs/{name}" for name in PICTURES)
    assert len(SHOWN) == 5
    assert [name for alt, name in SHOWN if len(alt.split()) < 8] == []
    sizes = {name: (FOLDER / name).stat().st_size for name in PICTURES}
    assert {name: size for name, size in sizes.items() if size > 150 * KILOBYTE} == {}


@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_comes_from_a_figure_that_a_solution_saved(name):
    notebook, beginning, width = PICTURES[name]
    figure = figure_titled(SOLUTIONS / notebook, beginning)
    assert width_of((FOLDER / name).read_bytes()) == pytest.approx(width, abs=2)
    assert figure.layout.meta["summary"]


def test_readme_lists_every_chapter_in_order():
    listed = re.findall(r"^\| (\d\d) \| ([^|]+) \|", README, re.MULTILINE)
    sources = sorted(path.name[:2] for path in SOLUTIONS.glob("[0-9][0-9]_*.py"))
    assert [number for number, _ in listed] == [f"{number:02}" for number in range(9)]
    assert set(sources) <= {number for number, _ in listed}


def test_the_hours_of_a_chapter_are_those_that_its_notebook_names():
    told = re.findall(r"^\| (\d\d) \|.*\| ([\d.]+) \|$", README, re.MULTILINE)
    sources = {path.stem[:2]: path.stem for path in SOLUTIONS.glob("[0-9][0-9]_*.py")}
    named = {number: notebook_minutes(source) / 60 for number, source in sources.items()}
    assert {number: float(hours) for number, hours in told} == named


def test_commands_in_the_readme_exist():
    made = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)", README)) <= made


def test_contributing_fits_on_one_screen():
    assert len((ROOT / "CONTRIBUTING.md").read_text().splitlines()) <= 60


def test_the_changelog_is_dated_and_ends_at_this_version():
    versions = [tuple(map(int, version.split("."))) for version, _ in version_dates()]
    dates = [datetime.date.fromisoformat(date) for _, date in version_dates()]
    assert versions == sorted(versions, reverse=True)
    assert dates == sorted(dates, reverse=True)
    assert version_dates()[0][0] == PROJECT["version"]


def test_the_citation_has_what_its_format_asks_for_and_agrees_with_the_package():
    cited = citation()
    assert {"cff-version", "message", "title", "authors"} <= set(cited)
    assert all("name" in each or "family-names" in each for each in cited["authors"])
    assert cited["license"] == PROJECT["license"] == "MIT"
    assert (str(cited["version"]), str(cited["date-released"])) == version_dates()[0]
    assert "MIT License" in (ROOT / "LICENSE").read_text()
