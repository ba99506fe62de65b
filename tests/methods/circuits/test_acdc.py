"""ACDC keeps what the sequential algorithm keeps, edge for edge, however it gets there."""

from dataclasses import replace

import pytest
import torch
import transformer_lens.model_bridge.sources.native  # noqa: F401 - registers boot_native
from transformer_lens.config import TransformerBridgeConfig
from transformer_lens.model_bridge import TransformerBridge

from mi_course.methods.circuits import (
    acdc,
    circuit_loss,
    circuit_task,
    edge_runs,
    graph_of,
    prompts_task,
    sequential_acdc,
    verify,
)
from mi_course.methods.circuits.acdc import Search, variants
from mi_course.methods.circuits.task import METRICS, CircuitTask
from mi_course.models import compiled, load, tiny
from mi_course.models.plain import plain
from mi_course.worlds.tasks import BUILDERS

TAUS = {"kl": 0.03, "logit_diff": 0.1, "nll": 0.05, "distance": 3.0}
NATIVE = {
    "MLPs": {},
    "attention only": {"attn_only": True},
    "learned positions": {"positional_embedding_type": "standard", "normalization_type": None},
    "both directions": {"attention_dir": "bidirectional"},
    "gated, shared keys": {"gated_mlp": True, "n_key_value_heads": 2, "act_fn": "silu"},
}


def native(**changes):
    """A bridge with random weights of a size at which many edges matter."""
    shape = {"d_model": 16, "d_head": 4, "n_heads": 4, "n_layers": 2, "n_ctx": 16, "d_vocab": 30}
    kind = {"normalization_type": "LN", "positional_embedding_type": "rotary", "act_fn": "gelu"}
    settings = TransformerBridgeConfig(**{**shape, **kind, "seed": 3, **changes})
    model = TransformerBridge.boot_native(settings)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=generator)
    return model.eval()


def drawn_task(metric="kl", *, d_vocab=30, last_only=True, seed=0):
    generator = torch.Generator().manual_seed(seed)
    clean = torch.randint(d_vocab, (3, 7), generator=generator)
    corrupted = clean.clone()
    corrupted[:, 2:6] = torch.randint(d_vocab, (3, 4), generator=generator)
    mask = torch.zeros(3, 7, dtype=torch.bool)
    mask[:, -1] = True
    mask[0, 3] = mask[1, 4] = mask[1, 5] = not last_only
    answers, wrongs = torch.randint(d_vocab, (2, int(mask.sum()), 2), generator=generator)
    wrongs[1, 1] = -1
    return CircuitTask(clean, corrupted, mask, metric, answers, wrongs, "drawn")


def strengthened(model):
    """Fresh weights of these architectures are too small for any edge to matter."""

    def stronger(layer):
        names = ("W_Q", "W_K", "W_V", "W_O", "W_in", "W_out")
        return replace(layer, **{name: 12 * getattr(layer, name) for name in names})

    layers = tuple(stronger(layer) for layer in model.layers)
    return replace(model, W_U=30 * model.W_U, layers=layers)


def assert_same(model, task, tau, **options):
    fast, slow = acdc(model, task, tau, **options), sequential_acdc(model, task, tau, **options)
    assert fast.kept == slow.kept
    rounding = edge_runs(model, task, **options).rounding
    torch.testing.assert_close(fast.effects, slow.effects, atol=2 * rounding, rtol=0)
    assert fast.loss == pytest.approx(slow.loss, abs=rounding)
    return fast


@pytest.mark.parametrize(
    ("kind", "metric"),
    [*(("MLPs", metric) for metric in METRICS), *zip(list(NATIVE)[1:], METRICS, strict=True)],
)
def test_acdc_keeps_what_the_sequential_algorithm_keeps(kind, metric):
    kept = assert_same(plain(native(**NATIVE[kind])), drawn_task(metric), TAUS[metric]).kept
    assert 0 < len(kept) < 100


@pytest.mark.parametrize("ablation", ["zero", "mean"])
@pytest.mark.parametrize("metric", ["kl", "logit_diff"])
def test_it_does_so_under_every_ablation(ablation, metric):
    task = drawn_task(metric)
    assert assert_same(plain(native()), task, TAUS[metric], ablation=ablation).kept


@pytest.mark.parametrize("split", [True, False])
def test_it_does_so_with_several_scored_positions(split):
    model, task = plain(native()), drawn_task(last_only=False)
    assert assert_same(model, task, 0.05, graph=graph_of(model, split=split)).kept


@pytest.mark.parametrize("ablation", ["corrupted", "zero"])
def test_it_does_so_with_tokens_and_positions_apart(ablation):
    model = plain(native(positional_embedding_type="standard"))
    graph = graph_of(model, split_embed=True)
    found = assert_same(model, drawn_task(), 0.02, graph=graph, ablation=ablation)
    kept = {writer for writer, _ in found.kept}
    # Both prompts have the same positions, so only zeros make a difference there.
    assert "tokens" in kept
    assert ("positions" in kept) == (ablation == "zero")


@pytest.mark.parametrize("tau", [1e-3, 0.3])
def test_it_does_so_at_every_threshold(tau):
    assert_same(plain(native()), drawn_task(), tau)


@pytest.mark.parametrize("kind", ["gpt2", "neox"])
def test_it_does_so_in_other_architectures(kind, other_models):
    model = plain(other_models[kind])
    assert assert_same(strengthened(model), drawn_task(d_vocab=3072), 1e-3).kept


COMPILED = ["reverse", "xproportion", "induction", "inhibition", "either"]
BOTH = [(name, ablation) for name in COMPILED for ablation in ("zero", "corrupted")]


@pytest.mark.parametrize(
    ("name", "ablation"),
    [
        ("xproportion", "zero"),
        ("either", "corrupted"),
        *(pytest.param(*case, marks=pytest.mark.slow) for case in BOTH),
    ],
)
def test_it_does_so_in_compiled_models(name, ablation):
    model = getattr(compiled, name)()
    task = prompts_task(model.prompts(4, 0), "distance" if name == "xproportion" else "kl")
    graph = graph_of(model.bridge, split_embed=model.graph.split_embed)
    assert_same(plain(model.bridge), task, 0.01, graph=graph, ablation=ablation)


def test_it_does_so_in_a_trained_model():
    model = load("attn-2l", device="cpu")
    task = circuit_task(BUILDERS["induction"](model.tokenizer, 8, 0))
    found = acdc(model, task, 0.02)
    assert 10 < len(found.kept) < 60
    assert verify(model, task, found, n=30).wrong == ()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ioi", "greater_than", "docstring", "facts", "induction"])
@pytest.mark.parametrize("model_name", ["attn-2l", "town"])
@pytest.mark.parametrize(("metric", "tau"), [("kl", 0.02), ("logit_diff", 0.1)])
def test_it_does_so_in_trained_models_on_every_task(model_name, name, metric, tau):
    model = plain(load(model_name, device="cpu"))
    task = circuit_task(BUILDERS[name](load("attn-1l").tokenizer, 8, 0), metric)
    found = acdc(model, task, tau)
    # All decisions of the small model, of the large one those nearest to tau and as many others.
    n = None if model_name == "attn-2l" else 200
    assert verify(model, task, found, n=n).wrong == ()


def test_a_guess_saves_work_and_changes_nothing():
    runs = edge_runs(native(), drawn_task())
    near, alone = acdc(runs, None, 0.02), acdc(runs, None, 0.015)
    helped = acdc(runs, None, 0.015, guess=near)
    assert helped.kept == alone.kept
    assert helped.calls < alone.calls


def test_a_wrong_guess_costs_work_and_changes_nothing():
    runs = edge_runs(native(), drawn_task())
    alone = acdc(runs, None, 0.02)
    opposite = replace(alone, effects=(alone.effects < 0.02).double())
    misled = acdc(runs, None, 0.02, guess=opposite)
    assert misled.kept == alone.kept
    assert misled.calls > alone.calls


@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_the_size_of_a_batch_changes_nothing(chunk):
    runs = edge_runs(native(), drawn_task())
    assert acdc(runs, None, 0.02, chunk=chunk).kept == acdc(runs, None, 0.02).kept


def test_one_more_edge_is_removed_beside_those_guessed_before_it():
    expected = [[1, 0, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 1, 1]]
    assert variants(torch.tensor([True, False, True, True])).int().tolist() == expected


def test_an_edge_at_the_threshold_is_decided_in_double_precision():
    """Tau is the very effect of an edge, in double precision and a hair below or above it."""
    task, model = drawn_task(), plain(native())
    first = sequential_acdc(model, task, 10.0)
    edge = ("MLP1", "logits")
    at = first.effects[first.graph.number[edge]].item()
    for tau, keeps in ((at * (1 - 1e-9), True), (at * (1 + 1e-9), False)):
        found = acdc(model, task, tau)
        assert (edge in found.kept) == keeps
        assert found.replayed >= 1


def test_the_loss_is_that_of_the_kept_edges():
    task, model = drawn_task("logit_diff"), native()
    found = acdc(model, task, 0.1)
    assert found.loss == pytest.approx(circuit_loss(model, task, found.kept), abs=1e-5)
    whole = circuit_loss(model, task, found.graph.edges)
    assert found.full_loss == pytest.approx(whole, abs=1e-5)


def test_a_huge_threshold_keeps_nothing_and_looks_only_at_the_logits():
    found = acdc(native(), drawn_task(), 1e9)
    n_parents = len(found.graph.parents("logits"))
    assert found.kept == ()
    # The embedding is the same on both prompts where it is scored.
    assert found.evaluated == n_parents - 1 + 1


def test_a_model_of_one_layer_written_by_hand_has_the_circuit_it_was_given():
    """Only L0H1 writes; its values read the embedding, and its pattern is uniform."""
    model = plain(tiny(n_layers=1))
    layer = model.layers[0]
    W_O, W_Q, b_Q = layer.W_O.clone(), torch.zeros_like(layer.W_Q), torch.zeros_like(layer.b_Q)
    W_O[[0, 2, 3]] = 0
    model = replace(model, layers=(replace(layer, W_O=W_O, W_Q=W_Q, b_Q=b_Q),))
    found = acdc(model, drawn_task(d_vocab=50), 1e-4)
    assert found.names == ("embed->L0H1.v", "L0H1->logits")


def test_multiply_adds_of_one_batch_are_those_counted_by_hand():
    runs = edge_runs(native(), drawn_task())
    search = Search(runs, 1e9)
    search.visit("logits")
    n_tried, scored, d_model, d_vocab = search.evaluated - 1, 3, 16, 30
    assert search.live.multiply_adds == n_tried * scored * d_model * d_vocab


@pytest.mark.parametrize("tau", [0.0, -1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("method", [acdc, sequential_acdc])
def test_a_threshold_that_is_not_above_zero_is_refused(method, tau):
    with pytest.raises(ValueError, match="expected a tau above 0"):
        method(native(), drawn_task(), tau)


def test_a_batch_of_no_circuit_is_refused():
    with pytest.raises(ValueError, match="chunk of at least 1"):
        acdc(native(), drawn_task(), 0.1, chunk=0)


def test_a_guess_from_another_graph_is_refused():
    other = acdc(tiny(), drawn_task(), 0.1)
    with pytest.raises(ValueError, match="expected a guess for"):
        acdc(native(), drawn_task(), 0.1, guess=other)
