from dataclasses import replace

import pytest
import torch
import transformer_lens.model_bridge.sources.native  # noqa: F401 - registers boot_native
from transformer_lens.config import TransformerBridgeConfig
from transformer_lens.model_bridge import TransformerBridge

from mi_course.methods.patching import (
    Place,
    patch_by_position,
    patch_heads,
    patch_heads_by_position,
    patch_neurons,
    patched_logits,
)
from mi_course.models import tiny
from mi_course.worlds.tasks import PromptPair, ioi

# Single precision in another order of sums; effects are of order 1.
CLOSE = 1e-5


def logit_diff(logits, pairs):
    rows = torch.arange(len(pairs))
    right, wrong = (torch.tensor([getattr(p, k)[0] for p in pairs]) for k in ("answers", "wrongs"))
    return logits[rows, right] - logits[rows, wrong]


def one_by_one(model, pairs, grid, places, prompts=None):
    """The same grid, each cell by a run of its own; `places` gives (unit, position) by index.

    Of many cells only some are run; the others are taken over.
    """
    given = pairs if prompts is None else prompts
    values = grid.by_prompt.clone()
    cells = torch.cartesian_prod(*(torch.arange(n) for n in grid.values.shape)).tolist()
    for index in cells[:: max(1, len(cells) // 4)]:
        layer, *rest = index
        unit, position = places(rest)
        place = Place(grid.site, int(grid.labels[0][layer]), unit, position)
        logits = patched_logits(model, given, place, direction=grid.direction)
        values[tuple(index)] = logit_diff(logits, pairs)
    return values


def effects(by_prompt, grid):
    gap = grid.clean.mean() - grid.corrupted.mean()
    return (by_prompt.mean(-1) - grid.corrupted.mean()) / gap


def assert_same(grid, by_prompt):
    gap = (grid.clean.mean() - grid.corrupted.mean()).abs().item()
    # Where the two runs hardly differ, as in random models, rounding is magnified.
    close = CLOSE * max(1, grid.by_prompt.abs().max().item() / gap)
    torch.testing.assert_close(grid.values, effects(by_prompt, grid), atol=close, rtol=CLOSE)
    assert grid.change().abs().max() > 10 * close  # something moved that could have been wrong
    # Logits of a trained model reach 20, and so does their rounding.
    close = CLOSE * max(1, grid.by_prompt.abs().max().item())
    torch.testing.assert_close(grid.by_prompt, by_prompt, atol=close, rtol=CLOSE)


SITES = ("resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out")


@pytest.mark.parametrize("site", SITES)
def test_every_site_of_the_stream_equals_one_patch_at_a_time(any_model, pairs, site):
    if site == "resid_mid" and any_model.cfg.parallel_attn_mlp:
        with pytest.raises(ValueError, match="expected a site of this model"):
            patch_by_position(any_model, pairs, site)
        return
    places = ("s1", "end")
    direction = "denoising" if site != "attn_out" else "noising"
    grid = patch_by_position(
        any_model, pairs, site, places=places, layers=(0, 1), direction=direction, chunk=5
    )
    assert_same(grid, one_by_one(any_model, pairs, grid, lambda rest: (None, places[rest[0]])))


@pytest.mark.parametrize("site", ["z", "q", "k", "v", "pattern"])
def test_every_site_of_heads_equals_one_patch_at_a_time(any_model, pairs, site):
    direction = "noising" if site in "zk" else "denoising"
    last = any_model.cfg.n_layers - 1
    whole = patch_heads(any_model, pairs, site, layers=(last,), direction=direction)
    assert_same(whole, one_by_one(any_model, pairs, whole, lambda rest: (rest[0], None)))
    places = ("s1", "end")
    some = patch_heads_by_position(
        any_model, pairs, site, layers=(0,), places=places, direction=direction, chunk=7
    )
    expected = one_by_one(any_model, pairs, some, lambda rest: (rest[0], places[rest[1]]))
    assert_same(some, expected)


def test_prompts_of_several_lengths_share_a_sweep(any_model, mixed):
    grid = patch_by_position(any_model, mixed, places=("s1+1", "s2", "end"), chunk=4)
    expected = one_by_one(any_model, mixed, grid, lambda rest: (None, grid.labels[1][rest[0]]))
    assert_same(grid, expected)
    heads = patch_heads(any_model, mixed, direction="noising", chunk=9)
    assert_same(heads, one_by_one(any_model, mixed, heads, lambda rest: (rest[0], None)))


def test_neurons_equal_one_patch_at_a_time(loud_models, pairs, engine):
    for model in loud_models.values():
        grid = patch_neurons(model, pairs[:2], (1,), chunk=20)
        assert grid.axes == ("layer", "neuron")
        assert grid.values.shape[1] > 40
        assert_same(grid, one_by_one(model, pairs[:2], grid, lambda rest: (rest[0], None)))


def test_a_run_corrupted_by_noise_is_patched_as_well(town, pairs, noisy, engine):
    grid = patch_by_position(town, noisy, layers=(0, 2), places=("s1", "s2"))
    expected = one_by_one(
        town, pairs, grid, lambda rest: (None, grid.labels[1][rest[0]]), prompts=noisy
    )
    assert_same(grid, expected)
    back = patch_heads(town, noisy, layers=(1,), direction="noising")
    expected = one_by_one(town, pairs, back, lambda rest: (rest[0], None), prompts=noisy)
    assert_same(back, expected)


def test_every_position_is_a_column_when_prompts_are_of_one_length(town, pairs):
    grid = patch_by_position(town, pairs, "resid_pre", layers=(0, 3))
    assert grid.values.shape == (2, len(pairs[0].clean_tokens))
    assert grid.labels[1][-1].split(" ", 1)[0] == str(len(pairs[0].clean_tokens) - 1)
    expected = one_by_one(town, pairs, grid, lambda rest: (None, rest[0]))
    assert_same(grid, expected)


def test_the_same_prompt_twice_is_no_experiment(town, pairs):
    same = [replace(pair, corrupted_tokens=pair.clean_tokens) for pair in pairs]
    with pytest.raises(ValueError, match="expected logit_diff to differ"):
        patch_by_position(town, same)
    with pytest.raises(ValueError, match="expected kl to differ"):
        patch_heads(town, same, metric="kl")


def test_the_first_layer_patched_at_every_changed_token_is_the_clean_run(town):
    """One token differs, so patching it at the bottom undoes all of the corruption."""
    task = ioi(town.tokenizer, 6, 0)
    places = ("io", "s1", "s2", "end")
    for direction, whole in (("denoising", 1.0), ("noising", 0.0)):
        grid = patch_by_position(town, task, places=places, direction=direction)
        assert grid.of("L0 @s2") == pytest.approx(whole, abs=1e-5)
        assert grid.of("L0 @io") == pytest.approx(1 - whole, abs=1e-6)
        last = patch_by_position(town, task, "resid_post", places=places, direction=direction)
        assert last.of("L3 @end") == pytest.approx(whole, abs=1e-5)
        assert last.of("L3 @s2") == pytest.approx(1 - whole, abs=1e-6)


def test_the_metrics_mean_what_they_say(town, pairs):
    place = Place("resid_pre", 2, None, "s2")
    logits = patched_logits(town, pairs, place).log_softmax(-1)
    clean = patched_logits(town, pairs, Place("resid_pre", 0)).log_softmax(-1)
    rows, answers = torch.arange(len(pairs)), torch.tensor([p.answers[0] for p in pairs])
    given = {"places": ("s2",), "layers": (2,)}
    found = patch_by_position(town, pairs, metric="probability", **given)
    torch.testing.assert_close(found.by_prompt[0, 0], logits[rows, answers].exp())
    assert (found.unit, found.values.item()) == ("probability", found.by_prompt.mean().item())
    found = patch_by_position(town, pairs, metric="kl", **given)
    torch.testing.assert_close(
        found.by_prompt[0, 0], (clean.exp() * (clean - logits)).sum(-1), atol=1e-4, rtol=1e-4
    )
    torch.testing.assert_close(found.clean, torch.zeros(len(pairs)), atol=1e-5, rtol=0)
    raw = patch_by_position(town, pairs, metric="raw_logit_diff", **given)
    torch.testing.assert_close(raw.by_prompt[0, 0], logit_diff(logits, pairs), atol=1e-4, rtol=0)
    assert raw.unit == raw.raw_unit == "logits"


@pytest.fixture
def both_ways():
    """A native bridge whose tokens see what follows."""
    settings = {"d_model": 16, "d_head": 4, "n_heads": 4, "n_layers": 2, "n_ctx": 12, "d_mlp": 32}
    kind = {"normalization_type": "LN", "positional_embedding_type": "standard", "act_fn": "gelu"}
    config = TransformerBridgeConfig(
        **settings, **kind, d_vocab=50, attention_dir="bidirectional", seed=3
    )
    return TransformerBridge.boot_native(config).eval()


def test_a_model_that_looks_ahead_is_patched_at_earlier_positions_too(both_ways, engine):
    clean, corrupted = (3, 4, 5, 6, 7), (3, 4, 5, 6, 8)
    pair = PromptPair("", "", "", "", {"end": 4}, clean, corrupted, (9,), (10,))
    two = [pair, replace(pair, clean_tokens=(1, 2, 3, 4, 5), corrupted_tokens=(1, 2, 3, 4, 9))]
    grid = patch_by_position(both_ways, two, "resid_post", layers=(0,))
    assert_same(grid, one_by_one(both_ways, two, grid, lambda rest: (None, rest[0])))
    assert (grid.values[0, :4].abs() > 1e-5).all()
    longer = replace(pair, clean_tokens=(*clean, 1), corrupted_tokens=(*corrupted, 1))
    with pytest.raises(ValueError, match="one length for a model that looks ahead"):
        patch_by_position(both_ways, [pair, longer])


def test_what_does_not_exist_is_refused(town, pairs, mixed):
    with pytest.raises(ValueError, match="a site of this model among"):
        patch_by_position(town, pairs, "z")
    with pytest.raises(ValueError, match="a site of this model among"):
        patch_heads(town, pairs, "resid_pre")
    with pytest.raises(ValueError, match="layers from 0 to 3, got"):
        patch_heads(town, pairs, layers=(4,))
    with pytest.raises(ValueError, match="a metric among logit_diff"):
        patch_heads(town, pairs, metric="accuracy")
    with pytest.raises(ValueError, match="a direction among"):
        patch_heads(town, pairs, direction="both")
    with pytest.raises(ValueError, match="a chunk of at least 1"):
        patch_heads(town, pairs, chunk=0)
    with pytest.raises(ValueError, match=r"places among .*'end'\], got \['s3'\]"):
        patch_by_position(town, pairs, places=("s3",))
    with pytest.raises(ValueError, match=r"prompts of one length, got \[.*try places="):
        patch_by_position(town, mixed)
    with pytest.raises(ValueError, match="prompt pairs, got none"):
        patch_by_position(town, ())
    with pytest.raises(ValueError, match="a model with MLPs"):
        patch_neurons(tiny(n_layers=1), pairs, (0,))
    with pytest.raises(ValueError, match="a unit of z from 0 to 7, got 8"):
        patched_logits(town, pairs, Place("z", 0, 8))
    with pytest.raises(ValueError, match="a position from 0 to"):
        patched_logits(town, pairs, Place("resid_pre", 0, None, 99))
    with pytest.raises(ValueError, match="expected a place among"):
        patched_logits(town, pairs, Place("resid_pre", 0, None, "s3"))
