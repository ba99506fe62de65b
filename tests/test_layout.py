"""Sizes and names that keep the tree readable, checked on what git tracks."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MEGABYTE = 1_000_000
TEXT = {".py", ".md", ".toml", ".yml", ".txt", ".ipynb", ".json", ".cff", ".cfg", ""}
# Composed here so that this file does not hold what it looks for.
MACHINE_PATH = re.compile("|".join(f"/{name}/" for name in ("home", "root", "Users", "work")))
# Word lists are data written as Python; their length is their content.
WORD_LISTS = re.compile(r"lexicon|words|names|vocabulary")


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout: what is tracked cannot be asked")
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def modules() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".py" and "mi_course" in path.parts]


def test_modules_are_short_enough_to_read_at_once():
    lengths = {
        path.relative_to(ROOT): len(path.read_text().splitlines())
        for path in modules()
        if not WORD_LISTS.search(path.stem)
    }
    assert {path: length for path, length in lengths.items() if length > 300} == {}


def test_no_module_is_a_drawer_for_odds_and_ends():
    drawers = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert [path for path in modules() if path.stem in drawers or path.parent.name in drawers] == []


def test_no_file_names_a_place_on_one_machine():
    found = {}
    for path in tracked():
        if path.suffix in TEXT:
            hit = MACHINE_PATH.search(path.read_text(encoding="utf-8", errors="replace"))
            if hit:
                found[path.relative_to(ROOT)] = hit.group()
    assert found == {}


def test_no_tracked_file_is_too_large_to_review():
    assert [path for path in tracked() if path.stat().st_size > 20 * MEGABYTE] == []


def test_weights_fit_in_a_quick_download():
    weights = sum(path.stat().st_size for path in tracked() if path.suffix == ".safetensors")
    assert weights <= 80 * MEGABYTE


def test_every_test_module_mirrors_a_module_or_stands_at_the_top():
    rooms = {path.name for path in (ROOT / "mi_course").iterdir() if path.is_dir()}
    rooms |= {"notebooks", "browser", "attacks"}
    folders = {
        path.relative_to(ROOT / "tests").parts[0]
        for path in tracked()
        if path.is_relative_to(ROOT / "tests") and path.parent != ROOT / "tests"
    }
    assert folders <= rooms


def test_every_folder_of_modules_is_a_package():
    folders = {path.parent for path in modules()}
    assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []
