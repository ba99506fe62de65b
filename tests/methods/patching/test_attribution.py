import pytest
import torch

from mi_course.methods.patching import (
    PatchMetric,
    attribution_by_position,
    attribution_heads,
    attribution_neurons,
    compare_with_truth,
    patch_by_position,
    patch_heads,
    patch_neurons,
)
from mi_course.worlds.tasks import PromptPair

PLACES = ("io", "s1", "s2", "end")


@pytest.fixture
def linear(planted):
    """A model whose answer is linear in what its last heads write, and a pair for it."""
    clean, corrupted = (1, 7, 8, 2, 4, 7), (1, 9, 8, 2, 4, 7)
    return planted, [PromptPair("", "", "", "", {"end": 5}, clean, corrupted, (8,), (9,))]


@pytest.mark.parametrize("direction", ["denoising", "noising"])
def test_it_is_exact_where_the_metric_is_linear(linear, direction):
    model, pairs = linear
    for site in ("z", "v", "pattern"):
        given = {"site": site, "layers": (1,), "direction": direction}
        first, true = attribution_heads(model, pairs, **given), patch_heads(model, pairs, **given)
        torch.testing.assert_close(first.values, true.values, atol=1e-4, rtol=1e-4)
    last = {"site": "resid_post", "layers": (1,), "direction": direction}
    first = attribution_by_position(model, pairs, **last)
    true = patch_by_position(model, pairs, **last)
    torch.testing.assert_close(first.values, true.values, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["gpt2", "neox"])
def test_both_engines_find_the_same(loud_models, name, pairs, monkeypatch):
    any_model = loud_models[name]
    from mi_course.methods.patching import sweep

    def refuse(model):
        raise ValueError

    sites = ["resid_pre", "resid_post", "attn_out", "mlp_out"]
    sites += [] if any_model.cfg.parallel_attn_mlp else ["resid_mid"]

    def found():
        streams = [attribution_by_position(any_model, pairs, s, places=PLACES) for s in sites]
        heads = [attribution_heads(any_model, pairs, s) for s in ("z", "q", "k", "v", "pattern")]
        return [*streams, *heads, attribution_neurons(any_model, pairs, (0, 1))]

    plain = found()
    monkeypatch.setattr(sweep, "plain", refuse)
    for one, other in zip(plain, found(), strict=True):
        # Single precision through all layers; small effects stand on a metric of order 0.1.
        close = 1e-5 + 1e-3 * one.values.abs().max().item()
        torch.testing.assert_close(one.values, other.values, atol=close, rtol=1e-3)
        assert one.change().abs().max() > 10 * close
        assert one.method == "attribution patching"


def test_a_small_step_along_each_change_agrees(town, pairs):
    """A central difference through the same metric, for one head of each layer."""
    from mi_course.activations import edit, record
    from mi_course.methods.patching import patch_prompts

    prompts = patch_prompts(town, pairs)
    rows = torch.arange(len(prompts))
    grid = attribution_heads(town, pairs, metric="raw_logit_diff")

    def answered(layer, step):
        name = f"blocks.{layer}.attn.hook_z"
        gap = record(town, prompts.clean, name)[name] - record(town, prompts.corrupted, name)[name]
        gap[:, :, torch.arange(gap.shape[2]) != 1] = 0
        at_end = edit(town, prompts.corrupted, {name: lambda z: z + step * gap})[rows, prompts.ends]
        return at_end[rows, prompts.answers[:, 0]] - at_end[rows, prompts.wrongs[:, 0]]

    for layer in range(4):
        slope = (answered(layer, 0.02) - answered(layer, -0.02)) / 0.04
        found = grid.by_prompt[layer, 1] - grid.corrupted
        torch.testing.assert_close(found, slope, atol=2e-2, rtol=2e-2)


def test_on_a_real_task_it_ranks_heads_as_patching_does(town, pairs):
    scatter = compare_with_truth(attribution_heads(town, pairs), patch_heads(town, pairs))
    assert scatter.correlation() > 0.95
    assert scatter.sign_agreement() > 0.9
    neurons = compare_with_truth(
        attribution_neurons(town, pairs[:1], (3,)), patch_neurons(town, pairs[:1], (3,))
    )
    assert neurons.correlation() > 0.9


def test_kl_has_no_slope_at_the_clean_run(town, pairs):
    grid = attribution_heads(town, pairs, metric="kl", direction="noising")
    torch.testing.assert_close(grid.values, torch.zeros(4, 8), atol=1e-4, rtol=0)
    assert patch_heads(town, pairs, metric="kl", direction="noising").values.max() > 0.1


def test_a_metric_of_ones_own_is_followed(town, pairs):
    own = PatchMetric("logit", "logits", lambda said: said.answer_logits()[0][:, 0])
    given = {"metric": own, "layers": (3,), "places": ("end",), "site": "resid_post"}
    true = patch_by_position(town, pairs, **given)
    torch.testing.assert_close(true.by_prompt[0, 0], true.clean, atol=1e-4, rtol=1e-5)
    assert attribution_by_position(town, pairs, **given).values.isfinite().all()


def test_grids_of_other_cells_are_not_compared(town, pairs):
    first, true = attribution_heads(town, pairs), patch_heads(town, pairs, direction="noising")
    with pytest.raises(ValueError, match="two grids of the same cells, got other direction"):
        compare_with_truth(first, true)


def test_noise_in_the_base_run_needs_plain_weights(town, noisy, monkeypatch):
    from mi_course.methods.patching import sweep

    assert attribution_heads(town, noisy).values.abs().max() > 0

    def refuse(model):
        raise ValueError

    monkeypatch.setattr(sweep, "plain", refuse)
    with pytest.raises(ValueError, match="a base run without noise"):
        attribution_heads(town, noisy)
    assert attribution_heads(town, noisy, direction="noising").values.isfinite().all()


def test_a_metric_that_is_nan_is_refused(town, pairs):
    broken = PatchMetric("broken", "logits", lambda said: said.resid[:, 0] * float("nan"))
    with pytest.raises(ValueError, match="finite values of broken"):
        patch_heads(town, pairs, metric=broken)
