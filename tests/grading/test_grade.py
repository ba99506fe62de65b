import csv
import json
import shutil
import socket

import pytest

from mi_course.grading.grade import grade
from mi_course.grading.isolation import isolation
from mi_course.grading.isolation.isolation import SandboxError
from tests.grading import class_of_students as students

pytestmark = pytest.mark.needs_bwrap
FULL = 6
# What each student has earned, and words that the reason must hold.
EXPECTED = {
    "a-perfect": (6, ""),
    "blank": (0, "not written"),
    "half": (2, "a sum in place of a mean"),
    "wrong": (1, "values"),
    "renamed": (3, "it defines means"),
    "deleted": (3, "no cell answers this exercise"),
    "retyped": (6, ""),
    "odd-cells": (6, ""),
    "syntax": (3, "SyntaxError"),
    "exits": (3, "ended the Python process"),
    "sys-exit": (3, "SystemExit"),
    "loops": (3, "no value came within"),
    "floods": (3, "printed over"),
    "forks": (3, "your code"),
    "memory": (3, "memory"),
    "snoops": (3, ""),
    "forges": (3, "forged"),
    "operators": (4, "a sum in place of a mean"),
    "kills": (3, "made Python crash (SIGKILL)"),
    "leaves-traces": (6, ""),
    "mutates": (6, ""),
    "magics": (6, ""),
    "warns": (6, ""),
    "uses-earlier": (6, ""),
    "z-last": (6, ""),
}
# What the page of one who got half must hold, in this order.
HALF = (
    "2 of 6",
    "99.1 · Average over positions: 1 of 3",
    "✓ shape (1), ✗ hand (1), ✗ random (1)",
    'In the case "two positions":',
    "    divide by the positions: this is a sum in place of a mean",
    "    got 4, expected 2 at [0, 0]",
    "99.2 · Clip a list: 1 of 1",
    "99.3 · Shuffle tokens: 0 of 2",
    "not written",
)
UNREADABLE = {
    "no-cells": "no list of cells",
    "not-json": "not JSON",
    "not-text": "not UTF-8",
    "deep": "not JSON",
    "empty-folder": "holds no notebook",
    "link": "a link",
}


@pytest.fixture(scope="module")
def room(tmp_path_factory, chapter_99):
    """A folder with the handed-out chapter and the submissions of a whole class."""
    folder = tmp_path_factory.mktemp("class")
    (folder / "chapters").mkdir()
    handed_out = json.dumps(students.notebook(students.STUBS))
    (folder / "chapters" / "99_demo.ipynb").write_text(handed_out)
    for name, content in students.everybody().items():
        own = folder / "submissions" / name
        own.mkdir(parents=True)
        if content is not None:
            data = content if isinstance(content, bytes) else content.encode()
            (own / "99_demo.ipynb").write_bytes(data)
    (folder / "submissions" / "link").mkdir()
    (folder / "submissions" / "link" / "99_demo.ipynb").symlink_to("/etc/passwd")
    return folder


@pytest.fixture(scope="module")
def summary(room):
    return run(room, jobs=2)


def run(room, **options):
    options = {"timeout": 1.0, "chapters": room / "chapters", "jobs": 1} | options
    return grade(room / "submissions", options.pop("out", room / "out"), **options)


def record_of(summary, student):
    return next(record for record in summary.records if record.student == student)


def test_every_submission_ends_in_one_record(summary, room):
    handed_in = sorted(path.name for path in (room / "submissions").iterdir())
    assert [record.student for record in summary.records] == handed_in
    assert len(list((room / "out" / "records").glob("*.json"))) == len(handed_in)


@pytest.mark.parametrize("student", EXPECTED)
def test_marks_are_what_was_earned_and_the_reason_is_told(summary, student):
    points, reason = EXPECTED[student]
    record = record_of(summary, student)
    messages = " | ".join(f"{mark.state}: {mark.message}" for mark in record.marks)
    assert (record.points, record.problem) == (points, ""), messages
    assert reason in messages
    assert record.max_points == FULL


@pytest.mark.parametrize("student", UNREADABLE)
def test_what_cannot_be_read_has_its_reason(summary, student):
    record = record_of(summary, student)
    assert UNREADABLE[student] in record.problem
    assert (record.points, record.marks) == (0, ())


def test_a_hostile_answer_costs_only_its_own_exercise(summary):
    for student in ("loops", "floods", "forks", "memory", "exits", "kills", "forges"):
        marks = record_of(summary, student).marks
        assert [mark.points for mark in marks] == [0, 1, 2], student


def test_snooping_finds_nothing(summary):
    message = record_of(summary, "snoops").marks[0].message
    assert "None" in message
    assert "found [" not in message


def test_gradebook_has_a_row_for_each_submission(summary):
    rows = list(csv.DictReader(summary.gradebook.open(encoding="utf-8-sig")))
    assert len(rows) == len(EXPECTED) + len(UNREADABLE)
    perfect = next(row for row in rows if row["student"] == "a-perfect")
    assert [perfect[key] for key in ("total", "99.1", "99.2", "99.3")] == ["6", "3", "1", "2"]


def test_feedback_tells_the_first_difference_and_escapes_what_students_wrote(summary):
    page = (summary.feedback / "half.html").read_text()
    assert "a sum in place of a mean" in page
    assert "2 / 6" in page
    assert "src=" not in page and "href=" not in page
    assert "&lt;answer" in (summary.feedback / "syntax.html").read_text()


def test_markdown_page_says_the_same(summary):
    page = (summary.feedback / "half.md").read_text()
    places = [page.find(words) for words in HALF]
    assert -1 not in places
    assert places == sorted(places)


def test_feedback_never_holds_a_hidden_input(summary, room):
    for page in summary.feedback.iterdir():
        assert "secret" not in page.read_text().replace("secret-seed.json", "")
    secret = json.loads((room / "out" / "secret-seed.json").read_text())["secret"]
    assert all(secret not in path.read_text() for path in (room / "out" / "records").iterdir())


def test_a_second_run_grades_only_what_changed(summary, room, tmp_path):
    copy = tmp_path / "room"
    shutil.copytree(room, copy, symlinks=True)
    shutil.rmtree(copy / "submissions")
    for name in ("a-perfect", "blank", "half"):
        shutil.copytree(room / "submissions" / name, copy / "submissions" / name)
    changed = copy / "submissions" / "blank" / "99_demo.ipynb"
    changed.write_text(json.dumps(students.notebook(students.RIGHT)))
    again = run(copy)
    assert again.resumed == 2
    assert record_of(again, "blank").points == FULL
    assert record_of(again, "half") == record_of(summary, "half")


def test_network_cannot_be_reached_from_an_answer(room, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = students.NETWORK.replace("PORT", str(server.getsockname()[1]))
        folder = tmp_path / "submissions" / "caller"
        folder.mkdir(parents=True)
        (folder / "99_demo.ipynb").write_text(json.dumps(students.first(code)))
        out = grade(folder.parent, tmp_path / "out", chapters=room / "chapters", jobs=1)
    assert "no network" in out.records[0].marks[0].message


def test_without_bubblewrap_it_refuses_and_says_what_to_do(room, tmp_path, monkeypatch):
    monkeypatch.setattr(isolation.shutil, "which", lambda name: None)
    monkeypatch.setattr(isolation.trial, "problem", lambda: "no Landlock")
    with pytest.raises(SandboxError, match="apt-get install bubblewrap"):
        run(room, out=tmp_path)


def test_failing_set_up_is_the_teachers_to_mend(room, tmp_path):
    broken = students.notebook(students.STUBS)
    broken["cells"][0]["source"] = "import no_such_library"
    (tmp_path / "99_demo.ipynb").write_text(json.dumps(broken))
    with pytest.raises(SandboxError, match="no_such_library"):
        run(room, out=tmp_path / "out", chapters=tmp_path)


def test_unknown_folder_is_refused(room, tmp_path):
    with pytest.raises(ValueError, match="expected a folder of submissions"):
        grade(tmp_path / "nothing", tmp_path / "out")
