"""Attributions against autograd on edge masks, finite differences, and a network that is linear."""

from dataclasses import replace

import pytest
import torch

from mi_course.methods.circuits.attribution import (
    attribution_by_prompt,
    edge_attribution,
    integrated_edge_attribution,
)
from mi_course.methods.circuits.graph import graph_of
from mi_course.methods.circuits.importance import (
    edge_importance,
    head_importance,
    node_importance,
)
from mi_course.methods.circuits.loss import task_loss
from mi_course.methods.circuits.runs import edge_runs
from mi_course.methods.circuits.subnetwork import masked_loss, subnetwork_probing
from mi_course.methods.circuits.task import CircuitTask
from mi_course.models import tiny
from mi_course.models.plain import plain

# Single precision: products of hundreds of numbers of size 1, summed in another order.
CLOSE = {"rtol": 1e-3, "atol": 2e-5}


def task_of(metric="logit_diff", n=3, length=7, scored=1):
    generator = torch.Generator().manual_seed(4)
    clean, corrupted = torch.randint(50, (2, n, length), generator=generator)
    mask = torch.zeros(n, length, dtype=torch.bool)
    mask[:, -scored:] = True
    answers, wrongs = torch.randint(50, (2, n * scored, 1), generator=generator)
    return CircuitTask(clean, corrupted, mask, metric, answers, wrongs)


@pytest.fixture(scope="module")
def mlps():
    return tiny(n_layers=2, attn_only=False)


@pytest.fixture(params=["rotary", "mlps", "gpt2", "neox"])
def bridge(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("ablation", ["corrupted", "zero", "mean"])
def test_scores_are_the_slopes_of_edge_masks(bridge, ablation):
    task = task_of()
    runs = edge_runs(bridge, task, ablation=ablation)
    mask = torch.ones(len(runs.graph.edges), requires_grad=True)
    masked_loss(runs, mask).backward()
    found = edge_attribution(bridge, task, ablation=ablation)
    assert found.edges == runs.graph.edges
    torch.testing.assert_close(found.values, -mask.grad, **CLOSE)


@pytest.mark.parametrize("split", [True, False])
@pytest.mark.parametrize("scored", [1, 3])
def test_graphs_without_q_k_v_and_with_two_embeddings_have_their_own_scores(gpt2, split, scored):
    task = task_of(scored=scored)
    graph = graph_of(gpt2, split=split, split_embed=True)
    runs = edge_runs(gpt2, task, graph=graph)
    mask = torch.ones(len(graph.edges), requires_grad=True)
    masked_loss(runs, mask).backward()
    found = edge_attribution(gpt2, task, graph=graph)
    torch.testing.assert_close(found.values, -mask.grad, **CLOSE)
    # Positions are the same in both prompts.
    positions = [i for i, (writer, _) in enumerate(graph.edges) if writer == "positions"]
    assert found.values[positions].abs().max() < 1e-6


def test_a_score_is_the_change_when_an_edge_is_removed_by_a_little(mlps):
    runs = edge_runs(mlps, task_of()).double
    whole, found = torch.ones(len(runs.graph.edges), dtype=torch.float64), 0
    scores = edge_attribution(mlps, task_of())
    for number in range(0, len(whole), 9):
        less = whole.clone()
        less[number] -= 1e-4
        change = (masked_loss(runs, less) - masked_loss(runs, whole)).item() / 1e-4
        # The second-order term is a few times 1e-4 of scores of size 1.
        assert scores.values[number].item() == pytest.approx(change, rel=0.01, abs=1e-3)
        found += 1
    assert found > 10


def test_where_the_network_is_linear_a_score_is_exactly_what_removing_the_edge_does():
    model = tiny(n_layers=1)
    with torch.no_grad():
        # All that is left is a sum of vectors: attention is uniform and nothing is normalised.
        for name, parameter in model.named_parameters():
            if ".attn." in name and {"q", "k"} & set(name.split(".")):
                parameter.zero_()
    weights = replace(plain(model), norm=None, final_norm=None)
    runs = edge_runs(weights, task_of())
    scores = edge_attribution(weights, task_of())
    everything = torch.ones(len(scores.edges), dtype=torch.bool)
    whole = runs.loss_of(everything)
    for number, edge in enumerate(scores.edges):
        kept = everything.clone()
        kept[number] = False
        change = runs.loss_of(kept) - whole
        assert scores.of(edge) == pytest.approx(change, rel=1e-3, abs=1e-5)
    assert scores.values.abs().max() > 0.1


@pytest.mark.parametrize(("name", "metric"), [("mlps", "logit_diff"), ("neox", "kl")])
def test_with_many_steps_along_the_edges_the_scores_add_up_to_the_whole_change(
    request, name, metric
):
    bridge, task = request.getfixturevalue(name), task_of(metric, n=2)
    runs = edge_runs(bridge, task)
    everything = torch.ones(len(runs.graph.edges), dtype=torch.bool)
    change = runs.loss_of(~everything) - runs.loss_of(everything)
    found = integrated_edge_attribution(bridge, task, steps=80, path="edges")
    # The trapezoidal rule with 80 pieces.
    assert found.values.sum().item() == pytest.approx(change, rel=0.01)


def test_one_step_of_the_inputs_is_attribution_patching(mlps):
    one = integrated_edge_attribution(mlps, task_of(), steps=1)
    torch.testing.assert_close(one.values, edge_attribution(mlps, task_of()).values)


def test_the_slopes_of_integrated_gradients_are_those_at_mixed_embeddings(mlps):
    task, steps = task_of("kl"), 3
    found = integrated_edge_attribution(mlps, task, steps=steps)
    runs = edge_runs(mlps, task)
    ends = (runs.removed[0], runs.clean[0])
    slope = torch.zeros_like(ends[0])
    for step in range(1, steps + 1):
        x = torch.lerp(*ends, step / steps).requires_grad_()
        logits = x
        for block in mlps.blocks:
            logits = block(logits)[0]
        loss = runs.loss(logits[runs.scored][None])[0]
        slope += torch.autograd.grad(loss, x)[0] / steps
    # The slope at the embedding is the sum of the slopes at all that read it.
    total = ((ends[0] - ends[1]) * slope).sum().item()
    own = sum(found.of(edge) for edge in found.edges if edge[0] == "embed")
    assert own == pytest.approx(total, rel=1e-3)


def test_scores_are_means_over_prompts_whatever_the_batch(mlps):
    for ablation in ("corrupted", "mean"):
        at_once = attribution_by_prompt(mlps, task_of(), ablation=ablation)
        in_parts = attribution_by_prompt(mlps, task_of(), ablation=ablation, batch_size=2)
        torch.testing.assert_close(in_parts, at_once, **CLOSE)
    alone = attribution_by_prompt(mlps, task_of().select([1]))
    torch.testing.assert_close(alone[0], attribution_by_prompt(mlps, task_of())[1], **CLOSE)


@pytest.mark.parametrize("metric", ["kl", "distance"])
def test_a_metric_that_is_flat_at_the_clean_run_is_refused(mlps, metric):
    with pytest.raises(ValueError, match=f"a slope at the clean run, got '{metric}'"):
        edge_attribution(mlps, task_of(metric))
    assert integrated_edge_attribution(mlps, task_of(metric), steps=2).values.abs().max() > 0


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"steps": 0}, "1 step or more"),
        ({"path": "nowhere"}, "a path of"),
        ({"ablation": "noise"}, "got 'noise'"),
    ],
)
def test_what_cannot_be_asked_is_refused(mlps, asked, told):
    with pytest.raises(ValueError, match=told):
        integrated_edge_attribution(mlps, task_of(), **asked)


def test_a_node_has_the_attribution_of_all_its_edges_together():
    graph = graph_of(tiny(n_layers=1))
    by_prompt = torch.zeros(2, len(graph.edges))
    by_prompt[0, graph.number["embed", "L0H0.q"]] = 3
    by_prompt[0, graph.number["embed", "logits"]] = -5
    by_prompt[1, graph.number["embed", "logits"]] = 4
    by_prompt[1, graph.number["L0H2", "logits"]] = -1
    nodes = node_importance(by_prompt, graph)
    assert nodes == {"embed": 3, "L0H0": 0, "L0H1": 0, "L0H2": 0.5, "L0H3": 0}


def test_importance_of_heads_is_that_of_their_outputs(mlps):
    task = task_of()
    runs = edge_runs(mlps, task)
    found = head_importance(mlps, task)
    for head in (0, 3):
        shift = torch.zeros(3, requires_grad=True)
        place = runs.graph.writers.index(f"L1H{head}")
        change = (runs.removed - runs.clean)[place]

        def moved(x, hook, shift=shift, change=change):
            return x + shift[:, None, None] * change

        with mlps.hooks(fwd_hooks=[("blocks.1.hook_attn_out", moved)]):
            logits = mlps(task.clean)[:, -1]
        rows = torch.arange(3)
        loss = logits[rows, task.wrongs[:, 0]] - logits[rows, task.answers[:, 0]]
        loss.sum().backward()
        assert found.of((f"L1H{head}", "logits")) == pytest.approx(
            shift.grad.abs().mean().item(), rel=1e-3
        )


def test_an_edge_is_as_important_as_the_lesser_of_its_nodes(mlps):
    found = head_importance(mlps, task_of())
    nodes = {writer: found.of((writer, "logits")) for writer, _ in found.edges}
    for writer, reader in found.edges:
        if reader != "logits":
            lesser = min(nodes[writer], nodes[reader.partition(".")[0]])
            assert found.of((writer, reader)) == lesser


def test_importance_of_edges_does_not_let_prompts_cancel(mlps):
    by_prompt = attribution_by_prompt(mlps, task_of())
    found = edge_importance(mlps, task_of()).values
    torch.testing.assert_close(found, by_prompt.abs().mean(dim=0))
    assert (found >= by_prompt.mean(dim=0).abs() - 1e-6).all()


def test_scores_are_made_where_gradients_are_switched_off(mlps):
    task = task_of()
    expected = edge_attribution(mlps, task).values
    with torch.no_grad():
        torch.testing.assert_close(edge_attribution(mlps, task).values, expected)
        learned = subnetwork_probing(mlps, task, steps=3).values
    torch.testing.assert_close(subnetwork_probing(mlps, task, steps=3).values, learned)


def test_the_divergence_of_a_circuit_does_not_depend_on_what_all_logits_share(mlps):
    model = plain(mlps)
    shared = torch.randn(model.d_model, 1, generator=torch.Generator().manual_seed(0))
    for size in (3.0, 100.0):  # the second moves logits by hundreds
        moved = replace(model, W_U=model.W_U + size * shared)
        scores, expected = (
            integrated_edge_attribution(each, task_of("kl"), steps=2, ablation="zero").values
            for each in (moved, model)
        )
        largest = expected.abs().max().item()
        torch.testing.assert_close(scores, expected, rtol=1e-2, atol=2e-3 * largest)


def test_a_circuit_far_from_the_model_has_the_divergence_of_its_logits_and_a_slope(mlps):
    model, task = plain(mlps), task_of("kl")
    resid = torch.randn(3, model.d_model, generator=torch.Generator().manual_seed(1))
    loud = replace(model, W_U=60 * model.W_U)
    loss = task_loss(loud, task, resid)
    other = torch.stack([resid.flip(0), resid]).requires_grad_()
    found = loss(other)
    target = (loss.whole @ loud.W_U + loud.b_U).double().log_softmax(-1)
    said = (loud.normalised_final(other) @ loud.W_U + loud.b_U).double().log_softmax(-1)
    expected = (target.exp() * (target - said)).sum(-1).mean(1)
    assert expected[0] > 60
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    slopes = [torch.autograd.grad(each.sum(), other)[0] for each in (found, expected)]
    torch.testing.assert_close(*slopes, rtol=1e-3, atol=1e-3)
