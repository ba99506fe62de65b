import json

import pytest

from mi_course.exercises.open_question import Criterion, OpenQuestion
from mi_course.grading.marking.open_answers import MAX_ANSWER, find_open_answers
from mi_course.grading.notebook import parse
from mi_course.grading.records import OpenMark
from tests.grading.class_of_students import RIGHT, notebook

WHY = OpenQuestion("99.A", "Why a mean?", (Criterion("names the axis", 2), Criterion("why", 1)))
BLANK = "*Write your answer here, in place of this line.*"


def text_cell(source, *, kind="markdown", cell_id="x", **metadata):
    return {"cell_type": kind, "id": cell_id, "source": source, "metadata": metadata}


def written(*cells):
    content = notebook(RIGHT)
    content["cells"] += cells
    (found,) = find_open_answers(parse(json.dumps(content).encode()), [WHY])
    return found


@pytest.mark.parametrize("kind", ["markdown", "code", "raw"])
@pytest.mark.parametrize(
    "names",
    [
        {"open": "99.A"},
        {"cell_id": "open-99-A"},
        {"nbgrader": {"grade_id": "open-99-A", "solution": True}},
    ],
)
def test_an_answer_is_found_by_each_of_its_names_in_any_kind_of_cell(kind, names):
    found = written(text_cell("Because.\n\nTwice.", kind=kind, **names))
    assert found == OpenMark("99.A", "Why a mean?", 3, "Because.\n\nTwice.")
    assert found.points is None


def test_metadata_counts_before_the_id():
    cells = (text_cell("by id", cell_id="open-99-A"), text_cell("by metadata", open="99.A"))
    assert written(*cells).answer == "by metadata"


@pytest.mark.parametrize("source", [BLANK, "", "  \n", f"\n{BLANK} \n", [BLANK + "\n", ""]])
def test_what_was_handed_out_is_no_answer_and_needs_no_marker(source):
    found = written(text_cell(source, open="99.A"))
    assert (found.answer, found.points) == ("", 0)


def test_an_answer_below_the_placeholder_counts_without_it():
    assert written(text_cell(f"{BLANK}\nSo it is.", open="99.A")).answer == "So it is."


def test_copies_of_the_cell_are_read_together():
    cells = [text_cell(text, open="99.A") for text in (BLANK, "one", "two", "one")]
    assert written(*cells).answer == "one\n\ntwo"


def test_a_missing_cell_and_one_of_another_question_give_nothing():
    assert written().answer == ""
    assert written(text_cell("theirs", open="99.B"), text_cell("free")).answer == ""


def test_odd_cells_and_characters_do_no_harm():
    odd = {"cell_type": "markdown", "source": 7, "metadata": {"open": "99.A"}}
    strange = text_cell("a\u202eb\x00\ud800c", open="99.A", nbgrader=[1])
    assert written(odd, {"metadata": {"open": ["99.A"]}, "source": "x"}, strange).answer == "ab?c"
    assert len(written(text_cell("x" * 10**6, open="99.A")).answer) == MAX_ANSWER
