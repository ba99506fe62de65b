import itertools
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt

from mi_course.grading.isolation.isolation import UNSAFE
from mi_course.grading.records import BLANK, OpenMark
from mi_course.grading.reports import feedback
from tests.grading.class_records import HOSTILE, mark, record

OPEN = OpenMark("06.A", "In words", 4, "They copy.", None, "")
VOID = {"meta", "link", "img", "br", "input"}


class Page(HTMLParser):
    """Tags that are opened, in order, and whether all are closed in order."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.text, self.attributes = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text.append(data)


def both(*records, student="ada"):
    return feedback.html_page(student, records), feedback.markdown_page(student, records)


def words(html):
    return " ".join(" ".join(Page(html).text).split())


HARD = record(
    "ada",
    mark("06.1", 3, 3, title="Repeat"),
    mark("06.2", 3, 1, title="Score", slip="off by one", case="two heads", printed="hello"),
    mark("06.3", 2, 0, state=BLANK, message="", seconds=0.0),
    opens=(OPEN, replace(OPEN, question="06.B", points=3, comment="Which head?")),
)


@pytest.mark.parametrize(
    "told",
    [
        "06.2 · Score",
        "partly right; 1 of 3 cases passed",
        "✓ shape (1)",
        "✗ random (1)",
        "got 2.5, expected 1",
        "Likely slip: off by one",
        "your code ran 0.25\u00a0s",
        "Your code printed:",
        "hello",
        "not written",
        "They copy.",
        "not marked yet",
        "Which head?",
        "Isolation of your code: bubblewrap",
    ],
)
def test_both_pages_tell_it(told):
    html, markdown = both(HARD)
    assert " ".join(told.split()) in words(html)
    assert told in markdown


def test_points_of_exercises_and_open_questions_are_told_apart_and_summed():
    html, markdown = both(HARD)
    assert "7 of 16 points" in words(html)
    assert re.findall(r'<p class="points">(.*?)</p>', html)[1:] == [
        "3 / 3",
        "1 / 3",
        "0 / 2",
        "not marked yet",
        "3 / 4",
    ]
    assert "7 of 16 points" in markdown
    assert "### 06.B · In words: 3 of 4" in markdown


def test_a_slip_that_the_message_tells_is_not_told_twice():
    told = mark("06.1", 3, 1, message="this is off by one", slip="Off by one")
    for page in both(record("ada", told)):
        assert "Likely slip" not in page


def test_an_answer_that_never_ran_has_no_time():
    for page in both(record("ada", mark("06.1", 3, 0, state=BLANK, message="", seconds=0.5))):
        assert "your code ran" not in page


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.001, "under 0.01\u00a0s"), (0.256, "0.26\u00a0s"), (12.3, "12\u00a0s")]
)
def test_times_are_written_for_people(seconds, text):
    assert feedback.spent(seconds) == text


def test_chapters_are_summed_and_a_submission_that_does_not_count_says_so():
    old = record("ada", mark("06.1", 3, 1), notebook="old.ipynb")
    new = record("ada", mark("06.1", 3, 3), notebook="new.ipynb")
    other = record("ada", mark("00.1", 3, 2), chapter="00", notebook="start.ipynb")
    html, markdown = both(old, new, other)
    assert "5 of 6 points" in words(html)
    assert "5 of 6 points" in markdown
    assert words(html).count("This submission does not count") == 1
    assert markdown.index("does not count") < markdown.index("new.ipynb")
    assert re.search(r"Sum</th><td class=\"number\">5</td><td class=\"number\">6", html)


def test_what_could_not_be_graded_is_told():
    html, markdown = both(record("ada", problem="the file is not JSON"))
    assert "Nothing could be graded the file is not JSON" in words(html)
    assert "Nothing could be graded:\n\n    the file is not JSON" in markdown


def test_a_run_without_isolation_is_named():
    html, markdown = both(replace(HARD, tier=UNSAFE))
    assert f"{UNSAFE}. It ran without isolation." in words(html)
    assert "unsafe" in markdown


def hostile(text):
    return record(
        text,
        mark("06.1", 3, 1, message=text, case=text, printed=text),
        notebook=text,
        opens=(replace(OPEN, answer=text, comment=text),),
        problem=text,
    )


TRICKS = [
    HOSTILE,
    "<script>alert(1)</script>",
    '"><svg onload=alert(1)>',
    "</pre></blockquote></style><b>",
    "{{ 7 * 7 }} {% raw %}",
    "# heading\n\n- list\n\n<b>html</b>",
    "[link](http://evil.example) ![image](http://evil.example/x.png)",
    "http://evil.example www.evil.example <http://evil.example>",
    "```\n\ncode\n```\n~~~",
    "a\r\rb\u2028# c\x0b# d\x85# e\x0c<b>",
    "***bold*** __bold__ ~~gone~~ `code` | table |\n|---|",
    "&lt;b&gt; &#60;b&#62;",
    "line\\\n\\<b>",
    "\n\n\n<i>",
    "\t<i>",
]


@pytest.mark.parametrize("text", TRICKS)
def test_html_shows_what_students_wrote_and_runs_nothing(text):
    html = feedback.html_page(text, (hostile(text), hostile(text)))
    calm = feedback.html_page("x", (hostile("x"), hostile("x")))
    page = Page(html)
    assert page.tags == Page(calm).tags
    assert page.open == []
    allowed = {"lang", "charset", "name", "content", "http-equiv", "class", "id", "href", "scope",
               "aria-labelledby", "aria-hidden", "tabindex", "role"}  # fmt: skip
    assert {name for name, _ in page.attributes} <= allowed
    assert {value for name, value in page.attributes if name == "href"} == {"#n1", "#n2"}
    assert "default-src 'none'" in html


@pytest.mark.parametrize("text", TRICKS)
def test_markdown_shows_what_students_wrote_and_means_nothing_by_it(text):
    reader = MarkdownIt("gfm-like", {"linkify": False})
    page = feedback.markdown_page(text, (hostile(text),))
    calm = feedback.markdown_page("x", (hostile("x"),))
    tokens = [(t.type, t.tag) for t in reader.parse(page)]
    assert tokens == [(t.type, t.tag) for t in reader.parse(calm)]
    inside = [child.type for t in reader.parse(page) for child in t.children or []]
    assert set(inside) <= {"text", "text_special"}


def test_markdown_gives_back_the_text_that_was_written():
    text = "They <copy> & *shift* [2]\n\n    by one"
    reader = MarkdownIt("gfm-like", {"linkify": False})
    shown = record("ada", opens=(replace(OPEN, answer=text),))
    blocks = [t.content for t in reader.parse(feedback.markdown_page("ada", (shown,)))]
    assert text + "\n" in blocks


def test_no_address_becomes_a_link_by_itself():
    line = feedback.markdown_page("http://evil.example www.evil.example a@evil.example", (HARD,))
    assert "://" not in line and "www." not in line and "@" not in line


def test_writing_is_not_turned_around():
    assert "\u202e" not in "".join(both(hostile("\u202egnp.exe"), student="\u202ex"))


def test_headings_go_down_one_step_at_a_time_from_a_single_first():
    html, _ = both(HARD, replace(HARD, chapter="00", notebook="b"))
    levels = [int(tag[1]) for tag in Page(html).tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1 and levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_ids_are_used_once():
    html, _ = both(HARD, replace(HARD, chapter="00", notebook="b"))
    ids = [value for name, value in Page(html).attributes if name == "id"]
    assert len(ids) == len(set(ids)) > 1


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_colours_can_be_read_on_their_ground(scheme):
    style = (feedback.TEMPLATES / "page.css").read_text()
    found = re.findall(r"--(\w+): (#[0-9a-f]{6});", style)
    colours = dict(found[len(found) // 2 * scheme :][: len(found) // 2])
    assert len(colours) == 10
    for name in ("text", "soft", "link"):
        for ground in ("ground", "block"):
            assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground)
    for name in ("full", "part", "none", "wait"):
        assert contrast(colours[name], colours["ground"]) >= 3, name
    for name in ("full", "none"):  # as the colour of a tick or a cross, which is text
        assert contrast(colours[name], colours["ground"]) >= 4.5, name
