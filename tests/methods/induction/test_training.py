import pytest
import torch

from mi_course.methods import induction

REPEATED = induction.repeated_tokens(4, 8, 50, bos=0)
TEXT = torch.randint(0, 50, (3, 20), generator=torch.Generator().manual_seed(0))
WINDOWS = {"early": 2, "late": 12, "width": 4}


def growing(model):
    """A training run in which the previous-token head starts to write at step 200."""
    weight = model.blocks[0].attn.o.weight
    final = weight.detach().clone()
    for step, part in [(0, 0.0), (100, 0.0), (200, 1.0)]:
        with torch.no_grad():
            weight.copy_(part * final)
        yield step, 10 * step, model


def test_a_jump_is_seen_where_the_circuit_appears(planted):
    result = induction.phase_change("grown", growing(planted), REPEATED, TEXT, **WINDOWS)
    assert result.steps.tolist() == [0, 100, 200]
    assert result.jump()[0] == 200
    assert result.jump()[1] > 3
    assert result.best_heads()[-1] > 0.99
    assert result.repeat_drop[0] == result.repeat_drop[1]


def test_each_entry_is_what_the_single_scores_say(rotary):
    result = induction.phase_change("one", [(5, 50, rotary)], REPEATED, TEXT, **WINDOWS)
    loss = induction.loss_by_position(rotary, TEXT)
    score = induction.in_context_learning_score(loss, **WINDOWS)
    assert result.in_context.item() == pytest.approx(score)
    prefix = induction.prefix_matching_scores(rotary, REPEATED).values
    torch.testing.assert_close(result.prefix_matching[0], prefix)
    assert result.jump() == (5, 0.0)


def test_no_checkpoints_are_refused():
    with pytest.raises(ValueError, match="at least one checkpoint"):
        induction.phase_change("none", [], REPEATED, TEXT, **WINDOWS)
