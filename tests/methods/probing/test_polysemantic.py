import pytest
import torch

from mi_course.methods import probing
from mi_course.worlds.town.compounds import COMPOUNDS
from mi_course.worlds.town.corpus import WEIGHTS
from mi_course.worlds.town.label_sets import COLLECTIONS


def planted(n=4000):
    """Each of three neurons fires for the feature and for one unrelated thing of its own."""
    generator = torch.Generator().manual_seed(0)
    kind = torch.randint(40, (n,), generator=generator)
    x = 0.1 * torch.rand(n, 6, generator=generator)
    for neuron in range(3):
        x[(kind == 0) | (kind == neuron + 1), neuron] += 1
    return x, kind == 0, kind == 9, torch.arange(n) % 3 == 0


def test_polysemantic_neurons_separate_a_feature_together():
    found = probing.conjunction(*planted(), k=2, layer=5, label="planted")
    assert {layer for layer, _ in found.neurons} == {5}
    assert all(neuron < 3 for _, neuron in found.neurons)
    assert found.against == 1
    assert found.alone.tolist() == pytest.approx([0.5, 0.5], abs=0.12)
    assert found.precision[1] > 0.99
    # Each threshold keeps 95 in a hundred.
    assert found.recall[1] == pytest.approx(0.9, abs=0.08)
    assert 0.5 < found.best_alone < 0.8
    assert found.f1()[1] > 0.9
    assert "L5N" in found.summary()


def test_thresholds_come_from_tokens_that_are_not_held_out():
    x, positive, rivals, held = planted()
    moved = x.clone()
    moved[held] = 0
    found = probing.conjunction(moved, positive, rivals, held, k=1)
    assert found.recall.item() == 0


def test_missing_rivals_and_lengths_are_refused():
    x, positive, rivals, held = planted()
    with pytest.raises(ValueError, match="both sides"):
        probing.conjunction(x, positive, rivals & held, held)
    with pytest.raises(ValueError, match="each of 4000"):
        probing.conjunction(x, positive[:-1], rivals[:-1], held[:-1])


def test_compound_neurons_of_town_are_polysemantic_alone_and_precise_in_pairs(town):
    compounds = 1.2 * (sum(WEIGHTS.values()) - WEIGHTS["compound"])
    texts = probing.town_texts(
        town, n_documents=400, seed=4, weights={**WEIGHTS, "compound": compounds}
    )
    x = texts.activations(town, 1)
    label = texts.label_numbers("compound")
    last = (label >= 0) & (label.roll(-1) != label)
    held = texts.counted.nonzero()[:, 0] % 3 == 0
    found = []
    for phrases in COMPOUNDS:
        xy, xz, wy = (COLLECTIONS["compound"].number(phrase.label) for phrase in phrases)
        rivals = last & ((label == xz) | (label == wy))
        found.append(probing.conjunction(x, last & (label == xy), rivals, held, k=2, layer=1))
    against = sum(one.against for one in found) / len(found)
    alone = torch.stack([one.alone[0] for one in found]).mean()
    together = torch.stack([one.precision[1] for one in found]).mean()
    recall = torch.stack([one.recall[1] for one in found]).mean()
    best = sum(one.best_alone for one in found) / len(found)
    both = torch.stack([one.f1()[1] for one in found]).mean()
    # About five held-out occurrences of each of 27 compounds: means are good to a few hundredths.
    assert against == pytest.approx(0.96, abs=0.05)
    assert alone == pytest.approx(0.33, abs=0.08)
    assert together == pytest.approx(0.96, abs=0.06)
    assert recall == pytest.approx(0.77, abs=0.08)
    assert both > best + 0.2


def test_a_neuron_that_never_fires_is_not_chosen():
    x, positive, rivals, held = planted()
    dead = torch.cat([torch.zeros(len(x), 1), x], dim=1)
    found = probing.conjunction(dead, positive, rivals, held, k=2)
    assert all(0 < neuron < 4 for _, neuron in found.neurons)


def test_more_neurons_than_are_tried_are_refused():
    x, positive, rivals, held = planted()
    with pytest.raises(ValueError, match="k from 1 to 2"):
        probing.conjunction(x, positive, rivals, held, k=3, candidates=2)
