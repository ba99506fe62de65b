"""Small known circuits: they answer, their edges are needed, and gates fool simple rules."""

import pytest
import torch

from mi_course.models import compiled
from mi_course.models.compiled.ablation import edge_ablated_logits, edge_effects
from mi_course.models.plain import plain
from mi_course.results.circuit_graph import CircuitGraph

NAMES = ["both", "either", "induction", "inhibition", "negative"]


@pytest.fixture(scope="module", params=NAMES)
def model(request):
    return getattr(compiled, request.param)()


def effects(model, ablation, n=24):
    weights, prompts = plain(model.bridge), model.prompts(n, seed=4)
    return edge_effects(weights, prompts, model.graph.edges, ablation)


def logits_without(model, prompts, removed):
    return edge_ablated_logits(plain(model.bridge), prompts.clean, removed, prompts.corrupted)


def test_it_gives_the_right_answer_to_every_prompt(model):
    prompts = model.prompts(200, seed=1)
    logits = model.bridge(prompts.clean)
    assert torch.equal(logits.argmax(-1)[prompts.mask], prompts.answers[prompts.mask])
    right, wrong = (
        logits.gather(-1, ids.clamp(min=0)[..., None])[prompts.mask]
        for ids in (prompts.answers, prompts.wrongs)
    )
    assert (right - wrong).median() > 6.9


@pytest.mark.parametrize("ablation", ["zero", "corrupted"])
def test_edges_outside_the_truth_do_nothing_alone_or_together(model, ablation):
    prompts = model.prompts(24, seed=4)
    source = prompts.corrupted if ablation == "corrupted" else None
    false = set(model.graph.edges) - model.truth.edges[ablation]
    whole = model.bridge(prompts.clean)[prompts.mask]
    without = edge_ablated_logits(plain(model.bridge), prompts.clean, false, source)
    assert (without[prompts.mask] - whole).abs().max() < 1e-5
    alone = effects(model, ablation, n=8)
    assert max(abs(alone[edge]) for edge in false) < 1e-6


@pytest.mark.parametrize("ablation", ["zero", "corrupted"])
@pytest.mark.parametrize("name", sorted(set(NAMES) - {"either"}))
def test_without_redundancy_each_true_edge_is_needed(name, ablation):
    model = getattr(compiled, name)()
    found = effects(model, ablation)
    assert min(found[edge] for edge in model.truth.edges[ablation]) > 0.004


def test_the_edges_that_differ_between_ablations_are_constants():
    for name in NAMES:
        edges = getattr(compiled, name)().truth.edges
        assert edges["corrupted"] < edges["zero"]
        assert {writer for writer, _ in edges["zero"] - edges["corrupted"]} == {"positions"}


def test_the_circuits_are_those_of_the_papers():
    assert compiled.induction().truth.edges["corrupted"] == {
        ("tokens", "L0H1.v"),
        ("L0H1", "L1H0.k"),
        ("tokens", "L1H0.q"),
        ("tokens", "L1H0.v"),
        ("L1H0", "logits"),
    }
    chain = {("L0H0", "L1H1.k"), ("L0H0", "L1H1.v"), ("L1H1", "L2H0.q"), ("L2H0", "logits")}
    assert chain <= compiled.inhibition().truth.edges["corrupted"]


def test_the_decoy_of_induction_attends_like_the_induction_head_and_is_not_in_the_circuit():
    model = compiled.induction()
    _, cache = model.bridge.run_with_cache(model.prompts(8).clean)
    pattern = cache["blocks.1.attn.hook_pattern"]
    assert torch.equal(pattern[:, 0], pattern[:, 1])
    assert "L1H1" not in model.truth.nodes and "L1H0" in model.truth.nodes


def test_either_path_is_enough_but_not_neither():
    model = compiled.either()
    for ablation in ("zero", "corrupted"):
        alone = effects(model, ablation)
        assert max(alone["L0H0", "MLP0"], alone["L0H1", "MLP0"]) < 1e-6
    prompts = model.prompts(16)
    logits = logits_without(model, prompts, {("L0H0", "MLP0"), ("L0H1", "MLP0")})
    assert logits[prompts.mask].abs().max() == 0
    for head in ("L0H0", "L0H1"):
        assert {("tokens", f"{head}.v"), (head, "MLP0")} <= model.truth.edges["corrupted"]


def test_both_paths_are_needed_and_restoring_one_brings_nothing_back():
    model = compiled.both()
    prompts = model.prompts(16)
    weights = plain(model.bridge)
    for head in ("L0H0", "L0H1"):
        # The corrupted run, with one edge as in the clean run.
        others = set(model.graph.edges) - {(head, "MLP0"), ("MLP0", "logits")}
        others -= {("tokens", f"{head}.v")}
        logits = edge_ablated_logits(weights, prompts.clean, others, prompts.corrupted)
        assert logits[prompts.mask].abs().max() == 0


def test_without_the_negative_head_the_model_is_surer():
    model = compiled.negative()
    prompts = model.prompts(16)
    right = prompts.answers[prompts.mask][:, None]
    whole = model.bridge(prompts.clean)[prompts.mask].gather(1, right)
    without = logits_without(model, prompts, {("L0H1", "logits")})[prompts.mask].gather(1, right)
    assert torch.allclose(whole, torch.full_like(whole, 7.0))
    assert torch.allclose(without, torch.full_like(whole, 10.0))


def test_a_coarse_truth_names_edges_of_the_coarse_graph():
    model = compiled.inhibition()
    coarse = model.truth.coarse()
    graph = CircuitGraph(3, 2, mlps=False, split=False)
    assert graph.check(coarse.edges["zero"])
    assert ("embed", "L0H0") in coarse.edges["corrupted"]
    assert coarse.nodes == {"embed", "L0H0", "L1H1", "L2H0"}
    fine = model.truth.coarse(split=True, split_embed=True)
    assert fine == model.truth


def test_coarse_edges_can_be_ablated_too():
    model = compiled.inhibition()
    weights, prompts = plain(model.bridge), model.prompts(12)
    fine = {(w, f"L0H0.{port}") for w in ("tokens", "positions") for port in "qkv"}
    together = edge_ablated_logits(weights, prompts.clean, fine)
    assert torch.equal(edge_ablated_logits(weights, prompts.clean, {("embed", "L0H0")}), together)


def test_a_repetition_longer_than_the_alphabet_is_refused():
    with pytest.raises(ValueError, match="expected 2 to 8 letters before the repetition, got 9"):
        compiled.induction(half=9)
