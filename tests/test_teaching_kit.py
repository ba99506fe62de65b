"""The teacher kit says what the course says: minutes, points, messages, rubrics, numbers."""

import re
import tomllib

import nbformat
import pytest

from docs.figures import figure_titled
from docs.teaching import index, kit, pages, slides, syllabus
from mi_course.exercises import registry

CHAPTERS = kit.chapters()
EACH = pytest.mark.parametrize("chapter", CHAPTERS)
DECIMAL = re.compile(r"(?<![\w.])\d+\.\d+(?![\w.]\d)")
LONGEST_PAGE = 120


def notebook_text(source):
    """What a solution says and prints."""
    cells = nbformat.read(kit.SOLUTIONS / f"{source}.ipynb", as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    printed = [str(o.get("text") or o.get("data", {}).get("text/plain", "")) for o in outputs]
    return "\n".join([*(cell.source for cell in cells), *printed])


def test_every_chapter_with_a_notebook_has_a_kit():
    built = sorted(path.name[:2] for path in kit.SOLUTIONS.glob("[0-9][0-9]_*.py"))
    assert built == CHAPTERS


@EACH
def test_the_page_is_what_its_data_and_the_course_say(chapter):
    text = (kit.FOLDER / f"{chapter}.md").read_text()
    assert text == pages.page(kit.load(chapter)), "run `make teaching`"
    assert len(text.splitlines()) <= LONGEST_PAGE


@EACH
def test_every_exercise_is_done_in_class_or_left_for_home(chapter):
    here = kit.load(chapter)
    for length in kit.LENGTHS:
        left = [exercise.id for exercise in here.at_home(length)]
        assert sorted([*here.in_class(length), *left]) == sorted(e.id for e in here.exercises)
        assert here.in_class(length), "a lesson without an exercise"
    assert set(here.in_class(45)) <= set(here.in_class(90))


@EACH
def test_misconceptions_come_from_several_exercises_and_quote_their_checks(chapter):
    here = kit.load(chapter)
    text = (kit.FOLDER / f"{chapter}.md").read_text()
    assert len(here.misconceptions) >= 6
    assert len({each.exercise for each in here.misconceptions}) >= min(3, len(here.exercises))
    for each in here.misconceptions:
        (planted,) = [w for w in registry.get(each.exercise).wrong if w.name == each.wrong]
        row = pages.row(each.think, f"`{each.exercise}`", each.message)
        assert row in text
        assert (planted.hint.splitlines() or [planted.says])[0] in row.replace(r"\|", "|")


@EACH
def test_the_rubric_stands_on_the_page_word_for_word(chapter):
    here = kit.load(chapter)
    text = (kit.FOLDER / f"{chapter}.md").read_text()
    for criterion in here.question.rubric:
        assert pages.row(criterion.text, str(criterion.points)) in text


@EACH
def test_a_good_answer_earns_nearly_all_and_a_middling_one_about_half(chapter):
    good, middling = kit.load(chapter).answers
    points = kit.load(chapter).question.points
    assert (good.kind, middling.kind) == ("good", "middling")
    assert points - 1 <= good.points <= points
    assert 0.3 * points <= middling.points <= 0.7 * points
    assert all(mark.why for answer in (good, middling) for mark in answer.marks)


@EACH
def test_numbers_with_decimals_are_those_of_the_notebook(chapter):
    here = kit.load(chapter)
    known = set(DECIMAL.findall(notebook_text(here.source).replace(",", "")))
    written = (kit.FOLDER / f"{chapter}.toml").read_text()
    known |= {exercise.id for exercise in here.exercises}
    assert set(DECIMAL.findall(written)) - known == set()


@EACH
def test_slides_are_figures_of_the_notebook_and_fill_a_frame_of_16_to_9(chapter):
    here = kit.load(chapter)
    assert len({each.name for each in here.slides}) == len(here.slides) in (2, 3, 4)
    for each in here.slides:
        saved = figure_titled(kit.SOLUTIONS / f"{here.source}.ipynb", each.figure)
        drawn = slides.slide(saved, each.width)
        assert abs(drawn.layout.width / drawn.layout.height - 16 / 9) < 0.01
        title = drawn.layout.title.text.replace("<br>", " ")
        assert title.startswith(each.figure)


def changed(tmp_path, monkeypatch, old, new):
    """Load chapter 00 with one change in its file."""
    text = (kit.FOLDER / "00.toml").read_text()
    assert old in text
    (tmp_path / "00.toml").write_text(text.replace(old, new, 1))
    monkeypatch.setattr(kit, "FOLDER", tmp_path)
    return kit.load.__wrapped__("00")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("minutes = 6\n", "minutes = 7\n", "steps of 45 minutes in all, got 46"),
        ('section = "2"', 'section = "99"', "expected a section among"),
        ('section = "3"', 'section = "2"', "expected exercises of section 2"),
        ('exercises = ["00.1"]', 'exercises = ["00.9"]', "expected exercises of section 3"),
        ("minutes = 13\n", "minutes = 9\n", "expected 10 minutes for"),
        ('wrong = "bits"', 'wrong = "bytes"', "in 00.2, got 'bytes'"),
        ('    [1, "later', '    [2, "later', "expected marks from 0 to"),
    ],
)
def test_what_does_not_fit_the_course_is_told(tmp_path, monkeypatch, old, new, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        changed(tmp_path, monkeypatch, old, new)


def test_every_answer_needs_a_mark_for_every_criterion(tmp_path, monkeypatch):
    old = '    [1, "later layers read a stream unlike any in training"],\n'
    with pytest.raises(ValueError, match="in the good answer"):
        changed(tmp_path, monkeypatch, old, "")


def test_the_first_page_is_what_its_data_and_the_course_say():
    assert (kit.FOLDER / "README.md").read_text() == index.index(), "run `make teaching`"


EACH_COURSE = pytest.mark.parametrize("course", syllabus.load(), ids=lambda c: str(len(c.plan)))


@EACH_COURSE
def test_minutes_and_points_of_a_course_are_those_of_its_exercises(course):
    asked = [e for chapter in course.chapters for e in registry.chapter(chapter)]
    asked = [e for e in asked if e.id not in course.skip]
    machine = sum(e.points for e in asked)
    rubric = sum(q.points for chapter in course.chapters for q in registry.open_questions(chapter))
    by_week = [course.points(week.due) for week in course.plan]
    assert (sum(m for m, _ in by_week), sum(r for _, r in by_week)) == (machine, rubric)
    for week in course.plan:
        for chapter, length in week.lessons:
            left = [e for e in kit.load(chapter).at_home(length) if e.id not in course.skip]
            home = course.home_minutes(chapter, length)
            assert home - pages.OPEN_MINUTES >= sum(e.minutes for e in left)
    (line,) = [line for line in course_table(course) if line.startswith("| **all**")]
    assert f"{len(asked)} exercises" in line and line.endswith(f"| {machine} + {rubric} |")
    assert sum(course.weights.values()) == 100


def course_table(course):
    text = (kit.FOLDER / "README.md").read_text()
    return text.split(f"## {len(course.plan)} weeks")[1].split("\n## ")[0].splitlines()


@EACH
def test_the_reading_of_a_chapter_is_named_in_its_notebook(chapter):
    text = notebook_text(kit.load(chapter).source)
    for key in syllabus.raw()["reading"][chapter]:
        title = re.search(r"\*(.+?)\*", syllabus.raw()["sources"][key])[1]
        assert f"[{key}]" in text or title in text, key


def test_hours_are_read_from_what_a_notebook_says():
    assert syllabus.notebook_minutes("00_start_here") == 75
    assert syllabus.notebook_minutes("06_induction_heads") == 180


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('= 60, "open', '= 61, "open', "expected weights of 100 in all, got 101"),
        ('["00/45", "06/45"]', '["00/45", "06/90"]', "week 1: expected a lesson of 90 minutes"),
        ('lessons = ["03/90"]', 'lessons = ["02/90"]', "expected each chapter once"),
        ('due = ["06"]', 'due = ["08"]', "week 2: expected what was taught, got ['08']"),
        ('due = ["06"]', "due = []", "to be handed in once"),
        ('"04.1", ', '"04.9", ', "expected skipped exercises of its chapters, got ['04.9']"),
        ("weeks = 6", "weeks = 7", "expected 7 weeks, got 6"),
    ],
)
def test_a_course_that_does_not_add_up_is_told(monkeypatch, old, new, message):
    text = (kit.FOLDER / "syllabus.toml").read_text()
    assert old in text
    wrong = tomllib.loads(text.replace(old, new, 1))
    monkeypatch.setattr(syllabus, "raw", lambda: wrong)
    with pytest.raises(ValueError, match=re.escape(message)):
        syllabus.load()


def test_a_bar_in_a_cell_does_not_end_it():
    assert pages.row("|x|", "b") == r"| \|x\| | b |"


def test_there_are_courses_of_6_10_and_14_weeks_and_the_longer_ones_leave_nothing_out():
    courses = {len(course.plan): course for course in syllabus.load()}
    assert list(courses) == [6, 10, 14]
    for weeks in (10, 14):
        assert list(courses[weeks].chapters) == CHAPTERS and courses[weeks].skip == ()


def test_a_project_has_a_hundred_points():
    assert sum(each["points"] for each in syllabus.raw()["project"]) == 100
