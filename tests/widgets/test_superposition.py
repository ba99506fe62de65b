import pytest
import torch

from mi_course.methods.superposition import geometry
from mi_course.plots import summary
from mi_course.widgets import GeometryBrowser

W = torch.tensor([[[1.0, 0.0], [-1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 0.0]]])


@pytest.fixture
def found():
    return geometry(W, torch.tensor([0.1, 0.5, 0.5]))


def words(figure):
    return figure.layout.title.text.replace("<br>", " ")


def test_the_default_state_is_the_densest_model_below_the_controls(found, displayed):
    browser = GeometryBrowser(found)
    browser._ipython_display_()
    controls, sentence, shown = displayed[0]
    assert controls is browser.controls
    assert "2 own dimensions at density 0.5" in words(shown.figure)
    assert sentence["text/plain"] == summary(browser.figure)


def test_moving_the_slider_chooses_a_model_and_computes_nothing(found, displayed, monkeypatch):
    browser = GeometryBrowser(found)
    browser._ipython_display_()
    monkeypatch.setattr(torch.optim.AdamW, "__init__", None)  # no training can begin
    browser.density.value = 0
    assert "1 digon at density 0.1" in words(browser.figure)
    assert browser.told.value == "1 digon"
    assert len(displayed[1][1].updates) == 1


def test_models_of_one_density_are_told_apart(found):
    labels = [label for label, _ in GeometryBrowser(found).density.options]
    assert labels == ["0.5", "0.5 (2)", "0.1"]


def test_each_view_is_its_own_plot(found):
    browser = GeometryBrowser(found, instance=0)
    assert browser.figure.data[0].type == "scatter"
    browser.view.value = "W W^T"
    assert browser.figure.data[0].type == "heatmap"
    browser.view.value = "lengths"
    assert browser.figure.data[0].type == "bar"


def test_directions_are_offered_only_in_a_plane():
    browser = GeometryBrowser(geometry(torch.eye(3)[None]))
    assert "directions" not in browser.view.options


def test_an_instance_that_is_not_there_is_refused(found):
    with pytest.raises(ValueError, match="from 0 to 2, got 3"):
        GeometryBrowser(found, instance=3)
