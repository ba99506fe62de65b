import pytest
import torch
import transformer_lens.model_bridge.sources.native  # noqa: F401 - registers boot_native
from transformer_lens.config import TransformerBridgeConfig
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.model_bridge.sources._bridge_builder import build_bridge_from_module
from transformers import GPT2Config, GPT2LMHeadModel

from mi_course.activations import ablate_heads, edit, gradients, head_replacements, record

TOKENS = torch.randint(0, 50, (5, 9), generator=torch.Generator().manual_seed(1))
SHAPE = {"d_model": 16, "d_head": 4, "n_heads": 4, "n_layers": 2, "n_ctx": 20, "d_vocab": 50}
PATTERNS = ["blocks.0.attn.hook_pattern", "blocks.1.attn.hook_pattern"]


def native():
    kind = {"normalization_type": "LN", "positional_embedding_type": "rotary", "attn_only": True}
    return TransformerBridge.boot_native(TransformerBridgeConfig(**SHAPE, **kind, act_fn="gelu"))


def gpt2():
    config = GPT2Config(vocab_size=50, n_positions=20, n_embd=16, n_layer=3, n_head=4)
    return build_bridge_from_module(GPT2LMHeadModel(config), "GPT2LMHeadModel", hf_config=config)


@pytest.fixture(scope="module", params=[native, gpt2])
def model(request):
    bridge = request.param().eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in bridge.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=generator)
    return bridge


@pytest.mark.parametrize("name", ["hook_embed", "blocks.1.hook_resid_post", "blocks.0.attn.hook_z"])
def test_recording_agrees_with_the_library_cache(model, name):
    _, cache = model.run_with_cache(TOKENS)
    assert torch.equal(record(model, TOKENS, name)[name], cache[name])


def test_recording_in_batches_changes_nothing(model):
    whole, parts = record(model, TOKENS, PATTERNS), record(model, TOKENS, PATTERNS, batch_size=2)
    for name in PATTERNS:
        torch.testing.assert_close(whole[name], parts[name])


def test_a_wildcard_names_every_layer_in_order(model):
    found = record(model, TOKENS, "blocks.*.attn.hook_pattern")
    assert list(found) == [f"blocks.{i}.attn.hook_pattern" for i in range(model.cfg.n_layers)]


def test_recording_patterns_does_not_pay_for_the_unembedding(model):
    reached = []
    with model.hooks(fwd_hooks=[("unembed.hook_in", lambda x, hook: reached.append(1))]):
        record(model, TOKENS, PATTERNS[0])
        assert not reached
        record(model, TOKENS, "unembed.hook_out")
        assert reached


def test_no_hook_stays_behind(model):
    before = model(TOKENS)
    record(model, TOKENS, PATTERNS)
    edit(model, TOKENS, {PATTERNS[0]: torch.zeros_like})
    with pytest.raises(RuntimeError):
        edit(model, TOKENS, {PATTERNS[0]: lambda pattern: pattern.reshape(7)})
    assert torch.equal(model(TOKENS), before)
    assert not any(point.fwd_hooks for point in model.hook_dict.values())


def test_an_edit_that_changes_nothing_leaves_the_logits_alone(model):
    assert torch.equal(edit(model, TOKENS, {"hook_embed": lambda x: x}), model(TOKENS))


def test_an_edited_pattern_reaches_the_logits_and_later_recordings(model):
    first = {PATTERNS[0]: lambda pattern: torch.eye(9).expand_as(pattern).clone()}
    assert not torch.allclose(edit(model, TOKENS, first), model(TOKENS))
    after = record(model, TOKENS, PATTERNS[1], edits=first)[PATTERNS[1]]
    assert not torch.allclose(after, record(model, TOKENS, PATTERNS[1])[PATTERNS[1]])


def test_zero_ablation_equals_zero_rows_of_w_o(model):
    with torch.no_grad():
        z = record(model, TOKENS, "blocks.1.attn.hook_z")["blocks.1.attn.hook_z"]
        removed = z[:, :, 2] @ model.W_O[1, 2]
        expected = edit(model, TOKENS, {"blocks.1.hook_attn_out": lambda out: out - removed})
    # Two ways to sum the same numbers: single precision differs by rounding.
    torch.testing.assert_close(
        ablate_heads(model, TOKENS, [(1, 2)]), expected, rtol=1e-4, atol=1e-4
    )


def test_mean_ablation_of_a_constant_head_changes_nothing(model):
    constant = {"blocks.0.attn.hook_z": lambda z: torch.ones_like(z)}
    with torch.no_grad(), model.hooks([("blocks.0.attn.hook_z", lambda z, hook: z * 0 + 1)]):
        ablated = ablate_heads(model, TOKENS, [(0, 1), (0, 3)], "mean", batch_size=2)
    torch.testing.assert_close(ablated, edit(model, TOKENS, constant), rtol=1e-4, atol=1e-4)


def test_the_mean_is_over_rows_and_positions(model):
    name = "blocks.1.attn.hook_z"
    z = record(model, TOKENS, name)[name]
    replaced = head_replacements(model, TOKENS, [(1, 3)], "mean")[name](z)
    assert torch.equal(replaced[:, :, :3], z[:, :, :3])
    torch.testing.assert_close(replaced[2, 4, 3], z[:, :, 3].mean(dim=(0, 1)))


def test_no_heads_to_ablate_is_the_clean_run(model):
    assert torch.equal(ablate_heads(model, TOKENS, [], "mean"), model(TOKENS))


def test_an_unknown_hook_name_is_answered_with_the_nearest(model):
    with pytest.raises(ValueError, match=r"blocks\.0\.attn\.hook_pattern"):
        record(model, TOKENS, "blocks.0.attn.hook_patern")
    with pytest.raises(ValueError, match="hook_embed"):
        edit(model, TOKENS, {"hook_embd": torch.zeros_like})


def test_attention_scores_are_refused_because_bridges_disagree_about_them(model):
    with pytest.raises(ValueError, match="try hook_pattern"):
        record(model, TOKENS, "blocks.0.attn.hook_attn_scores")
    with pytest.raises(ValueError, match="try hook_pattern"):
        edit(model, TOKENS, {"blocks.0.attn.hook_attn_scores": torch.zeros_like})


@pytest.mark.parametrize(("head", "mode"), [((9, 0), "zero"), ((0, 4), "mean"), ((0, -1), "zero")])
def test_a_head_that_does_not_exist_is_refused(model, head, mode):
    with pytest.raises(ValueError, match="expected layer 0-"):
        ablate_heads(model, TOKENS, [head], mode)


def test_a_hook_that_is_never_reached_is_refused():
    with pytest.raises(ValueError, match="reaches"):
        record(native(), TOKENS, "blocks.0.attn.hook_rot_q")


def test_an_empty_batch_size_is_refused(model):
    with pytest.raises(ValueError, match="batch_size"):
        record(model, TOKENS, PATTERNS, batch_size=0)


def test_gradients_agree_with_a_small_step(model):
    early, late = "blocks.0.hook_resid_post", "blocks.1.hook_resid_post"
    weights = torch.randn(16, generator=torch.Generator().manual_seed(2))

    def score(resid):
        return (resid[2, 6] @ weights).square()

    found = gradients(model, TOKENS, early, late, score)[early]
    step = torch.zeros_like(found)
    step[2, 4, 3] = 1e-2
    moved = [
        score(record(model, TOKENS, late, edits={early: lambda x, s=s: x + s * step})[late])
        for s in (1, -1)
    ]
    slope = (moved[0] - moved[1]) / 2e-2
    # A central difference is off by the square of the step.
    torch.testing.assert_close(found[2, 4, 3], slope, rtol=2e-2, atol=1e-3)
    assert found[1].abs().max() == 0
    assert found[2, 7:].abs().max() == 0


def test_gradients_leave_no_trace_and_need_an_earlier_hook(model):
    first, second = "blocks.0.hook_resid_post", "blocks.1.hook_resid_post"
    both = gradients(model, TOKENS, [first, second], second, torch.sum)
    assert torch.equal(both[second], torch.ones_like(both[second]))
    assert all(parameter.grad is None for parameter in model.parameters())
    with pytest.raises(ValueError, match=f"before {first}"):
        gradients(model, TOKENS, second, first, torch.sum)


def test_an_edit_that_would_never_be_made_is_refused():
    with pytest.raises(ValueError, match="reaches"):
        edit(native(), TOKENS, {"blocks.0.attn.hook_rot_q": torch.zeros_like})


def test_an_edit_of_which_only_the_mlp_would_hear_is_refused():
    bridge = gpt2()
    with pytest.raises(ValueError, match="try hook_attn_out"):
        edit(bridge, TOKENS, {"blocks.0.hook_resid_mid": torch.zeros_like})
