"""Chapter 07 on other models, and its exercises against the methods that it teaches."""

from pathlib import Path

import pytest
import torch

from mi_course.activations import record
from mi_course.exercises.ch07_attribution import attribution_patch
from mi_course.exercises.ch07_circuits import faithfulness
from mi_course.exercises.ch07_heads import patch_heads
from mi_course.exercises.ch07_paths import path_patch
from mi_course.exercises.ch07_residual import patch_residual
from mi_course.exercises.ch07_scores import logit_diff, patching_effect
from mi_course.methods import patching
from mi_course.models import tiny
from mi_course.worlds.tasks import PromptPair
from tests.notebooks.other_models import ARCHITECTURES, N_LAYERS, checkpoint, run_with, times_named

SOURCE = Path(__file__).parents[2] / "solutions" / "07_ioi_patching.py"
NAMED = 'MODEL = "town"'
# Logits of size 10, summed in another order.
CLOSE = {"rtol": 1e-3, "atol": 1e-3}


@pytest.fixture(scope="module")
def model():
    return tiny(n_layers=2, attn_only=False)


@pytest.fixture(scope="module")
def prompts(model):
    """Random tokens as prompts; all of one template."""
    generator = torch.Generator().manual_seed(2)
    clean, corrupted = (torch.randint(50, (6, 7), generator=generator) for _ in range(2))
    pairs = [
        PromptPair(
            "clean",
            "corrupted",
            "answer",
            "wrong",
            {"end": 6},
            clean_tokens=tuple(here),
            corrupted_tokens=tuple(there),
            answers=(here[1],),
            wrongs=(here[1] + 1 - 2 * (here[1] == 49),),
        )
        for here, there in zip(clean.tolist(), corrupted.tolist(), strict=True)
    ]
    return patching.patch_prompts(model, pairs)


@pytest.fixture(scope="module")
def given(prompts):
    return prompts.clean, prompts.corrupted, prompts.answers[:, 0], prompts.wrongs[:, 0]


@torch.no_grad()
def baselines(model, prompts):
    asked = prompts.ends, prompts.answers[:, 0], prompts.wrongs[:, 0]
    return [logit_diff(model(tokens), *asked) for tokens in (prompts.clean, prompts.corrupted)]


def test_plain_differences_and_effects_are_those_of_the_method(model, prompts):
    grid = patching.patch_heads(model, prompts, "z")
    clean, corrupted = baselines(model, prompts)
    torch.testing.assert_close(clean, grid.clean, **CLOSE)
    torch.testing.assert_close(corrupted, grid.corrupted, **CLOSE)
    plain = patching_effect(grid.by_prompt.flatten(0, 1), clean, corrupted)
    torch.testing.assert_close(plain, grid.values.flatten(), **CLOSE)


@torch.no_grad()
def test_a_plain_patch_of_the_stream_is_that_of_the_method(model, prompts, given):
    plain = patch_residual(model, *given[:2], 1, 3)
    place = patching.Place("resid_pre", 1, position=3)
    torch.testing.assert_close(plain, patching.patched_logits(model, prompts, place), **CLOSE)


@torch.no_grad()
def test_plain_patches_of_heads_are_those_of_the_method(model, prompts, given):
    fast = patching.patch_heads(model, prompts, "z", direction="noising", metric="raw_logit_diff")
    torch.testing.assert_close(patch_heads(model, *given), fast.values, **CLOSE)


def test_plain_attribution_is_that_of_the_method(model, prompts, given):
    fast = patching.attribution_heads(model, prompts, "z", metric="raw_logit_diff")
    torch.testing.assert_close(attribution_patch(model, *given), fast.change(), **CLOSE)


@torch.no_grad()
def test_a_plain_path_is_that_of_the_method(model, prompts, given):
    fast = patching.path_patch(model, prompts, mlps="frozen", metric="raw_logit_diff")
    logits = path_patch(model, *given[:2], 0, 2)
    rows = torch.arange(len(logits))
    plain = logits[rows, given[2]] - logits[rows, given[3]]
    torch.testing.assert_close(plain, fast.by_prompt[0, 2], **CLOSE)


@torch.no_grad()
def test_plain_faithfulness_is_that_of_the_method(model, prompts, given):
    keep = torch.zeros(2, 4, dtype=torch.bool)
    circuit = [(0, 1), (1, 2), (1, 3)]
    keep[tuple(torch.tensor(circuit).T)] = True
    plain = faithfulness(model, *given[:2], keep, *given[2:])
    test = patching.faithfulness(model, prompts, circuit)
    torch.testing.assert_close(plain, test.circuit[0] / test.model[0], **CLOSE)


def test_the_model_is_named_in_one_place():
    assert times_named(SOURCE, NAMED) == 1


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_cell_runs_on_models_of_other_architectures(tmp_path, capsys, architecture):
    names = run_with(SOURCE, NAMED, checkpoint(architecture, tmp_path))
    model = names["model"]
    assert model.cfg.n_layers == N_LAYERS[architecture]
    assert names["stream"].values.shape == (model.cfg.n_layers, 5)
    assert names["heads"].values.shape == (model.cfg.n_layers, model.cfg.n_heads)
    # The edit of the pattern is one that this architecture's attention reads.
    seen = record(
        model, names["new"].clean, names["hook"], edits={names["hook"]: names["look_at_giver"]}
    )
    at_giver = seen[names["hook"]][names["every"], names["head"], names["new"].ends]
    assert at_giver[names["every"], names["new"].places["s2"]].min() == 1
    assert "✗" not in capsys.readouterr().out
