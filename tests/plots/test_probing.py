import pytest
import torch

from mi_course.plots import (
    plot_feature_scores,
    plot_layers_by_training,
    plot_probe_scores,
    plot_selectivity,
    plot_sparse_collections,
    plot_sparse_table,
    summary,
)
from mi_course.results import LayersByTraining, ProbeScores, Selectivity, SparseTable
from mi_course.results.sparse_probing import PUBLISHED_F1


def probe_scores(f1, layers=(0, 1), features=("fr", "de", "ru")):
    values = torch.tensor(f1)
    rest = dict.fromkeys(("precision", "recall", "mcc", "accuracy", "balanced_accuracy"), values)
    return ProbeScores(f1=values, **rest, layers=layers, features=features)


@pytest.fixture
def by_layer():
    return probe_scores([[0.5, 0.6, 0.7], [0.8, 0.9, 1.0]])


@pytest.fixture
def table():
    f1 = torch.tensor([[[0.2, 0.4], [0.6, 0.8]], [[0.1, 0.1], [0.3, 0.5]]])
    return SparseTable(
        f1=f1,
        collections=("subset", "latex"),
        methods=("random", "mean difference"),
        ks=(1, 4),
        n_probes=(3, 1),
        seconds=torch.tensor([0.1, 0.2]),
        proven=torch.full((2, 2), float("nan")),
        candidates=20,
    )


def words(figure):
    return figure.layout.title.text.replace("<br>", " ")


def test_layer_zero_is_at_the_bottom_and_features_to_the_right(by_layer):
    (heat,) = plot_probe_scores(by_layer).data
    assert tuple(heat.y) == ("0", "1")
    assert tuple(heat.x) == by_layer.features
    torch.testing.assert_close(torch.tensor(heat.z), by_layer.f1)


def test_the_title_names_the_layer_of_the_highest_mean_unless_told_otherwise(by_layer):
    assert "Layer 1 tells these features best, mean F1 0.90" in words(plot_probe_scores(by_layer))
    assert words(plot_probe_scores(by_layer, title="Mine")) == "Mine"


def test_another_measure_is_drawn_under_its_name(by_layer):
    assert "mean balanced accuracy" in words(
        plot_probe_scores(by_layer, measure="balanced_accuracy")
    )


def test_training_goes_to_the_right_and_layers_upwards():
    values = torch.tensor([[0.1, 0.2], [0.3, 0.9], [0.4, 0.8]])
    found = LayersByTraining(values, torch.tensor([0, 10, 20]), (0, 1), "language: fr")
    figure = plot_layers_by_training(found)
    (heat,) = figure.data
    assert tuple(heat.x) == ("0", "10", "20")
    torch.testing.assert_close(torch.tensor(heat.z), values.T)
    assert "from 0.20 to 0.80" in words(figure)


def selectivity(task, control):
    columns = [torch.tensor(values)[:, None] for values in (task, control)]
    return Selectivity(*columns, layers=(0, 1), features=("fr",))


def test_task_and_control_are_two_lines_over_layers():
    figure = plot_selectivity(selectivity([0.8, 0.9], [0.7, 0.5]))
    task, control = figure.data
    assert (tuple(task.y), tuple(control.y)) == (
        pytest.approx((0.8, 0.9)),
        pytest.approx((0.7, 0.5)),
    )
    assert "Layer 1 is the most selective: 0.90 on the task, 0.50" in words(figure)


def test_a_control_that_is_solved_better_everywhere_is_said_in_the_title():
    figure = plot_selectivity(selectivity([0.6, 0.7], [0.9, 0.8]))
    assert words(figure).startswith("Random labels are solved better in every layer; layer 1")


def test_bars_of_one_layer_are_f1_and_marks_are_precision_and_recall():
    scores = probe_scores([[0.5, 0.7, 0.2]], layers=(3,))
    figure = plot_feature_scores(scores)
    assert [trace.name for trace in figure.data] == ["F1", "precision", "recall"]
    assert tuple(figure.data[0].y) == pytest.approx((0.5, 0.7, 0.2))
    assert "best for de, 0.70" in words(figure)


def test_methods_are_lines_in_both_panels_in_one_colour_with_the_published_means(table):
    figure = plot_sparse_table(table)
    ours, published = figure.data[2], figure.data[3]
    assert tuple(ours.y) == pytest.approx(tuple(table.mean[1].tolist()))
    assert tuple(published.y) == tuple(PUBLISHED_F1["mean difference"].values())
    assert ours.line.color == published.line.color
    # (3 * 0.6 + 1 * 0.3) / 4
    assert "mean difference reaches a mean F1 of 0.53" in words(figure) or "0.52" in words(figure)


def test_collections_are_columns_at_the_k_that_is_asked_for(table):
    (heat,) = plot_sparse_collections(table, k=4).data
    torch.testing.assert_close(torch.tensor(heat.z), table.f1[:, :, 1].T)
    assert "F1 at k = 1: up to 0.60 for subset, up to 0.30 for latex" in words(
        plot_sparse_collections(table)
    )


def test_every_figure_carries_its_results_sentence(by_layer, table):
    assert summary(plot_probe_scores(by_layer)) == by_layer.summary()
    assert summary(plot_sparse_table(table)) == table.summary()
