import pytest
import torch

from mi_course.methods.probing import k_sparse_probe, k_sparse_probes, mean_difference, split
from mi_course.results import ProbeData


@pytest.fixture(scope="module")
def data():
    """Neuron 3 tells the first feature; the second is noise."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 120, 6, generator=generator)
    truth = torch.rand(120, 2, generator=generator) < 0.4
    x[1, :, 3] += 8.0 * truth[:, 0]
    return ProbeData.from_tensors(x, truth, features=("told", "noise"))


def test_the_planted_neuron_is_found_in_its_layer_and_judged_on_others(data):
    found = k_sparse_probes(data, 1, 1)
    assert found.probes[0].neurons.tolist() == [3]
    assert found.scores.f1.shape == (1, 2)
    assert found.scores.f1[0, 0] > 0.95
    assert found.scores.f1[0, 1] < 0.8
    assert (found.scores.layers, found.scores.features) == ((1,), ("told", "noise"))


def test_each_probe_is_the_one_of_its_feature_alone(data):
    found = k_sparse_probes(data, 0, 2, ranking="mean difference", penalty=3.0)
    train, _ = split(data)
    x, y = data.activations[0, train], data.labels[train, 1]
    alone = k_sparse_probe(x, y, mean_difference(x, y), 2, penalty=3.0)
    assert found.probes[1].neurons.tolist() == alone.neurons.tolist()
    torch.testing.assert_close(found.probes[1].weight, alone.weight)


@pytest.mark.parametrize(
    ("layer", "settings", "said"),
    [(2, {}, "expected a layer"), (0, {"ranking": "best"}, "expected a ranking")],
)
def test_what_does_not_exist_is_refused(data, layer, settings, said):
    with pytest.raises(ValueError, match=said):
        k_sparse_probes(data, layer, 1, **settings)
