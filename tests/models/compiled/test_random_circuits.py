"""Random circuits: their truth is what ablation finds, and nothing in the weights gives it away."""

from functools import cache

import pytest
import torch

from mi_course.metrics import kl_divergence
from mi_course.models.compiled import random_circuit
from mi_course.models.compiled.ablation import edge_ablated_logits, edge_effects
from mi_course.models.compiled.answer_key import truth_of
from mi_course.models.compiled.random_circuits import LEAST_EFFECT, mystery_model, student_seed
from mi_course.models.plain import plain

SMALL = {"n_layers": 2, "n_heads": 3, "n_live": 3}


@cache
def made(seed):
    """Return the model of a seed, drawn once for all tests."""
    return random_circuit(seed)


@pytest.fixture
def model():
    return made(0)


@pytest.fixture(scope="module")
def mystery():
    return mystery_model("Ada  Lovelace")


def greedily_kept(model, tau, n=16):
    """Return the edges that a plain sequential search keeps, last reader first."""
    weights, prompts = plain(model.bridge), model.prompts(n, seed=1)
    whole = weights.forward(prompts.clean)[prompts.mask]
    removed, before = set(), 0.0
    for edge in model.graph.reverse_order:
        trial = {*removed, edge}
        logits = edge_ablated_logits(weights, prompts.clean, trial, prompts.corrupted)
        loss = kl_divergence(whole, logits[prompts.mask]).mean().item()
        if loss - before < tau:
            removed, before = trial, loss
    return set(model.graph.edges) - removed


@pytest.mark.parametrize("seed", range(2))
def test_a_plain_search_finds_exactly_the_true_edges(seed):
    small = random_circuit(seed, **SMALL)
    assert greedily_kept(small, tau=1e-3) == small.truth.edges["corrupted"]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("ablation", ["zero", "corrupted"])
def test_all_other_edges_together_do_nothing_and_each_true_one_something(seed, ablation):
    model = made(seed)
    weights, prompts = plain(model.bridge), model.prompts(48, seed=11)
    true = model.truth.edges[ablation]
    source = prompts.corrupted if ablation == "corrupted" else None
    others = set(model.graph.edges) - true
    without = edge_ablated_logits(weights, prompts.clean, others, source)[prompts.mask]
    # Logits of about 10 in a turned basis, in single precision.
    assert (without - weights.forward(prompts.clean)[prompts.mask]).abs().max() < 1e-4
    effects = edge_effects(weights, prompts, true, ablation)
    assert min(effects.values()) > LEAST_EFFECT[ablation] / 4  # on prompts never looked at


def test_zero_and_corrupted_truths_differ_by_constants(model):
    edges = model.truth.edges
    assert edges["corrupted"] < edges["zero"]
    more = {writer for writer, _ in edges["zero"] - edges["corrupted"]}
    assert "embed" in more  # positions
    assert any(writer.startswith("L") for writer in more)  # a head that writes a constant


def test_live_parts_build_on_each_other_through_queries_keys_and_values():
    for seed in range(3):
        edges = made(seed).truth.edges["corrupted"]
        composed = {reader[-2:] for writer, reader in edges if writer != "embed"}
        assert {".q", ".k", ".v"} <= composed


def test_six_heads_and_two_mlps_are_live_and_the_rest_attend_and_write_too(model):
    live = model.truth.nodes_of("corrupted")
    assert sum(node.startswith("L") for node in live) == 6
    assert sum(node.startswith("MLP") for node in live) == 2
    _, cache = model.bridge.run_with_cache(model.prompts(8).clean)
    for layer in range(3):
        norms = (cache[f"blocks.{layer}.attn.hook_z"] ** 2).sum(-1).mean((0, 1))
        assert norms.min() > 0.001
        assert cache[f"blocks.{layer}.mlp.hook_out"].abs().max() > 0.01


def test_no_weight_of_a_head_is_zero(model):
    for name in ("W_Q", "W_K", "W_V", "W_O", "W_E"):
        assert (getattr(model.bridge, name) == 0).sum() == 0


def test_the_same_seed_gives_the_same_model_and_another_seed_another(model):
    again, other = random_circuit(0), made(1)
    tokens = model.prompts(8, seed=2).clean
    assert torch.equal(again.bridge(tokens), model.bridge(tokens))
    assert again.truth == model.truth
    assert not torch.allclose(other.bridge(tokens), model.bridge(tokens))
    assert other.truth != model.truth


def test_corrupted_letters_differ_everywhere_and_answers_are_the_model_s_own(model):
    prompts = model.prompts(20, seed=5)
    assert (prompts.clean[:, 1:] != prompts.corrupted[:, 1:]).all()
    assert (prompts.clean[:, 0] == 0).all() and (prompts.corrupted[:, 0] == 0).all()
    assert torch.equal(prompts.mask.sum(1), torch.ones(20, dtype=torch.long))
    own = model.bridge(prompts.corrupted).argmax(-1)[:, -1]
    assert torch.equal(prompts.wrongs[:, -1], own)


def test_sizes_are_as_asked_for():
    model = random_circuit(2, n_layers=4, n_heads=2, n_live=5, mlps=False, n_letters=4, length=6)
    assert (model.graph.n_layers, model.graph.n_heads, model.graph.mlps) == (4, 2, False)
    assert model.bridge.cfg.d_vocab == 5
    assert model.prompts(3).clean.shape == (3, 7)
    live = {node for node in model.truth.nodes_of("corrupted") if node != "embed"}
    assert len(live) == 5


def test_each_student_gets_a_model_of_their_own_without_its_truth(mystery):
    again, other = mystery_model(" ada lovelace"), mystery_model("Charles Babbage")
    prompts = mystery.prompts(16, seed=0)
    assert torch.equal(mystery.bridge(prompts.clean), again.bridge(prompts.clean))
    assert not torch.allclose(mystery.bridge(prompts.clean), other.bridge(prompts.clean))
    assert not hasattr(mystery, "truth") and not hasattr(mystery, "program")
    # Written down: the same name must give the same model next year.
    assert student_seed("Ada Lovelace") == 2598660478


def test_the_answer_key_holds_the_truth_of_a_students_model(mystery):
    truth = truth_of("Ada Lovelace")
    weights, prompts = plain(mystery.bridge), mystery.prompts(32, seed=9)
    effects = edge_effects(weights, prompts, mystery.graph.edges[::5], "corrupted")
    found = {edge for edge, effect in effects.items() if effect > 1e-3}
    assert found == truth.edges["corrupted"] & set(effects)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_live": 13}, "expected 1 to 12 live heads, got 13"),
        ({"n_live": 0}, "expected 1 to 12 live heads, got 0"),
        ({"n_letters": 2}, "expected at least 3 letters"),
        ({"length": 3}, "prompts of 4, got 6 and 3"),
    ],
)
def test_a_size_without_room_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        random_circuit(0, **changes)


def test_a_student_without_a_name_is_refused():
    with pytest.raises(ValueError, match="expected a student's name, got none"):
        mystery_model("  ")
