import itertools
import json
import re
import shutil
from dataclasses import replace

import pytest

from mi_course.grading.isolation.isolation import UNSAFE
from mi_course.grading.records import BLANK, MISSING, OpenMark
from mi_course.grading.reports import class_claims, class_page
from mi_course.grading.reports.class_plots import plot_seconds, plot_states, plot_totals
from mi_course.grading.reports.class_statistics import STATES, ExerciseStatistics, class_statistics
from mi_course.plots.style import COLOURS
from tests.grading.class_records import HOSTILE, a_class, mark, record

WIDTHS, SCHEMES = (1280, 400), ("light", "dark")


def blank(exercise):
    return mark(exercise, 3, 0, state=BLANK, message="", seconds=0.0)


@pytest.fixture(scope="module")
def four():
    """Four students, small enough to be counted by hand."""
    opened = OpenMark("06.A", "In words", 4, "text")
    return class_statistics((
        record("ada", mark("06.1", 3, 3, seconds=1.0), mark("06.2", 2, 2), opens=(opened,)),
        record("bob", mark("06.1", 3, 1, slip="off by one", seconds=3.0), blank("06.2")),
        record("cleo", mark("06.1", 3, 0, message="got 4, expected 2\nat [0]", seconds=2.0)),
        record("dan", mark("06.1", 3, 0, message="got 7, expected 3\nat [1]", seconds=2.0)),
        record("eve", problem="not JSON"),
        record("ada", mark("06.1", 3, 0), notebook="older.ipynb"),
    ))  # fmt: skip


@pytest.fixture(scope="module")
def chapter(four):
    return four.chapters[0]


def test_states_and_points_are_counted_once_for_each_student(four, chapter):
    first, second = chapter.exercises
    assert (four.students, four.submissions) == (5, 6)
    assert dict(zip(STATES, first.states, strict=True)) == {
        "right": 1,
        "partly right": 1,
        "wrong": 2,
        "not written": 0,
        "missing": 0,
    }
    assert first.earned == 4 / 12
    assert second.states == (1, 0, 0, 1, 0)
    assert [first.share(index) for index in range(5)] == [25, 25, 50, 0, 0]


def test_totals_are_those_of_students_who_could_be_graded(chapter):
    assert chapter.totals == (0, 0, 1, 5)
    assert chapter.max_total == 9
    assert chapter.histogram == (2, 1, 0, 0, 0, 1, 0, 0, 0, 0)
    assert chapter.quartiles == (0, 0.5, 2)


def test_times_are_those_of_answers_that_ran(chapter):
    assert chapter.exercises[0].seconds == (2.0, pytest.approx(2.85), 3.0)
    assert chapter.exercises[1].seconds[2] == 0.25  # the blank one is not a quick one


def test_messages_that_differ_only_in_numbers_are_one_slip(chapter):
    assert [(slip.told, slip.students) for slip in chapter.slips] == [
        ("got 4, expected 2", 2),
        ("off by one", 1),
    ]
    assert chapter.slips[0].example == "got 4, expected 2\nat [0]"


def test_the_same_slip_is_one_whatever_the_messages_say():
    marks = (mark("06.1", 3, n % 3, slip="off by one", message=f"message {n}") for n in range(6))
    records = tuple(record(f"s{n}", each) for n, each in enumerate(marks))
    slips = class_statistics(records).chapters[0].slips
    assert [(slip.told, slip.students) for slip in slips] == [("off by one", 6)]


def test_unwritten_and_missing_answers_are_no_slips():
    absent = mark("06.1", 3, 0, state=MISSING, message="no cell answers this exercise")
    assert class_statistics((record("ada", absent, blank("06.2")),)).chapters[0].slips == ()


def test_an_example_holds_no_name_of_its_author():
    told = mark("06.1", 3, 0, message="ValueError: ADA lovelace was here\nsays Lovelace, Ada")
    records = (record("Ada Lovelace", told), record("lovelace_ada_12", told))
    for one in records:
        (slip,) = class_statistics((one,)).chapters[0].slips
        assert "lovelace" not in (slip.example + slip.told).lower()
        assert "ada" not in (slip.example + slip.told).lower()
        assert "ValueError" in slip.example


def test_statistics_refuse_counts_that_cannot_be():
    with pytest.raises(ValueError, match="expected a count for each state"):
        ExerciseStatistics("06.1", "Title", 3, (1, 2), 0.5, (0.0, 0.0, 0.0))
    with pytest.raises(ValueError, match="expected a count for each state"):
        ExerciseStatistics("06.1", "Title", 3, (1, 2, 0, 0, 0), 1.5, (0.0, 0.0, 0.0))


def test_open_questions_are_counted(chapter):
    (opened,) = chapter.opens
    assert (opened.written, opened.marked, opened.mean) == (1, 0, 0)


def test_claims_follow_the_numbers(chapter):
    assert class_claims.hardest(chapter) == (
        "06.1 was hardest: the class earned 33 % of its points, against 40 % in 06.2"
    )
    assert class_claims.middle(chapter) == "Half of the students have 0.5 of 9 points or more"
    assert class_claims.slowest(chapter).startswith("Answers to 06.1 run longest: half take 2 s")
    assert class_claims.commonest(chapter) == ("The most common slip is in 06.1 and was made by 2")
    turned = replace(chapter, exercises=chapter.exercises[1:])
    assert class_claims.hardest(turned) == "Every exercise earned the class 40 % of its points"


def test_texts_beside_figures_tell_the_extremes(chapter):
    assert class_claims.states_text(chapter) == (
        "Right: from 25 % of the students in 06.1 to 50 % in 06.2. Partly right: at most 25 %, in "
        "06.1. Wrong: at most 50 %, in 06.1. Not written: at most 50 %, in 06.2."
    )
    assert "Of 4 students a quarter has up to 0 points" in class_claims.totals_text(chapter)
    assert "The longest answer of all ran 3 s, in 06.1" in class_claims.seconds_text(chapter)


def test_plot_of_states_shows_the_shares_and_every_bar_is_whole(chapter):
    figure = plot_states(chapter)
    assert [bar.name for bar in figure.data] == list(STATES)
    sums = [sum(bar.x[index] for bar in figure.data) for index in range(2)]
    assert sums == [100, 100]
    assert figure.data[2].x == (50, 0)
    assert figure.layout.title.text.replace("<br>", " ") == class_claims.hardest(chapter)


def test_states_differ_in_colour_and_neighbours_in_hatching(chapter):
    bars = plot_states(chapter).data
    assert len({bar.marker.color for bar in bars}) == len(STATES)
    assert {bar.marker.color for bar in bars[:4]} <= set(COLOURS)
    shapes = [bar.marker.pattern.shape for bar in bars]
    assert all(one != other for one, other in itertools.pairwise(shapes))


def test_other_plots_show_the_numbers_of_the_statistics(chapter):
    assert plot_totals(chapter).data[0].y == chapter.histogram
    assert plot_totals(chapter).layout.xaxis.title.text == "points of 9"
    median, *_, longest = plot_seconds(chapter).data
    assert median.x == (2.0, 0.25)
    assert longest.x == (3.0, 0.25)


def test_page_tells_isolation_versions_problems_and_counts(four):
    page = class_page.html(four)
    for words in ("5 students, 6 submissions", "Isolation: bubblewrap (6 submissions)",
                  "Graded by mi-course 0.1.0", "<bdi>eve</bdi>", "not JSON", "off by one",
                  "06.A · In words: 1 answered, 0 marked", "33 % of 3"):  # fmt: skip
        assert words in page, words
    assert "Not isolated" not in page


def test_page_warns_of_a_run_without_isolation():
    page = class_page.html(class_statistics((record("ada", mark("06.1"), tier=UNSAFE),)))
    assert "<strong>Not isolated:</strong>" in page


def test_page_holds_the_script_once_and_asks_for_nothing(four):
    page = class_page.html(four)
    assert page.count("plotly.js v") == 1
    ours = re.sub(r"<script>/\*\*.*?</script>", "", page, flags=re.DOTALL)
    assert len(ours) < 60_000
    assert not re.search(r"(src|href)\s*=\s*[\"'](?!#)", ours)
    assert "http" not in ours.replace("http-equiv", "")


def test_page_is_the_same_each_time():
    assert class_page.html(class_statistics(a_class(9))) == class_page.html(
        class_statistics(a_class(9))
    )


def test_data_of_figures_is_json_that_cannot_leave_its_element(four):
    page = class_page.html(four)
    blocks = re.findall(r'<script type="application/json" id="(.*?)">(.*?)</script>', page)
    assert [name for name, _ in blocks] == ["states-06", "totals-06", "seconds-06"]
    for _, text in blocks:
        assert json.loads(text)["data"]
        assert "<" not in text


def test_a_class_without_records_has_a_page():
    page = class_page.html(class_statistics(()))
    assert "Every submission could be graded." in page


def test_a_class_in_which_nothing_could_be_graded_has_a_page():
    page = class_page.html(class_statistics((record("ada", chapter="", problem="not JSON"),)))
    assert "Chapter unknown" in page
    assert "0 graded" in page


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as driver:
        running = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        yield running
        running.close()


@pytest.fixture(scope="module")
def hostile_page(tmp_path_factory):
    trick = mark("06.9", 3, 0, title=HOSTILE, message=HOSTILE, slip=HOSTILE)
    spoilt = record(HOSTILE, trick, notebook=HOSTILE * 3, grader=HOSTILE)
    problem = record(HOSTILE + "2", problem=HOSTILE)
    path = tmp_path_factory.mktemp("class") / "class.html"
    path.write_text(class_page.html(class_statistics((*a_class(30), spoilt, problem))))
    return path


@pytest.mark.needs_browser
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_page_draws_its_figures_from_disk_and_obeys_its_own_rules(
    browser, hostile_page, width, scheme
):
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append("a script of a student ran"))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(hostile_page.as_uri())
    page.wait_for_function("document.querySelectorAll('.main-svg').length >= 6")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("figure .barlayer .point").count() > 50
    drawn = page.evaluate(
        "[...document.querySelectorAll('[data-figure]')].map(e => e.getBoundingClientRect().width)"
    )
    assert len(drawn) == 6
    assert min(drawn) > 0.8 * min(width, 960) - 40
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    page.close()


@pytest.mark.needs_browser
def test_a_script_that_is_not_the_page_s_own_is_refused(browser, hostile_page, tmp_path):
    text = hostile_page.read_text().replace("<main>", "<main><script>window.ran = 1</script>")
    changed = tmp_path / "class.html"
    changed.write_text(text)
    page = browser.new_page()
    page.goto(changed.as_uri())
    assert page.evaluate("window.ran") is None
    page.close()
