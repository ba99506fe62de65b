import math

import pytest
import torch
from sklearn.linear_model import LogisticRegression

from mi_course.methods.probing import balanced, fit_probes
from mi_course.methods.probing.linear import example_weights
from mi_course.methods.probing.newton import fit_layer


def sklearn_fit(x, y, penalty, weights=None, **settings):
    model = LogisticRegression(C=1 / penalty, tol=1e-10, max_iter=100_000, **settings)
    model.fit(x.double().numpy(), y.numpy(), None if weights is None else weights.numpy())
    return torch.tensor(model.coef_[0]), torch.tensor(model.intercept_[0])


def objective(x, y, weight, bias, penalty):
    z = x.double() @ weight + bias
    sign = 2 * y.double() - 1
    return torch.log1p(torch.exp(-sign * z)).sum() + penalty / 2 * weight @ weight


def test_a_case_by_hand():
    # Values +1 and -1 with labels that agree: by symmetry the bias is 0, and the weight solves
    # 2 (1 - sigmoid(w)) = penalty w; w = 1 for the penalty below.
    penalty = 2 * (1 - 1 / (1 + math.exp(-1)))
    found = fit_probes(
        torch.tensor([[[1.0], [-1.0]]]), torch.tensor([[True], [False]]), penalty=penalty
    )
    assert found.weight.item() == pytest.approx(1, abs=1e-7)
    assert found.bias.item() == pytest.approx(0, abs=1e-7)
    expected = 2 * math.log1p(math.exp(-1)) + penalty / 2
    assert found.objective.item() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("penalty", [0.01, 1.0, 100.0])
def test_probes_are_those_of_scikit_learn(gaussian, penalty):
    x, y = gaussian
    found = fit_probes(x, y, penalty=penalty)
    for layer in range(2):
        for feature in range(3):
            weight, bias = sklearn_fit(x[layer], y[:, feature], penalty)
            # Both stop at a gradient of 1e-8 an example.
            torch.testing.assert_close(found.weight[layer, feature], weight, atol=1e-4, rtol=1e-4)
            torch.testing.assert_close(found.bias[layer, feature], bias, atol=1e-4, rtol=1e-4)


def test_balanced_class_weights_are_those_of_scikit_learn(gaussian):
    x, y = gaussian
    found = fit_probes(x[:1], y[:, 2:], penalty=2.0, class_balance=True)
    weight, bias = sklearn_fit(x[0], y[:, 2], 2.0, class_weight="balanced")
    torch.testing.assert_close(found.weight[0, 0], weight, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found.bias[0, 0], bias, atol=1e-4, rtol=1e-4)


def test_a_mask_fits_the_chosen_examples_only(gaussian):
    x, y = gaussian
    mask = balanced(y, seed=1)
    found = fit_probes(x, y, weights=mask)
    for feature in range(3):
        chosen = mask[:, feature]
        alone = fit_probes(x[:, chosen], y[chosen][:, [feature]])
        torch.testing.assert_close(
            found.weight[:, [feature]], alone.weight, atol=1e-5, rtol=1e-5
        )  # single-precision products differ in order


def test_the_gradient_of_the_loss_vanishes(gaussian):
    x, y = gaussian
    found = fit_probes(x, y, penalty=0.5)
    weight = found.weight[1, 0].clone().requires_grad_()
    bias = found.bias[1, 0].clone().requires_grad_()
    loss = objective(x[1], y[:, 0], weight, bias, 0.5)
    gradients = torch.autograd.grad(loss, (weight, bias))
    # The weight's gradient is found for centred x: in the bias' it is multiplied by the mean.
    assert max(g.abs().max().item() for g in gradients) < 3 * 300 * 1e-8
    assert loss.item() == pytest.approx(found.objective[1, 0].item(), rel=1e-12)
    assert found.gradient.max() <= 1e-8


def test_separable_labels_have_a_finite_optimum():
    x = torch.cat([torch.randn(50, 8, generator=torch.Generator().manual_seed(0)), torch.eye(8)])
    y = x[:, :1] > 0
    found = fit_probes(x[None], y, penalty=1e-4)
    assert found.gradient.max() <= 1e-8
    assert ((found.logits(x[None])[0] > 0) == y).all()
    weight, bias = sklearn_fit(x, y[:, 0], 1e-4)
    theirs = objective(x, y[:, 0], weight, bias, 1e-4)
    assert found.objective[0, 0] <= theirs * (1 + 1e-9)


def test_more_neurons_than_examples(gaussian):
    x = torch.randn(1, 30, 200, generator=torch.Generator().manual_seed(4))
    y = gaussian[1][:30, :2]
    found = fit_probes(x, y, penalty=0.3)
    for feature in range(2):
        weight, bias = sklearn_fit(x[0], y[:, feature], 0.3)
        torch.testing.assert_close(found.weight[0, feature], weight, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(found.bias[0, feature], bias, atol=1e-4, rtol=1e-4)


def test_neurons_that_never_change_are_ignored(gaussian):
    x, y = gaussian
    x = x.clone()
    x[:, :, 3] = 2.0
    found = fit_probes(x, y)
    # The principal axes mix it in by their rounding.
    assert found.weight[..., 3].abs().max() < 1e-7


def test_shifting_and_turning_x_changes_no_prediction(gaussian):
    x, y = gaussian
    turn = torch.linalg.qr(torch.randn(12, 12, generator=torch.Generator().manual_seed(1)))[0]
    moved = x.double() @ turn.double() + 5
    torch.testing.assert_close(
        fit_probes(moved.float(), y).logits(moved.float()), fit_probes(x, y).logits(x),
        atol=1e-4, rtol=1e-4,  # x itself is rounded to single precision
    )  # fmt: skip


def test_features_in_blocks_are_fitted_alike(gaussian, monkeypatch):
    x, y = gaussian
    together = fit_probes(x, y)
    monkeypatch.setattr("mi_course.methods.probing.newton.INVERSES", 1)
    apart = fit_probes(x, y)
    torch.testing.assert_close(apart.weight, together.weight, atol=1e-5, rtol=1e-5)


def test_a_planted_direction_is_found():
    generator = torch.Generator().manual_seed(0)
    direction = torch.nn.functional.normalize(torch.randn(40, generator=generator), dim=0)
    x = torch.randn(4000, 40, generator=generator)
    y = torch.rand(4000, 1, generator=generator) < (4 * (x @ direction))[:, None].sigmoid()
    weight = fit_probes(x[None], y).weight[0, 0].float()
    assert torch.cosine_similarity(weight, direction, dim=0) > 0.98
    assert weight.norm().item() == pytest.approx(4, rel=0.1)


def test_few_steps_are_an_unfinished_fit(gaussian):
    x, y = gaussian
    layer = fit_layer(x[0], y.T, example_weights(y).T, 1e-3, 1e-8, 1)
    assert layer[3].max() > 1e-8


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda x, y: (x[:, 1:], y), "label for each"),
        (lambda x, y: (x.index_fill(2, torch.tensor(0), torch.nan), y), "finite"),
        (lambda x, y: (x, y | True), "both classes"),
        (lambda x, y: (x, y & False), "both classes"),
    ],
)
def test_bad_input_is_refused(gaussian, change, told):
    with pytest.raises(ValueError, match=told):
        fit_probes(*change(*gaussian))


@pytest.mark.parametrize("penalty", [0.0, -1.0, math.nan])
def test_a_penalty_must_be_positive(gaussian, penalty):
    with pytest.raises(ValueError, match="penalty above 0"):
        fit_probes(*gaussian, penalty=penalty)


def test_bad_weights_are_refused(gaussian):
    x, y = gaussian
    with pytest.raises(ValueError, match="try one for each"):
        fit_probes(x, y, weights=torch.ones(300, 1))
    with pytest.raises(ValueError, match="from 0 on"):
        fit_probes(x, y, weights=-torch.ones(300, 3))
    with pytest.raises(ValueError, match=r"one class for \[0, 1, 2\]"):
        fit_probes(x, y, weights=y)
