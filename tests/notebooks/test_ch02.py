"""Chapter 02 on other models, and its exercises against the methods that it teaches."""

from pathlib import Path

import pytest
import torch

from mi_course.exercises.ch02_attribution import direct_logit_attribution
from mi_course.exercises.ch02_distances import answer_rank, kl_to_final
from mi_course.exercises.ch02_patchscope import patchscope
from mi_course.exercises.ch02_readings import logit_lens
from mi_course.exercises.ch02_training import train_translator
from mi_course.exercises.ch02_translators import tuned_lens_loss
from mi_course.methods import lens
from mi_course.models import tiny
from tests.notebooks.other_models import ARCHITECTURES, N_LAYERS, checkpoint, run_with, times_named

SOURCE = Path(__file__).parents[2] / "solutions" / "02_logit_lens.py"
NAMED = 'MODEL = "town"'
# Readings of size 10, summed in another order.
CLOSE = {"rtol": 1e-4, "atol": 1e-4}


@pytest.fixture(scope="module")
def model():
    return tiny(n_layers=3)


@pytest.fixture(scope="module")
def tokens():
    return torch.randint(50, (4, 9), generator=torch.Generator().manual_seed(2))


@pytest.fixture(scope="module")
def answers():
    return torch.tensor([3, 41, 7, 19])


@torch.no_grad()
def test_plain_readings_are_those_of_the_method(model, tokens):
    _, resid, _ = lens.stream(model, tokens)
    torch.testing.assert_close(logit_lens(model, tokens), lens.unembed(model, resid), **CLOSE)


@torch.no_grad()
def test_plain_ranks_and_divergences_are_those_of_the_method(model, tokens, answers):
    fast = lens.answer_trajectories(model, tokens, answers)
    at_the_end = logit_lens(model, tokens)[:, :, -1]
    assert torch.equal(answer_rank(at_the_end, answers), fast.rank)
    torch.testing.assert_close(kl_to_final(at_the_end), fast.kl_to_final, **CLOSE)


@torch.no_grad()
def test_plain_attribution_is_that_of_the_method(model, tokens, answers):
    rivals = answers.flip(0)
    fast = lens.direct_logit_attribution(model, tokens, answers, rivals)
    names = ["blocks.0.hook_resid_pre", *(f"blocks.{i}.hook_attn_out" for i in range(3))]
    _, cache = model.run_with_cache(tokens)
    for row in range(len(tokens)):
        parts = torch.stack([cache[name][row, -1] for name in names])
        direction = model.W_U[:, answers[row]] - model.W_U[:, rivals[row]]
        plain = direct_logit_attribution(parts, model.ln_final.weight, direction, model.cfg.eps)
        assert fast.parts[0] == "embedding"
        torch.testing.assert_close(plain[0], fast.values[0, row], **CLOSE)
        constant = fast.values[fast.parts.index("final biases"), row]
        torch.testing.assert_close(plain.sum() + constant, fast.total[row], rtol=1e-4, atol=1e-3)


@torch.no_grad()
def test_plain_loss_is_that_of_the_method(model, tokens):
    _, resid, final = lens.stream(model, tokens)
    A, b = torch.eye(16).roll(1, 0), torch.linspace(-1, 1, 16)
    plain = tuned_lens_loss(model, resid[1, 0], A, b, final[0])
    fast = lens.tuned_lens_loss(model, resid[1, 0] + resid[1, 0] @ A + b, final[0])
    torch.testing.assert_close(plain, fast, **CLOSE)


def test_plain_training_lowers_the_loss_of_the_method(model, tokens):
    _, resid, final = lens.stream(model, tokens)
    x, end = resid[1].flatten(0, 1), final.flatten(0, 1)
    A, b = train_translator(model, x, end, 40, 0.03)
    with torch.no_grad():
        before = lens.tuned_lens_loss(model, x, end)
        after = lens.tuned_lens_loss(model, x + x @ A + b, end)
    assert after < 0.6 * before


@torch.no_grad()
def test_plain_patchscope_is_that_of_the_method(model, tokens):
    target = tokens[:, :6].flip(1)
    plain = patchscope(model, tokens, target, (0, 7), (1, 2))
    place = {"source_layer": 0, "source_pos": 7, "target_layer": 1, "target_pos": 2}
    torch.testing.assert_close(plain, lens.patchscope(model, tokens, target, **place), **CLOSE)


def test_the_model_is_named_in_one_place():
    assert times_named(SOURCE, NAMED) == 1


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_cell_runs_on_models_of_other_architectures(tmp_path, capsys, architecture):
    names = run_with(SOURCE, NAMED, checkpoint(architecture, tmp_path))
    n_layers = N_LAYERS[architecture]
    assert names["model"].cfg.n_layers == n_layers
    assert len(names["path"].points) == n_layers + 1
    assert names["written"].error() < 1e-3
    assert "✗" not in capsys.readouterr().out
