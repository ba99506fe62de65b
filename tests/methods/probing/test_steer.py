import pytest
import torch

from mi_course.activations import edit
from mi_course.methods import probing
from mi_course.methods.probing import Choice

TOKENS = torch.randint(50, (3, 7), generator=torch.Generator().manual_seed(0))
DIRECTION = torch.linspace(-1, 1, 16)
RESID = "blocks.1.hook_resid_post"


def test_a_coefficient_of_zero_changes_nothing(model):
    steered = probing.steer(model, TOKENS, 1, DIRECTION, 0.0)
    torch.testing.assert_close(steered, edit(model, TOKENS, {}))


def test_steering_adds_the_direction_where_it_is_told_to(model):
    def by_hand(resid):
        return torch.cat([resid[:, :2], resid[:, 2:4] + 3 * DIRECTION, resid[:, 4:]], dim=1)

    steered = probing.steer(model, TOKENS, 1, DIRECTION, 3.0, positions=[2, 3])
    torch.testing.assert_close(steered, edit(model, TOKENS, {RESID: by_hand}))
    assert steered[:, :2].equal(edit(model, TOKENS, {})[:, :2])


def test_log_odds_are_the_models_own_whatever_the_prompts_lengths(model):
    choices = [Choice(tuple(TOKENS[i, : 3 + i].tolist()), 5, 7 + i) for i in range(3)]
    for edits in ({}, probing.steering_edits(model, 0, DIRECTION, 2.0)):
        logits = [edit(model, torch.tensor([c.row]), edits)[0, -1] for c in choices]
        by_hand = torch.stack([x[c.yes] - x[c.no] for x, c in zip(logits, choices, strict=True)])
        found = probing.choice_log_odds(model, choices, edits, batch_size=2)
        torch.testing.assert_close(found, by_hand, rtol=1e-4, atol=1e-4)


def test_places_keep_a_change_to_each_prompts_own_positions(model):
    choices = [Choice(tuple(TOKENS[i, : 3 + 2 * i].tolist()), 5, 7) for i in range(3)]
    change = {"blocks.0.hook_resid_post": lambda resid: resid + 4 * DIRECTION}
    found = probing.choice_log_odds(model, choices, change, places=[c.end() for c in choices])
    for one, log_odds in zip(choices, found, strict=True):
        logits = probing.steer(
            model, torch.tensor([one.row]), 0, DIRECTION, 4.0, positions=list(one.end())
        )[0, -1]
        assert log_odds == pytest.approx((logits[5] - logits[7]).item(), abs=1e-4)
    nowhere = probing.choice_log_odds(model, choices, change, places=[()] * 3)
    torch.testing.assert_close(nowhere, probing.choice_log_odds(model, choices))


def test_steering_along_the_unembedding_moves_the_choice_that_it_reads(model):
    last = model.cfg.n_layers - 1
    choices = [Choice(tuple(row), 5, 7) for row in TOKENS.tolist()]
    # Without LayerNorm's scale the gap grows; with it, the sign of the effect is sure.
    direction = (model.W_U[:, 5] - model.W_U[:, 7]).detach() * model.ln_final.weight.detach()
    found = probing.steering_effects(model, choices, last, direction, (-20, 0, 20), n_random=4)
    assert found.log_odds[0] < found.log_odds[1] < found.log_odds[2]
    assert found.slope() > found.random_slopes().abs().max()
    assert "random directions" in found.summary()


def test_effects_are_named(model):
    choices = [Choice(tuple(row), 5, 7) for row in TOKENS.tolist()]
    edits = probing.steering_edits(model, 0, DIRECTION, 5.0)
    effects = probing.choice_effects(model, choices, {"none": {}, "pushed": edits}, yes="5")
    torch.testing.assert_close(effects.of("pushed"), probing.choice_log_odds(model, choices, edits))
    assert effects.share().shape == (2,)
    assert "5 is likelier" in effects.summary()
    with pytest.raises(ValueError, match="none"):
        effects.of("erased")


def test_bad_input_is_refused(model):
    with pytest.raises(ValueError, match="layers from 0"):
        probing.steer(model, TOKENS, 9, DIRECTION, 1.0)
    with pytest.raises(ValueError, match="width 16"):
        probing.steer(model, TOKENS, 0, DIRECTION[:3], 1.0)
    with pytest.raises(ValueError, match="at least one token"):
        probing.choice_log_odds(model, [Choice((), 1, 2)])
    with pytest.raises(ValueError, match="places for 1"):
        probing.choice_log_odds(model, [Choice((1,), 1, 2)], places=[])


def test_gender_is_erased_and_steered_in_the_first_layers_of_town(town):
    """Pronouns follow the gender's direction after layer 1, and no longer after layer 2."""
    people = probing.pronoun_choices(town, n=40, seed=2)
    female = torch.tensor([c.group == "female" for c in people])
    data = probing.collect(
        town, "person_gender", n_documents=100, per_label=600, seed=0, layers=[1, 3]
    )
    label = data.labels[:, [data.feature("female")]]
    changes = {"none": {}}
    for layer, x in zip(data.layers, data.activations, strict=True):
        name = f"blocks.{layer}.hook_resid_post"
        changes[f"erased {layer}"] = {name: probing.least_squares_erasure(x, label)}
    effects = probing.choice_effects(town, people, changes, yes="She", no="He")
    right = ((effects.log_odds > 0) == female).float().mean(1)
    # A few of 40 biographies may fall either way on another processor.
    assert right[0] >= 0.95
    assert right[1] == pytest.approx(0.77, abs=0.1)
    assert right[2] >= 0.92

    x = data.activations[0]
    direction = x[label[:, 0]].mean(0) - x[~label[:, 0]].mean(0)
    steered = probing.steering_effects(
        town, people, 1, direction, (-4, 0, 4), n_random=2, yes="She", no="He"
    )
    assert steered.log_odds[0] < -8
    assert steered.log_odds[2] > 8
    assert steered.random_slopes().abs().max() < 0.4 * steered.slope()
