import base64
import copy
import gzip

import numpy as np
import pytest

from mi_course.grading.notebooks.outputs import (
    PLOTLY,
    WIDGET,
    differences,
    figure_difference,
    text_difference,
    tidy,
)


def stream(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": text}


def shown(**data):
    return {"output_type": "display_data", "data": data, "metadata": {}}


def packed(values, dtype):
    array = np.asarray(values, dtype)
    shape = {"shape": ", ".join(map(str, array.shape))} if array.ndim > 1 else {}
    return {"dtype": dtype, "bdata": base64.b64encode(array.tobytes()).decode(), **shape}


FIGURE = {
    "data": [{"type": "heatmap", "z": packed([[0.5, 1], [2, 4]], "f8"), "x": ["a", "b"]}],
    "layout": {"title": {"text": "loss 1.234 nats"}, "width": 400},
}


@pytest.mark.parametrize(
    ("saved", "new"),
    [
        ("loss 1.2345 nats", "loss 1.2346 nats"),
        ("tensor([ 0.00, 1.00])", "tensor([-0.00,  1.00])"),
        ("0.31", "0.32"),
        ("1e-07 left", "1.2e-07 left"),
        ("nan inf", "nan inf"),
        ("<object at 0x7f0011223344>", "<object at 0x7f0055667788>"),
    ],
)
def test_texts_agree_up_to_rounding(saved, new):
    assert text_difference(saved, new) is None


@pytest.mark.parametrize(
    ("saved", "new"),
    [
        ("loss 1.2345", "loss 1.2545"),
        ("L1H4 wins", "L1H5 wins"),
        ("97 %", "96 %"),
        ("0.5 of all", "0.5 of some"),
        ("nan", "0.5"),
        ("3 heads", "3.5 heads"),
    ],
)
def test_texts_that_say_something_else_differ(saved, new):
    assert text_difference(saved, new) is not None


def test_a_cell_may_carry_its_own_tolerance():
    assert text_difference("took 100 steps", "took 104 steps", rtol=0.05) is None
    assert text_difference("took 100 steps", "took 110 steps", rtol=0.05) is not None
    assert text_difference("took 100.0 s", "took 104.0 s") is not None


def test_a_figure_agrees_with_itself_packed_in_another_way():
    plain = copy.deepcopy(FIGURE)
    plain["data"][0]["z"] = [[0.5, 1], [2, 4.00001]]
    plain["data"][0]["uid"] = "random"
    plain["layout"]["title"]["text"] = "loss 1.2341 nats"
    assert figure_difference(FIGURE, plain) is None
    single = copy.deepcopy(FIGURE)
    single["data"][0]["z"] = packed([[0.5, 1], [2, 4]], "f4")
    assert figure_difference(FIGURE, single) is None


def test_the_editor_that_plotly_5_names_in_every_figure_is_left_out():
    other = {**FIGURE, "config": {"plotlyServerURL": "https://plot.ly"}}
    assert differences([shown(**{PLOTLY: FIGURE})], [shown(**{PLOTLY: other})]) == []
    other = {**FIGURE, "config": {"staticPlot": True}}
    assert differences([shown(**{PLOTLY: FIGURE})], [shown(**{PLOTLY: other})]) == [
        "output 1: figure: only one of the two has config"
    ]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda f: f["data"][0].update(z=packed([[0.5, 1], [2, 4.1]], "f8")), "z[1, 1]"),
        (lambda f: f["data"][0].update(z=packed([0.5, 1, 2, 4], "f8")), "shape"),
        (lambda f: f["data"][0].update(x=["a", "c"]), "x[1]"),
        (lambda f: f["data"][0].update(type="scatter"), "type"),
        (lambda f: f["layout"]["title"].update(text="loss 2.2 nats"), "title"),
        (lambda f: f["layout"].pop("width"), "width"),
        (lambda f: f["data"].append({"type": "bar"}), "figure.data"),
        (lambda f: f["layout"].update(width=True), "width"),
    ],
)
def test_a_changed_figure_is_told_where(change, place):
    other = copy.deepcopy(FIGURE)
    change(other)
    assert place in figure_difference(FIGURE, other)


def test_what_changes_in_every_run_is_left_out():
    noisy = [
        stream("50%|####", "stderr"),
        shown(**{WIDGET: {"model_id": "a1"}, "text/plain": "IntSlider()"}),
        stream("one\n"),
        stream("two\n"),
        shown(**{PLOTLY: FIGURE, "text/html": "<div id='4f7c'>"}),
    ]
    kept = tidy(noisy)
    assert [output["output_type"] for output in kept] == ["stream", "display_data"]
    assert kept[0]["text"] == "one\ntwo\n"
    assert set(kept[1]["data"]) == {PLOTLY}
    assert differences([stream("one\ntwo\n"), shown(**{PLOTLY: FIGURE})], noisy) == []


def test_a_traceback_keeps_no_path():
    error = {"output_type": "error", "ename": "E", "evalue": "no", "traceback": ["/tmp/x.py"]}
    assert tidy([error])[0]["traceback"] == ["E: no"]
    assert differences([error], [{**error, "traceback": ["/other"]}]) == []
    assert differences([error], [{**error, "evalue": "yes"}]) != []


def script_packed_at(level, content):
    code = base64.b64encode(gzip.compress(content.encode(), level)).decode()  # with the time of day
    return [shown(**{"text/html": f'<script>atob("{code}")</script>'})]


def test_scripts_are_compared_by_what_they_hold_however_they_were_packed():
    script = "".join(f"const part{i} = {i * i % 97};\n" for i in range(200))
    saved = script_packed_at(9, script)
    assert saved != script_packed_at(1, script)
    assert differences(saved, script_packed_at(1, script)) == []
    (found,) = differences(saved, script_packed_at(9, script.replace("part7", "other")))
    assert "text/html: saved text" in found


def test_ids_in_html_do_not_matter_and_words_do():
    view = '<div id="circuits-vis-{}">L1H4 {}</div>'
    saved = [shown(**{"text/html": view.format("3f2a9c1d-77", "0.91")})]
    again = [shown(**{"text/html": view.format("8e01b2c4-77", "0.9101")})]
    other = [shown(**{"text/html": view.format("3f2a9c1d-77", "0.51")})]
    assert differences(saved, again) == []
    assert differences(saved, other) != []


def test_missing_and_added_outputs_are_told():
    assert "saved 1 outputs" in differences([stream("a")], [])[0]
    html, text = shown(**{"text/html": "a"}), shown(**{"text/plain": "a"})
    assert differences([html], [text]) == ["output 1: saved text/html, the run gave text/plain"]
    assert differences([stream("a")], [text]) != []


def test_pixels_do_not_matter_and_the_presence_of_a_picture_does():
    picture, other = shown(**{"image/png": "AAAA"}), shown(**{"image/png": "BBBB"})
    assert differences([picture], [other]) == []
    assert differences([picture], []) != []
