"""A model run edge by edge is the model, and losses are what they are called."""

import pytest
import torch
from einops import rearrange

from mi_course.activations import edit, record
from mi_course.methods.circuits import circuit_loss, edge_runs, graph_of
from mi_course.methods.circuits.task import CircuitTask
from mi_course.metrics import cross_entropy_by_position, kl_divergence, logit_diff
from mi_course.models import tiny
from mi_course.models.plain import plain


def drawn_task(metric="kl", n=3, pos=7, d_vocab=50, *, last_only=True):
    """Prompts that differ from their twins at positions 2 to 5, with one answer each."""
    generator = torch.Generator().manual_seed(0)
    clean = torch.randint(d_vocab, (n, pos), generator=generator)
    corrupted = clean.clone()
    corrupted[:, 2:6] = torch.randint(d_vocab, (n, 4), generator=generator)
    mask = torch.zeros(n, pos, dtype=torch.bool)
    mask[:, -1] = True
    mask[0, 1] = mask[1, 4] = not last_only
    answers, wrongs = torch.randint(d_vocab, (2, int(mask.sum()), 1), generator=generator)
    return CircuitTask(clean, corrupted, mask, metric, answers, wrongs, "drawn")


@pytest.fixture(scope="module")
def bridge():
    return tiny(attn_only=False)


def test_all_edges_are_the_whole_model_and_none_is_the_corrupted_run(bridge):
    task, graph = drawn_task(), graph_of(bridge)
    whole, none = (circuit_loss(bridge, task, kept) for kept in (graph.edges, ()))
    expected = kl_divergence(bridge(task.clean)[:, -1], bridge(task.corrupted)[:, -1]).mean()
    assert whole == pytest.approx(0, abs=1e-6)
    assert none == pytest.approx(expected.item(), rel=1e-4)


@pytest.mark.parametrize("kind", ["gpt2", "neox"])
def test_all_edges_are_the_whole_model_in_other_architectures(kind, other_models):
    model = other_models[kind]
    task = drawn_task("distance", d_vocab=3072)
    change = (model(task.clean) - model(task.corrupted))[:, -1]
    assert circuit_loss(model, task, graph_of(model).edges) == pytest.approx(0, abs=1e-7)
    expected = change.square().sum(1).mean().item()
    assert circuit_loss(model, task, ()) == pytest.approx(expected, rel=1e-3)


def test_all_edges_out_of_a_head_removed_is_the_head_patched(bridge):
    task, graph = drawn_task("nll"), graph_of(bridge)
    kept = [edge for edge in graph.edges if edge[0] != "L0H2"]
    hook = "blocks.0.attn.hook_z"
    from_corrupted = record(bridge, task.corrupted, hook)[hook]

    def patched(z):
        z = z.clone()
        z[:, :, 2] = from_corrupted[:, :, 2]
        return z

    logits = edit(bridge, task.clean, {hook: patched})
    answered = torch.cat([task.clean, task.answers], dim=1)
    expected = cross_entropy_by_position(torch.cat([logits, logits[:, -1:]], 1), answered)[:, -1]
    assert circuit_loss(bridge, task, kept) == pytest.approx(expected.mean().item(), rel=1e-4)


@pytest.mark.parametrize(("ablation", "factor"), [("corrupted", 1), ("zero", 0)])
def test_one_edge_to_the_logits_is_a_direct_effect(bridge, ablation, factor):
    task, graph = drawn_task("logit_diff"), graph_of(bridge)
    model = plain(bridge)
    hook = "blocks.1.hook_mlp_out"
    writes, instead = (record(bridge, rows, hook)[hook] for rows in (task.clean, task.corrupted))
    resid = record(bridge, task.clean, "blocks.1.hook_resid_post")["blocks.1.hook_resid_post"]
    logits = model.logits(resid - writes + factor * instead)[:, -1]
    expected = -logit_diff(logits, task.answers[:, 0], task.wrongs[:, 0]).mean()
    kept = [edge for edge in graph.edges if edge != ("MLP1", "logits")]
    found = circuit_loss(bridge, task, kept, ablation=ablation)
    assert found == pytest.approx(expected.item(), rel=1e-4)


def test_mean_ablation_carries_the_mean_of_the_corrupted_prompts(bridge):
    runs = edge_runs(bridge, drawn_task(), ablation="mean")
    corrupted = edge_runs(bridge, drawn_task()).removed
    for row in range(3):
        torch.testing.assert_close(runs.removed[:, row], corrupted.mean(dim=1))


def test_a_distant_circuits_divergence_is_right_too(bridge):
    """Streams 100 times as long make predictions certain and exponentials overflow."""
    runs = edge_runs(bridge, drawn_task())
    resid = 100 * torch.randn(4, 3, 16, generator=torch.Generator().manual_seed(1))
    strong = type(runs.loss)(
        model=sharpened(runs.model), task=runs.task, whole=runs.loss.whole, log_probs=certain(runs)
    )
    logits = strong.model.logits(rearrange(resid, "v s d -> 1 (v s) d"))[0].double()
    target = strong.log_probs.double()
    expected = (target.exp() * (target - logits.unflatten(0, (4, 3)).log_softmax(-1))).sum(-1)
    torch.testing.assert_close(strong(resid), expected.mean(1), rtol=1e-4, atol=1e-4)


def sharpened(model):
    return type(model)(**{**vars(model), "W_U": 40 * model.W_U})


def certain(runs):
    return (runs.loss.whole @ (40 * runs.model.W_U) + runs.model.b_U).log_softmax(dim=-1)


def test_distance_is_the_squared_length_of_the_change_of_logits(bridge):
    task = drawn_task("distance")
    change = (bridge(task.clean) - bridge(task.corrupted))[:, -1]
    assert circuit_loss(bridge, task, ()) == pytest.approx(
        change.square().sum(1).mean().item(), rel=1e-4
    )


def test_several_answers_add_their_probabilities(bridge):
    task = drawn_task("nll")
    several = type(task)(**{**vars(task), "answers": torch.cat([task.answers, task.wrongs], 1)})
    probs = bridge(task.corrupted)[:, -1].softmax(-1)
    expected = -(probs.gather(1, several.answers).sum(1)).log().mean()
    assert circuit_loss(bridge, several, ()) == pytest.approx(expected.item(), rel=1e-4)


def test_what_stands_after_the_last_scored_position_is_cut_off(bridge):
    task = drawn_task()
    longer = {
        name: torch.cat([getattr(task, name), torch.zeros(3, 2).to(getattr(task, name))], dim=1)
        for name in ("clean", "corrupted", "mask")
    }
    runs = edge_runs(bridge, type(task)(**{**vars(task), **longer}))
    assert runs.task.clean.equal(task.clean)


def test_double_precision_differs_by_rounding_only(bridge):
    runs = edge_runs(bridge, drawn_task())
    kept = torch.rand(len(runs.graph.edges), generator=torch.Generator().manual_seed(2)) < 0.5
    assert runs.double.clean.dtype == torch.float64
    assert runs.loss_of(kept) == pytest.approx(runs.double.loss_of(kept), abs=runs.rounding)
    assert 0 < runs.rounding < 1e-3


def test_prompts_without_a_difference_give_no_loss_to_explain(bridge):
    task = drawn_task()
    same = type(task)(**{**vars(task), "corrupted": task.clean})
    with pytest.raises(ValueError, match="expected a loss that changes when all edges are removed"):
        edge_runs(bridge, same)


def test_a_metric_that_is_constant_is_refused(bridge):
    task = drawn_task("logit_diff")
    same = type(task)(**{**vars(task), "wrongs": task.answers})
    with pytest.raises(ValueError, match="expected a loss that changes"):
        edge_runs(bridge, same)


def test_weights_that_are_not_numbers_are_refused():
    model = plain(tiny())
    broken = type(model)(**{**vars(model), "W_U": model.W_U * float("nan")})
    with pytest.raises(ValueError, match="expected finite predictions"):
        edge_runs(broken, drawn_task())


def test_an_edge_that_does_not_exist_is_refused(bridge):
    with pytest.raises(ValueError, match="expected edges of this graph, got 'L7H0->logits'"):
        circuit_loss(bridge, drawn_task(), [("L7H0", "logits")])


def test_an_unknown_ablation_is_refused(bridge):
    with pytest.raises(ValueError, match="got 'noise'"):
        edge_runs(bridge, drawn_task(), ablation="noise")


def test_another_models_graph_is_refused(bridge):
    with pytest.raises(ValueError, match="expected this model's graph"):
        edge_runs(bridge, drawn_task(), graph=graph_of(tiny(n_layers=1)))


def test_positions_are_no_writer_where_none_are_learned(bridge):
    with pytest.raises(ValueError, match="learned positions"):
        graph_of(bridge, split_embed=True)


def test_a_model_that_cannot_be_taken_apart_is_refused():
    model = tiny()
    model.blocks[0].attn.original_component.attn_scores_soft_cap = 1.0
    with pytest.raises(ValueError, match="expected a transformer of the native kind"):
        edge_runs(model, drawn_task())


@pytest.mark.parametrize("kind", ["gpt2", "neox"])
def test_a_bridges_graph_is_that_of_its_plain_form(kind, other_models):
    graph = graph_of(other_models[kind])
    assert graph == graph_of(plain(other_models[kind]))
    assert graph.parallel == (kind == "neox")
