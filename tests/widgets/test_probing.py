import pytest
import torch

from mi_course.models import load
from mi_course.plots import summary
from mi_course.results import ProbeData
from mi_course.widgets import ProbeBrowser
from mi_course.widgets import probing as module

FEATURES = ("fr", "ru")


def data(n=40):
    """Neuron 2 tells the first feature by itself; the second takes neurons 0 and 1 together."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, n, 5, generator=generator)
    first, second = torch.rand(2, n, generator=generator) < 0.5
    x[:, :, 2] += 6.0 * first
    return ProbeData.from_tensors(x, torch.stack([first, second], dim=1), features=FEATURES)


@pytest.fixture
def reads(monkeypatch):
    """The collections that the model was asked to read; what it returns is ours."""
    seen = []
    monkeypatch.setattr(module, "collect", lambda model, name, **_: seen.append(name) or data())
    return seen


@pytest.fixture(scope="module")
def model():
    return load("tiny-2-mlp")


def test_the_default_state_is_an_ordinary_figure_below_the_controls(model, reads, displayed):
    browser = ProbeBrowser(model, ["natural_language"], layer=1)
    browser._ipython_display_()
    controls, sentence, shown = displayed[0]
    assert controls is browser.controls
    assert "application/vnd.plotly.v1+json" in shown._repr_mimebundle_()
    assert sentence["text/plain"] == summary(browser.figure)
    assert "natural_language, layer 1, 1 neuron" in shown.figure.layout.title.text


def test_the_planted_neuron_is_found_and_named(model, reads):
    browser = ProbeBrowser(model, ["natural_language"])
    assert browser.told.value == "fr: L0N2"
    assert browser.figure.data[0].y[0] > 0.9


def test_moving_the_slider_fits_other_probes_and_reads_nothing(model, reads, displayed):
    browser = ProbeBrowser(model, ["natural_language"])
    browser._ipython_display_()
    browser.k.value = 3
    browser.layer.value = 1
    titles = [shown.figure.layout.title.text for shown in displayed[1][2].updates]
    assert ["3 neurons" in title for title in titles] == [True, True]
    assert "layer 1" in titles[1]
    assert reads == ["natural_language"]


def test_another_collection_is_read_once(model, reads):
    browser = ProbeBrowser(model, ["natural_language", "latex"])
    for name in ("latex", "natural_language", "latex"):
        browser.collection.value = name
    assert reads == ["natural_language", "latex"]


def test_what_cannot_be_probed_is_told_and_the_figure_kept(model, reads, monkeypatch):
    browser = ProbeBrowser(model, ["natural_language", "latex"])
    before = browser.figure

    def refuse(*_args, **_settings):
        raise ValueError("expected examples, got none")

    monkeypatch.setattr(module, "collect", refuse)
    browser.collection.value = "latex"
    assert "expected examples" in browser.told.value
    assert browser.figure is before


@pytest.mark.parametrize("chosen", [{"layer": 2}, {"k": 0}, {"k": 9}])
def test_a_state_that_does_not_exist_is_refused(model, reads, chosen):
    with pytest.raises(ValueError, match="expected layer 0-1 and k 1-8"):
        ProbeBrowser(model, **chosen)
