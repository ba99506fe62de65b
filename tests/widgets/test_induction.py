import pytest
import torch
import transformer_lens.model_bridge.sources.native  # noqa: F401 - registers boot_native
from transformer_lens.config import TransformerBridgeConfig
from transformer_lens.model_bridge import TransformerBridge

from mi_course.plots import summary
from mi_course.widgets import HeadBrowser
from mi_course.widgets import induction as module


class Letters:
    """A bridge whose tokens are letters, so that no tokenizer is needed."""

    def __init__(self):
        shape = {"d_model": 12, "d_head": 4, "n_heads": 3, "n_layers": 2, "n_ctx": 10}
        kind = {"normalization_type": "LN", "positional_embedding_type": "rotary"}
        config = TransformerBridgeConfig(
            **shape, **kind, d_vocab=128, attn_only=True, act_fn="gelu", seed=0
        )
        self.bridge = TransformerBridge.boot_native(config).eval()
        self.passes = 0

    def to_tokens(self, text):
        return torch.tensor([[0, *text.encode()]])

    def to_str_tokens(self, tokens):
        return [chr(token) for token in tokens.tolist()]


@pytest.fixture
def model(monkeypatch):
    letters = Letters()
    bridge = letters.bridge
    for name in ("to_tokens", "to_str_tokens"):
        monkeypatch.setattr(type(bridge), name, lambda self, *a, n=name: getattr(letters, n)(*a))
    return bridge


def test_the_default_state_is_an_ordinary_figure_below_the_controls(model, displayed):
    browser = HeadBrowser(model, "abcab", head=(1, 2))
    browser._ipython_display_()
    controls, sentence, shown = displayed[0]
    assert controls is browser.controls
    assert "application/vnd.plotly.v1+json" in shown._repr_mimebundle_()
    assert "L1H2" in shown.figure.layout.title.text
    assert sentence["text/plain"] == summary(browser.figure)


def test_moving_the_slider_replaces_the_figure(model, displayed):
    browser = HeadBrowser(model, "abcab")
    browser._ipython_display_()
    before = browser.figure
    browser.head.value = 2
    browser.layer.value = 1
    updates = displayed[1][2].updates
    assert [shown.figure.layout.title.text for shown in updates] == [
        "Where L0H2 looks",
        "Where L1H2 looks",
    ]
    assert updates[-1].figure.data[0].z != before.data[0].z
    assert displayed[1][1].updates[-1]["text/plain"] == summary(browser.figure)


def test_a_new_text_is_read_and_the_head_kept(model, displayed):
    browser = HeadBrowser(model, "abcab", head=(1, 1))
    browser._ipython_display_()
    browser.text.value = "xyz"
    assert browser.figure.layout.xaxis.ticktext == ("␀", "x", "y", "z")
    assert "L1H1" in browser.figure.layout.title.text


def test_the_slider_costs_no_forward_pass(model, monkeypatch):
    calls = []
    real = module.attention
    monkeypatch.setattr(module, "attention", lambda *a: calls.append(1) or real(*a))
    browser = HeadBrowser(model, "abcab")
    browser.head.value = 1
    browser.layer.value = 1
    assert len(calls) == 1


@pytest.mark.parametrize("text", ["", "a text that is too long"])
def test_a_text_that_cannot_be_shown_is_told_and_the_figure_kept(model, text):
    browser = HeadBrowser(model, "abcab")
    before = browser.figure
    browser.text.value = text
    assert "expected 2 to 10 tokens" in browser.told.value
    assert browser.figure is before
    browser.head.value = 1
    browser.text.value = "ab"
    assert "expected" not in browser.told.value


def test_a_head_that_does_not_exist_is_refused(model):
    with pytest.raises(ValueError, match="L5H0"):
        HeadBrowser(model, "abc", head=(5, 0))
