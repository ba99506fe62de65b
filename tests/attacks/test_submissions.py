"""What is handed in is hostile itself: links, pipes, names, and notebooks of every odd kind."""

import csv
import json
import os

from tests.attacks.stage import FULL, REST, SHAPE, attack, hand_in, write
from tests.grading import class_of_students as students

GOOD = students.notebook(students.RIGHT)
FORMULA = "=HYPERLINK(0,1)"
SCRIPT = "<script>alert(1)<∕script>"
PIECES = {
    "in the folder of another": ("neighbour", "../neighbour/99_demo.ipynb"),
    "outside of all": ("link-out", "/etc/passwd"),
    "to the secret": ("link-secret", "../../out/secret-seed.json"),
    "to a device": ("link-device", "/dev/zero"),
}


def prepare(folder):
    """Put in place what is no plain notebook in a plain folder."""
    for name, target in PIECES.values():
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "99_linked.ipynb").symlink_to(target)
    write(folder / "neighbour" / "99_demo.ipynb", GOOD)
    (folder / "folder-link").symlink_to(folder / "neighbour")
    (folder / "link-to-nothing").symlink_to(folder / "nobody")
    (folder / "pipe").mkdir()
    os.mkfifo(folder / "pipe" / "99_demo.ipynb")
    (folder / "directory" / "99_demo.ipynb").mkdir(parents=True)
    for name in (FORMULA, SCRIPT, "up\\..\\up", "-rf", "con", "new\nline", "\x1b[2J"):
        write(folder / name / "99_demo.ipynb", GOOD)
    write(folder / os.fsdecode(b"lat\xe9in") / os.fsdecode(b"\xff_99_demo.ipynb"), GOOD)
    write(folder / "locked" / "99_demo.ipynb", GOOD)
    (folder / "locked" / "99_demo.ipynb").chmod(0)
    _dig(folder / "deep", 1500)
    write(folder / "twice" / "99_demo.ipynb", GOOD)
    write(folder / "twice" / "again" / "99_demo.ipynb", students.notebook(students.RIGHT | {
        "99.2": students.STUBS["99.2"]}))  # fmt: skip


def _dig(folder, levels):
    folder.mkdir()
    here = os.open(folder, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)


def everything(played):
    """All text that the grader wrote."""
    return {
        path: path.read_text(encoding="utf-8")
        for path in (played.room / "out").rglob("*")
        if path.suffix in (".html", ".md", ".csv", ".json") and path.name != "secret-seed.json"
    }


def records(played, student):
    return [record for record in played.summary.records if record.student == student]


def test_links_are_not_followed_wherever_they_lead(played):
    for name, _ in PIECES.values():
        linked = [each for each in records(played, name) if "linked" in each.notebook]
        assert [each.points for each in linked] == [0], name
        assert "a link" in linked[0].problem
    for name in ("folder-link", "link-to-nothing"):
        assert "a link" in played.record(name).problem


def test_pipes_and_folders_in_a_notebooks_place_are_told(played):
    assert "no plain file" in played.record("pipe").problem
    assert "holds no notebook" in played.record("directory").problem


def test_a_folder_of_fifteen_hundred_levels_ends_in_a_record(played):
    assert "holds no notebook" in played.record("deep").problem


def test_every_name_gets_its_record_and_its_points(played):
    names = (FORMULA, SCRIPT, "up\\..\\up", "-rf", "con", "new\nline", "\x1b[2J", "lat\udce9in")
    earned = {name: [each.points for each in records(played, name)] for name in names}
    assert earned == {name: [FULL] for name in names}


def test_tables_start_no_formula_and_hold_every_student(played):
    rows = list(csv.reader(played.summary.gradebook.open(encoding="utf-8", newline="")))
    cells = [cell for row in rows for cell in row]
    assert any(FORMULA in cell for cell in cells)
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@", "\t", "\r"))]
    assert not [cell for cell in cells if cell.startswith("-") and not cell[1:].isdigit()]


def test_pages_hold_no_script_of_a_student(played):
    for path, text in everything(played).items():
        found = [line for line in text.splitlines() if "<script>alert" in line or "<img" in line]
        assert path.suffix != ".html" or found == [], path
        assert path.suffix != ".md" or all(line.startswith("    ") for line in found), path


def test_no_page_lies_outside_its_folder(played):
    out = played.room / "out"
    assert {path.name for path in played.room.iterdir()} == {
        "chapters", "home", "out", "solutions", "submissions", "temporary",
    }  # fmt: skip
    pages = [path for path in (out / "feedback").iterdir() if path.suffix == ".html"]
    students_in = {record.student for record in played.summary.records}
    assert len(pages) == len(students_in)


def test_the_summary_cannot_steer_a_terminal(played):
    assert "\x1b" not in str(played.summary)


def test_two_notebooks_of_one_chapter_do_not_add_up(played):
    assert sorted(each.points for each in records(played, "twice")) == [5, 6]
    page = next(
        text for path, text in everything(played).items()
        if path.parent.name == "feedback" and path.name.startswith("twice") and path.suffix == ".md"
    )  # fmt: skip
    assert "11 of 12" not in page


@attack("""
class Mark(Exception):
    def __str__(self): return "<script>alert(1)</script><img src=x onerror=alert(1)>"
def position_means(values):
    print("<script>alert(2)</script>", "\\x1b[31m", "](javascript:alert(1))")
    raise Mark() # <img src=x>
""")
def test_script_in_messages_and_prints_stays_text(mark):
    assert mark.points == 0


def _with_cells(*cells):
    content = json.loads(json.dumps(GOOD))
    content["cells"] += cells
    return content


WRONG = "def position_means(values):\n    return values.sum(1)"


@hand_in(_with_cells(students.cell(WRONG, exercise="99.1"), students.cell(WRONG, exercise="99.1")))
def test_of_two_answers_to_one_exercise_the_last_counts(mark):
    assert mark.points == SHAPE


@hand_in(_with_cells(students.cell(students.RIGHT["99.1"], exercise="99.2")))
def test_a_cell_that_claims_another_exercise_takes_nothing_from_it(record):
    assert record.points == FULL


@hand_in(
    students.notebook(
        {key: students.RIGHT["99.1"] for key in ("99.1", "99.2", "99.3")}
    )
)  # fmt: skip
def test_one_answer_under_every_id_earns_its_own_exercise_only(record):
    assert record.points == 3


@hand_in(_with_cells(*[students.cell(WRONG, cell_id="exercise-99-1") for _ in range(50)]))
def test_cells_that_share_an_id_are_one_answer(record):
    assert len(record.marks) == 3
    assert record.points <= FULL


@hand_in({"nbformat": 3, "metadata": {}, "worksheets": [{"cells": [
    {"cell_type": "code", "language": "python", "input": code}
    for code in students.RIGHT.values()]}]})  # fmt: skip
def test_a_notebook_of_version_three_is_graded(record):
    assert record.points == FULL


@hand_in(b"\xff\xfe\x00" + json.dumps(GOOD).encode("utf-16"))
def test_text_that_is_not_utf8_has_its_reason(played):
    assert "not UTF-8" in played.record("test_text_that_is_not_utf8_has_its_reason").problem


@hand_in(json.dumps(_with_cells(students.cell("#" * (50 << 20)))))
def test_fifty_megabytes_have_their_reason(played):
    assert "larger than" in played.record("test_fifty_megabytes_have_their_reason").problem


@hand_in('{"cells": [' + '{"cell_type": "code", "source": "x", "id": %s},' * 3
         % (("[" * 900 + "]" * 900,) * 3) + '{}]}')  # fmt: skip
def test_nested_ids_do_not_stop_the_grader(played):
    assert played.record("test_nested_ids_do_not_stop_the_grader").points == 0


@hand_in({"cells": {"a": 1}, "metadata": [], "nbformat": "4"})
def test_cells_that_are_no_list_have_their_reason(played):
    assert (
        "no list of cells" in played.record("test_cells_that_are_no_list_have_their_reason").problem
    )


@hand_in(students.notebook(students.RIGHT | {"99.1": "(" * 5000 + ")" * 5000}))
def test_parentheses_without_end_cost_their_own_exercise(record):
    assert record.points == REST


@hand_in(students.notebook(students.RIGHT | {"99.1": "x = " + "-" * 100_000 + "1"}))
def test_an_expression_that_exhausts_the_stack_costs_its_own_exercise(record):
    assert record.points == REST


@hand_in(students.notebook(students.RIGHT | {"99.1": " \n" * 50_000 + students.RIGHT["99.1"]}))
def test_blank_lines_without_end_cost_at_most_their_own_exercise(record):
    assert record.points in (REST, FULL)


def test_nothing_is_left_behind(played):
    assert played.traces == []
