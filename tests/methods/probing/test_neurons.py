from dataclasses import replace

import pytest
import torch

from mi_course.activations import edit
from mi_course.methods import probing
from mi_course.results import ProbeData, neuron_name


@pytest.fixture(scope="module")
def planted():
    """Neuron L1N3 is above 0.5 where the first feature holds, L0N7 is low where the second does."""
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(2, 400, 10, generator=generator)
    y = torch.stack([x[1, :, 3] > 0.5, x[0, :, 7] < 0.3], dim=1)
    return ProbeData.from_tensors(x, y, features=("high", "low"))


def test_planted_neurons_are_found_with_their_thresholds_and_signs(planted):
    found = probing.best_neurons(planted, candidates=5, n_random=6)
    assert found.neurons == ((1, 3), (0, 7))
    assert found.signs.tolist() == [1, -1]
    torch.testing.assert_close(found.thresholds, torch.tensor([0.5, -0.3]), atol=0.02, rtol=0)
    assert found.f1.min() > 0.97
    # A neuron that knows nothing says yes to all, which has precision p and recall 1; among 100
    # held-out examples p is off by up to a tenth.
    share = planted.labels.float().mean(0)
    blind = (2 * share / (1 + share)).tolist()
    assert found.random_f1.median(dim=1).values.tolist() == pytest.approx(blind, abs=0.12)
    assert found.of("low") == (0, 7)
    assert "L1N3" in found.summary()
    with pytest.raises(ValueError, match="high"):
        found.of("middle")


def test_numbers_of_layers_are_kept(planted):
    layers = replace(planted, layers=(2, 5))
    assert probing.best_neurons(layers).neurons == ((5, 3), (2, 7))
    assert probing.ranked_neurons(layers, "high", 2)[0] == (5, 3)
    assert neuron_name((5, 3)) == "L5N3"


def test_silencing_replaces_the_named_neurons_only(other_models):
    model = other_models["gpt2"]
    tokens = torch.arange(1, 13).reshape(2, 6)
    means = torch.linspace(0, 1, 128).reshape(2, 64)

    def by_hand(post):
        post = post.clone()
        post[..., 4] = means[1, 4]
        post[..., 60] = means[1, 60]
        return post

    expected = edit(model, tokens, {"blocks.1.mlp.hook_post": by_hand})
    found = edit(model, tokens, probing.silenced(model, [(1, 4), (1, 60)], means))
    torch.testing.assert_close(found, expected)
    first = torch.zeros(2, 6, dtype=torch.bool)
    nowhere = edit(model, tokens, probing.silenced(model, [(1, 4)], at=first))
    torch.testing.assert_close(nowhere, edit(model, tokens, {}))


def test_neurons_that_do_not_exist_are_refused(town):
    with pytest.raises(ValueError, match="neurons 0-767"):
        probing.silenced(town, [(0, 768)])
    with pytest.raises(ValueError, match="layers 0-3"):
        probing.silenced(town, [(4, 0)])


@pytest.mark.parametrize(
    ("collection", "least"), [("natural_language", 0.9), ("code_language", 0.85)]
)
def test_single_neurons_of_town_tell_its_languages(town, collection, least):
    """Mean over a document: F1 of 0.9 and more at k = 1, where random neurons have about 0.4."""
    data = probing.collect(
        town, collection, hook="mlp_post", aggregation="mean", n_documents=240, seed=0
    )
    found = probing.best_neurons(data)
    assert found.f1.mean() > 0.93
    assert found.f1.min() > least - 0.1
    assert 0.2 < found.random_f1.mean() < 0.6
