import dataclasses

import pytest
import torch

from mi_course.results import Attribution, LensGrid, LensTrajectories


def grid(**changes):
    known = {
        "points": ("embedding", "after layer 0", "after layer 1"),
        "tokens": ("a", "b"),
        "targets": ("b", ""),
        "words": ((("x", "b"), ("y", "z")), (("b", "x"), ("z", "y")), (("b", "x"), ("z", "y"))),
        "logits": torch.tensor([[[2.0, 1.0], [3.0, 1.0]]] * 3),
        "probs": torch.tensor([[[0.5, 0.2], [0.6, 0.1]]] * 3),
        "target_rank": torch.tensor([[1, -1], [0, -1], [0, -1]]),
        "entropy": torch.ones(3, 2),
        "kl_to_final": torch.tensor([[3.0, 1.0], [1.0, 0.5], [0.0, 0.0]]),
    }
    return LensGrid(**known | changes)


def trajectories(**changes):
    known = {
        "points": ("embedding", "after layer 0"),
        "rank": torch.tensor([[5, 9, 100], [0, 0, 3]]),
        "log_prob": -torch.ones(2, 3),
        "entropy": torch.ones(2, 3),
        "kl_to_final": torch.tensor([[1.0, 2.0, 6.0], [0.0, 0.0, 0.0]]),
        "name": "facts",
    }
    return LensTrajectories(**known | changes)


@pytest.fixture
def attribution():
    parts = ("embedding", "L0H0", "L0H1", "MLP 0", "L1H0", "L1H1", "MLP 1", "attention biases")
    values = torch.tensor([[0.0, 1.0, 2.0, -3.0, 4.0, 5.0, 6.0, 0.5]] * 2).T
    values[:, 1] += torch.tensor([0, 2, 0, 0, 0, 0, 0, 0])
    return Attribution(parts, values, values.sum(dim=0) + torch.tensor([0.0, 0.25]))


def test_a_cell_is_correct_when_its_best_token_is_the_known_right_one():
    assert grid().correct.tolist() == [[False, False], [True, False], [True, False]]


def test_a_part_of_a_grid_keeps_what_belongs_to_its_positions():
    part = grid().between(1, 2)
    assert (part.tokens, part.targets, part.words[1]) == (("b",), ("",), (("z", "y"),))
    for field in ("logits", "probs", "target_rank", "entropy", "kl_to_final"):
        torch.testing.assert_close(getattr(part, field), getattr(grid(), field)[:, 1:])
    with pytest.raises(ValueError, match="some of positions 0-1, got 2 to 5"):
        grid().between(2, 5)


def test_the_summary_counts_right_tokens_and_averages_divergence():
    assert grid().summary() == (
        "logit lens at resid_post, 1 positions with a known answer; best tokens that are right and "
        "mean KL to the end in nats: embedding 0 right, KL 2.00; after layer 0 1 right, KL 0.75; "
        "after layer 1 1 right, KL 0.00."
    )


@pytest.mark.parametrize("field", ["logits", "probs", "entropy", "kl_to_final"])
def test_numbers_that_are_none_are_refused(field):
    with pytest.raises(ValueError, match=f"finite {field}"):
        grid(**{field: getattr(grid(), field) * torch.nan})


@pytest.mark.parametrize("field", ["points", "tokens", "targets", "words"])
def test_labels_must_fit_the_numbers(field):
    with pytest.raises(ValueError, match="one label for each"):
        grid(**{field: getattr(grid(), field)[:1]})


def test_quartiles_and_medians_of_ranks():
    found = trajectories()
    assert found.median_rank().tolist() == [9, 0]
    assert found.quartiles("rank")[:, 0].tolist() == [7, 9, 54.5]
    assert found.quartiles("kl_to_final")[:, 0].tolist() == [1.5, 2, 4]
    with pytest.raises(ValueError, match=r"expected one of rank, .*, got 'place'"):
        found.quartiles("place")


def test_trajectories_tell_their_medians():
    assert trajectories().summary() == (
        "logit lens, 3 facts: median rank of the answer embedding 9, after layer 0 0 (0 is best)."
    )
    with pytest.raises(ValueError, match="one label for each point"):
        trajectories(points=("embedding",))
    with pytest.raises(ValueError, match="finite log_prob"):
        trajectories(log_prob=torch.full((2, 3), -torch.inf))


def test_parts_are_sorted_into_heads_mlps_and_others(attribution):
    assert attribution.heads().tolist() == [[2, 2], [4, 5]]
    assert attribution.mlps().tolist() == [-3, 6]
    assert attribution.others() == {"embedding": 0, "attention biases": 0.5}


def test_an_attention_only_model_has_no_mlps(attribution):
    parts = ("embedding", "L0H0", "L0H1")
    only = dataclasses.replace(attribution, parts=parts, values=attribution.values[:3])
    assert only.mlps().tolist() == []
    assert only.heads().shape == (1, 2)


def test_top_goes_by_size_and_of_is_a_mean_over_prompts(attribution):
    assert attribution.top(3) == [("MLP 1", 6), ("L1H1", 5), ("L1H0", 4)]
    assert attribution.top(5)[3] == ("MLP 0", -3)
    assert attribution.of("L0H0") == 2
    with pytest.raises(ValueError, match="got 'L9H9'"):
        attribution.of("L9H9")


def test_the_error_is_the_largest_gap_between_sum_and_total(attribution):
    assert attribution.error() == 0.25
    assert attribution.summary().startswith("Logit difference 16.62, of which MLP 1 +6.00, L1H1")
    with pytest.raises(ValueError, match="finite total"):
        dataclasses.replace(attribution, total=torch.tensor([torch.nan, 0]))
