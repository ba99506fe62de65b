from dataclasses import replace

import pytest
import torch

from mi_course.methods.patching import METRICS, patch_heads, patch_prompts, written_pair
from mi_course.methods.patching.cells import everywhere, place_masks
from mi_course.worlds.tasks import greater_than

NAMES = "When Mary and John went to the garden, {} gave a toy to"


def test_pairs_of_any_length_are_padded_behind_their_ends(town, mixed):
    prompts = patch_prompts(town, mixed)
    for row, pair in enumerate(mixed):
        n = len(pair.clean_tokens)
        assert prompts.clean[row, :n].tolist() == list(pair.clean_tokens)
        assert prompts.corrupted[row, :n].tolist() == list(pair.corrupted_tokens)
        assert prompts.ends[row] == n - 1
        assert prompts.inside()[row].sum() == n
        assert prompts.places["s2"][row] == pair.positions["s2"]
        first = next(i for i in range(n) if pair.clean_tokens[i] != pair.corrupted_tokens[i])
        assert prompts.first_difference()[row] == first
    assert list(prompts.places)[-1] == "end"
    assert patch_prompts(town, prompts) is prompts


def test_positions_before_the_first_difference_are_no_place(town, mixed):
    prompts = patch_prompts(town, mixed)
    where = everywhere(town, prompts)[0]
    assert torch.equal(where.int().argmax(1), prompts.first_difference())
    names, places = place_masks(town, prompts, ("io", "s2"))
    assert names == ("io", "s2")
    assert places.sum((1, 2)).tolist() == [0, len(mixed)]


def test_a_pair_can_be_written_by_hand(town):
    pair = written_pair(
        town.tokenizer, NAMES.format("John"), NAMES.format("Mary"), " Mary", " John"
    )
    grid = patch_heads(town, [pair])
    assert grid.clean.item() > 0 > grid.corrupted.item()
    with pytest.raises(ValueError, match="an answer of one token, got ' Mary Ann Smith' with"):
        written_pair(town.tokenizer, "So", "So", " Mary Ann Smith", " John")
    with pytest.raises(ValueError, match="expected prompts of one length"):
        written_pair(town.tokenizer, "When Mary", "When", " Mary", " John")


def test_sets_of_answers_are_compared_by_their_log_odds(town):
    task = greater_than(town.tokenizer, 4, 0)
    grid = patch_heads(town, task, metric="raw_logit_diff", layers=(0,))
    for row, pair in enumerate(task.pairs):
        log_probs = town(torch.tensor([pair.clean_tokens]))[0, -1].log_softmax(-1)
        right, wrong = (log_probs[list(ids)].logsumexp(0) for ids in (pair.answers, pair.wrongs))
        assert grid.clean[row].item() == pytest.approx((right - wrong).item(), abs=1e-3)
    shares = patch_heads(town, task, metric="probability", layers=(0,)).clean
    expected = [
        town(torch.tensor([pair.clean_tokens]))[0, -1].softmax(-1)[list(pair.answers)].sum()
        for pair in task.pairs
    ]
    torch.testing.assert_close(shares, torch.stack(expected), atol=1e-4, rtol=1e-4)
    assert set(METRICS) == {"logit_diff", "raw_logit_diff", "probability", "kl"}


def test_prompts_that_a_model_cannot_read_are_refused(town, pairs, other_models):
    strange = replace(pairs[0], clean_tokens=(99_999, *pairs[0].clean_tokens[1:]))
    with pytest.raises(ValueError, match="token ids of the clean prompt"):
        patch_prompts(town, [strange])
    with pytest.raises(ValueError, match="answers below"):
        patch_heads(town, [replace(pairs[0], answers=(99_999,))])
    many = (3,) * 100
    long = replace(pairs[0], clean_tokens=many, corrupted_tokens=many)
    with pytest.raises(ValueError, match="prompts up to 64 tokens, got 100"):
        patch_prompts(other_models["gpt2"], [long])
