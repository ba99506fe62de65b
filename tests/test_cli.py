import json
import warnings

import pytest
import typer
from typer.testing import CliRunner

import mi_course.models
from mi_course import cli, doctor, lab
from mi_course.doctor import Finding
from mi_course.grading.commands import Grading
from mi_course.models import zoo

run = CliRunner().invoke


class Done:
    """A finished process."""

    returncode = 7


@pytest.fixture
def fake_report(monkeypatch):
    """A model and a report that cost nothing."""
    import mi_course.models.report as module

    class Model:
        def __init__(self, name):
            self.tokenizer = None if name == "reverse" else "a tokenizer"

    monkeypatch.setattr(mi_course.models, "load", Model, raising=False)
    monkeypatch.setattr(module, "report", lambda model, tokenizer, name: {"loss": 1.5, "heads": 2})


@pytest.fixture
def no_chapters(monkeypatch, tmp_path):
    """A current folder and an installed package without notebooks."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(lab, "PACKAGE", tmp_path / "site-packages" / "mi_course")


@pytest.mark.parametrize(
    "command", ["lab", "build", "book", "check", "grade", "train", "models", "doctor"]
)
def test_each_command_explains_itself(command):
    done = run(cli.app, [command, "--help"])
    assert done.exit_code == 0
    assert "Usage" in done.output


def test_a_teacher_is_not_told_of_backslashes_in_students_strings(recwarn):
    app = typer.Typer(cls=Grading)
    app.command("run")(lambda: warnings.warn("invalid escape", SyntaxWarning, 1))
    app.command("other")(lambda: None)
    assert run(app, ["run"], catch_exceptions=False).exit_code == 0
    assert not recwarn.list


def test_doctor_succeeds_with_notes(monkeypatch):
    monkeypatch.setattr(doctor, "examine", lambda: [Finding("ok", "a"), Finding("note", "b")])
    done = run(cli.app, ["doctor"])
    assert done.exit_code == 0
    assert done.output.splitlines() == ["ok     a", "note   b", "ready"]


def test_doctor_fails_when_something_needed_is_missing(monkeypatch):
    monkeypatch.setattr(doctor, "examine", lambda: [Finding("wrong", "torch is missing")])
    done = run(cli.app, ["doctor"])
    assert done.exit_code == 1
    assert "WRONG  torch is missing" in done.output


def test_models_are_listed():
    done = run(cli.app, ["models", "list"])
    listed = {line.split()[0] for line in done.output.splitlines()}
    assert listed == {*zoo.names(), "shapes-a", "shapes-b"}


def test_a_vision_model_has_a_report_of_its_own(monkeypatch):
    from mi_course.models import report_shapes, vision

    monkeypatch.setattr(vision, "load_vision", lambda name: name)
    monkeypatch.setattr(
        report_shapes, "shapes_report", lambda model: {"accuracy": 0.5, "of": model}
    )
    done = run(cli.app, ["models", "report", "shapes-b", "--json"])
    metrics = {"accuracy": 0.5, "of": "shapes-b"}
    assert json.loads(done.output) == {"model": "shapes-b", "metrics": metrics}


def test_report_is_one_json_object(fake_report):
    done = run(cli.app, ["models", "report", "town", "--json"])
    assert json.loads(done.output) == {"model": "town", "metrics": {"loss": 1.5, "heads": 2}}


def test_report_for_people_has_one_metric_a_line(fake_report):
    done = run(cli.app, ["models", "report", "town"])
    assert done.output.splitlines() == ["loss   1.5", "heads  2"]


def test_a_model_that_reads_no_text_has_no_report(fake_report):
    done = run(cli.app, ["models", "report", "reverse"])
    assert "expected a model that reads text, got 'reverse'" in str(done.exception)


def test_what_cannot_be_trained_is_told_with_all_that_can():
    done = run(cli.app, ["train", "reverse"])
    assert "'town', 'shapes-a', 'shapes-b', 'lenses', 'saes'], got 'reverse'" in str(done.exception)


def test_an_error_we_foresaw_is_one_line(monkeypatch, capsys, no_chapters):
    monkeypatch.setattr("sys.argv", ["mi-course", "lab"])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 1
    assert capsys.readouterr().err.startswith("mi-course: expected a folder `chapters`")


def test_lab_asks_no_other_machine_for_anything(tmp_path):
    command = lab.command(tmp_path, "--no-browser")
    assert "--LabApp.news_url=None" in command
    assert "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate" in command
    assert "--LabApp.extension_manager=readonly" in command
    assert command[-1] == "--no-browser"


@pytest.mark.parametrize(
    ("arguments", "path", "options"),
    [
        (["a.ipynb", "--no-browser", "--port=1"], "a.ipynb", ["--no-browser", "--port=1"]),
        (["--no-browser"], "chapters", ["--no-browser"]),
        ([], "chapters", []),
    ],
)
def test_lab_passes_the_options_of_jupyter_on(monkeypatch, tmp_path, arguments, path, options):
    calls = []
    monkeypatch.setattr(lab, "PACKAGE", tmp_path / "mi_course")
    monkeypatch.setattr(cli.subprocess, "run", lambda command, check: calls.append(command) or Done)
    (tmp_path / "chapters").mkdir()
    assert run(cli.app, ["lab", *arguments]).exit_code == 7
    assert calls[0][3].endswith(path)
    assert calls[0][len(calls[0]) - len(options) :] == options


@pytest.mark.parametrize("root", [True, False])
def test_lab_starts_in_a_container_as_root_too(monkeypatch, tmp_path, root):
    monkeypatch.setattr(lab, "IS_ROOT", root)
    assert ("--allow-root" in lab.command(tmp_path)) == root


def test_lab_says_that_it_found_no_chapters(no_chapters):
    with pytest.raises(ValueError, match="expected a folder `chapters`"):
        lab.chapters_folder()
