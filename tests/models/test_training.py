"""Training: the fast forward is the plain one, a run repeats itself, and a killed run goes on."""

import dataclasses

import pytest
import torch

from mi_course.models import data, native, training, weights
from mi_course.models.fast_attention import slow_down, speed_up
from mi_course.models.recipes import RECIPES, Recipe, recipe
from mi_course.models.tokenizer import load_tokenizer

PLAN = Recipe(
    "mini",
    2,
    32,
    4,
    False,
    6,
    (0, 3, 6),
    rows=2,
    n_ctx=32,
    warm_up=2,
    head_penalty=0.01,
    opening_steps=2,
)


@pytest.fixture
def mini(monkeypatch, tmp_path):
    monkeypatch.setitem(RECIPES, "mini", PLAN)
    monkeypatch.setattr(training, "SAVE_EVERY", 2)
    return tmp_path


def drawn(*shape):
    """Random tokens, the same at each call."""
    return torch.randint(0, 70, shape, generator=torch.Generator().manual_seed(0))


def test_the_fast_forward_gives_the_plain_logits():
    module = native.new_module(PLAN, 70)
    tokens = drawn(3, 20)
    plain = module(tokens)
    speed_up(module, penalise_heads=True)
    torch.testing.assert_close(module(tokens), plain, atol=1e-5, rtol=1e-5)
    slow_down(module)
    torch.testing.assert_close(module(tokens), plain, atol=0, rtol=0)


def test_head_norms_equal_the_norms_of_the_head_outputs():
    module = native.new_module(dataclasses.replace(PLAN, n_layers=1), 70)
    tokens = drawn(3, 20)
    norms = speed_up(module, penalise_heads=True)
    module(tokens)
    bridge = native.to_bridge(module, None, "mini", "cpu")
    slow_down(module)
    _, cache = bridge.run_with_cache(tokens)
    head_outputs = torch.einsum("bphd,hdm->bphm", cache["blocks.0.attn.hook_z"], bridge.W_O[0])
    read = cache["blocks.0.ln1.hook_out"].norm(dim=-1)
    expected = (head_outputs.norm(dim=-1).sum(-1) / read).mean()
    torch.testing.assert_close(norms.total, expected, atol=1e-4, rtol=1e-4)


def test_a_batch_depends_on_recipe_and_step_alone():
    tokenizer = load_tokenizer()
    first, again, other = (data.batch(PLAN, step, tokenizer) for step in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.shape == (2, 33)
    assert (first[:, 0] == 0).all()


def test_the_opening_holds_repeated_tokens_alone_and_trains_two_attention_layers():
    tokens = data.batch(PLAN, 1, load_tokenizer())
    assert tokens.shape == (4, 17)
    assert tokens[:, 1:].max() < data.OPENING_VOCABULARY
    plan = dataclasses.replace(PLAN, n_layers=4)
    module = native.new_module(plan, 70)
    training.hold_back(module, plan, opening=True)
    frozen = {name for name, p in module.named_parameters() if not p.requires_grad}
    assert {name.split(".")[1] for name in frozen if "attn" in name} == {"0", "3"}
    assert all(f"layers.{layer}.mlp.fc_in.weight" in frozen for layer in range(4))
    training.hold_back(module, plan, opening=False)
    assert all(p.requires_grad for p in module.parameters())


def test_near_heads_start_with_a_preference_for_near_tokens():
    bridge = native.to_bridge(native.new_module(PLAN, 70), None, "mini", "cpu")
    _, cache = bridge.run_with_cache(drawn(8, 30))
    near = cache["blocks.0.attn.hook_pattern"].diagonal(-1, 2, 3)[..., 10:].mean((0, 2))
    assert near[:2].min() > 2 * near[2:].max()


def test_random_rows_repeat_and_hold_no_special_token():
    import random

    row = data.random_row(random.Random(1), 64, 50)
    period = next(p for p in range(4, 33) if row[p:] == row[:-p])
    assert 4 <= period <= 32
    assert 0 not in row


def test_a_killed_run_goes_on_to_the_same_weights(mini):
    whole = training.Run(PLAN, mini / "whole", "cpu")
    whole.finish()
    killed = training.Run(dataclasses.replace(PLAN), mini / "killed", "cpu")
    for _ in range(4):
        killed.losses.append(killed.advance())
    killed.save()
    resumed = training.Run(PLAN, mini / "killed", "cpu")
    resumed.resume()
    assert resumed.step == 4
    resumed.finish()
    for key, value in whole.module.state_dict().items():
        torch.testing.assert_close(resumed.module.state_dict()[key], value, atol=1e-5, rtol=1e-4)


def test_a_finished_run_leaves_every_checkpoint_of_its_recipe(mini):
    run = training.Run(PLAN, mini / "run", "cpu")
    run.finish()
    kept = sorted(p.name for p in (mini / "run" / "checkpoints").iterdir())
    assert kept == [f"step-{s:06d}.safetensors" for s in PLAN.checkpoint_steps]
    assert len(run.losses) == PLAN.steps


def test_the_learning_rate_warms_up_and_decays():
    plan = RECIPES["town"]
    steps = (0, plan.warm_up - 1, plan.steps // 2, plan.steps - 1)
    rates = [training.schedule(plan, step) for step in steps]
    assert rates[0] < rates[1] == rates[2] > rates[3]


def test_int8_checkpoints_are_within_half_a_step_of_each_row():
    generator = torch.Generator().manual_seed(0)
    state = {
        "w": torch.randn(5, 7, generator=generator)
        * torch.tensor([[1e-3], [1.0], [20.0], [0.1], [3.0]]),
        "b": torch.randn(4, generator=generator),
    }
    back = weights.from_int8(weights.to_int8(state))
    bound = state["w"].abs().amax(1, keepdim=True) / 127 * 0.51 + 1e-7
    assert ((back["w"] - state["w"]).abs() <= bound * 1.02).all()
    torch.testing.assert_close(back["b"], state["b"], atol=1e-3, rtol=1e-3)


def test_an_unknown_recipe_lists_the_known_ones():
    with pytest.raises(ValueError, match="attn-1l"):
        recipe("nope")
