import pytest
import torch

from mi_course.methods import probing
from mi_course.worlds.town.label_sets import COLLECTIONS


def planted():
    """A neuron whose highest activations have the label, while most of its mass does not."""
    values = torch.cat([torch.linspace(0.9, 1.0, 30), torch.linspace(0.1, 0.3, 600)])
    return values, torch.arange(630) < 30


def test_the_top_says_one_thing_and_the_mass_another():
    values, labelled = planted()
    found = probing.top_examples(values, labelled, k=20, neuron=(1, 2), label="kind: dna")
    assert found.top_precision == 1
    assert found.mass == pytest.approx(28.5 / (28.5 + 120), rel=1e-3)
    assert found.shares.tolist() == [1, 0, 0, 0, 0]
    assert found.counts.tolist()[:3] == [30, 0, 0]
    assert found.counts.sum() == 630
    assert found.best_f1 == 1
    assert "100% of the top 20" in found.summary()


def test_the_search_finds_the_planted_neuron_and_no_other():
    values, labelled = planted()
    noise = torch.rand(630, 4, generator=torch.Generator().manual_seed(0))
    x = torch.cat([noise, values[:, None]], dim=1)
    numbers = {"kind": labelled.long()}
    found = probing.illusions(x, numbers, {"kind": ("rest", "dna")}, layer=3)
    assert (3, 4) in [one.neuron for one in found if one.label == "kind: dna"]
    one_text = torch.zeros(630, dtype=torch.long)
    assert not probing.illusions(x, numbers, {"kind": ("rest", "dna")}, documents=one_text)


def test_numerals_are_the_top_of_a_neuron_that_is_mostly_about_something_else(town):
    texts = probing.town_texts(town, n_documents=240, seed=4)
    documents = texts.counted.nonzero()[:, 0]
    numbers = {"part_of_speech": texts.label_numbers("part_of_speech")}
    names = {"part_of_speech": COLLECTIONS["part_of_speech"].labels}
    x = texts.activations(town, 2)
    worst = probing.illusions(x, numbers, names, layer=2, documents=documents, n=3)
    assert all(one.top_precision == 1 and one.mass < 0.35 for one in worst)
    numeral = COLLECTIONS["part_of_speech"].number("NUM")
    found = probing.top_examples(
        x[:, 428], numbers["part_of_speech"] == numeral, neuron=(2, 428), label="NUM"
    )
    assert found.top_precision > 0.9
    assert found.mass < 0.45
    assert found.best_f1 < 0.7
    assert found.shares[0] > found.shares[2] > found.shares[4]


def test_silent_neurons_and_short_texts_are_refused():
    values, labelled = planted()
    with pytest.raises(ValueError, match="above 0"):
        probing.top_examples(-values, labelled)
    with pytest.raises(ValueError, match="at least 20"):
        probing.top_examples(values[:5], labelled[:5])
    with pytest.raises(ValueError, match="at least 20"):
        probing.top_examples(values, labelled[:-1])
