"""Chapter 06 on another model, and its exercises against the methods that it teaches."""

from pathlib import Path

import pytest
import torch

from mi_course.activations import ablate_heads
from mi_course.exercises.ch06_circuits import copying_score, full_ov_circuit
from mi_course.exercises.ch06_composition import composition_score
from mi_course.exercises.ch06_edits import ablate_head
from mi_course.exercises.ch06_losses import in_context_learning_score
from mi_course.exercises.ch06_scores import induction_score, previous_token_score
from mi_course.exercises.ch06_tokens import repeated_tokens
from mi_course.methods import induction
from mi_course.metrics import cross_entropy_by_position
from mi_course.models import tiny
from tests.notebooks.other_models import checkpoint, run_with, times_named

SOURCE = Path(__file__).parents[2] / "solutions" / "06_induction_heads.py"
NAMED = 'MODEL = "attn-2l"'
# Sums of float32 in another order: relative 1e-6, more where an eigenvalue problem is between.
CLOSE = {"rtol": 1e-4, "atol": 1e-5}


@pytest.fixture(scope="module")
def model():
    return tiny(n_layers=2)


@pytest.fixture(scope="module")
def tokens():
    return induction.repeated_tokens(3, 11, 50, seed=5, bos=7)


@pytest.fixture(scope="module")
def weights(model):
    return induction.circuit_weights(model)


def test_plain_repeated_tokens_are_those_of_the_method():
    plain = repeated_tokens(4, 9, 30, 17, torch.Generator().manual_seed(3))
    assert torch.equal(plain, induction.repeated_tokens(4, 9, 30, seed=3, bos=17))


@pytest.mark.parametrize(
    ("plain", "fast"),
    [
        (lambda pattern, _: previous_token_score(pattern), induction.previous_token_scores),
        (induction_score, induction.prefix_matching_scores),
    ],
)
def test_plain_attention_scores_are_those_of_the_method(model, tokens, plain, fast):
    patterns = induction.attention_patterns(model, tokens)
    by_layer = torch.stack([plain(pattern, tokens) for pattern in patterns])
    torch.testing.assert_close(by_layer, fast(model, tokens).values, **CLOSE)


def test_plain_in_context_learning_score_is_that_of_the_method(model, tokens):
    with torch.no_grad():
        logits = model(tokens)
    loss = cross_entropy_by_position(logits, tokens)
    fast = induction.in_context_learning_score(loss, early=3, late=16)
    plain = in_context_learning_score(logits, tokens, 4, 17).item()
    assert plain == pytest.approx(fast, rel=1e-4, abs=1e-5)


def test_plain_ov_circuit_and_copying_score_are_those_of_the_methods(weights):
    scores = induction.copying_scores(weights).values
    for head in [(0, 1), (1, 3)]:
        plain = full_ov_circuit(weights.W_E, weights.W_V[head], weights.W_O[head], weights.W_U)
        fast = induction.full_ov_circuit(weights, head)
        torch.testing.assert_close(plain.AB, fast.AB, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(
            copying_score(plain.A, plain.B), scores[head], rtol=1e-3, atol=1e-3
        )


def test_plain_composition_is_that_of_the_method(weights):
    fast = induction.composition_scores(weights, "K").values
    for first, later in [((0, 0), (1, 2)), ((0, 3), (1, 1))]:
        plain = composition_score(
            weights.W_V[first], weights.W_O[first], weights.W_Q[later], weights.W_K[later]
        )
        torch.testing.assert_close(plain, fast[(*first, *later)], **CLOSE)


def test_plain_ablation_is_that_of_the_activations(model, tokens):
    for head in [(0, 2), (1, 0)]:
        plain = ablate_head(model, tokens, *head).detach()
        fast = ablate_heads(model, tokens, [head], "mean")
        torch.testing.assert_close(plain, fast, rtol=1e-4, atol=1e-4)


def test_the_model_is_named_in_one_place():
    assert times_named(SOURCE, NAMED) == 1


def test_every_cell_runs_on_a_model_of_another_architecture(tmp_path, capsys):
    names = run_with(SOURCE, NAMED, checkpoint("gpt2", tmp_path))
    printed = capsys.readouterr().out
    assert names["model"].cfg.n_layers == 3
    assert names["prefix"].values.shape == (3, 4)
    assert "comes without checkpoints" in printed
    assert "✗" not in printed
