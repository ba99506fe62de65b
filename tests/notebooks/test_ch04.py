"""Chapter 04's exercises against the methods that it teaches."""

import pytest
import torch

from mi_course.exercises.ch04_absolute import absolute_value_model
from mi_course.exercises.ch04_circle import circle_embedding
from mi_course.exercises.ch04_dimensionality import feature_dimensionality
from mi_course.exercises.ch04_forward import toy_forward
from mi_course.exercises.ch04_interference import interference
from mi_course.exercises.ch04_loss import toy_loss
from mi_course.exercises.ch04_neurons import count_polysemantic
from mi_course.exercises.ch04_samples import sample_features
from mi_course.methods import superposition
from mi_course.models.toy import AbsoluteValueModel, ToyModel

# Sums of float32 in another order: relative 1e-6.
CLOSE = {"rtol": 1e-4, "atol": 1e-5}
DENSITY = torch.tensor([0.9, 0.3, 0.05])


@pytest.fixture(scope="module")
def model():
    generator = torch.Generator().manual_seed(0)
    W = torch.randn(3, 7, 4, generator=generator)
    W[1, 2] = 0  # a feature that is not represented
    b = 0.3 * torch.randn(3, 7, generator=generator)
    return ToyModel(W, b, DENSITY, 0.2 + torch.rand(3, 7, generator=generator))


@pytest.fixture(scope="module")
def x():
    return superposition.sample_features(50, DENSITY, 7, torch.Generator().manual_seed(1))


def test_plain_features_have_the_moments_of_the_methods():
    plain = sample_features(40_000, DENSITY, 2, torch.Generator().manual_seed(2))
    generator = torch.Generator().manual_seed(3)
    fast = superposition.sample_features(40_000, DENSITY, 2, generator)
    for power in (1, 2):
        expected = DENSITY / (power + 1)
        for features in (plain, fast):
            # 80,000 numbers below 1: six standard deviations are about 0.01.
            torch.testing.assert_close(
                features.pow(power).mean(dim=(1, 2)), expected, rtol=0, atol=0.01
            )


def test_the_plain_model_is_that_of_the_methods(model, x):
    torch.testing.assert_close(toy_forward(x, model.W, model.b), model(x), **CLOSE)


def test_the_plain_loss_is_that_of_the_method(model):
    generator = torch.Generator().manual_seed(4)
    features = superposition.sample_features(300, DENSITY, 7, generator)
    fast = superposition.toy_loss(model, batch_size=300, n_batches=1, seed=4)
    plain = toy_loss(features, model(features), model.importance)
    torch.testing.assert_close(plain, fast, **CLOSE)


def test_plain_dimensionality_and_interference_are_those_of_the_methods(model):
    W = model.W
    fast = superposition.feature_dimensionality(W)
    torch.testing.assert_close(feature_dimensionality(W), fast, **CLOSE)
    torch.testing.assert_close(interference(W), superposition.interference(W), **CLOSE)


@pytest.mark.parametrize("n", [2, 3, 4, 11, 40])
def test_the_plain_circle_reads_what_the_method_reads(n):
    directions, reader, bias = circle_embedding(n)
    fast = superposition.circle_embedding(n)
    torch.testing.assert_close(directions, fast.float(), **CLOSE)
    # The reader multiplies by about n^2 / 20, and rounding with it.
    torch.testing.assert_close(
        (directions @ reader + bias).relu(),
        superposition.circle_decode(fast, n).float(),
        rtol=0,
        atol=1e-3,
    )


def test_the_plain_layer_of_neurons_is_that_of_the_method():
    generator = torch.Generator().manual_seed(5)
    x, W_in, W_out, b = (
        torch.randn(shape, generator=generator)
        for shape in ((3, 20, 6), (3, 6, 4), (3, 4, 6), (3, 6))
    )
    fast = AbsoluteValueModel(W_in, W_out, b, DENSITY)(x)
    torch.testing.assert_close(absolute_value_model(x, W_in, W_out, b), fast, **CLOSE)


def test_the_plain_count_of_neurons_is_that_of_the_method():
    W = torch.randn(5, 6, 30, generator=torch.Generator().manual_seed(6)) ** 3
    W[:, :, 4] = 0
    plain, fast = count_polysemantic(W, 0.3), superposition.count_polysemantic(W, least=0.3)
    assert torch.equal(plain, fast)
    assert plain.min() > 0
    assert plain.max() < 30
