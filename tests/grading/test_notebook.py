import json
import os

import pytest

from mi_course.grading.notebook import (
    NotebookError,
    chapter_of_name,
    collect,
    find_answers,
    parse,
    read_bytes,
    setup_cells,
)
from tests.exercises.demo import EXERCISES
from tests.grading.class_of_students import RIGHT, STUBS, cell, notebook


def read(content):
    return parse(json.dumps(content).encode())


def answers(content):
    return find_answers(read(content), EXERCISES)


def test_answers_are_found_by_metadata_wherever_they_stand():
    content = notebook(dict(reversed(RIGHT.items())))
    assert answers(content).code == RIGHT
    assert list(answers(content).code) == ["99.3", "99.2", "99.1"]


def test_answers_are_found_by_the_id_of_their_cell():
    content = notebook(RIGHT)
    for each in content["cells"]:
        each["metadata"] = {}
    assert answers(content).code == RIGHT


def test_answers_are_found_by_nbgrader_metadata():
    content = notebook({"99.1": RIGHT["99.1"]}, tagged=False)
    content["cells"][1]["metadata"] = {"nbgrader": {"solution": True, "grade_id": "exercise-99-1"}}
    assert answers(content).code["99.1"] == RIGHT["99.1"]


def test_answers_are_found_by_the_name_of_the_function():
    assert answers(notebook(RIGHT, tagged=False)).code == RIGHT


def test_of_copied_cells_the_last_that_defines_the_function_counts():
    content = notebook(STUBS)
    content["cells"] += [
        cell(RIGHT["99.1"], exercise="99.1"),
        cell("print('a copy that was emptied')", exercise="99.1"),
    ]
    assert answers(content).code["99.1"] == RIGHT["99.1"]


def test_a_function_written_in_another_cell_counts_where_its_own_cell_lacks_it():
    content = notebook(RIGHT | {"99.1": "# below"})
    content["cells"].append(cell(RIGHT["99.1"]))
    assert answers(content).code["99.1"] == RIGHT["99.1"]


def test_the_answer_to_another_exercise_is_not_taken_for_this_one():
    both = RIGHT["99.2"] + "\n" + RIGHT["99.1"]
    found = answers(notebook({"99.2": both}))
    assert list(found.code) == ["99.2"]
    assert "defines position_means" in found.missing["99.1"]


def test_a_huge_answer_is_not_run():
    found = answers(notebook(RIGHT | {"99.1": RIGHT["99.1"] + " " * 200_000}))
    assert "longer than" in found.missing["99.1"]


def test_sources_may_be_lists_and_cells_may_be_nonsense():
    content = notebook(RIGHT)
    content["cells"][1]["source"] = RIGHT["99.1"].splitlines(keepends=True)
    content["cells"] += [3, [], {"cell_type": "code", "source": {}, "metadata": []}]
    assert answers(content).code == RIGHT


def test_notebooks_of_version_3_are_read():
    old = notebook(RIGHT)
    cells = [{"cell_type": "code", "input": each["source"]} for each in old["cells"]]
    assert answers({"worksheets": [{"cells": cells}], "nbformat": 3}).code == RIGHT


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not JSON"),
        (b"PK\x03\x04\xff", "not UTF-8"),
        (b'{"cells": [', "not JSON"),
        (b"[" * 50_000, "not JSON"),
        (b"[]", "holds no object"),
        (b"{}", "no list of cells"),
        (b'{"cells": {"a": 1}}', "no list of cells"),
        (b'{"cells": []}', "no code cells"),
        (b'{"cells": [{"cell_type": "markdown", "source": "x"}]}', "no code cells"),
        (b'{"worksheets": [1, {"cells": null}]}', "no code cells"),
    ],
)
def test_what_is_no_notebook_has_a_reason(data, reason):
    with pytest.raises(NotebookError, match=reason):
        parse(data)


def test_chapter_comes_from_the_notebook_or_from_its_name():
    assert read(notebook(RIGHT, chapter="06_induction_heads")).chapter == "06"
    assert read(notebook(RIGHT, chapter="")).chapter == "99"
    assert read(notebook(RIGHT, chapter="", tagged=False)).chapter == ""
    assert chapter_of_name("smith_4711_06_induction_heads.ipynb") == "06"
    assert chapter_of_name("homework.ipynb") == ""


def test_set_up_is_the_tagged_cells_or_else_the_imports():
    content = notebook(RIGHT)
    assert setup_cells(read(content)) == (content["cells"][0]["source"],)
    content["cells"][0] = cell("import math\nheavy = work()\nfrom os import path")
    assert setup_cells(read(content)) == ("import math\nfrom os import path",)


def test_submissions_are_found_in_folders_and_by_name(tmp_path):
    for name in (
        "ada/06_induction_heads.ipynb",
        "ada/deep/er/07_acdc.ipynb",
        "ada/.ipynb_checkpoints/06_induction_heads-checkpoint.ipynb",
        "bob/notes.txt",
        "eve_06_induction_heads.ipynb",
        "homework.ipynb",
        "readme.md",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    found = [(submission.student, submission.name) for submission in collect(tmp_path)]
    assert found == [
        ("ada", "ada/06_induction_heads.ipynb"),
        ("ada", "ada/deep/er/07_acdc.ipynb"),
        ("bob", "bob"),
        ("eve", "eve_06_induction_heads.ipynb"),
        ("homework", "homework.ipynb"),
    ]


def test_links_pipes_folders_and_huge_files_are_not_read(tmp_path):
    (tmp_path / "secret").write_text("{}")
    (tmp_path / "link.ipynb").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "pipe.ipynb")
    with (tmp_path / "huge.ipynb").open("wb") as file:
        file.truncate(21 << 20)
    cases = {"link.ipynb": "a link", "pipe.ipynb": "no plain file", "huge.ipynb": "larger than"}
    for name, reason in (cases | {".": "holds no notebook", "gone": "No such file"}).items():
        with pytest.raises(NotebookError, match=reason):
            read_bytes(tmp_path / name)


def test_code_beside_answers_and_checks_is_kept_for_answers_that_need_it():
    content = notebook(RIGHT)
    content["cells"].insert(1, cell("import math"))
    content["cells"].append(cell("x" * 20_001))
    setup = content["cells"][0]["source"]
    assert answers(content).others == (setup, "import math")
    content["cells"] += [cell(f"a{n} = 1") for n in range(300)]
    assert len(answers(content).others) == 200


def test_cells_for_words_are_kept_with_their_names_whatever_their_kind():
    content = notebook(RIGHT)
    content["cells"] += [
        {"cell_type": "markdown", "source": ["a\n", "b"], "metadata": {"open": "99.A"}},
        {"cell_type": "raw", "id": "open-99-B", "source": "c"},
        {"cell_type": "markdown", "id": "other", "source": "d", "metadata": {"open": 3}},
    ]
    assert read(content).words == ((("99.A", "", ""), "a\nb"), (("", "open-99-B", ""), "c"))
