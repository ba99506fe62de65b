import csv
import io
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from mi_course.grading.records import OpenMark
from mi_course.grading.reports import tables
from mi_course.grading.reports.class_statistics import class_statistics
from mi_course.grading.reports.hostile import cell, markdown_line, page_name, plain
from mi_course.grading.reports.reports import write_reports
from mi_course.grading.reports.standing import counting, in_order
from tests.grading.class_records import HOSTILE, a_class, mark, record

OPEN = OpenMark("06.A", "In words", 4, "because")


def table(text):
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


@pytest.fixture(scope="module")
def small_class():
    return a_class(12)


@pytest.fixture
def reports(small_class, tmp_path):
    return write_reports(small_class, tmp_path)


def everything(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_row_has_points_by_exercise_and_open_question_and_their_sum():
    marked = replace(OPEN, question="06.B", points=3)
    rows = table(tables.gradebook((record("ada", mark("06.2", 3, 1), opens=(OPEN, marked)),)))
    assert rows == [
        {
            "student": "ada",
            "notebook": "ada/06_topic.ipynb",
            "chapter": "06",
            "counts": "yes",
            "06.2": "1",
            "06.A": "",
            "06.B": "3",
            "total": "4",
            "max": "11",
            "tier": "bubblewrap",
            "note": "1 open answer not marked yet",
        }
    ]


def test_columns_come_from_all_records_in_order():
    records = (
        record("a", mark("06.10"), mark("06.2"), opens=(OPEN,)),
        record("b", mark("00.1"), chapter="00"),
        record("c", problem="not JSON"),
    )
    rows = table(tables.gradebook(records))
    assert list(rows[0])[4:-4] == ["00.1", "06.2", "06.10", "06.A"]
    assert [row["06.10"] for row in rows] == ["3", "", ""]
    assert (rows[2]["total"], rows[2]["note"]) == ("0", "not JSON")


def test_ids_sort_as_people_count():
    ids = ["06.A", "06.10", "06.2", "00.9", "06.1", "unknown"]
    assert sorted(ids, key=in_order) == ["00.9", "06.1", "06.2", "06.10", "06.A", "unknown"]


def test_students_table_has_a_column_for_each_chapter_and_the_best_submission_counts():
    records = (
        record("ada", mark("06.1", 3, 1), notebook="first.ipynb"),
        record("ada", mark("06.1", 3, 2), notebook="second.ipynb"),
        record("ada", mark("00.1", 2, 2), chapter="00"),
        record("bob", mark("06.1", 3, 0)),
        record("cleo", chapter="00", problem="not JSON"),
    )
    ada, bob, cleo = table(tables.students(records))
    assert [ada[key] for key in ("00", "06", "total", "max")] == ["2", "2", "4", "5"]
    assert ada["note"] == "06: best of 2 submissions"
    assert [bob[key] for key in ("00", "06", "total", "max")] == ["", "0", "0", "5"]
    assert [cleo["00"], cleo["06"], cleo["note"]] == ["0", "", "00: not JSON"]
    assert [row["counts"] for row in table(tables.gradebook(records))] == [
        "no",
        "yes",
        "yes",
        "yes",
        "yes",
    ]


def test_between_equal_submissions_a_graded_one_counts_then_the_first():
    empty = record("ada", problem="not JSON", notebook="a")
    zero, same = (record("ada", mark("06.1", 3, 0), notebook=name) for name in "bc")
    assert counting((empty, zero, same)) == {("ada", "06"): zero}
    assert counting((same, zero))["ada", "06"] is same


def test_points_of_open_questions_decide_which_submission_counts():
    low = record("ada", mark("06.1", 3, 1), opens=(replace(OPEN, points=4),), notebook="a")
    high = record("ada", mark("06.1", 3, 3), opens=(OPEN,), notebook="b")
    assert counting((high, low))["ada", "06"] is low


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("=1+1", "'=1+1"),
        ("  =1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("＝1", "'＝1"),
        ("\t=1", "'=1"),
        ("a;=1", "a;'=1"),
        ("\ufeff=1", "'=1"),
        ("Anne-Marie", "Anne-Marie"),
        ("two\nlines\r\n=1", "two lines =1"),
        ("Zoë 王 \u202eevil", "Zoë 王 evil"),
    ],
)
def test_a_cell_is_text_on_one_line_and_no_formula(text, safe):
    assert cell(text) == safe


def test_numbers_stay_numbers_in_cells():
    assert cell(-3) == -3


def test_names_in_scripts_that_need_joiners_are_kept():
    assert plain("نرگس\u200cخانی \x07\x1b[31m\x00") == "نرگس\u200cخانی [31m"


def test_tables_survive_names_that_are_no_utf_8_and_keep_those_that_are(tmp_path):
    names = ["Jürgen Müller", "王小明", "odd \udcff", '"quoted", name', "=cmd|x"]
    write_reports(tuple(record(name, mark("06.1")) for name in names), tmp_path)
    with (tmp_path / "gradebook.csv").open(encoding="utf-8-sig", newline="") as file:
        found = [row["student"] for row in csv.DictReader(file)]
    assert found == ["Jürgen Müller", "王小明", "odd ?", '"quoted", name', "'=cmd|x"]
    assert (tmp_path / "gradebook.csv").read_bytes().startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize("name", ["ada", "ada_lovelace-2", "a.b"])
def test_a_plain_name_is_its_own_file_name(name):
    assert page_name(name) == name


def test_file_names_never_collide_or_leave_the_folder():
    ada = page_name("Ada")
    names = ["Ada", "ada", "ADA", "a/b", "a_b", "a b", "../a", "..", "", ".", "con", "CON",
             "nul.x", "x" * 300, "x" * 301, "王", "李", "\udcff", "\udcfe",
             ada.lower(), ada, "-rf"]  # fmt: skip
    files = [page_name(name) for name in names]
    assert len({file.lower() for file in files}) == len(names)
    for file in files:
        assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", file), file
        assert len(file) < 100
        assert file.lower().split(".")[0] not in ("con", "nul")


def test_a_page_keeps_its_name_whoever_joins(tmp_path):
    write_reports((record("Ada", mark("06.1")),), tmp_path)
    before = {path.name for path in (tmp_path / "feedback").iterdir()}
    write_reports(tuple(record(name, mark("06.1")) for name in ("ADA", "ada", "Ada")), tmp_path)
    after = {path.name: path.read_text() for path in (tmp_path / "feedback").iterdir()}
    assert before < set(after)
    assert all("Feedback for <bdi>Ada</bdi>" in after[name] for name in before if "html" in name)


def test_students_table_names_each_page(reports):
    for row in table(reports.students.read_text(encoding="utf-8")):
        assert (reports.students.parent / row["feedback"]).is_file()


def test_the_same_records_give_the_same_bytes(small_class, tmp_path):
    write_reports(small_class, tmp_path / "one")
    write_reports(small_class, tmp_path / "two")
    one, two = (everything(tmp_path / name) for name in ("one", "two"))
    assert list(one.values()) == [
        two[tmp_path / "two" / p.relative_to(tmp_path / "one")] for p in one
    ]
    assert len(one) == 4 + 2 * 12


def test_a_page_that_would_not_change_is_left_alone(small_class, reports):
    times = {path: path.stat().st_mtime_ns for path in reports.feedback.iterdir()}
    changed = replace(small_class[0], tier="landlock")
    write_reports((changed, *small_class[1:]), reports.feedback.parent)
    touched = {path for path, then in times.items() if path.stat().st_mtime_ns != then}
    assert {path.stem for path in touched} == {page_name(changed.student)}


def test_no_unfinished_file_is_left(reports):
    assert [path for path in reports.feedback.parent.rglob("*.part")] == []


def test_a_link_in_the_place_of_a_page_is_not_written_through(tmp_path):
    (tmp_path / "feedback").mkdir()
    target = tmp_path / "precious"
    target.write_text("precious")
    (tmp_path / "feedback" / "ada.html").symlink_to(target)
    records = (record("ada", mark("06.1")),)
    page = write_reports(records, tmp_path).feedback / "ada.html"
    assert target.read_text() == "precious"
    target.write_bytes(page.read_bytes())
    page.unlink()
    page.symlink_to(target)
    write_reports(records, tmp_path)
    assert not page.is_symlink()


def test_no_clock_and_no_place_enters_a_report(reports):
    for path, content in everything(reports.feedback.parent).items():
        if path.suffix != ".sqlite" and path.name != "class.html":
            assert str(Path.cwd()).encode() not in content
            assert time.strftime("%Y").encode() not in content


def test_no_records_give_empty_reports(tmp_path):
    reports = write_reports((), tmp_path)
    assert table(reports.gradebook.read_text(encoding="utf-8")) == []
    assert class_statistics(()).students == 0
    assert list(reports.feedback.iterdir()) == []


def test_a_term_of_a_large_class_is_written_in_seconds(tmp_path):
    records = a_class(150, tuple(f"{n:02}" for n in range(3)))
    began = time.process_time()
    write_reports(records, tmp_path)
    # 450 submissions take 0.7 s on a slow machine; a template compiled for each page takes 10 s.
    assert time.process_time() - began < 6


def test_a_line_of_markdown_keeps_words_and_loses_markup():
    assert markdown_line("Zoë 王, (1/2): a.b") == "Zoë 王, (1/2): a.b"
    assert markdown_line("a_b") == "a\\_b"
    assert not set("<>[]`*|") & set(markdown_line(HOSTILE))
