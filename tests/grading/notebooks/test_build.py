import json
import re

import jupytext
import nbformat
import pytest

from mi_course.exercises import registry
from mi_course.exercises.open_question import Criterion, OpenQuestion
from mi_course.grading.notebooks.build import (
    as_text,
    build,
    build_all,
    cell_ids,
    solution_notebook,
    stub,
    student_notebook,
)
from mi_course.grading.notebooks.source import BuildError, header, open_header, read_chapter
from tests.exercises import demo


@pytest.fixture(autouse=True)
def chapter_99():
    demo.install()
    yield
    registry.unregister(demo.CHAPTER)


@pytest.fixture
def chapter(tmp_path):
    return read_chapter(write(tmp_path, demo.SOURCE))


def write(folder, text):
    (folder / "solutions").mkdir(exist_ok=True)
    path = folder / "solutions" / "99_demo.py"
    path.write_text(text, encoding="utf-8")
    return path


def cell(notebook, **metadata):
    (key, value), *_ = metadata.items()
    return next(each for each in notebook.cells if each.metadata.get(key) == value)


def test_a_stub_raises_at_the_indentation_of_the_region():
    text = (
        "def f(x):\n    if x:\n        ### BEGIN SOLUTION\n        y = 1\n\n        z = 2\n"
        "        ### END SOLUTION\n    return x"
    )
    assert stub(text, "06.2") == (
        "def f(x):\n    if x:\n"
        '        raise NotImplementedError("Exercise 06.2 is not written yet")\n    return x'
    )


def test_the_student_notebook_holds_no_answer_no_output_and_no_hidden_cell(chapter):
    notebook = student_notebook(chapter)
    text = as_text(notebook)
    for secret in ("values.mean(dim=1)", "max(-limit", "BEGIN SOLUTION", "naming the axis"):
        assert secret not in text
    code = [each for each in notebook.cells if each.cell_type == "code"]
    assert all(each.outputs == [] and each.execution_count is None for each in code)
    compile(cell(notebook, exercise="99.1").source, "stub", "exec")


def test_exercise_and_check_cells_may_raise_for_students_only(chapter):
    student, solution = student_notebook(chapter), solution_notebook(chapter)
    for key in ("exercise", "check"):
        assert "raises-exception" in cell(student, **{key: "99.1"}).metadata.tags
        assert "tags" not in cell(solution, **{key: "99.1"}).metadata


def test_cells_carry_nbgrader_metadata(chapter):
    notebook = student_notebook(chapter)
    answer = cell(notebook, exercise="99.1").metadata.nbgrader
    points = cell(notebook, check="99.1").metadata.nbgrader
    assert (answer.solution, answer.grade, answer.locked) == (True, False, False)
    assert (points.solution, points.grade, points.locked, points.points) == (False, True, True, 3)
    assert answer.schema_version == points.schema_version == 3
    assert answer.grade_id != points.grade_id


@pytest.fixture
def asks_in_words():
    """Chapter 99 also asks one open question."""
    question = OpenQuestion("99.A", "Why a mean?", (Criterion("names the axis", 4),))
    registry.register(demo.CHAPTER, demo.EXERCISES, (question,))
    return question


OPEN = """# %% [markdown]
# ## Open question 99.A · Why a mean? · 4 points
# Half a page.

# %% [markdown] open="99.A"
# *Write here.*
"""


def test_the_place_for_words_stays_and_nbgrader_leaves_it_to_a_person(asks_in_words, tmp_path):
    chapter = read_chapter(write(tmp_path, demo.SOURCE + OPEN))
    assert chapter.opens == {"99.A": asks_in_words}
    for notebook in (student_notebook(chapter), solution_notebook(chapter)):
        place = cell(notebook, open="99.A")
        assert (place.cell_type, place.id, place.source) == (
            "markdown",
            "open-99-A",
            "*Write here.*",
        )
        role = place.metadata.nbgrader
        assert (role.grade, role.solution, role.locked, role.task) == (True, True, False, False)
        assert (role.points, role.schema_version, role.grade_id) == (4, 3, "open-99-A")
        assert place.metadata.points == 4
        assert "tags" not in place.metadata


def test_the_heading_of_an_open_question(asks_in_words):
    assert open_header(asks_in_words) == "## Open question 99.A · Why a mean? · 4 points"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (demo.SOURCE, 46, 'expected a cell `# %% [markdown] open="99.A"`, got none'),
        (OPEN + OPEN, 11, 'open="99.A" again'),
        (OPEN.replace('open="99.A"', 'open="99.B"'), 5, "among 99.A, got '99.B'"),
        (OPEN.replace('open="99.A"', "open=1"), 5, "expected text"),
        (OPEN.replace('[markdown] open="99.A"', 'open="99.A"'), 5, "expected a markdown cell"),
        (OPEN.replace('open="99.A"', 'open="99.A" hidden="x"'), 5, "cell that students get"),
        (OPEN.replace("4 points", "5 points"), 1, "· 4 points\ngot\n"),
        (OPEN.replace("Why a mean?", "Why?"), 1, "· Why a mean? · 4 points\ngot\n"),
        (OPEN.replace("## Open question 99.A", "## Question"), 5, "expected the heading"),
    ],
)
def test_an_open_question_that_is_asked_wrongly_is_refused(
    asks_in_words, tmp_path, text, line, says
):
    with pytest.raises(BuildError) as caught:
        read_chapter(write(tmp_path, text))
    assert str(caught.value).startswith(f"99_demo.py:{line}: ")
    assert says in str(caught.value)


def test_a_chapter_without_open_questions_has_no_place_for_words(tmp_path):
    with pytest.raises(BuildError, match=r"among none, got '99\.A'"):
        read_chapter(write(tmp_path, OPEN))


def test_the_notebook_opens_with_badge_and_quiet_installation(chapter):
    badge, install, *_ = student_notebook(chapter).cells
    assert "colab" in badge.metadata.tags
    assert "colab" in install.metadata.tags
    assert "chapters/99_demo.ipynb" in badge.source
    assert re.search(r"find_spec.*is None:\n    %pip install -q", install.source)


def test_ids_are_unique_and_stay_when_other_cells_change(chapter, tmp_path):
    ids = cell_ids(chapter)
    assert len(set(ids)) == len(ids)
    more = "# %% [markdown]\n# New words.\n\n# %% [markdown]\n# New words.\n\n" + demo.SOURCE
    later = cell_ids(read_chapter(write(tmp_path, more)))
    assert later[2:] == ids
    assert later[1] == f"{later[0]}--1"


def test_the_solution_keeps_every_cell_of_the_source(chapter):
    source = jupytext.reads(demo.SOURCE, fmt="py:percent")
    assert [each.source for each in solution_notebook(chapter).cells] == [
        each.source for each in source.cells
    ]


def test_a_folder_without_chapters_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"expected NN_topic.py in .*solutions, got none, try"):
        build_all(tmp_path)


def test_building_twice_changes_nothing(tmp_path, monkeypatch):
    source = write(tmp_path, demo.SOURCE)
    monkeypatch.setenv("PYTHONPATH", str(registry.__file__).split("mi_course")[0])
    first = build(source, tmp_path / "chapters", tmp_path / "solutions")
    assert first.changed == (first.student, first.solution)
    before = [path.read_bytes() for path in first.changed]
    (again,) = build_all(tmp_path)
    assert again.changed == ()
    assert [path.read_bytes() for path in first.changed] == before

    notebook = nbformat.read(first.solution, as_version=4)
    nbformat.validate(notebook)
    assert cell(notebook, check="99.1").outputs[0].text.startswith("✓ position_means")
    saved = json.dumps(notebook)
    assert "iopub" not in saved
    assert str(tmp_path) not in saved
    # jupytext refuses to open a notebook that is newer than the text it is paired with
    assert source.stat().st_mtime_ns >= first.solution.stat().st_mtime_ns


def test_a_solution_that_raises_is_refused_with_its_line(tmp_path):
    path = write(tmp_path, "# %%\na = 1\n\n# %%\n1 / 0\n")
    with pytest.raises(BuildError, match=r"99_demo\.py:4: [\s\S]*ZeroDivisionError"):
        build(path, tmp_path / "chapters", tmp_path / "solutions")
    assert not (tmp_path / "solutions" / "99_demo.ipynb").exists()


def test_notes_name_the_hints_that_the_text_does_not_give(tmp_path):
    path = write(tmp_path, demo.SOURCE)
    report = build(path, tmp_path / "chapters", tmp_path / "solutions", execute=False)
    assert not report.solution.exists()
    assert report.exercises == ("99.1", "99.2")
    assert any("99.1: hint 2" in note for note in report.notes)
    assert not any("99.1: hint 1" in note for note in report.notes)


def test_the_heading_of_an_exercise():
    assert header(demo.EXERCISES[1]) == "## Exercise 99.2 · Clip a list  ●●○ · 5 min · 1 point"


ANSWER = '# %% exercise="99.1"\ndef position_means(v):\n    {}\n'
REGION = "### BEGIN SOLUTION\n    return v.mean(1)\n    ### END SOLUTION"
CHECK = '# %% check="99.1"\ncheck(position_means)\n'
GOOD = ANSWER.format(REGION) + CHECK


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (ANSWER.format("### BEGIN SOLUTION\n    " + REGION) + CHECK, 4, "one is open since line 3"),
        (ANSWER.format("### BEGIN SOLUTION\n    return 1") + CHECK, 3, "END SOLUTION"),
        (ANSWER.format("return 1\n    ### END SOLUTION") + CHECK, 4, "none is open"),
        (ANSWER.format("return 1") + CHECK, 1, "'### BEGIN SOLUTION' and"),
        (GOOD + GOOD, 8, 'exercise="99.1" again'),
        (GOOD + CHECK, 8, 'check="99.1" again'),
        ("# %%\nx = 1\n### BEGIN SOLUTION\n### END SOLUTION\n", 3, "only in exercise cells"),
        ("# %% [markdown]\n# ### BEGIN SOLUTION\n", 2, "only in exercise cells"),
        (GOOD.replace("99.1", "99.7"), 1, "'99.7'"),
        (GOOD.replace("99.1", "97.1"), 1, "expected a chapter among"),
        (GOOD.replace("def position_means", "def mean_positions"), 1, "'position_means'"),
        (GOOD.replace('"99.1"\ndef', '"99.1" points=9\ndef'), 1, "points=3"),
        (GOOD.replace("check(position_means)", "check(clipped)"), 6, "`check(position_means)`"),
        (ANSWER.format(REGION), 1, 'expected a cell check="99.1"'),
        (CHECK, 1, "expected exercise 99.1 above"),
        ("# %%\n" + "x = 1\n" * 21, 1, "at most 20 lines in a cell, got 21"),
        (GOOD.replace("def position_means(v):", "def position_means(v:"), 2, "closed"),
        ("# %% [markdown]\n# ## Exercise 99.1 · Other title\n" + GOOD, 1, "●○○ · 5 min"),
        ("# %% exercise=99.1\nx = 1\n", 1, "expected text"),
        ("# %%\n# %pip install -q torch\n", 1, "the build puts one first"),
    ],
)
def test_a_source_that_would_build_a_bad_notebook_is_refused(tmp_path, text, line, says):
    path = write(tmp_path, text)
    with pytest.raises(BuildError) as caught:
        read_chapter(path)
    assert str(caught.value).startswith(f"99_demo.py:{line}: ")
    assert says in str(caught.value)
