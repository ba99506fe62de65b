import pytest
import torch

from mi_course.methods.sae.dictionary import SAE
from mi_course.methods.sae.labelled import LabelledActivations
from mi_course.models import load
from mi_course.plots import circuitsvis_view, summary
from mi_course.widgets import FeatureBrowser, features


@pytest.fixture(scope="module")
def model():
    return load("tiny-2-mlp")


@pytest.fixture(autouse=True)
def fresh_notebook(monkeypatch):
    monkeypatch.setattr(circuitsvis_view, "_delivery", circuitsvis_view._Delivery())


@pytest.fixture
def dictionary():
    unit, zero = torch.eye(16), torch.zeros(16)
    return SAE(unit, zero, unit, zero, "l1")


@pytest.fixture
def data():
    """Latent 3 tells "loud", latent 5 tells "late"; latent 15 is never active."""
    generator = torch.Generator().manual_seed(0)
    n = 80
    labels = torch.rand(n, 2, generator=generator) < 0.3
    x = 0.5 * torch.rand(n, 16, generator=generator)
    x[:, 3] += 2.0 * labels[:, 0]
    x[:, 5] += 1.0 * labels[:, 1]
    x[::7, 5] = 3.0  # false alarms, so that "loud" is told best
    x[:, 15] = -1
    ids = torch.randint(1, 50, (n,), generator=generator)
    names, documents = ("text: loud", "text: late"), torch.arange(n) // 10
    return LabelledActivations(x, labels, names, documents, ids, "blocks.1.hook_resid_post")


@pytest.fixture
def shown(displayed, monkeypatch):
    """What is displayed by this module too: the script and the view."""
    from mi_course.widgets import controlled

    monkeypatch.setattr(features, "display", controlled.display)
    return displayed


def test_the_default_state_is_an_ordinary_figure_and_a_view(model, dictionary, data, shown):
    browser = FeatureBrowser(model, dictionary, data)
    browser._ipython_display_()
    controls, sentence, figure, script, view = shown[0]
    assert controls is browser.controls
    assert "application/vnd.plotly.v1+json" in figure._repr_mimebundle_()
    assert sentence["text/plain"] == summary(browser.figure)
    assert "atob(" in script._repr_mimebundle_()["text/html"]
    assert "ColoredTokens" in view["text/html"]
    assert "atob(" not in view["text/html"]
    assert view["text/plain"].startswith("Activations: ")
    # The latent that tells the best told label.
    assert browser.label.value == "text: loud"
    assert browser.latent.value == browser.page.latent == 3


def test_another_label_and_another_rank_lead_to_other_latents(model, dictionary, data, shown):
    browser = FeatureBrowser(model, dictionary, data)
    browser._ipython_display_()
    browser.label.value = "text: late"
    assert browser.latent.value == 5
    assert "Feature 5" in browser.figure.layout.title.text
    browser.rank.value = 2
    second = browser.latent.value
    assert second not in {5, 15}
    f1 = browser._scores.matrix[:, 1]
    assert f1[second] == f1.sort(descending=True).values[1]
    titles = [each.figure.layout.title.text for each in shown[1][2].updates]
    assert ["Feature 5" in titles[0], f"Feature {second}" in titles[-1]] == [True, True]
    # One drawing for each latent, though two controls moved.
    assert len(titles) == 2
    assert len(shown[1][4].updates) == 2


def test_a_latent_is_chosen_by_number(model, dictionary, data, shown):
    browser = FeatureBrowser(model, dictionary, data, latent=0)
    browser._ipython_display_()
    assert browser.page.latent == 0
    browser.latent.value = 7
    assert browser.page.latent == 7
    assert shown[1][4].updates[-1]["text/plain"] == browser.view.summary


def test_a_latent_that_never_speaks_is_told_and_the_figure_kept(model, dictionary, data, shown):
    browser = FeatureBrowser(model, dictionary, data)
    browser._ipython_display_()
    before = browser.figure
    browser.latent.value = 15
    assert "active in these documents, got 15" in browser.told.value
    assert browser.figure is before
    assert browser.page.latent == 3
    browser.latent.value = 3
    assert browser.told.value == ""
    with pytest.raises(ValueError, match="active in these documents"):
        FeatureBrowser(model, dictionary, data, latent=15)


def test_scores_that_are_given_are_not_computed_again(model, dictionary, data, monkeypatch):
    scores = FeatureBrowser(model, dictionary, data)._scores

    def refuse(*_arguments):
        raise AssertionError("scores were given")

    monkeypatch.setattr(features, "label_f1", refuse)
    assert FeatureBrowser(model, dictionary, data, scores).latent.value == 3
