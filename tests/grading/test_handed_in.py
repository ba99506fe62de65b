import json

import pytest

from mi_course.grading import grade as grading
from mi_course.grading import handed_in
from mi_course.grading.grade import grade
from mi_course.grading.handed_in import hand_in, regraded
from mi_course.grading.notebook import Submission
from tests.grading import class_of_students as students

pytestmark = pytest.mark.usefixtures("chapter_99")

TEXT = json.dumps(students.notebook(students.RIGHT))


def submitted(folder, text=TEXT, name="99_demo.ipynb"):
    path = folder / name
    path.write_text(text)
    return Submission("ada", path, f"ada/{name}")


def test_a_notebook_is_read_into_its_answers(tmp_path):
    read = hand_in(submitted(tmp_path))
    assert (read.chapter, read.problem) == ("99", "")
    assert set(read.answers.code) == {"99.1", "99.2", "99.3"}
    assert len(read.digest) == 64


def test_the_teachers_word_on_the_chapter_goes_before_the_notebooks(tmp_path):
    read = hand_in(submitted(tmp_path), "00")
    assert read.chapter == "00"
    assert read.answers.code == {}


def test_an_unknown_chapter_is_a_problem_of_one_submission(tmp_path):
    other = json.dumps(students.notebook({}, chapter="77_else"))
    read = hand_in(submitted(tmp_path, other, "77_else.ipynb"))
    assert "does not say which chapter" in read.problem


@pytest.mark.parametrize(
    "error", [RecursionError, UnicodeEncodeError("a", "b", 0, 1, "c"), OSError]
)
def test_whatever_goes_wrong_with_one_submission_stays_with_it(tmp_path, monkeypatch, error):
    def fails(_data):
        raise error

    monkeypatch.setattr(handed_in, "parse", fails)
    assert "cannot be read" in hand_in(submitted(tmp_path)).problem


def test_of_very_many_notebooks_of_one_student_only_some_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(grading, "MOST", 2)
    (tmp_path / "chapters").mkdir()
    own = tmp_path / "submissions" / "ada"
    own.mkdir(parents=True)
    for n in range(4):
        (own / f"{n}_99_demo.ipynb").write_text("{")
    done = grade(own.parent, tmp_path / "out", allow_unsafe=True, chapters=tmp_path / "chapters")
    told = [record.problem for record in done.records]
    assert [problem.startswith("only 2 notebooks") for problem in told] == [False] * 2 + [True] * 2


def test_a_chapter_stands_for_all_its_exercises():
    assert regraded(["99.2"]) == {"99.2"}
    assert regraded(["99", "99.1"]) == {"99.1", "99.2", "99.3"}
    assert regraded([]) == frozenset()
