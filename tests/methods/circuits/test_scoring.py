"""ROC curves by hand, against scikit-learn, and with a truth that is planted."""

import pytest
import torch
from sklearn.metrics import roc_auc_score

from mi_course.methods.circuits.scoring import (
    edit_distance,
    jaccard,
    precision_recall,
    roc,
    roc_auc,
    roc_of_circuits,
)
from mi_course.results.circuit_scores import EdgeScores

A, B, C, D = EDGES = (("embed", "L0H0.q"), ("embed", "MLP0"), ("L0H0", "MLP0"), ("MLP0", "logits"))


def scores(*values):
    edges = tuple((f"L0H{i}", "logits") for i in range(len(values)))
    return EdgeScores(torch.tensor(values), edges, "EAP", "logits")


def test_precision_and_recall_by_hand():
    assert precision_recall([A, B, C], [B, C, D]) == (2 / 3, 2 / 3)
    assert precision_recall([A], [A, B]) == (1.0, 0.5)
    assert precision_recall([], [A]) == (1.0, 0.0)
    with pytest.raises(ValueError, match="at least one true edge, got none"):
        precision_recall([A], [])


def test_edit_distance_counts_what_is_missing_and_what_is_too_much():
    assert edit_distance([A, B, C], [B, C, D]) == 2
    assert edit_distance([], EDGES) == 4
    assert edit_distance(EDGES, EDGES) == 0


def test_jaccard_by_hand():
    assert jaccard([A, B], [B, C, D]) == 1 / 4
    assert jaccard([], []) == 1
    assert jaccard([A], []) == 0


def test_a_curve_by_hand():
    # From the largest size on: true, false, true, false.
    found = scores(-4.0, 3.0, 2.0, 0.5)
    curve = roc(found, {found.edges[0], found.edges[2]})
    assert curve.true_positive.tolist() == [0, 0.5, 0.5, 1, 1, 1]
    assert curve.false_positive.tolist() == [0, 0, 0.5, 0.5, 1, 1]
    assert curve.area() == 0.75


def test_equal_scores_count_half():
    found = scores(1.0, 1.0, 1.0)
    assert roc_auc(found, {found.edges[1]}) == 0.5


def test_the_area_is_that_of_scikit_learn():
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        values = torch.randint(-4, 5, (30,), generator=generator).float()
        true = torch.rand(30, generator=generator) < 0.4
        found = scores(*values.tolist())
        chosen = {edge for edge, yes in zip(found.edges, true.tolist(), strict=True) if yes}
        theirs = roc_auc_score(true.numpy(), values.abs().numpy())
        assert roc_auc(found, chosen) == pytest.approx(theirs, abs=1e-6)


def test_scores_that_know_the_truth_reach_one_and_the_opposite_zero():
    found = scores(3.0, 2.0, 0.1, 0.0)
    assert roc_auc(found, set(found.edges[:2])) == 1
    assert roc_auc(found, set(found.edges[2:])) == 0


def test_nested_circuits_give_the_curve_of_the_scores_that_cut_them():
    found = scores(5.0, 4.0, 3.0, 2.0, 1.0)
    truth = {found.edges[i] for i in (0, 2, 3)}
    cuts = [found.above(tau) for tau in (5.5, 4.5, 3.5, 2.5, 1.5, 0.5)]
    assert roc_of_circuits(cuts, truth, found.edges).area() == pytest.approx(roc_auc(found, truth))


def test_of_circuits_with_equally_many_false_edges_the_best_counts():
    truth = {A, B}
    curve = roc_of_circuits([(A, B, C), (A, C), (C, D), ()], truth, EDGES)
    assert curve.false_positive.tolist() == [0, 0, 0.5, 0.5, 1, 1]
    assert curve.true_positive.tolist() == [0, 0, 0.5, 1, 1, 1]
    assert curve.name == "ACDC"


def test_a_truth_from_another_graph_is_refused():
    found = scores(1.0, 2.0)
    for call in (
        lambda: roc(found, {A}),
        lambda: roc_of_circuits([(A,)], {found.edges[0]}, found.edges),
    ):
        with pytest.raises(ValueError, match=r"edges of the graph, got \['embed->L0H0.q'\]"):
            call()
    with pytest.raises(ValueError, match="outside the truth, got none"):
        roc(found, set(found.edges))
    with pytest.raises(ValueError, match="at least one true edge"):
        roc(found, set())
    with pytest.raises(ValueError, match="at least one circuit"):
        roc_of_circuits([], {A}, EDGES)
