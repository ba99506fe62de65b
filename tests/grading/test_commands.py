import csv
import json
import shutil

import pytest
from typer.testing import CliRunner

from mi_course import cli
from mi_course.grading import grade as grading
from tests.grading import small_class

run = CliRunner().invoke
N_MARKED = len(small_class.handed_in()) - 1  # all but the torn one


@pytest.fixture(scope="module")
def graded(room, tmp_path_factory, chapter_99):
    """What the command said, and where it wrote."""
    out = tmp_path_factory.mktemp("graded")
    return command(room, out, "--seed", "5"), out


@pytest.fixture
def seen(monkeypatch):
    """What the command hands to `grade`."""
    calls = []
    monkeypatch.setattr(grading, "grade", lambda *args, **options: calls.append((args, options)))
    return calls


def command(room, out, *options):
    words = ["grade", room / "submissions", "--out", out, "--chapters", room / "chapters"]
    return run(cli.app, [*map(str, words), "--jobs", "1", *options])


def test_the_first_word_is_the_folder_where_it_is_no_subcommand(seen, tmp_path):
    for words in (["grade", "hand-ins"], ["grade", "run", "hand-ins"]):
        assert run(cli.app, [*words, "--out", str(tmp_path)]).exit_code == 0
    assert run(cli.app, ["grade", "--out", str(tmp_path), "hand-ins"]).exit_code == 0
    assert [str(args[0]) for args, _ in seen] == ["hand-ins"] * 3
    assert seen[0] == seen[1] == seen[2]


def test_every_option_reaches_the_grader(seen, tmp_path):
    words = (
        "grade hand-ins --out o --chapter 06 --seed 3 --secret-file s --jobs 2 --timeout 4 "
        "--isolation landlock --allow-unsafe --regrade 06.1 --regrade 07 --shard 2/3 "
        "--cluster tcp://a:1 --similarity"
    )
    assert run(cli.app, [*words.split(), "--chapters", str(tmp_path)]).exit_code == 0
    options = seen[0][1]
    expected = {
        "chapter": "06", "seed": 3, "jobs": 2, "timeout": 4.0, "isolation": "landlock",
        "allow_unsafe": True, "regrade": ["06.1", "07"], "shard": "2/3", "cluster": "tcp://a:1",
        "similarity": True, "chapters": tmp_path,
    }  # fmt: skip
    assert {name: options[name] for name in expected} == expected
    assert str(options["secret_file"]) == "s"


@pytest.mark.parametrize("command", ["run", "merge", "marks", "export"])
def test_each_subcommand_explains_itself(command):
    done = run(cli.app, ["grade", command, "--help"])
    assert done.exit_code == 0
    assert "Usage" in done.output


def test_the_group_names_its_subcommands():
    said = run(cli.app, ["grade", "--help"]).output
    assert all(name in said for name in ("merge", "marks", "export", "run"))


@pytest.mark.needs_bwrap
def test_grading_says_how_many_where_and_what_is_next(graded):
    done, out = graded
    assert done.exit_code == 0, done.output
    first, tier, *rest = done.output.splitlines()[-8:]
    assert first.startswith(f"{N_MARKED + 1} submissions in ")
    assert f"({N_MARKED} graded now, 0 earlier, 1 without marks)" in first
    assert tier.startswith("isolation: ")
    assert rest[0] == "no marks for torn: the file is not a notebook: it is not JSON"
    assert f"gradebook: {out / 'gradebook.csv'}" in rest
    assert rest[-1].startswith("next: ")
    with (out / "gradebook.csv").open(encoding="utf-8-sig") as file:
        rows = {row["student"]: row["total"] for row in csv.DictReader(file)}
    assert rows == {
        "Zoë": "6", "blank-0": "0", "blank-1": "0", "right-0": "6", "right-1": "6",
        "short-0": "5", "short-1": "5", "slow-0": "6", "slow-1": "6", "sum-0": "3", "sum-1": "3",
        "torn": "0",
    }  # fmt: skip


@pytest.mark.needs_bwrap
def test_a_regrade_says_what_it_did(room, graded, tmp_path):
    out = shutil.copytree(graded[1], tmp_path / "out")
    done = command(room, out, "--seed", "5", "--regrade", "99.2")
    assert f"({N_MARKED} graded now, 0 earlier, 1 without marks)" in done.output
    assert f"(0 graded now, {N_MARKED} earlier" in command(room, out, "--seed", "5").output


@pytest.mark.needs_bwrap
def test_shards_are_merged_by_name(room, tmp_path, graded):
    for part in ("1", "2"):
        done = command(room, tmp_path / part, "--seed", "5", "--shard", f"{part}/2")
        assert f"next: this is shard {part} of 2" in done.output
    words = ["grade", "merge", tmp_path / "1", tmp_path / "2", "--out", tmp_path / "whole"]
    assert run(cli.app, list(map(str, words))).exit_code == 0
    merged = (tmp_path / "whole" / "gradebook.csv").read_bytes()
    assert merged == (graded[1] / "gradebook.csv").read_bytes()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--regrade", "99.7"], "expected an exercise or a chapter among 99.1, 99.2, 99.3"),
        (["--shard", "3/2"], "expected a shard such as 2/3"),
        (["--chapter", "77"], "expected a chapter among"),
        (["--isolation", "hope"], "expected"),
    ],
)
def test_a_wrong_option_is_one_line(
    room, tmp_path, chapter_99, monkeypatch, capsys, options, words
):
    said = told(monkeypatch, capsys, "grade", room / "submissions", "--out", tmp_path, *options)
    assert words in said


@pytest.mark.parametrize("command", [["export", "{}", "--moodle", "x.csv"], ["merge", "{}"]])
def test_a_folder_without_results_is_one_line(tmp_path, monkeypatch, capsys, command):
    words = [word.format(tmp_path) for word in command]
    if command[0] == "merge":
        words += ["--out", tmp_path / "out"]
    assert "expected a folder with the results" in told(monkeypatch, capsys, "grade", *words)


def told(monkeypatch, capsys, *words):
    """The one line that `mi-course` ends with."""
    monkeypatch.setattr("sys.argv", ["mi-course", *map(str, words)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("mi-course: ")
    return lines[0]


def test_a_secret_never_shows_on_the_screen(room, tmp_path, chapter_99):
    (tmp_path / "nobody").mkdir()
    words = ["grade", tmp_path / "nobody", "--out", tmp_path / "out"]
    done = run(cli.app, list(map(str, words)))
    secret = json.loads((tmp_path / "out" / "secret-seed.json").read_text())["secret"]
    assert done.exit_code == 0
    assert secret not in done.output
