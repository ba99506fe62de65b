"""ACDC against circuits that are known: found exactly where it should be, missed where it must."""

from functools import cache

import pytest
import torch

from mi_course.methods.circuits import (
    acdc,
    acdc_sweep,
    precision_recall,
    prompts_task,
    roc_of_circuits,
)
from mi_course.models import compiled
from mi_course.models.compiled import random_circuit

TAUS = [10.0**power for power in range(-5, 2)]


@cache
def made(name):
    """Return a compiled model, made once for all tests."""
    return getattr(compiled, name)()


def kept(name, ablation, tau=1e-3, metric="kl"):
    model = made(name)
    task = prompts_task(model.prompts(24), metric)
    return acdc(model.bridge, task, tau, graph=model.graph, ablation=ablation)


@pytest.mark.parametrize("ablation", ["zero", "corrupted"])
@pytest.mark.parametrize("name", ["reverse", "xproportion"])
@pytest.mark.parametrize("metric", ["kl", "distance"])
def test_a_sweep_has_an_auc_of_one_on_the_compiled_tasks(name, ablation, metric):
    model = made(name)
    task = prompts_task(model.prompts(16), metric)
    found = acdc_sweep(model.bridge, task, TAUS, graph=model.graph, ablation=ablation)
    truth = model.truth.edges[ablation]
    curve = roc_of_circuits([c.kept for c in found], truth, model.graph.edges)
    assert curve.area() == 1
    assert set(found[0].kept) == truth


@pytest.mark.parametrize("ablation", ["zero", "corrupted"])
@pytest.mark.parametrize("name", ["both", "induction", "inhibition", "negative"])
def test_circuits_without_redundancy_are_found_edge_for_edge(name, ablation):
    assert set(kept(name, ablation).kept) == made(name).truth.edges[ablation]


@pytest.mark.parametrize(
    "seed", [*range(5), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(5, 20))]
)
def test_a_random_circuit_is_found_edge_for_edge(seed):
    model = random_circuit(seed, n_heads=3, n_live=5)
    task = prompts_task(model.prompts(24, seed=3))
    found = acdc(model.bridge, task, 1e-3, graph=model.graph)
    assert precision_recall(found.kept, model.truth.edges["corrupted"]) == (1, 1)


def test_a_mystery_can_be_solved_by_whoever_finds_the_threshold():
    from mi_course.models.compiled.answer_key import truth_of

    mystery = compiled.mystery_model("Emmy Noether")
    task = prompts_task(mystery.prompts(24, seed=0))
    truth = truth_of("Emmy Noether").edges["corrupted"]
    found = acdc(mystery.bridge, task, 1e-3, graph=mystery.graph)
    assert precision_recall(found.kept, truth) == (1, 1)
    coarse = acdc(mystery.bridge, task, 3.0, graph=mystery.graph)
    assert precision_recall(coarse.kept, truth)[1] < 0.7


@pytest.mark.parametrize("ablation", ["zero", "corrupted"])
def test_of_an_or_acdc_keeps_one_path_whatever_the_threshold(ablation):
    """The failure of [Conmy23], section 5: each path alone is not missed."""
    model, copies = made("either"), {"L0H0", "L0H1"}
    for tau in (1e-4, 1e-2, 1.0):
        found = kept("either", ablation, tau)
        assert len(copies & found.nodes) == 1
        precision, recall = precision_recall(found.kept, model.truth.edges[ablation])
        assert precision == 1 and recall < 0.7


def test_a_negative_head_is_pruned_by_a_task_metric_and_kept_by_kl():
    by_answer = kept("negative", "corrupted", tau=0.1, metric="logit_diff")
    assert "L0H1" not in by_answer.nodes and "L0H0" in by_answer.nodes
    assert by_answer.loss < by_answer.full_loss - 2.9  # "better" than the whole model, in logits
    assert "L0H1" in kept("negative", "corrupted").nodes


def test_zero_ablation_keeps_constants_that_resampling_does_not_see():
    zero, corrupted = (set(kept("reverse", a).kept) for a in ("zero", "corrupted"))
    assert corrupted < zero
    assert ("MLP0", "MLP1") in zero - corrupted  # the length is the same in both prompts


def test_in_a_graph_with_one_embedding_the_coarse_truth_is_found():
    model = made("inhibition")
    task = prompts_task(model.prompts(24))
    found = acdc(model.bridge, task, 1e-3)
    assert set(found.kept) == model.truth.coarse(split=True).edges["corrupted"]
    assert torch.isfinite(found.effects).all()
