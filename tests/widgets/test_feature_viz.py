import pytest
import torch

from mi_course.methods.feature_viz import Recipe, render_channels
from mi_course.models.cnn import ShapesCNN
from mi_course.models.vision import shapes_model
from mi_course.plots import summary
from mi_course.widgets import ChannelBrowser, feature_viz
from mi_course.worlds.shapes import CLASSES, scenes

FEW = Recipe(steps=2)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    module = ShapesCNN(len(CLASSES), widths=(4, 6, 6, 8, 8), narrow=3)
    return shapes_model(module, "small", *[(0.5, 0.5, 0.5)] * 2)


@pytest.fixture(scope="module")
def some_scenes():
    return scenes(24, 0)


def test_the_default_state_is_an_ordinary_figure_with_its_sentence(model, some_scenes, displayed):
    browser = ChannelBrowser(model, some_scenes, layer="conv3", recipe=FEW)
    browser._ipython_display_()
    controls, sentence, figure = displayed[0]
    assert controls is browser.controls
    assert "application/vnd.plotly.v1+json" in figure._repr_mimebundle_()
    assert sentence["text/plain"] == summary(browser.figure)
    assert summary(browser.figure).startswith("conv3:0: ")
    # Ten PNGs, not arrays of numbers.
    assert len(browser.figure.layout.images) == 10
    assert len(browser.figure.to_json()) < 80_000


def test_the_slider_moves_through_the_channels_of_a_layer(model, some_scenes, displayed):
    browser = ChannelBrowser(model, some_scenes, layer="conv4", channel=7, recipe=FEW)
    browser._ipython_display_()
    browser.channel.value = 2
    assert summary(browser.figure).startswith("conv4:2: ")
    assert len(displayed[1][2].updates) == 1


def test_a_smaller_layer_takes_the_slider_back(model, some_scenes, displayed):
    browser = ChannelBrowser(model, some_scenes, layer="conv4", channel=7, recipe=FEW)
    browser._ipython_display_()
    browser.layer.value = "narrow"
    assert browser.channel.max == 2
    assert browser.channel.value == 2
    assert summary(browser.figure).startswith("narrow:2: ")
    browser.layer.value = "conv5"
    assert browser.channel.max == 7
    assert browser.told.value == ""


def test_a_layer_is_rendered_once_and_not_at_all_if_it_was_given(
    model, some_scenes, monkeypatch, displayed
):
    rendered = []

    def counted(model, layer, **rest):
        rendered.append(layer)
        return render_channels(model, layer, **rest)

    monkeypatch.setattr(feature_viz, "render_channels", counted)
    made = {"conv1": render_channels(model, "conv1", recipe=FEW)}
    browser = ChannelBrowser(model, some_scenes, layer="conv1", recipe=FEW, pictures=made)
    browser.layer.value = "conv2"
    browser.channel.value = 3
    browser.layer.value = "conv1"
    browser.layer.value = "conv2"
    assert rendered == ["conv2"]


def test_what_does_not_exist_is_refused(model, some_scenes):
    with pytest.raises(ValueError, match="channels 0-7 of conv5, got 8"):
        ChannelBrowser(model, some_scenes, layer="conv5", channel=8, recipe=FEW)
    with pytest.raises(ValueError, match="expected a layer of small"):
        ChannelBrowser(model, some_scenes, layer="conv9", recipe=FEW)
