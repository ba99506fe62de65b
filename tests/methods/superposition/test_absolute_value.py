import pytest
import torch

from mi_course.methods.superposition import neuron_stacks, sample_signed, train_absolute_value
from mi_course.models.toy import AbsoluteValueModel


def test_signed_features_have_their_density_and_both_signs():
    x = sample_signed(20_000, torch.tensor([0.2]), 3, torch.Generator().manual_seed(0))[0]
    assert (x > 0).float().mean(dim=0).tolist() == pytest.approx([0.1] * 3, abs=0.01)
    assert (x < 0).float().mean(dim=0).tolist() == pytest.approx([0.1] * 3, abs=0.01)
    assert x[x > 0].mean().item() == pytest.approx(0.5, abs=0.02)
    assert x.abs().max() <= 1


def by_hand():
    """Two neurons for the first of two features, and a dead neuron."""
    W_in = torch.tensor([[[1.0, -1.0, 0.0], [0.0, 0.0, 0.0]]])
    W_out = torch.tensor([[[1.0, 0.0], [1.0, 0.0], [0.0, 0.0]]])
    return AbsoluteValueModel(W_in, W_out, torch.zeros(1, 2), torch.ones(1))


def test_stacks_of_a_layer_written_by_hand():
    found = neuron_stacks(by_hand())
    assert found.least_rise.tolist() == [[1.0, 0.0]]
    assert found.computed().tolist() == [1]
    assert found.alive.tolist() == [2]
    assert found.polysemantic.tolist() == [0]


def test_a_constant_guess_counts_as_no_computation():
    model = by_hand()
    guess = AbsoluteValueModel(0 * model.W_in, model.W_out, model.b + 0.9, model.density)
    assert neuron_stacks(guess).computed().tolist() == [0]


def test_with_enough_neurons_each_absolute_value_is_computed():
    model = train_absolute_value(3, 8, torch.tensor([0.5]), torch.ones(3), steps=1200, lr=1e-2)
    x = sample_signed(500, torch.tensor([0.5]), 3, torch.Generator().manual_seed(1))
    assert (model(x) - x.abs()).square().mean() < 0.02
    assert neuron_stacks(model).computed().item() >= 2


@pytest.mark.slow
def test_sparse_features_are_computed_in_superposition_and_dense_ones_are_not():
    found = neuron_stacks(train_absolute_value(40, 16, torch.tensor([1.0, 0.01])))
    dense, sparse = found.computed().tolist()
    assert dense <= 8 < sparse
    assert found.polysemantic[0] <= 2
    assert found.polysemantic[1] >= 14


def test_bad_requests_are_refused():
    with pytest.raises(ValueError, match="densities"):
        train_absolute_value(3, 4, torch.tensor([0.0]))
    with pytest.raises(ValueError, match="sizes above 0"):
        train_absolute_value(3, 0, torch.tensor([0.1]))


def test_layers_are_trained_where_gradients_are_switched_off():
    with torch.no_grad():
        model = train_absolute_value(2, 4, torch.tensor([0.5]), steps=3)
    assert not model.W_in.requires_grad
