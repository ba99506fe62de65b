import csv
import io
import json
from dataclasses import replace

import pytest

from mi_course.grading.records import OpenMark
from mi_course.grading.reports import exports, gradescope, roster
from tests.grading.class_records import HOSTILE, mark, record

CANVAS = """\
Student,ID,SIS User ID,SIS Login ID,Section,"Attendance, weekly (70)",\
06 Induction heads (71),Chapter 0: Start (72),Current Score
,,,,,,Manual Posting,,
    Points Possible,,,,,10,6,100,(read only)
"Lovelace, Ada",501,S-1,alovelace@example.edu,A and B,9,,,90
"Müller, Jürgen",502,S-2,jmuller@example.edu,A,8,4,,80
"Lee, Kim",503,S-3,kim1@example.edu,A,7,,,70
"Lee, Kim",504,S-4,kim2@example.edu,B,6,,,60
"Hopper, Grace ""G"" B",505,S-5,ghopper@example.edu,A,5,EX,,50
"=cmd()|x, Bobby",506,S-6,bobby@example.edu,A,4,,,40
"Student, Test",507,,abcdef,A,,,,
"""
MOODLE = """\
Identifier,"Full name","Email address",Status,Grade,"Maximum Grade",\
"Grade can be changed","Last modified (submission)","Last modified (grade)","Feedback comments"
"Participant 9001","Ada Lovelace",ada@example.org,"Submitted for grading - ",,100.00,Yes,\
"Monday, 4 May 2026, 9:00 AM",-,
"Participant 9002","Jürgen Müller",jm@example.org,"Submitted for grading - ",50.00,100.00,\
Yes,-,-,"Well begun"
"Participant 9003","Kim Lee",kim@example.org,"No submission - ",,100.00,No,-,-,
"Participant 9004","Kim Lee",lee@example.org,"No submission - ",,100.00,Yes,-,-,
"""


def marks(student, points, chapter="06", **fields):
    """A record with `points` of 6."""
    each = [mark(f"{chapter}.{n}", 2, max(0, min(2, points - 2 * n + 2))) for n in (1, 2, 3)]
    return record(student, *each, chapter=chapter, **fields)


def saved(tmp_path, text, encoding="utf-8", name="sheet.csv"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


def rows(content, encoding="utf-8", separator=","):
    return list(csv.reader(io.StringIO(content.decode(encoding), newline=""), delimiter=separator))


def changed(before, after):
    """Cells that differ, as (row, column) -> text; both sheets have the same size."""
    assert [len(row) for row in before] == [len(row) for row in after]
    return {
        (i, j): new
        for i, (old_row, new_row) in enumerate(zip(before, after, strict=True))
        for j, (old, new) in enumerate(zip(old_row, new_row, strict=True))
        if old != new
    }


@pytest.mark.parametrize(
    ("student", "row"),
    [
        ("alovelace@example.edu", 3),
        ("ALovelace", 3),
        ("S-1", 3),
        ("501", 3),
        ("Ada Lovelace", 3),
        ("lovelace_ada", 3),
        ("Lovelace, Ada", 3),
        ("lovelaceada_501_88123", 3),
        ("lovelaceada_LATE_501_88123", 3),
        ("Jürgen Müller", 4),
        ("Ju\u0308rgen Mu\u0308ller", 4),
        ("jurgen muller", 4),
        ("kim2", 6),
    ],
)
def test_canvas_finds_a_student_by_login_number_name_or_downloaded_file(tmp_path, student, row):
    filled = exports.canvas((marks(student, 5),), saved(tmp_path, CANVAS))
    assert changed(rows(CANVAS.encode()), rows(filled.content)) == {(row, 6): "5"}
    assert filled.marks == 1


@pytest.mark.parametrize(
    ("student", "reason"),
    [
        ("Kim Lee", "fits 2 rows"),
        ("Lovelace", "fits no row"),
        ("hoppergrace_501_88123", "fits no row"),
        ("nobody", "fits no row"),
        ("", "fits no row"),
        ("Points Possible", "fits no row"),
    ],
)
def test_canvas_never_guesses(tmp_path, student, reason):
    filled = exports.canvas((marks(student, 5),), saved(tmp_path, CANVAS))
    assert rows(filled.content) == rows(CANVAS.encode())
    assert filled.marks == 0
    assert reason in filled.notes[0]


def test_two_submissions_that_fit_one_row_leave_it_alone(tmp_path):
    both = (marks("alovelace", 6), marks("Ada Lovelace", 1))
    filled = exports.canvas(both, saved(tmp_path, CANVAS))
    assert rows(filled.content) == rows(CANVAS.encode())
    assert sum("so does another submission" in note for note in filled.notes) == 2


def test_canvas_fills_each_chapter_into_the_column_that_names_it_and_scales(tmp_path):
    both = (marks("alovelace", 6), marks("alovelace", 3, chapter="00"))
    filled = exports.canvas(both, saved(tmp_path, CANVAS))
    assert changed(rows(CANVAS.encode()), rows(filled.content)) == {(3, 6): "6", (3, 7): "50"}
    assert "chapter 00: 6 points were scaled to 100" in filled.notes


def test_an_excused_student_and_one_who_could_not_be_graded_stay_as_they_are(tmp_path):
    broken = replace(marks("alovelace", 6), problem="not JSON", marks=(), points=0)
    filled = exports.canvas(
        (marks("ghopper", 6), broken, marks("bobby", 6)), saved(tmp_path, CANVAS)
    )
    assert changed(rows(CANVAS.encode()), rows(filled.content)) == {(8, 6): "6"}
    assert "ghopper was left out: Canvas says EX" in filled.notes
    assert "alovelace was left out: not JSON" in filled.notes


def test_an_earlier_mark_that_is_replaced_is_told(tmp_path):
    filled = exports.canvas((marks("S-2", 6),), saved(tmp_path, CANVAS))
    assert "1 earlier marks were replaced by others" in filled.notes
    again = exports.canvas((marks("S-2", 4),), saved(tmp_path, CANVAS))
    assert not any("replaced" in note for note in again.notes)


def test_open_answers_without_points_are_told(tmp_path):
    opened = OpenMark("06.A", "Say it", 4, "text")
    filled = exports.canvas((marks("S-1", 6, opens=(opened,)),), saved(tmp_path, CANVAS))
    assert "1 open answers are not marked yet: these sums will grow" in filled.notes


@pytest.mark.parametrize("assignment", ["70", "attendance, weekly", "Attendance, weekly (70)"])
def test_canvas_fills_the_assignment_that_is_asked_for(tmp_path, assignment):
    path = saved(tmp_path, CANVAS)
    filled = exports.canvas((marks("alovelace", 3),), path, assignment=assignment)
    assert changed(rows(CANVAS.encode()), rows(filled.content)) == {(3, 5): "5"}


@pytest.mark.parametrize(
    ("title", "chapter", "named"),
    [
        ("06 Induction heads (1)", "06", True),
        ("06_induction_heads (1)", "06", True),
        ("Notebook 6 (1)", "06", True),
        ("chapter 06: heads (1)", "06", True),
        ("Quiz 6 (1)", "06", False),
        ("06-05-2026 attendance (1)", "06", False),
        ("Chapter 61 (1)", "06", False),
        ("Chapter 6.1 (1)", "06", False),
        ("Homework (6)", "06", False),
        ("Chapter 0 (1)", "00", True),
        ("Chapter 10 (1)", "00", False),
    ],
)
def test_a_column_is_taken_only_where_it_names_the_chapter(tmp_path, title, chapter, named):
    text = f'Student,ID,SIS Login ID,Section,{title}\n    Points Possible,,,,6\n"L, A",1,al,A,\n'
    submission = (marks("al", 4, chapter=chapter),)
    if named:
        filled = exports.canvas(submission, saved(tmp_path, text))
        assert rows(filled.content)[2][4] == "4"
    else:
        with pytest.raises(ValueError, match="expected an assignment that names chapter"):
            exports.canvas(submission, saved(tmp_path, text))


def test_two_columns_that_name_a_chapter_are_an_error(tmp_path):
    text = CANVAS.replace("Chapter 0: Start", "Chapter 6 again")
    with pytest.raises(ValueError, match=r"2 that fit '06'.*try naming one of"):
        exports.canvas((marks("S-1", 6),), saved(tmp_path, text))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_sheet_comes_back_byte_for_byte_but_for_the_marks(
    tmp_path, encoding, separator, line_end
):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator=line_end)
    writer.writerows(csv.reader(io.StringIO(CANVAS)))
    path = saved(tmp_path, text.getvalue(), encoding)
    filled = exports.canvas((marks("nobody", 5),), path)
    assert filled.content == path.read_bytes()
    filled = exports.canvas((marks("S-1", 5),), path)
    old, new = (separator.join(["A and B", "9", point, ""]) for point in ("", "5"))
    assert filled.content == text.getvalue().replace(old, new).encode(encoding)


def test_a_sheet_in_which_every_cell_is_quoted_stays_so(tmp_path):
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(csv.reader(io.StringIO(CANVAS)))
    path = saved(tmp_path, text.getvalue())
    assert exports.canvas((marks("nobody", 5),), path).content == path.read_bytes()


def test_a_decimal_comma_is_kept(tmp_path):
    text = CANVAS.replace(",10,6,100,", ',10,"10,0",100,')
    filled = exports.canvas((marks("S-1", 5),), saved(tmp_path, text))
    assert rows(filled.content)[3][6] == "8,33"


@pytest.mark.parametrize(
    "text",
    ["", "hello", "<html>log in</html>", "Student,ID\n1,2\n", "\x00\x01", "Name;Mark\na;1\n"],
)
def test_a_file_that_is_no_such_sheet_is_refused_in_words(tmp_path, text):
    path = saved(tmp_path, text)
    with pytest.raises(ValueError, match="expected a gradebook exported from Canvas"):
        exports.canvas((marks("S-1", 5),), path)
    with pytest.raises(ValueError, match="expected a grading worksheet downloaded from Moodle"):
        exports.moodle((marks("S-1", 5),), path)


def test_a_missing_file_is_refused_in_words(tmp_path):
    with pytest.raises(ValueError, match="expected a gradebook exported from Canvas"):
        exports.canvas((marks("S-1", 5),), tmp_path / "none.csv")


def test_a_chapter_that_nobody_handed_in_is_refused(tmp_path):
    with pytest.raises(ValueError, match="got 03, try one of 06"):
        exports.canvas((marks("S-1", 5),), saved(tmp_path, CANVAS), chapter="03")


@pytest.mark.parametrize(
    ("student", "row"),
    [
        ("Ada Lovelace_9001_assignsubmission_file_", 1),
        ("Ada Lovelace_9001_assignsubmission_file", 1),
        ("Participant_9001_assignsubmission_file_", 1),
        ("Kim Lee_9004_assignsubmission_file_", 4),
        ("ada@example.org", 1),
        ("Ada Lovelace", 1),
        ("Ada Lovelace_777_assignsubmission_file_", 1),  # another assignment's number
    ],
)
def test_moodle_finds_a_student_and_scales_to_the_maximum_grade(tmp_path, student, row):
    filled = exports.moodle((marks(student, 3),), saved(tmp_path, MOODLE))
    found = changed(rows(MOODLE.encode()), rows(filled.content))
    assert found.pop((row, 4)) == "50"
    assert found.pop((row, 9)).startswith("3 of 6 points; 06.1: 2 of 2, right")
    assert found == {}


@pytest.mark.parametrize(
    "student",
    ["Kim Lee", "Grace Hopper_9001_assignsubmission_file_", "Kim Lee_1_assignsubmission_file_"],
)
def test_moodle_never_guesses(tmp_path, student):
    filled = exports.moodle((marks(student, 3),), saved(tmp_path, MOODLE))
    assert rows(filled.content) == rows(MOODLE.encode())
    assert filled.notes


def test_moodle_keeps_a_comment_and_a_locked_grade(tmp_path):
    path = saved(tmp_path, MOODLE)
    submissions = (marks("jm", 6), marks("kim@example.org", 6))
    filled = exports.moodle(submissions, path)
    assert changed(rows(MOODLE.encode()), rows(filled.content)) == {(2, 4): "100"}
    assert (
        "kim@example.org was left out: Moodle says that the grade cannot be changed" in filled.notes
    )


def test_a_comment_fits_into_an_encoding_that_lacks_its_letters(tmp_path):
    told = marks("jm", 6, opens=(OpenMark("06.A", "Say it", 4, "answer", 2, "L0 → L1"),))
    text = MOODLE.replace("Well begun", "")
    filled = exports.moodle((told,), saved(tmp_path, text, "cp1252"))
    assert "(L0 &#8594; L1)" in rows(filled.content, "cp1252")[2][9]


def test_canvas_sheets_without_points_or_with_names_in_two_columns_are_filled(tmp_path):
    text = "LastName,FirstName,ID,SIS Login ID,Section,06 Heads (7)\nLovelace,Ada,1,al,A,\n"
    filled = exports.canvas((marks("Ada Lovelace", 5),), saved(tmp_path, text))
    assert rows(filled.content)[1] == ["Lovelace", "Ada", "1", "al", "A", "5"]
    assert filled.notes == ()


def test_moodle_takes_one_chapter_at_a_time(tmp_path):
    both = (marks("ada", 6), marks("ada", 3, chapter="00"))
    path = saved(tmp_path, MOODLE)
    with pytest.raises(ValueError, match="expected one chapter, got 00, 06"):
        exports.moodle(both, path)
    assert rows(exports.moodle(both, path, chapter="00").content)[1][4] == "50"


def test_a_comment_is_text_whatever_a_marker_wrote():
    opened = OpenMark("06.A", "Say it", 4, "answer", 2, HOSTILE)
    comment = exports.comment(marks("x", 6, opens=(opened,)))
    assert "<" not in comment
    assert "06.A: 2 of 4 (&lt;/script&gt;" in comment
    assert not comment.startswith(("=", "+", "-", "@"))


@pytest.mark.parametrize(
    ("text", "value"),
    [("10", 10), ("10.50", 10.5), ("10,5", 10.5), ("1,000.5", 1000.5), ("1.000,5", 1000.5),
     ("0", 0), ("(read only)", None), ("", None), ("-3", None), ("nan", None), ("inf", None)],
)  # fmt: skip
def test_numbers_are_read_with_point_or_comma(text, value):
    assert exports.number(text) == value


def test_of_two_submissions_the_better_goes_out(tmp_path):
    both = (marks("S-1", 2, notebook="a.ipynb"), marks("S-1", 5, notebook="b.ipynb"))
    filled = exports.canvas(both, saved(tmp_path, CANVAS))
    assert rows(filled.content)[3][6] == "5"
    assert filled.marks == 1


def test_a_name_of_another_is_no_login():
    people = [roster.Person(1, "Ada Lovelace", "1", ("ada",)), roster.Person(2, "Ada", "2", ("b",))]
    assert roster.find("ada", people)[0] is None
    assert "fits 2 rows" in roster.find("ada", people)[1]


def test_gradescope_gets_points_feedback_and_no_print_of_the_grader():
    opens = (OpenMark("06.A", "Say it", 4, "text"), OpenMark("06.B", "More", 2, "text", 1, "Why?"))
    shown = mark("06.2", 3, 1, slip="off by one", case="two heads", printed="hello")
    result = gradescope.gradescope(record("x", mark("06.1"), shown, opens=opens))
    assert (result["score"], result["stdout_visibility"]) == (5, "hidden")
    first, second, waiting, marked = result["tests"]
    assert (first["score"], first["max_score"], first["status"]) == (3, 3, "passed")
    assert (second["score"], second["status"]) == (1, "failed")
    assert 'In the case "two heads":\ngot 2.5, expected 1' in second["output"]
    assert "Likely slip: off by one\nYour code printed:\nhello" in second["output"]
    assert "score" not in waiting and waiting["output"] == "not marked yet"
    assert (marked["score"], marked["output"]) == (1, "Why?")
    assert {test["output_format"] for test in result["tests"]} == {"text"}
    assert {test["visibility"] for test in result["tests"]} == {"visible"}


def test_gradescope_says_why_nothing_was_graded():
    result = gradescope.gradescope(record("x", problem="not JSON"))
    assert result["output"].startswith("Nothing could be graded: not JSON")
    assert (result["score"], result["tests"]) == (0, [])


def test_gradescope_files_stay_in_their_folder_and_apart(tmp_path):
    names = ["ada", "Ada", "../../etc", "a/b", "con", "\udcff"]
    records = tuple(marks(name, 6) for name in names)
    files = gradescope.write_folder(records, tmp_path / "out")
    assert len({str(path).lower() for path in files}) == len(names)
    for path in files:
        assert path.resolve().is_relative_to((tmp_path / "out").resolve())
        assert json.loads(path.read_text(encoding="utf-8"))["score"] == 6
