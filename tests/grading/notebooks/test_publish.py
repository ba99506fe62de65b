import hashlib
import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mi_course import cli
from mi_course.grading.notebooks.address import FILE, Address
from mi_course.grading.notebooks.publish import ADDRESS, committed, publish, published

ROOT = Path(__file__).parents[3]
NOTEBOOKS = ("00_start_here.ipynb", "06_induction_heads.ipynb")
A, B = Address("anna/first", "spring-term"), Address("boris/second", "v2")


@pytest.fixture
def checkout(tmp_path):
    """What `publish` reads and writes, of two chapters, and a solution that it must leave alone."""
    files = ["README.md", "CITATION.cff", "docs/front_ends.md", str(ADDRESS)]
    files += [f"chapters/{name}" for name in NOTEBOOKS]
    files += ["solutions/00_start_here.ipynb", "solutions/00_start_here.py"]
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, tmp_path / name)
    return tmp_path


def contents(root):
    return {
        str(path.relative_to(root)): path.read_text(encoding="utf-8")
        for path in root.rglob("*")
        if path.is_file()
    }


def cells(text):
    return json.loads(text)["cells"]


def test_what_is_committed_is_what_publish_writes():
    assert ROOT / ADDRESS == FILE
    stale = [
        path.name
        for path, text in published(ROOT, committed(ROOT))
        if path.read_text(encoding="utf-8") != text
    ]
    assert stale == [], "run `mi-course publish` and commit what it writes"


def test_the_second_of_two_addresses_leaves_nothing_of_the_first(checkout):
    publish(checkout, A)
    naming = {name for name, text in contents(checkout).items() if "spring-term" in text}
    notebooks = {f"chapters/{name}" for name in NOTEBOOKS}
    assert naming == {str(ADDRESS), "README.md", "docs/front_ends.md"} | notebooks
    assert "anna/first" in contents(checkout)["CITATION.cff"]
    publish(checkout, B)
    assert [name for name, text in contents(checkout).items() if "anna" in text] == []
    assert [name for name, text in contents(checkout).items() if "spring-term" in text] == []


def test_going_back_restores_every_byte(checkout):
    publish(checkout, A)
    before = contents(checkout)
    publish(checkout, B)
    assert contents(checkout) != before
    publish(checkout, A)
    assert contents(checkout) == before


def test_a_second_run_changes_nothing(checkout):
    assert publish(checkout, A)
    assert publish(checkout, A) == []


def test_only_badges_and_installation_change_in_a_notebook(checkout):
    before = contents(checkout)
    publish(checkout, A)
    after = contents(checkout)
    for name in NOTEBOOKS:
        old, new = cells(before[f"chapters/{name}"]), cells(after[f"chapters/{name}"])
        assert new[2:] == old[2:]
        assert [cell["id"] for cell in new] == [cell["id"] for cell in old]
        assert f"chapters/{name}" in "".join(new[0]["source"])
        assert "git+https://github.com/anna/first@spring-term" in "".join(new[1]["source"])


def test_solutions_and_their_outputs_are_left_alone(checkout):
    paths = sorted((checkout / "solutions").iterdir())
    before = [hashlib.sha256(path.read_bytes()).digest() for path in paths]
    publish(checkout, A)
    assert [hashlib.sha256(path.read_bytes()).digest() for path in paths] == before


@pytest.mark.parametrize(
    ("name", "spoil", "says"),
    [
        ("README.md", lambda text: text.replace("<!-- /address -->", ""), "once in .*README.md"),
        ("docs/front_ends.md", lambda text: text + text, r"front_ends.md, got 2"),
        ("CITATION.cff", lambda text: text.replace("repository-code", "url"), "repository-code"),
        (
            "chapters/06_induction_heads.ipynb",
            lambda text: text.replace('"colab"', '"lost"'),
            "badges and installation first",
        ),
    ],
)
def test_nothing_is_written_when_one_place_is_lost(checkout, name, spoil, says):
    path = checkout / name
    path.write_text(spoil(path.read_text(encoding="utf-8")), encoding="utf-8")
    before = contents(checkout)
    with pytest.raises(ValueError, match=says):
        publish(checkout, A)
    assert contents(checkout) == before


def test_a_folder_that_is_no_checkout_is_refused(tmp_path):
    with pytest.raises(ValueError, match="expected a checkout"):
        publish(tmp_path, A)


def run(*arguments):
    return CliRunner().invoke(cli.app, ["publish", *map(str, arguments)])


def test_the_command_says_what_it_changed(checkout):
    done = run("--repo", "anna/first", "--branch", "spring-term", "--root", checkout)
    assert done.exit_code == 0
    *changed, last = done.output.splitlines()
    assert last == "published at https://github.com/anna/first, branch spring-term"
    assert f"changed {ADDRESS}" in changed
    assert "changed chapters/00_start_here.ipynb" in changed
    assert committed(checkout) == A


def test_what_is_not_given_stays(checkout):
    publish(checkout, A)
    assert run("--branch", "autumn", "--root", checkout).exit_code == 0
    assert committed(checkout) == Address("anna/first", "autumn")


def test_an_edited_address_is_written_everywhere_without_options(checkout):
    (checkout / ADDRESS).write_text('repository = "zoe/third"\nbranch = "main"\n')
    assert run("--root", checkout).exit_code == 0
    assert "zoe/third" in (checkout / "README.md").read_text(encoding="utf-8")
    assert "zoe/third" in (checkout / "chapters" / NOTEBOOKS[0]).read_text(encoding="utf-8")


def test_a_repository_of_another_form_is_refused(checkout):
    before = contents(checkout)
    done = run("--repo", "https://github.com/anna/first", "--root", checkout)
    assert isinstance(done.exception, ValueError)
    assert "try 'anna/first'" in str(done.exception)
    assert contents(checkout) == before
