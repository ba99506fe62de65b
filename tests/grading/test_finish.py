import csv
import json

import pytest

from mi_course.exercises import registry
from mi_course.exercises.open_question import Criterion, OpenQuestion
from mi_course.grading import finish
from mi_course.grading.grade import grade
from mi_course.grading.marking.marking_sheet import SheetError
from tests.exercises import demo
from tests.grading import class_of_students as students

pytestmark = pytest.mark.needs_bwrap
QUESTION = OpenQuestion("99.A", "Means", (Criterion("says why", 2), Criterion("gives a case", 1)))


@pytest.fixture(autouse=True)
def chapter_99():
    registry.register(demo.CHAPTER, demo.EXERCISES, (QUESTION,))
    yield
    registry.unregister(demo.CHAPTER)


def notebook(text):
    written = students.notebook(students.RIGHT)
    words = {"cell_type": "markdown", "id": "open-99-A", "source": text, "metadata": {}}
    return json.dumps(written | {"cells": [*written["cells"], words]})


@pytest.fixture
def room(tmp_path):
    (tmp_path / "chapters").mkdir()
    (tmp_path / "chapters" / "99_demo.ipynb").write_text(notebook("*Write here.*"))
    for name in ("ada", "ben", "cy"):
        (tmp_path / "submissions" / name).mkdir(parents=True)
        text = "*Write here.*" if name == "cy" else f"{name} thinks of sums"
        (tmp_path / "submissions" / name / "99_demo.ipynb").write_text(notebook(text))
    return tmp_path


def graded(room):
    out = room / "out"
    return grade(room / "submissions", out, seed=1, jobs=1, chapters=room / "chapters")


def fill_in(sheet, student, *points, comment=""):
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if row["student"] == student:
            row |= {name: str(p) for name, p in zip(list(row)[7:], points, strict=False)}
            row["comment"] = comment
    with sheet.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def totals(out):
    with (out / "gradebook.csv").open(encoding="utf-8-sig") as file:
        return {row["student"]: row["total"] for row in csv.DictReader(file)}


def kept_aside(out):
    return sorted(path.name for path in out.glob("marking-before-*"))


def test_marks_of_open_questions_come_in_and_count(room):
    summary, out = graded(room), room / "out"
    assert summary.unmarked == 2  # one wrote nothing
    assert "2 open answers wait in" in str(summary)
    assert totals(out) == {"ada": "6", "ben": "6", "cy": "6"}
    fill_in(out / "marking.csv", "ada", 2, 0, comment="well put")
    told = finish.take_marks(out / "marking.csv", out)
    assert totals(out) == {"ada": "8", "ben": "6", "cy": "6"}
    assert "1 open answers wait in" in told
    assert "well put" in (out / "feedback" / "ada.md").read_text()
    lines = (out / "audit.jsonl").read_text().splitlines()
    assert "marks" in [json.loads(line)["event"] for line in lines]


def test_marks_stay_when_the_class_is_graded_again(room):
    graded(room)
    fill_in(room / "out" / "marking.csv", "ben", 1, 1)
    finish.take_marks(room / "out" / "marking.csv", room / "out")
    again = graded(room)
    assert again.resumed == 3
    assert totals(room / "out")["ben"] == "8"
    assert kept_aside(room / "out") == []


def test_a_sheet_that_was_filled_in_but_not_taken_in_is_not_lost(room):
    graded(room)
    fill_in(room / "out" / "marking.csv", "ada", 2, 1)
    written = (room / "out" / "marking.csv").read_bytes()
    said = str(graded(room))
    assert kept_aside(room / "out") == ["marking-before-1.csv"]
    assert (room / "out" / "marking-before-1.csv").read_bytes() == written
    assert "marks that were not taken in" in said
    assert "marks that were not taken in" not in str(graded(room))
    finish.take_marks(room / "out" / "marking-before-1.csv", room / "out")
    assert totals(room / "out")["ada"] == "9"


def test_a_sheet_that_nobody_touched_is_written_over_without_a_word(room):
    graded(room)
    path = room / "submissions" / "cy" / "99_demo.ipynb"
    path.write_text(notebook("now cy thinks too"))
    assert graded(room).unmarked == 3
    assert kept_aside(room / "out") == []


def test_a_wrong_sheet_changes_nothing(room):
    graded(room)
    before = (room / "out" / "gradebook.csv").read_bytes()
    fill_in(room / "out" / "marking.csv", "ada", 7, 0)
    with pytest.raises(SheetError, match="from 0 to 2, got '7'"):
        finish.take_marks(room / "out" / "marking.csv", room / "out")
    assert (room / "out" / "gradebook.csv").read_bytes() == before
