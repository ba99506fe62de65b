import hashlib
import json

import pytest
from packaging.requirements import Requirement

from mi_course import doctor


def states(findings) -> list[str]:
    return [finding.state for finding in findings]


@pytest.fixture
def model_folder(tmp_path, monkeypatch):
    """A folder of weights with one model whose card tells the truth."""
    monkeypatch.setattr(doctor, "RECIPES", {"small": None})
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    (folder / "card.json").write_text(json.dumps({"files": {"model.safetensors": digest}}))
    return folder


@pytest.mark.parametrize(
    ("version", "state"), [((3, 10), "wrong"), ((3, 11), "ok"), ((3, 13), "ok"), ((3, 14), "wrong")]
)
def test_python_is_supported_from_3_11_to_3_13(version, state):
    assert states(doctor.python(version)) == [state]


def test_a_missing_package_is_named_with_the_command_that_mends_it():
    text = doctor.complaint(Requirement("nosuch>=2"), None)
    assert text == "nosuch is missing: pip install 'nosuch>=2'"


def test_a_wrong_version_is_named_with_both_versions():
    text = doctor.complaint(Requirement("nosuch>=2,<3"), "1.5")
    assert "nosuch 1.5 is the wrong version, the course needs <3,>=2" in text


@pytest.mark.parametrize("found", ["2.0", "2.9.1", "2.5.0+cpu"])
def test_a_fitting_version_is_no_complaint(found):
    assert doctor.complaint(Requirement("nosuch>=2,<3"), found) is None


def test_missing_core_package_is_wrong_and_a_missing_extra_only_a_note(monkeypatch):
    monkeypatch.setattr(doctor, "installed", lambda _: None)
    assert set(states(doctor.core_packages())) == {"wrong"}
    assert set(states(doctor.extras())) == {"note"}


def test_versions_other_than_the_tested_ones_are_a_note(monkeypatch):
    monkeypatch.setattr(doctor, "tested_versions", lambda: {"numpy": "0.0.1"})
    findings = list(doctor.core_packages())
    assert states(findings) == ["ok", "note"]
    assert "(tested with 0.0.1)" in findings[1].text


def test_comments_of_the_constraints_are_not_versions(tmp_path):
    path = tmp_path / "constraints.txt"
    path.write_text("# why==1\nSome_Package==2.0  # as tested\n")
    assert doctor.tested_versions(path) == {"some-package": "2.0"}


def test_core_requirements_hold_no_extra():
    core = {each.name for each in doctor.requirements()}
    assert "torch" in core
    assert "pytest" not in core
    assert "pytest" in {each.name for each in doctor.requirements("test")}


def test_weights_that_match_their_card_are_fine(model_folder):
    assert states(doctor.weights(model_folder.parent)) == ["ok"]


@pytest.mark.parametrize("damage", ["changed", "deleted"])
def test_damaged_weights_are_named_with_the_command_that_mends_them(model_folder, damage):
    path = model_folder / "model.safetensors"
    path.write_bytes(b"weightz") if damage == "changed" else path.unlink()
    (finding,) = doctor.weights(model_folder.parent)
    assert finding.state == "wrong"
    assert "model.safetensors" in finding.text
    assert "mi-course train small" in finding.text


def test_a_model_without_a_card_is_missing(tmp_path):
    findings = list(doctor.weights(tmp_path))
    assert states(findings) == ["wrong"] * len(doctor.RECIPES)
    assert findings[0].text.endswith(f"mi-course train {next(iter(doctor.RECIPES))}")


def test_missing_programs_are_notes_that_say_what_to_install(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(doctor, "PROBLEMS", {"some wall": lambda: "there are no bricks"})
    wall, sandbox, browser = doctor.programs()
    assert wall.state == sandbox.state == browser.state == "note"
    assert wall.text.startswith("some wall") and wall.text.endswith("no bricks")
    assert "apt-get install bubblewrap" in sandbox.text
    assert "apt install chromium" in browser.text


def test_each_isolation_is_told_of_and_one_is_enough(monkeypatch):
    monkeypatch.setattr(doctor, "PROBLEMS", {"one": lambda: "broken", "another": lambda: ""})
    monkeypatch.setattr(doctor.shutil, "which", lambda name: f"bin/{name}")
    found = list(doctor.programs())
    assert states(found) == ["note", "ok", "ok"]
    assert found[1].text == "`mi-course grade` can run student code behind another"
