import pytest
import torch

from mi_course.methods.probing import control_labels, selectivity
from mi_course.results import ProbeData

GENERATOR = torch.Generator().manual_seed(0)
TYPES = torch.randint(0, 300, (3000,), generator=GENERATOR)
LABELS = torch.nn.functional.one_hot(
    torch.multinomial(torch.tensor([0.5, 0.3, 0.2]), 3000, True, generator=GENERATOR)
).bool()


def test_a_case_by_hand():
    # Four types of two examples each, labels half and half: two types get either label.
    types = torch.tensor([7, 7, 5, 5, 9, 9, 2, 2])
    labels = (torch.arange(8) < 4)[:, None]
    found = control_labels(types, labels, seed=0)
    assert found.sum() == 4
    assert torch.equal(found[::2], found[1::2])


def test_a_type_has_one_label_and_the_seed_decides_which():
    found = control_labels(TYPES, LABELS, seed=0)
    of_type = {}
    for kind, row in zip(TYPES.tolist(), found.tolist(), strict=True):
        assert of_type.setdefault(kind, row) == row
    assert torch.equal(found, control_labels(TYPES, LABELS, seed=0))
    agreement = (found == control_labels(TYPES, LABELS, seed=1)).all(1).float().mean()
    assert agreement.item() == pytest.approx(0.38, abs=0.1)  # .5^2 + .3^2 + .2^2 by chance


def test_labels_are_as_frequent_as_the_real_ones():
    found = control_labels(TYPES, LABELS, seed=3)
    largest = TYPES.bincount().max() / len(TYPES)
    assert ((found.float().mean(0) - LABELS.float().mean(0)).abs() <= largest).all()
    assert (found.sum(1) == 1).all()


def test_labels_tell_nothing_about_the_real_ones():
    found = control_labels(TYPES, LABELS, seed=4)
    both = torch.stack([found[:, 0].float(), LABELS[:, 0].float()])
    assert torch.corrcoef(both)[0, 1].abs() < 0.06  # three standard errors


def planted(n_types):
    """A layer that shows the label and no types, and one that shows types and no label."""
    generator = torch.Generator().manual_seed(1)
    types = torch.randint(0, n_types, (1200,), generator=generator)
    labels = torch.rand(1200, 1, generator=generator) < 0.5
    shown = torch.zeros(1200, n_types)
    shown[:, :1] = labels.float()
    x = torch.stack([shown, torch.nn.functional.one_hot(types, n_types).float()])
    data = ProbeData.from_tensors(x, labels)
    return ProbeData(
        x, labels, ("label",), data.groups, data.documents, types, data.layers, "planted"
    )


def test_what_reads_is_selective_and_what_remembers_is_not():
    found = selectivity(planted(30), penalty=0.1)
    reads, remembers = found.values[:, 0].tolist()
    assert found.task[0, 0] == 1
    assert reads > 0.35
    assert found.control[1, 0] > 0.95
    assert remembers < -0.35


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="type for each"):
        control_labels(TYPES[1:], LABELS)
