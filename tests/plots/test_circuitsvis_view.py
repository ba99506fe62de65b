import base64
import gzip
import json
import re
import socket
from pathlib import Path
from types import SimpleNamespace

import circuitsvis
import pytest
import torch

from mi_course.plots import attention_view, circuitsvis_view
from mi_course.plots.circuitsvis_view import ViewScript, token_view
from mi_course.results import Attention, LatentExample


@pytest.fixture(autouse=True)
def fresh_notebook(monkeypatch):
    monkeypatch.setattr(circuitsvis_view, "_delivery", circuitsvis_view._Delivery())


def in_cell(monkeypatch, cell, run):
    kernel = SimpleNamespace(get_parent=lambda: {"metadata": {"cellId": cell}})
    shell = SimpleNamespace(kernel=kernel, execution_count=run)
    monkeypatch.setattr(circuitsvis_view, "get_ipython", lambda: shell)


def brings_script(view):
    return "atob(" in view._repr_mimebundle_()["text/html"]


def test_only_the_first_view_of_a_notebook_brings_the_script(attention):
    view = attention_view(attention)
    assert [brings_script(view) for _ in range(3)] == [True, False, False]


def test_the_first_cell_brings_it_again_when_it_runs_again(attention, monkeypatch):
    view = attention_view(attention)
    in_cell(monkeypatch, "a", 1)
    assert [brings_script(view), brings_script(view)] == [True, False]
    in_cell(monkeypatch, "b", 2)
    assert not brings_script(view)
    in_cell(monkeypatch, "a", 3)
    assert [brings_script(view), brings_script(view)] == [True, False]


def test_the_script_is_that_of_the_installed_package(attention):
    text = attention_view(attention).html(with_script=True)
    packed = re.search(r'atob\("([^"]+)"\)', text)[1]
    installed = Path(circuitsvis.__file__).parent / "dist" / "cdn" / "iife.js"
    assert gzip.decompress(base64.b64decode(packed)) == installed.read_bytes()
    assert len(text) < 700_000


def test_no_network_is_asked(attention, monkeypatch):
    def refuse(*arguments, **settings):
        raise AssertionError("a view must not open a connection")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    bundle = attention_view(attention)._repr_mimebundle_()
    assert not re.search(r"https?://", bundle["text/html"])


def test_the_same_view_has_the_same_bytes_and_another_one_another_identity(attention):
    one, two = attention_view(attention), attention_view(attention)
    assert one.html(with_script=True) == two.html(with_script=True)
    other = Attention(attention.patterns.flip(0), attention.tokens, attention.heads)
    assert attention_view(other).identity != one.identity


def test_a_sentence_stands_beside_the_view(attention):
    bundle = attention_view(attention)._repr_mimebundle_()
    assert bundle["text/plain"] == attention.summary()
    assert "L0H0 looks most at" in bundle["text/html"]


def test_a_token_cannot_end_the_script_and_numbers_survive():
    patterns = torch.tensor([[[1.0, 0.0], [1 / 3, 2 / 3]]])
    view = attention_view(Attention(patterns, ("</script>", "x"), ("L0H0",)))
    assert view.html(with_script=False).count("</script>") == 1
    given = json.loads(view.properties)
    assert given["tokens"] == ["</script>", "x"]
    assert given["attention"] == [[[1.0, 0.0], [0.33, 0.67]]]


def test_a_view_too_large_to_save_is_refused():
    patterns = torch.eye(400).expand(1, 400, 400)
    with pytest.raises(ValueError, match="fewer heads or a shorter text"):
        attention_view(Attention(patterns, tuple("x" * 400), ("L0H0",)))


@pytest.fixture
def examples():
    return (
        LatentExample((" a", "</script>", "%s"), torch.tensor([0.0, 2.004, 1.0]), 1, 0),
        LatentExample(("b",), torch.tensor([0.5]), 0, 1),
    )


def test_examples_share_a_scale_and_stand_one_below_the_other(examples):
    view = token_view(examples)
    first, second = json.loads(view.properties)
    assert first == {
        "tokens": [" a", "&lt;/script&gt;", "%s"],
        "values": [0.0, 2.0, 1.0],
        "minValue": 0,
        "maxValue": 2.0,
    }
    assert (second["values"], second["maxValue"]) == ([0.5], 2.0)
    page = view.html(with_script=False)
    assert page.count("</script>") == 1
    assert "window.CircuitsVis.ColoredTokens" in page
    assert view.summary == "Activations: 2.00 at ' a[</script>]%s'; 0.50 at '[b]'."
    assert view.identity != token_view(examples[:1]).identity


def test_a_view_without_examples_is_refused(examples, monkeypatch):
    with pytest.raises(ValueError, match="tokens of examples, got none or more"):
        token_view([])
    monkeypatch.setattr(circuitsvis_view, "MAX_NUMBERS", 3)
    with pytest.raises(ValueError, match="expected 1 to 3 tokens"):
        token_view(examples)


def test_the_script_can_come_by_itself_and_comes_once(attention):
    first, second = (ViewScript()._repr_mimebundle_()["text/html"] for _ in range(2))
    assert "atob(" in first
    assert second == ""
    assert not brings_script(attention_view(attention))
