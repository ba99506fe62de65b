import pytest
import torch

from mi_course.results import Attention, HeadPairs, HeadScores, head_name

VALUES = torch.tensor([[0.1, 0.5], [0.4, 0.2], [0.3, 0.9]])


def pair_values(n_layers=2, n_heads=2):
    layers = torch.arange(n_layers)
    later = layers[:, None, None, None] < layers[None, None, :, None]
    values = torch.arange(float(n_layers**2 * n_heads**2))
    return values.reshape(n_layers, n_heads, n_layers, n_heads).masked_fill(~later, torch.nan)


def test_a_head_is_written_with_layer_and_number():
    assert head_name(1, 10) == "L1H10"


def test_the_best_heads_come_first():
    scores = HeadScores(VALUES, name="score", unit="probability")
    found = scores.top(2)
    assert [head[:2] for head in found] == [(2, 1), (0, 1)]
    assert found[0][2] == pytest.approx(0.9)
    assert len(scores.top(100)) == 6


def test_the_summary_names_the_best_heads():
    told = HeadScores(VALUES, name="score", unit="probability").summary()
    assert told == (
        "score (probability): highest L2H1 0.90, L0H1 0.50, L1H0 0.40; mean of all heads 0.40."
    )


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -0.2, 1.1])
def test_a_probability_outside_its_range_is_refused(bad):
    values = VALUES.clone()
    values[1, 1] = bad
    with pytest.raises(ValueError, match="expected"):
        HeadScores(values, name="score", unit="probability")


def test_nats_may_be_negative():
    assert HeadScores(VALUES - 3, name="effect", unit="nats", signed=True).top()[0][:2] == (2, 1)


def test_pairs_are_ranked_by_magnitude_and_named():
    values = pair_values()
    values[0, 1, 1, 0] = -50
    pairs = HeadPairs(values, name="influence", unit="nats", signed=True)
    assert pairs.top()[0] == (0, 1, 1, 0, -50)
    assert "L0H1 to L1H0 -50.00" in pairs.summary()
    assert "chance" not in pairs.summary()
    assert len(pairs.top(99)) == 4


def test_chance_is_told_where_it_is_known():
    pairs = HeadPairs(pair_values(), name="K-composition", unit="ratio", baseline=0.1)
    assert pairs.summary().endswith("; chance 0.10.")


def test_a_model_of_one_layer_says_so():
    pairs = HeadPairs(pair_values(n_layers=1), name="K-composition", unit="ratio")
    assert pairs.top() == []
    assert "one layer" in pairs.summary()


@pytest.mark.parametrize("place", [(1, 0, 0, 0), (0, 0, 0, 1)])
def test_a_number_where_no_pair_can_be_is_refused(place):
    values = pair_values()
    values[place] = 0.0
    with pytest.raises(ValueError, match="later layer"):
        HeadPairs(values, name="K-composition", unit="ratio")


def test_pairs_of_unequal_shape_are_refused():
    with pytest.raises(ValueError, match="layer head layer head"):
        HeadPairs(torch.zeros(2, 2, 2, 3), name="K-composition", unit="ratio")


def test_attention_needs_a_token_for_each_position_and_a_name_for_each_head():
    pattern = torch.eye(2)[None]
    with pytest.raises(ValueError, match="query position"):
        Attention(pattern, ("a",), ("L0H0",))
    with pytest.raises(ValueError, match="head"):
        Attention(pattern, ("a", "b"), ())
    with pytest.raises(ValueError, match="from 0 to 1"):
        Attention(pattern * 2, ("a", "b"), ("L0H0",))


def test_one_head_can_be_taken_out():
    both = Attention(torch.eye(2).expand(2, 2, 2), ("a", "b"), ("L0H0", "L1H1"))
    assert both.head("L1H1").heads == ("L1H1",)
    assert both.head("L1H1").summary() == (
        "From the last token 'b': L1H1 looks most at 'b' (position 1, 1.00)."
    )
    with pytest.raises(ValueError, match="L0H0"):
        both.head("L2H0")
