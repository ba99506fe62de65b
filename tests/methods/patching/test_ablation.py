import pytest
import torch

from mi_course.activations import ablate_heads, edit, record
from mi_course.methods.patching import ablate, node_names, patch_prompts


def logit_diff(logits, prompts):
    rows = torch.arange(len(prompts))
    at_end = logits[rows, prompts.ends]
    return at_end[rows, prompts.answers[:, 0]] - at_end[rows, prompts.wrongs[:, 0]]


def assert_same(found, expected):
    # Logits of a trained model reach 20: rounding in single precision.
    torch.testing.assert_close(found, expected, atol=2e-4, rtol=1e-5)


def test_zero_ablation_of_heads_is_what_activations_does(any_model, mixed):
    prompts = patch_prompts(any_model, mixed)
    effects = ablate(any_model, mixed, [("L0H1", "L1H3"), (), ("L1H0",)], mode="zero", chunk=5)
    expected = logit_diff(ablate_heads(any_model, prompts.clean, [(0, 1), (1, 3)]), prompts)
    assert_same(effects.by_prompt[0], expected)
    assert_same(effects.by_prompt[1], effects.clean)
    assert_same(effects.clean, logit_diff(any_model(prompts.clean), prompts))


def test_resampling_equals_one_edit_at_a_time(any_model, mixed):
    prompts = patch_prompts(any_model, mixed)
    names = ("blocks.1.attn.hook_z", "blocks.0.mlp.hook_out")
    other = record(any_model, prompts.corrupted, names)

    def head(z):
        z = z.clone()
        z[:, :, 2] = other[names[0]][:, :, 2]
        return z

    edits = {names[0]: head, names[1]: lambda _: other[names[1]]}
    expected = logit_diff(edit(any_model, prompts.clean, edits), prompts)
    effects = ablate(any_model, mixed, [("MLP0", "L1H2")], mode="resample")
    assert_same(effects.by_prompt[0], expected)


def test_without_everything_the_other_prompt_answers_but_for_its_own_last_token(town, mixed):
    """Heads and MLPs of the corrupted run on the clean embedding, whose last token is the same."""
    effects = ablate(town, mixed, [node_names(town)], mode="resample")
    prompts = patch_prompts(town, mixed)
    assert_same(effects.by_prompt[0], logit_diff(town(prompts.corrupted), prompts))


def test_means_are_over_all_positions_or_over_those_of_the_same_template(town, pairs, engine):
    prompts = patch_prompts(town, pairs)
    name = "blocks.2.attn.hook_z"
    z = record(town, prompts.corrupted, name)[name]

    def expected(mean):
        def put(z):
            z = z.clone()
            z[:, :, 1] = mean
            return z

        return logit_diff(edit(town, prompts.clean, {name: put}), prompts)

    given = {"sets": [("L2H1",)]}
    assert len(set(prompts.groups)) == 1
    assert_same(
        ablate(town, pairs, **given, mode="group_mean").by_prompt[0], expected(z[:, :, 1].mean(0))
    )
    assert_same(
        ablate(town, pairs, **given, mode="mean").by_prompt[0], expected(z[:, :, 1].mean((0, 1)))
    )
    own = record(town, prompts.clean, name)[name][:, :, 1].mean(0)
    found = ablate(town, pairs, **given, mode="group_mean", reference="clean")
    assert_same(found.by_prompt[0], expected(own))


def test_a_group_of_one_is_left_as_it_is_by_its_own_mean(town, mixed):
    sets = [("L2H1",), ("L0H3", "MLP2")]
    effects = ablate(town, mixed[:1], sets, mode="group_mean", reference="clean")
    assert_same(effects.by_prompt, effects.clean.expand(2, 1))


def test_the_planted_head_is_the_one_that_counts(planted):
    from mi_course.worlds.tasks import PromptPair

    clean, corrupted = (1, 7, 8, 2, 4, 7), (1, 9, 8, 2, 4, 7)
    pair = PromptPair("", "", "", "", {"end": 5}, clean, corrupted, (8,), (9,))
    effects = ablate(planted, [pair], [("L1H0",), ("L1H2",), ("L0H0",)], mode="resample")
    assert effects.change()[0] < -5
    torch.testing.assert_close(effects.change()[1:], torch.zeros(2), atol=1e-4, rtol=0)
    assert node_names(planted) == tuple(f"L{i}H{h}" for i in range(2) for h in range(3))


def test_what_cannot_be_removed_is_refused(town, pairs, planted):
    for node in ("L4H0", "L0H8", "MLP4", "L1H2.q", "embed"):
        with pytest.raises(ValueError, match="expected nodes of this model"):
            ablate(town, pairs, [(node,)])
    with pytest.raises(ValueError, match="a mode among"):
        ablate(town, pairs, [()], mode="median")
    with pytest.raises(ValueError, match="at least one set"):
        ablate(town, pairs, [])
    with pytest.raises(ValueError, match="a reference"):
        ablate(town, pairs, [()], reference="other")
