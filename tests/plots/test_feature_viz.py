import pytest
import torch

from mi_course.plots import (
    plot_atlas,
    plot_channel,
    plot_occlusion,
    plot_picture_losses,
    plot_pictures,
    summary,
)
from mi_course.plots.pictures import png
from mi_course.results import (
    ActivationAtlas,
    DatasetExamples,
    OcclusionMap,
    PartScores,
    Pictures,
)


@pytest.fixture
def pictures():
    grey = torch.linspace(0, 1, 9)[:, None, None, None].expand(9, 3, 8, 8)
    losses = torch.stack([torch.zeros(9), -torch.arange(9.0)])
    names = tuple(f"conv3:{i}" for i in range(9))
    return Pictures(grey, names, losses, torch.arange(9.0), torch.zeros(9))


@pytest.fixture
def examples():
    return DatasetExamples(
        layer="conv3",
        channels=(4, 7),
        indices=torch.tensor([[3, 1, 0, 5], [2, 0, 1, 3]]),
        values=torch.tensor([[4.0, 3.0, 2.0, 1.0], [1.0, 0.5, 0.2, 0.1]]),
        boxes=torch.zeros(2, 4, 4, dtype=torch.long),
        patches=torch.linspace(0, 1, 8).view(2, 4, 1, 1, 1).expand(2, 4, 3, 5, 5),
        n_images=6,
    )


@pytest.fixture
def scores():
    auc = torch.full((9, 3), 0.5)
    precision = torch.zeros(9, 3)
    auc[7], precision[7] = torch.tensor([0.6, 0.95, 0.4]), torch.tensor([0.1, 0.8, 0.0])
    counts = torch.full((9, 3), 20)
    return PartScores(auc, precision, counts, "conv3", ("eye", "wheel", "leaf"), 60, 10, 17)


def test_a_contact_sheet_names_its_pictures_and_tells_values(pictures):
    figure = plot_pictures(pictures, columns=4)
    assert len(figure.layout.images) == 9
    assert list(figure.data[0].text) == [str(i) for i in range(9)]
    assert figure.data[0].hovertext[3] == "conv3:3: 3.00"
    assert figure.layout.title.text == "What excites 9 channels of conv3 most"
    assert summary(figure).startswith("9 optimised pictures of 8x8 pixels for conv3:0 to conv3:8")
    some = plot_pictures(pictures, [8, 2], names=["car", "dog"], title="mine")
    assert [image.source for image in some.layout.images] == [
        png(pictures.images[i]) for i in (8, 2)
    ]
    assert list(some.data[0].text) == ["car", "dog"]
    assert some.layout.title.text == "mine"
    with pytest.raises(ValueError, match="pictures and a name for each, got 0"):
        plot_pictures(pictures, [])
    with pytest.raises(ValueError, match="got 9, 1"):
        plot_pictures(pictures, names=["a"])


def test_losses_are_drawn_by_step(pictures):
    figure = plot_picture_losses(pictures, [2, 5])
    assert [list(trace.y) for trace in figure.data] == [[0, -2], [0, -5]]
    assert figure.data[1].name == "conv3:5"
    assert "falls from 0.00 to -4.00" in figure.layout.title.text
    assert len(plot_picture_losses(pictures).data) == 7


def test_a_channels_page_puts_picture_examples_and_parts_side_by_side(pictures, examples, scores):
    figure = plot_channel(pictures, examples, 7, scores)
    sources = [image.source for image in figure.layout.images]
    assert sources == [png(pictures.images[7]), *(png(each) for each in examples.patches[1])]
    assert [image.xref for image in figure.layout.images] == ["x"] + ["x2"] * 4
    assert figure.data[1].hovertext[0] == "image 2: 1.00"
    bars = figure.data[2]
    assert list(bars.y) == ["leaf", "eye", "wheel"]
    assert list(bars.x) == pytest.approx([0.4, 0.6, 0.95])
    title = figure.layout.title.text.replace("<br>", " ")
    assert title == "conv3:7: under 80% of its highest peaks lies a wheel (AUC 0.95)"
    assert summary(figure).endswith("a mean of 7.00, the strongest image a peak of 1.00.")


def test_without_scores_a_page_has_two_panels(pictures, examples, scores):
    figure = plot_channel(pictures, examples, 4)
    assert len(figure.data) == 2
    with pytest.raises(ValueError, match="a channel of conv3 that was read, got 5"):
        plot_channel(pictures, examples, 5)
    other = PartScores(
        *[getattr(scores, n) for n in ("auc", "precision", "counts")],
        "conv4",
        scores.parts,
        60,
        10,
        17,
    )
    with pytest.raises(ValueError, match="part scores of conv3, got conv4"):
        plot_channel(pictures, examples, 4, other)


def test_an_atlas_puts_each_cell_in_its_place(pictures):
    cells = torch.arange(9)
    atlas = ActivationAtlas(
        pictures,
        cells // 3,
        cells % 3,
        cells + 4,
        tuple("aaabbbccc"),
        torch.full((9,), 0.5),
        3,
        "conv3",
        72,
    )
    figure = plot_atlas(atlas)
    assert [(image.x, image.y) for image in figure.layout.images][5] == (2, -1)
    assert figure.data[0].hovertext[5] == "b 50% of 9"
    assert "72 activations of conv3 in 9 cells" in summary(figure)


def test_an_occlusion_map_lies_over_its_image_with_zero_in_the_middle():
    values = torch.tensor([[0.0, 1.5], [-0.5, 0.0]])
    found = OcclusionMap(values, 2.0, torch.full((3, 8, 8), 0.5), 4, 4, "conv5:3")
    figure = plot_occlusion(found)
    heat = figure.data[0]
    assert [list(row) for row in heat.z] == values.tolist()
    assert (heat.zmin, heat.zmax) == (-1.5, 1.5)
    assert list(heat.x) == [1.5, 5.5]
    assert "conv5:3 by up to 1.50 (75%)" in figure.layout.title.text
    assert summary(figure) == found.summary()
