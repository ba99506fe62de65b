import pytest
import torch

from mi_course.results import LossByPosition, PhaseChange

VALUES = torch.tensor([[4.0, 4.0, 3.0, 1.0, 0.0]])


def change(**changes):
    heads = torch.zeros(3, 2, 2)
    heads[2, 1, 0] = 0.8
    settings = {
        "model": "m",
        "steps": torch.tensor([0, 10, 20]),
        "tokens_seen": torch.tensor([0, 100, 200]),
        "repeat_drop": torch.tensor([0.0, 0.5, 4.0]),
        "in_context": torch.zeros(3),
        "prefix_matching": heads,
        "previous_token": heads,
    }
    return PhaseChange(**{**settings, **changes})


def test_the_first_token_of_the_copy_counts_on_neither_side():
    loss = LossByPosition(VALUES, ("whole",), repeat_at=3)
    assert loss.drops().tolist() == [4.0 - 0.5]
    assert loss.summary() == "Loss on the first copy minus the second (nats): whole 3.50."


def test_without_a_repetition_there_is_a_mean_but_no_drop():
    loss = LossByPosition(VALUES, ("whole",))
    assert loss.summary() == "Mean loss (nats): whole 2.40."
    with pytest.raises(ValueError, match="repetition"):
        loss.drops()


@pytest.mark.parametrize("repeat_at", [0, 1, 5, 6])
def test_a_repetition_outside_the_text_is_refused(repeat_at):
    with pytest.raises(ValueError, match="repeat_at"):
        LossByPosition(VALUES, ("whole",), repeat_at=repeat_at)


def test_each_condition_needs_a_name():
    with pytest.raises(ValueError, match="condition"):
        LossByPosition(VALUES, ("a", "b"))


def test_the_jump_is_the_steepest_rise():
    assert change().jump() == (20, 3.5)
    assert change().best_heads().tolist() == pytest.approx([0, 0, 0.8])
    assert "3.50 nats, ends at step 20" in change().summary()


def test_checkpoints_out_of_order_are_refused():
    with pytest.raises(ValueError, match="rising order"):
        change(steps=torch.tensor([0, 20, 10]))


def test_curves_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="finite repeat_drop"):
        change(repeat_drop=torch.tensor([0.0, torch.nan, 1.0]))
