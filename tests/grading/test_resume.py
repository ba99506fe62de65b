import contextlib
import json
import random
import shutil
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest

from mi_course.exercises import registry
from mi_course.grading import manifest
from mi_course.grading.audit import Audit
from mi_course.grading.grade import grade
from tests.exercises import demo
from tests.grading import class_of_students as students
from tests.grading import small_class

pytestmark = pytest.mark.needs_bwrap


@pytest.fixture(scope="module")
def whole(room, tmp_path_factory):
    """The results of a run that nobody disturbed, and how many seconds it took."""
    out, began = tmp_path_factory.mktemp("whole") / "out", time.monotonic()
    process = small_class.start(room, out, "--seed", "5")
    said = process.communicate(timeout=120)[0]
    assert process.returncode == 0, said
    return out, time.monotonic() - began


@pytest.fixture
def graded(room, whole, tmp_path, chapter_99):
    """A copy of the undisturbed results that a test may grade into again."""
    shutil.copytree(whole[0], tmp_path / "out")
    return tmp_path / "out"


def again(room, out, **options):
    options = {"seed": 5, "jobs": 1, "chapters": room / "chapters"} | options
    return grade(room / "submissions", out, **options)


def contents(out):
    """Record's file -> its content."""
    return {path.name: json.loads(path.read_text()) for path in (out / "records").iterdir()}


def touched(out, before):
    """Exercises whose marks differ in anything, the seconds they took included."""
    pairs = [(old["marks"], contents(out)[name]["marks"]) for name, old in before.items()]
    marks = [pair for olds, news in pairs for pair in zip(olds, news, strict=True)]
    return {old["exercise"] for old, new in marks if old != new}


def events(out, kind):
    lines = map(json.loads, (out / "audit.jsonl").read_text().splitlines())
    return [line for line in lines if line["event"] == kind]


def change(monkeypatch, exercise, **changes):
    """Register the demo's exercises with one of them changed."""
    changed = [replace(e, **changes) if e.id == exercise else e for e in demo.EXERCISES]
    monkeypatch.setitem(registry._extra, demo.CHAPTER, tuple(changed))


def clipped_to_zero(values, limit):
    return [0.0 for _ in values]


def more_positions(seed):
    return demo._position_cases(seed)[:2]


@pytest.mark.slow
def test_a_run_killed_at_ten_random_moments_ends_in_the_same_gradebook(room, whole, tmp_path):
    out, (reference, seconds) = tmp_path / "out", whole
    scratch = Path(tempfile.mkdtemp(prefix="resume-"))
    scratch.chmod(0o755)  # the sandbox's user looks into it
    moments = random.Random(17)
    try:
        for _ in range(10):
            process = small_class.start(room, out, "--seed", "5", scratch=scratch)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(moments.uniform(0.2, 1.0) * seconds)
            process.kill()
            process.communicate()
        process = small_class.start(room, out, "--seed", "5", scratch=scratch)
        said = process.communicate(timeout=120)[0]
        assert process.returncode == 0, said
        left = [*scratch.iterdir()]
    finally:
        shutil.rmtree(scratch)
    assert (out / "gradebook.csv").read_bytes() == (reference / "gradebook.csv").read_bytes()
    assert (out / "students.csv").read_bytes() == (reference / "students.csv").read_bytes()
    assert [*out.rglob("*.part")] == []
    assert len(events(out, "start")) > len(events(out, "end"))
    assert left == []


def test_a_second_run_asks_nothing(room, graded):
    before = {path: path.stat().st_mtime_ns for path in (graded / "records").iterdir()}
    summary = again(room, graded)
    assert summary.resumed == len(small_class.handed_in()) - 1  # all but the torn one
    assert {path: path.stat().st_mtime_ns for path in (graded / "records").iterdir()} == before


def test_a_changed_reference_asks_its_own_exercise_only(room, graded, monkeypatch):
    before = contents(graded)
    change(monkeypatch, "99.2", reference=clipped_to_zero)
    summary = again(room, graded)
    assert touched(graded, before) == {"99.2"}
    right = next(record for record in summary.records if record.student == "right-0")
    assert [mark.points for mark in right.marks] == [3, 0, 2]
    assert right.points == 5


def test_changed_cases_and_points_ask_their_own_exercise_only(room, graded, monkeypatch):
    before = contents(graded)
    change(monkeypatch, "99.1", cases=more_positions)
    again(room, graded)
    assert touched(graded, before) == {"99.1"}
    between = contents(graded)
    change(monkeypatch, "99.3", points=7)
    again(room, graded)
    # The other change was undone by this, so both are asked again.
    assert touched(graded, between) == {"99.1", "99.3"}


def test_regrade_asks_what_is_named_and_nothing_else(room, graded):
    before = contents(graded)
    summary = again(room, graded, regrade=["99.2"])
    assert touched(graded, before) <= {"99.2"}  # the seconds may come out alike
    asked = {tuple(event["asked"]) for event in events(graded, "graded")[-11:]}
    assert asked == {("99.2",)}
    assert summary.changed == 0
    again(room, graded, regrade=["99"])
    assert {tuple(e["asked"]) for e in events(graded, "graded")[-11:]} == {("99.1", "99.2", "99.3")}


@pytest.mark.parametrize("name", ["99.9", "98", "99.", "", "all"])
def test_regrade_of_something_unknown_is_refused_before_anything_runs(room, graded, name):
    before = (graded / "audit.jsonl").read_bytes()
    with pytest.raises(ValueError, match="expected an exercise or a chapter among"):
        again(room, graded, regrade=[name])
    assert (graded / "audit.jsonl").read_bytes() == before


def test_the_audit_tells_what_a_regrade_changed(room, graded, monkeypatch):
    change(monkeypatch, "99.2", reference=clipped_to_zero)
    summary = again(room, graded)
    changed = events(graded, "changed")
    assert len(changed) == summary.changed == 7  # those who had it right
    first = next(event for event in changed if event["student"] == "right-0")
    assert (first["exercise"], first["points"]) == ("99.2", [1, 0])
    assert first["state"] == ["right", "wrong"]
    assert first["asked"][0] != first["asked"][1]


def test_the_audit_never_holds_the_secret(room, tmp_path, chapter_99):
    out = tmp_path / "out"
    (tmp_path / "nobody").mkdir()
    grade(tmp_path / "nobody", out, chapters=room / "chapters")
    secret = json.loads((out / "secret-seed.json").read_text())["secret"]
    told = (out / "audit.jsonl").read_text() + (out / "run.json").read_text()
    assert secret not in told
    start = events(out, "start")[0]
    assert len(start["secret"]) == 12
    assert "torch" in start["grader"]
    assert "python" in start["grader"]


def test_what_was_handed_in_again_leaves_history_but_no_row(room, graded, tmp_path):
    copy = tmp_path / "room"
    shutil.copytree(room, copy)
    better = json.dumps(students.notebook(students.RIGHT))
    (copy / "submissions" / "blank-0" / "99_demo.ipynb").write_text(better)
    n_before = len(contents(graded))
    summary = again(copy, graded)
    assert len(contents(graded)) == n_before + 1
    rows = [record for record in summary.records if record.student == "blank-0"]
    assert [row.points for row in rows] == [6]
    assert manifest.current(graded) == summary.records
    assert (graded / "gradebook.csv").read_text("utf-8-sig").count("\nblank-0,") == 1


def test_another_secret_is_refused_and_the_marks_stay(room, graded):
    before = contents(graded)
    with pytest.raises(ValueError, match="--secret-file"):
        again(room, graded, seed=6)
    assert contents(graded) == before


def test_two_graders_do_not_write_into_one_folder(room, graded):
    with Audit(graded), pytest.raises(ValueError, match="at work in it"):
        again(room, graded)


def test_a_line_that_a_kill_left_half_written_does_not_spoil_the_next(tmp_path):
    (tmp_path / "audit.jsonl").write_bytes(b'{"event": "start"}\n{"event": "gra')
    (tmp_path / "gradebook.csv.7.part").write_text("half")
    with Audit(tmp_path) as audit:
        audit.log("start", tier="none")
    lines = (tmp_path / "audit.jsonl").read_text().splitlines()
    assert json.loads(lines[2])["tier"] == "none"
    assert not (tmp_path / "gradebook.csv.7.part").exists()
