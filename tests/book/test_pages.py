import json

import pytest
import torch
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from mi_course.book import front_page, page
from mi_course.book.pages import opening
from mi_course.grading.notebooks.outputs import PLOTLY
from mi_course.plots import attention_view
from mi_course.plots.circuitsvis_view import ViewScript
from mi_course.results import Attention

FIGURE = {
    "data": [{"type": "scatter", "text": ["</script>"]}],
    "layout": {"title": {"text": 'of "a"<br>and b'}},
    "config": {"plotlyServerURL": "https://plot.ly"},
}


@pytest.fixture
def view():
    heads = Attention(torch.eye(2).unsqueeze(0), ("<s>", "</script>"), ("L0H0",))
    return attention_view(heads)


def notebook(*outputs, source="1 + 1", **metadata):
    code = new_code_cell(source, outputs=list(outputs), metadata=metadata)
    return new_notebook(cells=[new_markdown_cell("# 09 · Title\n\n**Why?**\n\nText."), code])


def displayed(**data):
    return new_output("display_data", {key.replace("_", "/"): text for key, text in data.items()})


def html_of(made):
    return made.cells[1].outputs[0].data["text/html"]


def test_the_data_of_a_figure_stands_in_the_page_and_cannot_end_its_script():
    html = html_of(page(notebook(new_output("display_data", {PLOTLY: FIGURE}))))
    assert html.count("</script>") == 1
    packed = html.partition('json">')[2].partition("</script>")[0]
    assert json.loads(packed) == {"data": FIGURE["data"], "layout": FIGURE["layout"]}


def test_a_figure_is_named_by_its_title_for_who_cannot_see_it():
    html = html_of(page(notebook(new_output("display_data", {PLOTLY: FIGURE}))))
    assert 'aria-label="of &quot;a&quot; and b"' in html


def test_a_view_stays_and_loses_the_script_that_it_carried(view):
    carried = displayed(text_html=view.html(with_script=True))
    assert html_of(page(notebook(carried))) == view.html(with_script=False)


def test_the_script_alone_leaves_nothing(monkeypatch):
    monkeypatch.setattr("mi_course.plots.circuitsvis_view._delivery.is_due", lambda: True)
    carried = displayed(text_html=ViewScript()._repr_mimebundle_()["text/html"])
    assert html_of(page(notebook(carried))).strip() == ""


def test_what_is_printed_stays_as_it_was():
    printed = new_output("stream", name="stdout", text="4 heads\n")
    assert page(notebook(printed)).cells[1].outputs == [printed]


def test_marks_of_a_solution_are_not_shown_and_checks_are_folded():
    source = "def f():\n    ### BEGIN SOLUTION\n    return 1\n    ### END SOLUTION"
    printed = new_output("stream", name="stdout", text="1")
    made = page(notebook(printed, source=source, hidden="numbers", tags=["setup"]))
    assert made.cells[1].source == "def f():\n    return 1\n"
    assert made.cells[1].metadata["tags"] == ["setup", "hide-cell"]


def test_a_link_out_of_the_folder_becomes_the_name_of_the_file():
    given = notebook(new_output("stream", text="1"))
    given.cells.append(
        new_markdown_cell("See [the table](../docs/table.md), [a paper](https://a.b).")
    )
    assert page(given).cells[2].source == "See the table (`docs/table.md`), [a paper](https://a.b)."


def test_the_given_notebook_is_left_as_it_is():
    given = notebook(new_output("display_data", {PLOTLY: FIGURE}), hidden="numbers")
    before = json.dumps(given)
    page(given)
    assert json.dumps(given) == before


def test_a_notebook_that_was_not_run_is_refused():
    with pytest.raises(ValueError, match=r"expected an executed notebook.*`make notebooks`"):
        page(notebook())


def test_the_first_page_lists_each_chapter_with_its_question():
    chapters = {"08_other": notebook(), "09_title": notebook()}
    chapters["08_other"].cells[0].source = "# 08 · Other\n\nNo question."
    text = front_page(chapters)
    assert "- [08 · Other](08_other.ipynb)\n- [09 · Title](09_title.ipynb)<br>Why?" in text
    assert ":hidden:\n\n08_other\n09_title\n```" in text


def test_a_notebook_without_a_title_is_refused():
    with pytest.raises(ValueError, match=r"expected a first cell that begins with `# TITLE`"):
        opening(new_notebook(cells=[new_markdown_cell("Text.")]))
    with pytest.raises(ValueError, match=r"expected a first cell"):
        opening(new_notebook())
