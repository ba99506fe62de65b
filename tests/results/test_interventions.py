import pytest
import torch

from mi_course.results import ChoiceEffects, Erasure, SteeringEffects


def test_an_erasure_takes_away_what_it_reads():
    erasure = Erasure(torch.tensor([[1.0], [1.0]]), torch.tensor([[1.0, 0.0]]), torch.ones(2))
    torch.testing.assert_close(erasure(torch.tensor([[3.0, 5.0]])), torch.tensor([[1.0, 3.0]]))
    assert erasure(torch.ones(4, 2, dtype=torch.float64)).dtype == torch.float64
    assert erasure.summary() == "An erasure of 1 of 2 directions."
    with pytest.raises(ValueError, match="finite means"):
        Erasure(torch.ones(2, 1), torch.ones(1, 2), torch.full((2,), torch.nan))


def test_choice_effects_count_the_prompts_that_choose_yes():
    effects = ChoiceEffects(torch.tensor([[1.0, -1.0], [2.0, 3.0]]), ("none", "pushed"))
    assert effects.share().tolist() == [0.5, 1]
    assert "none 50% (+0.00 nats), pushed 100% (+2.50 nats)" in effects.summary()
    with pytest.raises(ValueError, match="change"):
        ChoiceEffects(torch.zeros(2, 3), ("none",))


def test_steering_slopes_run_from_the_lowest_to_the_highest_coefficient():
    log_odds, random = torch.tensor([3.0, -1.0, 0.0]), torch.tensor([[0.5, 0.1, 0.2]])
    effects = SteeringEffects(log_odds, random, (2.0, -2.0, 0.0), layer=1)
    assert effects.slope() == 4
    assert effects.random_slopes().item() == pytest.approx(0.4)
    assert "+4.00 nats; by at most 0.40 in 1 random" in effects.summary()
    with pytest.raises(ValueError, match="coefficient"):
        SteeringEffects(log_odds, random, (0.0,), layer=1)
