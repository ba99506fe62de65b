import pytest
import torch

from mi_course.methods.probing import balanced, scaled, split, split_by_group
from mi_course.results import ProbeData

GROUPS = torch.arange(200) // 5
LABELS = torch.rand(200, 3, generator=torch.Generator().manual_seed(0)) < 0.3


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.6])
def test_no_group_is_on_both_sides_and_no_example_is_lost(fraction):
    train, test = split_by_group(GROUPS, LABELS, fraction, seed=1)
    assert not set(GROUPS[train].tolist()) & set(GROUPS[test].tolist())
    assert sorted([*train.tolist(), *test.tolist()]) == list(range(200))
    assert fraction * 200 <= len(test) < fraction * 200 + 5


def test_the_seed_decides():
    first, again, other = (split_by_group(GROUPS, LABELS, seed=seed)[1] for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_documents_with_groups_of_both_sides_are_divided_by_document():
    documents = torch.arange(200) % 40
    groups = torch.arange(200) % 7
    train, test = split_by_group(groups, LABELS, documents=documents)
    for numbers in (groups, documents):
        assert not set(numbers[train].tolist()) & set(numbers[test].tolist())
    assert len(train) > 40
    assert len(test) > 20


def test_both_sides_have_both_classes_of_a_feature_that_few_groups_have():
    labels = torch.zeros(200, 1, dtype=torch.bool)
    labels[[3, 120]] = True
    for seed in range(5):
        train, test = split_by_group(GROUPS, labels, seed=seed)
        assert labels[train].sum() == labels[test].sum() == 1


def test_a_feature_of_one_group_cannot_be_held_out():
    labels = LABELS.clone()
    labels[:, 1] = GROUPS == 4
    with pytest.raises(ValueError, match=r"features \[1\]"):
        split_by_group(GROUPS, labels)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.5])
def test_a_fraction_lies_between_0_and_1(fraction):
    with pytest.raises(ValueError, match="between 0 and 1"):
        split_by_group(GROUPS, LABELS, fraction)


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="group for each"):
        split_by_group(GROUPS[1:], LABELS)
    with pytest.raises(ValueError, match="group for each"):
        split_by_group(GROUPS, LABELS, documents=GROUPS[1:])


def test_balanced_takes_all_of_the_rarer_class_and_as_many_of_the_other():
    labels = torch.cat([LABELS, ~LABELS[:, :1]], dim=1)
    mask = balanced(labels, seed=2)
    fewer = torch.minimum(labels.sum(0), (~labels).sum(0))
    assert torch.equal((mask & labels).sum(0), fewer)
    assert torch.equal((mask & ~labels).sum(0), fewer)
    assert not torch.equal(mask, balanced(labels, seed=3))
    with pytest.raises(ValueError, match=r"only of \[0\]"):
        balanced(labels | torch.tensor([True, False, False, False]))


def test_scaling_is_one_number_for_a_layer_taken_from_the_training_examples():
    x = torch.randn(2, 200, 6, generator=torch.Generator().manual_seed(0))
    x[1] *= torch.tensor([10.0, 1, 1, 1, 1, 1])
    data = ProbeData.from_tensors(x, LABELS)
    train, _ = split(data)
    found = scaled(data, train)
    variance = found.activations[:, train].var(dim=1, correction=0).mean(dim=1)
    torch.testing.assert_close(variance, torch.ones(2))
    ratio = x / found.activations
    torch.testing.assert_close(ratio, ratio[:, :1, :1].expand_as(x))
    silent = ProbeData.from_tensors(x * 0, LABELS)
    assert scaled(silent, train).activations.abs().max() == 0
