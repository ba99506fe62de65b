import csv
import io
import json
from dataclasses import replace

import pytest

from mi_course.exercises import registry
from mi_course.exercises.open_question import Criterion, OpenQuestion
from mi_course.grading import manifest
from mi_course.grading.marking import marking
from mi_course.grading.marking.marking_sheet import SheetError, read_sheet, take_in
from mi_course.grading.records import OpenMark, Record
from tests.exercises import demo

WHY = OpenQuestion("99.A", "Why a mean?", (Criterion("names the axis", 2), Criterion("why", 1)))
HOW = OpenQuestion("99.B", "=HOW()", (Criterion("+says how", 4),))
TEXTS = {
    "ada": ("=1+1\n-two; \"three\"\n", "by summing"),
    "bob": ("first\n\nthird, line", ""),
    "004711": ("<script>x</script>", "so"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def chapter_99():
    registry.register(demo.CHAPTER, demo.EXERCISES, (WHY, HOW))
    yield
    registry.unregister(demo.CHAPTER)


def record(student, why, how=""):
    texts = zip((WHY, HOW), (why, how), strict=True)
    opens = [OpenMark(q.id, q.title, q.points, text, None if text else 0) for q, text in texts]
    return Record(student, f"{student}/99.ipynb", "0" * 64, "99", "p", "t", 3, 6, opens=(*opens,))


CLASS = tuple(record(name, *texts) for name, texts in TEXTS.items())


def rows_of(out):
    text = (out / "marking.csv").read_text(encoding="utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def row_of(rows, student, question="99.A"):
    return next(row for row in rows if (row["student"], row["question"]) == (student, question))


def fill(row, *points, comment=""):
    columns = [name for name in row if name.startswith(f"{row['question']}/")]
    row.update(zip(columns, map(str, points), strict=True), comment=comment)


def save(rows, path, *, separator=",", encoding="utf-8-sig", end="\n"):
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=separator, lineterminator=end)
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(text.getvalue().encode(encoding))
    return path


@pytest.fixture
def out(tmp_path, monkeypatch):
    marking.write_sheet(CLASS, tmp_path)
    monkeypatch.setattr(manifest, "current", lambda _: CLASS)
    return tmp_path


def test_the_sheet_has_a_row_for_each_answer_and_a_column_for_each_criterion(out):
    rows = rows_of(out)
    assert len(rows) == 6
    assert [name for name in rows[0] if name.startswith("99.A")] == [
        "99.A/1 (0 to 2): names the axis",
        "99.A/2 (0 to 1): why",
    ]
    assert row_of(rows, "bob")["answer"] == "first\n\nthird, line"
    assert row_of(rows, "bob", "99.B")["99.B/1 (0 to 4): '+says how"] == "0"
    assert row_of(rows, "bob", "99.B")["note"] == "nothing was written"


def test_no_cell_of_the_sheet_is_a_formula(out):
    for row in rows_of(out):
        lines = [line for value in row.values() for line in value.splitlines()]
        assert not [line for line in lines if line.startswith(("=", "+", "-", "@", "\t"))]
    assert row_of(rows_of(out), "ada")["answer"].startswith("'=1+1\n'-two; \"three\"")


def test_the_page_shows_rubric_and_answers_without_names_or_markup(out):
    page = (out / "marking.html").read_text()
    assert "names the axis" in page and "first\n\nthird, line" in page
    assert "&lt;script&gt;x" in page and "<script" not in page
    assert not [name for name in TEXTS if name in page]


def test_marks_go_out_and_come_back(out):
    rows = rows_of(out)
    fill(row_of(rows, "ada"), 2, 0, comment="good\nstart")
    fill(row_of(rows, "ada", "99.B"), 3)
    text = take_in(save(rows, out / "filled.csv"), out)
    assert "3 marks taken in" in text and "3 rows are blank" in text
    ada, bob, _ = marking.attach(CLASS, out)
    assert [(each.points, each.comment) for each in ada.opens] == [(2, "good\nstart"), (3, "")]
    assert [each.points for each in bob.opens] == [None, 0]
    assert (ada.total, ada.max_total, bob.total) == (8, 13, 3)


def test_a_sheet_written_again_keeps_marks_and_comes_back_as_it_is(out):
    rows = rows_of(out)
    fill(row_of(rows, "ada"), 1, 1, comment="=fine")
    take_in(save(rows, out / "filled.csv"), out)
    marking.write_sheet(marking.attach(CLASS, out), out)
    again = row_of(rows_of(out), "ada")
    assert [again[name] for name in again if name.startswith("99.A/")] == ["1", "1"]
    assert (again["note"], again["comment"]) == ("marked", "'=fine")
    before = (out / "open-marks.json").read_bytes()
    first = (out / "marking.csv").read_bytes()
    assert "(0 of them changed)" in take_in(out / "marking.csv", out)
    assert (out / "open-marks.json").read_bytes() == before
    marking.write_sheet(marking.attach(CLASS, out), out)
    assert (out / "marking.csv").read_bytes() == first


@pytest.mark.parametrize(
    ("separator", "encoding", "end"),
    [(";", "utf-8-sig", "\r\n"), ("\t", "utf-16", "\r\n"), (",", "utf-8", "\r\n")],
)
def test_sheets_saved_by_spreadsheet_programs_are_read(out, separator, encoding, end):
    rows = rows_of(out)
    fill(row_of(rows, "ada"), "2.0", "1,0", comment="a\r\nb")
    row_of(rows, "004711")["student"] = "4711"
    for row in rows:
        row["answer"] = row["answer"].replace("\n", "\r\n") + " "
    path = save(rows, out / "excel.csv", separator=separator, encoding=encoding, end=end)
    ada = next(each for each in read_sheet(path, CLASS).given if each.question == "99.A")
    assert (ada.student, ada.points, ada.comment) == ("ada", (2, 1), "a\nb")


def wrong(rows, out):
    with pytest.raises(SheetError) as caught:
        take_in(save(rows, out / "filled.csv"), out)
    assert not (out / "open-marks.json").exists()
    return str(caught.value)


def test_everything_wrong_is_told_at_once_with_its_row_and_nothing_is_taken_in(out):
    rows = rows_of(out)
    for row in rows:
        fill(row, *[0] * (2 if row["question"] == "99.A" else 1))
    points = [name for name in rows[0] if name.startswith("99.A/")]
    rows[0][points[0]] = "3"
    rows[1][points[1]] = ""
    rows[2]["answer"] += " and more"
    rows[3]["key"], rows[3]["student"] = "k0", "eve"
    rows[4]["question"] = "99.Z"
    rows[5][points[0]] = "1"
    told = wrong(rows, out).splitlines()[1:]
    assert [line.split(":")[0] for line in told] == [f"row {n}" for n in range(2, 8)]
    for line, words in zip(
        told, ("0 to 2, got '3'", "has no points", "do not change", "no student 'eve'",
               "no question '99.Z'", "another question's column"), strict=True
    ):  # fmt: skip
        assert words in line


@pytest.mark.parametrize("points", ["-1", "1.5", "one", "²", "1e0", "99999999999", "=2", "True"])
def test_points_that_are_no_whole_number_in_range_are_refused(out, points):
    rows = rows_of(out)
    fill(row_of(rows, "bob"), points, 1)
    assert "expected a whole number from 0 to 2" in wrong(rows, out)


def test_a_comment_without_points_is_half_a_mark(out):
    rows = rows_of(out)
    row_of(rows, "bob")["comment"] = "see me"
    assert wrong(rows, out).count("has no points") == 2


def test_rows_that_were_swapped_or_doubled_are_refused(out):
    rows = rows_of(out)
    ada, bob = row_of(rows, "ada"), row_of(rows, "bob")
    fill(ada, 2, 1)
    ada["key"], bob["key"] = bob["key"], ada["key"]
    assert "its key stands for bob, got 'ada'" in wrong(rows, out)
    rows = rows_of(out)
    fill(row_of(rows, "ada"), 2, 1)
    assert "earlier row already" in wrong([*rows, row_of(rows, "ada")], out)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "columns of a marking sheet"),
        (b"student,points\nada,3\n", "none called key"),
        (b"PK\x03\x04", "a workbook"),
        (b"key,student\xff", "CSV UTF-8"),
    ],
)
def test_what_is_no_marking_sheet_is_refused(out, content, words):
    (out / "x.csv").write_bytes(content)
    with pytest.raises(SheetError, match=words):
        take_in(out / "x.csv", out)
    with pytest.raises(SheetError, match="No such file"):
        take_in(out / "gone.csv", out)


def test_an_answer_that_changed_is_marked_again(out, monkeypatch):
    rows = rows_of(out)
    fill(row_of(rows, "ada"), 2, 1)
    path = save(rows, out / "filled.csv")
    take_in(path, out)
    changed = (record("ada", "another text", TEXTS["ada"][1]), *CLASS[1:])
    attached = marking.attach(changed, out)
    assert attached[0].opens[0].points is None
    marking.write_sheet(attached, out)
    row = row_of(rows_of(out), "ada")
    assert row["note"] == "has changed since it was marked (3 points then)"
    assert {row[name] for name in row if name.startswith("99.A/")} == {""}
    monkeypatch.setattr(manifest, "current", lambda _: changed)
    assert "row 3" in take_in(path, out) or "row 2" in take_in(path, out)
    assert marking.attach(CLASS, out)[0].opens[0].points == 3  # the old text has its mark still


def test_a_mark_on_an_older_rubric_does_not_count(out):
    rows = rows_of(out)
    fill(row_of(rows, "ada"), 2, 1)
    take_in(save(rows, out / "filled.csv"), out)
    longer = replace(WHY, rubric=(*WHY.rubric, Criterion("and how", 1)))
    registry.register(demo.CHAPTER, demo.EXERCISES, (longer, HOW))
    assert marking.attach(CLASS, out)[0].opens[0].points is None


def test_long_answers_fit_a_spreadsheets_cell_and_come_back(tmp_path, monkeypatch):
    records = (record("ada", "word " * 20_000),)
    marking.write_sheet(records, tmp_path)
    rows = rows_of(tmp_path)
    assert len(row_of(rows, "ada")["answer"]) < 32_767
    fill(row_of(rows, "ada"), 1, 1)
    monkeypatch.setattr(manifest, "current", lambda _: records)
    take_in(save(rows, tmp_path / "filled.csv"), tmp_path)
    assert marking.attach(records, tmp_path)[0].opens[0].points == 2


def test_damaged_marks_are_refused_and_no_open_question_makes_no_sheet(out, tmp_path):
    (out / "open-marks.json").write_text(json.dumps({"marks": [{"key": 1}]}))
    with pytest.raises(ValueError, match="damaged"):
        marking.attach(CLASS, out)
    none = (replace(CLASS[0], opens=()),)
    assert marking.write_sheet(none, tmp_path / "x") is None
