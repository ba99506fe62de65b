import pytest
import torch

from mi_course.results.circuit_scores import EdgeScores, EdgeStability, FaithfulnessCurve, RocCurve

A, B, C = EDGES = (("embed", "L0H0.q"), ("L0H0", "MLP0"), ("MLP0", "logits"))


@pytest.fixture
def scores():
    return EdgeScores(torch.tensor([0.5, -2.0, 1.0]), EDGES, "EAP", "logits")


def test_the_largest_edges_count_whatever_their_sign(scores):
    assert scores.top(2) == (B, C)
    assert scores.above(1.0) == (B, C)
    assert scores.above(3.0) == ()
    assert scores.of(B) == -2
    assert scores.summary() == (
        "EAP scores of 3 edges, largest L0H0->MLP0 -2, MLP0->logits 1, embed->L0H0.q 0.5 (logits)."
    )


def test_equal_scores_keep_the_order_of_the_graph():
    assert EdgeScores(torch.ones(3), EDGES, "EAP", "logits").top(2) == (A, B)


def test_an_edge_that_the_graph_lacks_is_named(scores):
    with pytest.raises(ValueError, match="an edge of the graph, got L9H9->logits"):
        scores.of(("L9H9", "logits"))


def test_scores_that_are_no_scores_are_refused():
    with pytest.raises(ValueError, match="finite scores of EAP"):
        EdgeScores(torch.tensor([1.0, torch.nan, 0.0]), EDGES, "EAP", "logits")
    with pytest.raises(ValueError, match="one label for each edge"):
        EdgeScores(torch.ones(2), EDGES, "EAP", "logits")
    with pytest.raises(ValueError, match="each edge once"):
        EdgeScores(torch.ones(2), (A, A), "EAP", "logits")


def test_the_area_of_a_curve_by_hand():
    rates = torch.tensor([0.0, 0.0, 0.5, 1.0]), torch.tensor([0.0, 0.5, 1.0, 1.0])
    curve = RocCurve(*rates, n_true=2, n_edges=4, name="EAP")
    assert curve.area() == 0.875
    assert curve.summary() == "EAP: area under the ROC curve 0.875 for 2 true edges of 4."


@pytest.mark.parametrize("rates", [[0.0, 0.5], [0.5, 1.0], [0.0, 0.7, 0.2, 1.0], [0.0, 2.0]])
def test_rates_that_do_not_rise_from_zero_to_one_are_refused(rates):
    with pytest.raises(ValueError, match="rates"):
        RocCurve(torch.tensor(rates), torch.tensor(rates), n_true=1, n_edges=2, name="EAP")


@pytest.fixture
def curve():
    loss = torch.tensor([4.0, 3.0, 1.0, 2.0, 1.0])
    return FaithfulnessCurve(loss, (0, 1, 2, 3, 9), whole=1.0, empty=4.0, name="EAP", unit="nats")


def test_recovered_runs_from_nothing_to_the_whole_model(curve):
    assert curve.recovered().tolist() == pytest.approx([0, 1 / 3, 1, 2 / 3, 1])


def test_the_size_needed_is_the_one_from_which_on_all_larger_ones_suffice(curve):
    assert curve.needed(0.6) == 2
    assert curve.needed(0.9) == 9
    assert curve.needed(1.5) is None
    assert curve.needed(-1.0) == 0
    assert curve.summary() == (
        "EAP: recovered 0% with 0 edges, 33% with 1 edges, 67% with 3 edges, 100% with 9 edges."
    )


def test_a_hair_below_nothing_is_told_as_nothing():
    loss = torch.tensor([4.001, 1.0])
    curve = FaithfulnessCurve(loss, (1, 9), whole=1.0, empty=4.0, name="EAP", unit="nats")
    assert curve.summary() == "EAP: recovered 0% with 1 edges, 100% with 9 edges."


def test_a_task_that_ablation_does_not_touch_is_refused():
    with pytest.raises(ValueError, match="a task that ablating every edge changes"):
        FaithfulnessCurve(torch.ones(1), (0,), whole=1.0, empty=1.0, name="EAP", unit="nats")
    with pytest.raises(ValueError, match="rising sizes"):
        FaithfulnessCurve(torch.ones(2), (3, 1), whole=1.0, empty=2.0, name="EAP", unit="nats")


def test_intervals_must_be_intervals():
    ones = torch.ones(3)
    with pytest.raises(ValueError, match="low ends below high ends"):
        EdgeStability(ones, ones, 0 * ones, ones, ones, EDGES, "EAP")
    with pytest.raises(ValueError, match="fractions kept"):
        EdgeStability(ones, ones, ones, 2 * ones, ones, EDGES, "EAP")
