import pytest
import torch

from mi_course.activations import ablate_heads, head_replacements
from mi_course.methods import induction
from mi_course.metrics import cross_entropy_by_position

TOKENS = induction.repeated_tokens(3, 8, 50, bos=0)
SECOND = slice(9, None)


@pytest.mark.parametrize("mode", ["zero", "mean"])
@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_all_heads_together_agree_with_one_at_a_time(model, mode, batch_size):
    fast = induction.ablation_effects(model, TOKENS, mode, positions=SECOND, batch_size=batch_size)
    clean = induction.loss_by_position(model, TOKENS)[:, SECOND].mean()
    for layer in range(model.cfg.n_layers):
        for head in range(model.cfg.n_heads):
            logits = ablate_heads(model, TOKENS, [(layer, head)], mode)
            loss = cross_entropy_by_position(logits, TOKENS)[:, SECOND].mean()
            torch.testing.assert_close(fast.values[layer, head], loss - clean, rtol=1e-3, atol=1e-4)


def test_influence_agrees_with_one_ablation_at_a_time(model):
    fast = induction.ablation_influence(model, TOKENS, "mean", batch_size=10).values
    clean = induction.prefix_matching_scores(model, TOKENS).values
    for head in [(0, 0), (0, 3)]:
        without = head_replacements(model, TOKENS, [head], "mean")
        scores = induction.prefix_matching_scores(model, TOKENS, edits=without).values
        torch.testing.assert_close(fast[head][1:], (scores - clean)[1:], rtol=1e-4, atol=1e-5)
        assert fast[head][0].isnan().all()


def test_the_planted_circuit_needs_both_its_heads_and_not_the_decoy(planted):
    tokens = induction.repeated_tokens(4, 15, 50, bos=0)
    effect = induction.ablation_effects(planted, tokens, positions=slice(16, None)).values
    assert effect[0, 1] > 3
    assert effect[1, 0] > 3
    effect[0, 1] = effect[1, 0] = 0
    assert effect.abs().max() < 1e-4


def test_the_planted_induction_head_relies_on_the_previous_token_head(planted):
    tokens = induction.repeated_tokens(4, 15, 50, bos=0)
    influence = induction.ablation_influence(planted, tokens)
    assert {pair[:4] for pair in influence.top(2)} == {(0, 1, 1, 0), (0, 1, 1, 2)}
    assert influence.top()[0][4] < -0.9


def test_an_unknown_mode_is_refused(rotary):
    with pytest.raises(ValueError, match="zero"):
        induction.ablation_effects(rotary, TOKENS, "noise")


def test_no_pass_has_more_rows_than_were_asked_for(rotary, monkeypatch):
    tokens = induction.repeated_tokens(7, 8, 50, bos=0)
    whole = induction.ablation_effects(rotary, tokens, batch_size=100).values
    pairs = induction.ablation_influence(rotary, tokens, batch_size=100).values
    rows = []
    forward = rotary.forward
    monkeypatch.setattr(
        rotary, "forward", lambda x, **more: rows.append(len(x)) or forward(x, **more)
    )
    torch.testing.assert_close(
        induction.ablation_effects(rotary, tokens, batch_size=3).values, whole, atol=1e-5, rtol=1e-3
    )
    torch.testing.assert_close(
        induction.ablation_influence(rotary, tokens, batch_size=3).values,
        pairs,
        atol=1e-5,
        rtol=1e-3,
        equal_nan=True,
    )
    assert rows and max(rows) == 3
