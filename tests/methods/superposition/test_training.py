import sys

import pytest
import torch

from mi_course.methods.superposition import (
    expected_loss,
    feature_dimensionality,
    geometry,
    toy_loss,
    train_toy_models,
)
from mi_course.methods.superposition.training import _gradients
from mi_course.models.toy import ToyModel


def random_model(kind="relu", instances=3, n_features=4, d_hidden=2):
    generator = torch.Generator().manual_seed(0)
    return ToyModel(
        W=torch.randn(instances, n_features, d_hidden, generator=generator),
        b=torch.randn(instances, n_features, generator=generator),
        density=torch.tensor([1.0, 0.5, 0.1])[:instances],
        importance=torch.rand(instances, n_features, generator=generator) + 0.1,
        kind=kind,
    )


@pytest.mark.parametrize("kind", ["relu", "linear"])
def test_gradients_written_by_hand_are_those_of_autograd(kind):
    model = random_model(kind)
    x = torch.rand(3, 7, 4, generator=torch.Generator().manual_seed(1))
    W, b = model.W.clone().requires_grad_(), model.b.clone().requires_grad_()
    again = ToyModel(W, b, model.density, model.importance, kind)
    loss = ((x - again(x)).square() * model.importance[:, None]).mean(dim=(1, 2)).sum()
    loss.backward()
    _, (by_W, by_b) = _gradients(model, x.mT, model.W, model.b[:, :, None])
    # Single precision: a few units in the last place of numbers near 1.
    torch.testing.assert_close(by_W, W.grad, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(by_b[:, :, 0], b.grad, atol=1e-6, rtol=1e-5)


def test_instances_share_nothing():
    density = torch.full((2,), 0.1)
    importance = torch.ones(2, 5)
    changed = importance.clone()
    changed[1, 3] = 0.01
    runs = [
        train_toy_models(5, 2, density, each, steps=50).model.W for each in (importance, changed)
    ]
    assert torch.equal(runs[0][0], runs[1][0])
    assert not torch.equal(runs[0][1], runs[1][1])


def test_equal_seeds_give_equal_models_and_others_do_not():
    density = torch.tensor([0.2])
    first, again, other = (
        train_toy_models(4, 2, density, steps=20, seed=seed).model.W for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


def test_models_that_do_not_fit_the_cache_are_trained_in_parts(monkeypatch):
    module = sys.modules[_gradients.__module__]
    monkeypatch.setattr(module, "CACHED", 2 * 64 * 5)  # two instances at a time
    found = train_toy_models(5, 2, torch.full((5,), 0.3), steps=200, batch_size=64)
    assert found.model.W.shape == (5, 5, 2)
    assert found.losses.shape == (len(found.steps), 5)
    assert (toy_loss(found.model) < toy_loss(found.at(0))).all()


def test_records_begin_before_the_first_step_and_end_after_the_last():
    found = train_toy_models(4, 2, torch.tensor([0.3]), steps=25, record_every=10)
    assert found.steps.tolist() == [0, 10, 20, 25]
    assert torch.equal(found.at(3).W, found.model.W)
    assert torch.equal(found.at(-1).b, found.model.b)
    assert not torch.equal(found.at(2).W, found.model.W)


def test_enough_dimensions_hold_every_feature_without_loss():
    model = train_toy_models(3, 3, torch.tensor([0.5]), steps=1500).model
    torch.testing.assert_close(model.W @ model.W.mT, torch.eye(3)[None], atol=0.01, rtol=0)
    assert toy_loss(model).item() < 1e-4


def test_a_linear_model_keeps_the_most_important_features_and_no_others():
    importance = torch.tensor([1.0, 0.8, 0.2, 0.1])
    model = train_toy_models(
        4, 2, torch.tensor([0.05]), importance, steps=2000, kind="linear"
    ).model
    assert (model.W[0].norm(dim=-1) > 0.5).tolist() == [True, True, False, False]


def test_the_loss_on_samples_is_near_the_expected_loss():
    model = random_model()
    sampled = toy_loss(model, batch_size=4096, n_batches=16)
    # 65,000 samples of errors of the size of the loss: about one in a hundred.
    torch.testing.assert_close(sampled, expected_loss(model).float(), rtol=0.03, atol=0)


def test_dense_models_have_no_superposition_and_sparse_ones_hold_all_five_features():
    model = train_toy_models(5, 2, torch.tensor([1.0, 0.05]), steps=1500).model
    dense, sparse = (model.W[i].norm(dim=-1) > 0.5 for i in range(2))
    assert dense.sum() <= 3
    assert sparse.sum() == 5


def test_most_seeds_find_the_pentagon_at_the_right_sparsity():
    model = train_toy_models(5, 2, torch.full((10,), 0.05), steps=1500).model
    near = (feature_dimensionality(model.W) - 0.4).abs() <= 0.02
    pentagons = ["pentagon" in found for found in map(geometry(model.W).counts, range(10))]
    assert near.all(dim=1).sum() >= 8
    assert sum(pentagons) >= 8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"density": torch.tensor([0.0])}, "expected densities"),
        ({"importance": torch.ones(3)}, "expected importances"),
        ({"importance": torch.zeros(5)}, "above 0"),
        ({"d_hidden": 0}, "expected d_hidden"),
        ({"steps": 0}, "expected d_hidden, steps"),
        ({"kind": "tanh"}, "expected kind"),
    ],
)
def test_bad_requests_are_refused(change, message):
    asked = {"n_features": 5, "d_hidden": 2, "density": torch.tensor([0.1]), "steps": 2} | change
    with pytest.raises(ValueError, match=message):
        train_toy_models(**asked)
