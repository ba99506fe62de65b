import pytest
import torch

from mi_course.methods.lens import Translators
from mi_course.models import tiny
from mi_course.plots import summary
from mi_course.widgets import LensBrowser
from mi_course.widgets import lens as module


class Letters:
    """A tokenizer of letters."""

    def decode(self, ids):
        return chr(97 + ids[0] % 26)


@pytest.fixture
def model(monkeypatch):
    made = tiny(n_layers=2, attn_only=False)
    made.tokenizer = Letters()

    def to_tokens(self, text):
        return torch.tensor([[0, *(ord(letter) - 97 for letter in text)]])

    monkeypatch.setattr(type(made), "to_tokens", to_tokens)
    return made


@pytest.fixture
def translators(model):
    names = ("blocks.0.hook_resid_pre", "blocks.0.hook_resid_post")
    width = model.cfg.d_model
    return Translators(names, torch.zeros(2, width, width), torch.ones(2, width).cumsum(dim=1))


def test_the_default_state_is_an_ordinary_figure_below_the_controls(model, displayed):
    browser = LensBrowser(model, "abca")
    browser._ipython_display_()
    controls, sentence, shown = displayed[0]
    assert controls is browser.controls
    assert "application/vnd.plotly.v1+json" in shown._repr_mimebundle_()
    assert shown.figure.layout.xaxis.ticktext == ("a", "a", "b", "c", "a")
    assert sentence["text/plain"] == summary(browser.figure)


def test_moving_the_slider_recolours_the_figure_and_reads_nothing(model, displayed, monkeypatch):
    calls = []
    real = module.logit_lens
    monkeypatch.setattr(module, "logit_lens", lambda *a, **k: calls.append(1) or real(*a, **k))
    browser = LensBrowser(model, "abca")
    browser._ipython_display_()
    before = browser.figure.data[0].z
    for colour in ("probability", "entropy", "KL", "rank"):
        browser.colour.value = colour
        assert browser.figure.data[0].z != before
    updates = displayed[1][2].updates
    assert updates[-1].figure is browser.figure
    assert len(updates) == 4
    assert len(calls) == 1


def test_hook_and_text_are_read_anew(model):
    browser = LensBrowser(model, "abca")
    browser.hook.value = "mlp_out"
    assert tuple(browser.figure.layout.yaxis.ticktext)[:2] == ("MLP 0", "MLP 1")
    browser.text.value = "xyz"
    assert browser.figure.layout.xaxis.ticktext == ("a", "x", "y", "z")
    assert browser.figure.layout.yaxis.ticktext[0] == "MLP 0"


def test_a_tuned_lens_can_be_chosen_where_there_is_one(model, translators):
    assert LensBrowser(model, "ab").lens.options == ("logit lens",)
    browser = LensBrowser(model, "ab", translators)
    plain = browser.figure.data[0].z
    browser.lens.value = "tuned lens"
    assert browser.figure.data[0].z != plain
    assert "Tuned lens" in browser.figure.layout.title.text


def test_a_hook_without_translators_is_told_and_the_figure_kept(model, translators):
    browser = LensBrowser(model, "ab", translators)
    browser.lens.value = "tuned lens"
    before = browser.figure
    browser.hook.value = "attn_out"
    assert "try the logit lens" in browser.told.value
    assert browser.figure is before
    browser.lens.value = "logit lens"
    assert browser.told.value == ""
    assert browser.figure is not before


@pytest.mark.parametrize("text", ["", "a" * 60])
def test_a_text_that_cannot_be_shown_is_told_and_the_figure_kept(model, text):
    browser = LensBrowser(model, "abca")
    before = browser.figure
    browser.text.value = text
    assert "tokens, got" in browser.told.value
    assert browser.figure is before


def test_a_first_text_that_cannot_be_shown_is_refused(model):
    with pytest.raises(ValueError, match=r"expected 2 to .* tokens, got 1, try another text"):
        LensBrowser(model, "")
