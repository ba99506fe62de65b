import csv
import io
import json

import pytest

from mi_course.exercises import registry
from mi_course.grading.notebook import parse
from mi_course.grading.similarity.similarity import compare_class
from mi_course.grading.similarity.similarity_page import explanations, page, table, write_similarity
from tests.exercises import demo
from tests.grading import class_of_students as students

# Nobody else in the class answers 99.2 like this.
ODD = """def clipped(values, limit):
    kept = []
    for position, value in enumerate(values):
        while abs(value) > limit:
            value = limit if value == abs(value) else -limit  # <script>alert(1)</script>
        kept.insert(position, value)
    return list(kept[:len(values)])"""
ODD_TOO = ODD.replace("kept", "found").replace("position", "n").replace("value", "v")
WAYS = (
    "torch.tensor(values).clamp(-limit, limit).tolist()",
    "[sorted((-limit, v, limit))[1] for v in values]",
    "list(map(lambda v: v if abs(v) <= limit else limit * (1 if v > 0 else -1), values))",
    "[limit if v >= limit else (-limit if v <= -limit else v) for v in values]",
    "[(abs(v + limit) - abs(v - limit)) / 2 for v in values]",
)


@pytest.fixture(scope="module")
def chapters(tmp_path_factory):
    """The handed-out chapter 99, known to the registry."""
    folder = tmp_path_factory.mktemp("course") / "chapters"
    folder.mkdir()
    (folder / "99_demo.ipynb").write_text(json.dumps(students.notebook(students.STUBS)))
    demo.install()
    yield folder
    registry.unregister(demo.CHAPTER)


@pytest.fixture(scope="module")
def written(chapters):
    """A small class with one pair that agrees."""
    head = "def clipped(values, limit):\n    return "
    answers = {f"s{n}": head + way for n, way in enumerate(WAYS)}
    answers |= {"=cmd|' /C calc'!A0": ODD, "<b>zoe</b>": ODD_TOO, "blank": students.STUBS["99.2"]}
    room = {who: students.RIGHT | {"99.2": code} for who, code in answers.items()}
    return write_similarity(room, chapters, chapters.parent), chapters.parent


def test_the_pair_is_found_and_right_answers_of_one_line_are_not(written):
    found, _ = written
    assert [set(pair.students) for pair in found.pairs] == [{"=cmd|' /C calc'!A0", "<b>zoe</b>"}]
    assert found.compared == ("99.2",)
    assert found.uninformative == ("99.1", "99.3")


def test_a_blank_stub_is_no_answer(written):
    found, _ = written
    assert found.students == len(WAYS) + 2  # of 99.2, the only exercise that is compared


def test_the_table_has_a_row_for_each_pair_and_no_formula(written):
    _, out = written
    (row,) = csv.DictReader(io.StringIO((out / "similarity.csv").read_text()))
    assert {row["student"], row["other_student"]} == {"'=cmd|' /C calc'!A0", "<b>zoe</b>"}
    assert float(row["score"]) >= float(row["threshold"])
    assert (row["exercises"], row["shared"]) == ("99.2", "1.00")


def test_the_page_shows_both_answers_side_by_side_and_runs_nothing(written):
    _, out = written
    text = (out / "similarity.html").read_text()
    assert "kept.insert(position, value)" in text and "found.insert(n, v)" in text
    assert "&lt;script&gt;" in text and "&lt;b&gt;zoe&lt;/b&gt;" in text
    assert "<script" not in text and "<b>" not in text and "://" not in text


def test_the_page_says_that_it_is_no_penalty_and_what_has_no_weight(written):
    _, out = written
    words = " ".join((out / "similarity.html").read_text().split())
    assert "never a penalty: no mark depends on it" in words
    assert "Of no weight" in words and "99.1, 99.3" in words
    assert "So small a class does not say what is usual" in words


def test_lines_that_agree_are_marked(written):
    _, out = written
    text = (out / "similarity.html").read_text()
    assert "<mark>    for position, value in enumerate(values):</mark>" in text


def test_a_class_without_pairs_is_told_so():
    found = compare_class({}, {})
    assert "No pair stands out" in page(found, {})
    assert len(table(found).splitlines()) == 1


def test_stub_reference_and_alternatives_explain_agreement(chapters):
    stub = parse((chapters / "99_demo.ipynb").read_bytes())
    known = explanations(demo.EXERCISES, [stub])
    assert [len(known[exercise.id]) for exercise in demo.EXERCISES] == [3, 3, 3]
    assert students.STUBS["99.1"] in known["99.1"]


def test_the_solution_beside_the_chapters_explains_agreement_too(chapters, tmp_path):
    (tmp_path / "chapters").mkdir()
    (tmp_path / "solutions").mkdir()
    for name, odd in (("chapters", students.STUBS["99.2"]), ("solutions", ODD)):
        content = json.dumps(students.notebook(students.STUBS | {"99.2": odd}))
        (tmp_path / name / "99_demo.ipynb").write_text(content)
    room = {f"s{n}": {"99.2": f"def clipped(v, c):\n    return {w}"} for n, w in enumerate(WAYS)}
    room |= {"x": {"99.2": ODD}, "y": {"99.2": ODD_TOO}}
    assert write_similarity(room, tmp_path / "chapters", tmp_path).pairs == ()
    (tmp_path / "solutions" / "99_demo.ipynb").unlink()
    assert len(write_similarity(room, tmp_path / "chapters", tmp_path).pairs) == 1
