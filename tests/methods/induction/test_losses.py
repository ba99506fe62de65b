import pytest
import torch

from mi_course.activations import head_replacements
from mi_course.methods import induction

TOKENS = torch.randint(0, 50, (5, 9), generator=torch.Generator().manual_seed(1))


def test_loss_agrees_with_the_bridge(model):
    ours = induction.loss_by_position(model, TOKENS, batch_size=2)
    theirs = model(TOKENS, return_type="loss", loss_per_token=True)
    torch.testing.assert_close(ours, theirs.detach())


def test_the_planted_model_knows_the_second_copy(planted):
    tokens = induction.repeated_tokens(6, 15, 50, bos=0)
    loss = induction.loss_by_position(planted, tokens)
    assert loss[:, 16:].max() < 1e-3
    result = induction.compare_losses({"whole": loss}, repeat_at=16)
    torch.testing.assert_close(result.drops()[0], loss[:, :15].mean(), rtol=1e-3, atol=1e-3)


def test_without_its_induction_head_the_planted_model_guesses(planted):
    tokens = induction.repeated_tokens(6, 15, 50, bos=0)
    without = head_replacements(planted, tokens, [(1, 0)], "zero")
    loss = induction.loss_by_position(planted, tokens, edits=without)
    torch.testing.assert_close(loss, torch.full_like(loss, torch.tensor(50.0).log().item()))


def test_in_context_learning_score_by_hand():
    loss = torch.tensor([[9.0, 8.0, 6.0, 5.0, 1.0], [9.0, 6.0, 4.0, 3.0, 1.0]])
    score = induction.in_context_learning_score(loss, early=1, late=4)
    assert score == pytest.approx(1 - 7)
    score = induction.in_context_learning_score(loss, early=0, late=3, width=2)
    assert score == pytest.approx(2.5 - 8)


@pytest.mark.parametrize(
    "places",
    [
        {"early": 3, "late": 2},
        {"early": 0, "late": 5},
        {"early": 0, "late": 1, "width": 2},
        {"early": -1, "late": 3},
        {"early": 0, "late": 2, "width": 0},
    ],
)
def test_windows_that_overlap_or_leave_the_text_are_refused(places):
    with pytest.raises(ValueError, match="expected 0 <= early"):
        induction.in_context_learning_score(torch.ones(2, 5), **places)


def test_conditions_keep_their_order_and_names():
    result = induction.compare_losses({"b": torch.ones(3, 4), "a": torch.zeros(2, 4)})
    assert result.conditions == ("b", "a")
    assert result.values.mean(dim=1).tolist() == [1, 0]
