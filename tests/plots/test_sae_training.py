import pytest
import torch

from mi_course.plots import plot_training_curves, summary
from mi_course.results import TrainingCurves


def curves(name="topk", l0=(9.0, 3.0, 0.0)):
    return TrainingCurves(
        steps=torch.tensor([10, 20, 30]),
        loss=torch.tensor([1.0, 0.5, 0.25]),
        l0=torch.tensor(l0),
        fvu=torch.tensor([1.2, 0.5, 0.25]),
        dead=torch.tensor([0.0, 0.5, 0.125]),
        name=name,
    )


def test_three_panels_show_the_numbers_of_each_training():
    figure = plot_training_curves(curves(), curves("l1", (90.0, 30.0, 20.0)))
    assert len(figure.data) == 6
    # L0 is on a log scale, where 0 stands at 0.1.
    assert [round(y, 4) for y in figure.data[0].y] == [9, 3, 0.1]
    assert [round(y, 4) for y in figure.data[1].y] == [1.2, 0.5, 0.25]
    assert list(figure.data[2].y) == [0, 0.5, 0.125]
    assert list(figure.data[3].y) == [90, 30, 20]
    assert all(list(trace.x) == [10, 20, 30] for trace in figure.data)
    assert [trace.name for trace in figure.data if trace.showlegend] == ["topk", "l1"]
    assert figure.layout.yaxis.type == "log"


def test_the_title_says_where_each_ends_and_the_summary_says_more():
    figure = plot_training_curves(curves(), curves("l1", (90.0, 30.0, 20.0)))
    title = figure.layout.title.text.replace("<br>", " ")
    assert title == "Variance left unexplained: topk 0.25 at L0 0, l1 0.25 at L0 20"
    assert "l1 after 30 steps: 20.0 features are active" in summary(figure)
    assert "12.5% of the features are dead" in summary(figure)
    assert plot_training_curves(curves(), title="Mine").layout.title.text == "Mine"


def test_no_curves_are_refused():
    with pytest.raises(ValueError, match="got none"):
        plot_training_curves()
