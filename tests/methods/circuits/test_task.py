"""Tasks say what is scored, and refuse what cannot be."""

from dataclasses import replace

import pytest
import torch

from mi_course.methods.circuits import circuit_task, prompts_task, text_task
from mi_course.methods.circuits.task import CircuitTask
from mi_course.models import compiled
from mi_course.models.tokenizer import load_tokenizer
from mi_course.worlds.tasks import Task, greater_than, ioi


@pytest.fixture(scope="module")
def tokenizer():
    return load_tokenizer()


def test_a_world_task_is_scored_at_its_last_token(tokenizer):
    pairs = ioi(tokenizer, 4, 0, order="ABBA", n_templates=1)
    task = circuit_task(pairs)
    assert task.clean.tolist() == [list(pair.clean_tokens) for pair in pairs.pairs]
    assert task.corrupted.tolist() == [list(pair.corrupted_tokens) for pair in pairs.pairs]
    assert task.mask.nonzero().tolist() == [[i, task.clean.shape[1] - 1] for i in range(4)]
    assert task.answers.tolist() == [list(pair.answers) for pair in pairs.pairs]
    assert task.name == "ioi"


def test_the_largest_group_of_one_length_is_taken(tokenizer):
    pairs = ioi(tokenizer, 12, 0)
    lengths = [len(pair.clean_tokens) for pair in pairs.pairs]
    assert len(set(lengths)) > 1
    assert len(circuit_task(pairs)) == max(lengths.count(length) for length in lengths)


def test_several_answers_are_filled_up(tokenizer):
    pairs = greater_than(tokenizer, 6, 0)
    task = circuit_task(pairs, "logit_diff")
    of_length = [p for p in pairs.pairs if len(p.clean_tokens) == task.clean.shape[1]]
    assert len({len(pair.answers) for pair in of_length}) > 1
    for row, pair in zip(task.answers.tolist(), of_length, strict=True):
        assert [token for token in row if token >= 0] == list(pair.answers)


def test_selected_prompts_bring_their_answers_along(tokenizer):
    task = circuit_task(ioi(tokenizer, 4, 0, order="ABBA", n_templates=1))
    some = task.select([3, 0, 3])
    assert some.clean.tolist() == task.clean[[3, 0, 3]].tolist()
    assert some.answers.tolist() == task.answers[[3, 0, 3]].tolist()


def test_a_compiled_task_is_scored_where_its_mask_says():
    prompts = compiled.induction().prompts(5, 0)
    task = prompts_task(prompts, "nll")
    assert task.mask.equal(prompts.mask)
    assert task.answers[:, 0].tolist() == prompts.answers[prompts.mask].tolist()


def test_texts_become_tokens_with_single_answers(tokenizer):
    task = text_task(
        tokenizer, ["The cat is"], ["The dog is"], answers=[" in"], wrongs=[" on"], metric="nll"
    )
    assert tokenizer.decode(task.answers[0]) == " in"
    assert task.mask.sum() == task.mask[0, -1] == 1


def test_texts_of_unequal_length_are_refused(tokenizer):
    with pytest.raises(ValueError, match="expected pairs of prompts of one length"):
        text_task(tokenizer, ["one two three"], ["one two"])


def test_an_answer_of_several_tokens_is_refused(tokenizer):
    with pytest.raises(ValueError, match="expected answers of one token, got ' unpronounceable"):
        text_task(tokenizer, ["The"], ["The"], answers=[" unpronounceable word"])


def test_tokens_of_unequal_length_are_refused():
    rows = torch.zeros(2, 5, dtype=torch.long)
    with pytest.raises(ValueError, match="of one shape"):
        CircuitTask(rows, rows[:, :4], rows.bool())


def test_something_must_be_scored():
    rows = torch.zeros(2, 5, dtype=torch.long)
    with pytest.raises(ValueError, match="0 scored"):
        CircuitTask(rows, rows, rows.bool())


def test_an_unknown_metric_is_refused(tokenizer):
    with pytest.raises(ValueError, match="got 'accuracy'"):
        circuit_task(ioi(tokenizer, 2, 0), "accuracy")


def test_a_metric_without_its_answers_is_refused(tokenizer):
    task = circuit_task(ioi(tokenizer, 2, 0, order="ABBA", n_templates=1))
    with pytest.raises(ValueError, match="expected wrongs of each of 2 scored positions"):
        replace(task, metric="logit_diff", wrongs=None)


def test_a_task_without_pairs_is_refused():
    with pytest.raises(ValueError, match="expected pairs of prompts in 'ioi', got none"):
        circuit_task(Task("ioi", ()))
