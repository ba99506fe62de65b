import pytest
import torch

from mi_course.methods.probing import balanced, fit_neuron_probes, fit_probes


def test_each_neuron_is_fitted_as_if_alone(gaussian):
    x, y = gaussian
    found = fit_neuron_probes(x[0], y, penalty=0.7)
    for neuron in range(12):
        alone = fit_probes(x[:1, :, [neuron]], y, penalty=0.7)
        # Both stop at a gradient of 1e-8 an example.
        for name in ("weight", "bias", "objective"):
            theirs = getattr(alone, name).reshape(3)
            torch.testing.assert_close(
                getattr(found, name)[:, neuron], theirs, atol=1e-5, rtol=1e-5
            )


@pytest.mark.parametrize("settings", [{"class_balance": True}, {"penalty": 50.0}])
def test_settings_mean_the_same_as_for_wide_probes(gaussian, settings):
    x, y = gaussian
    found = fit_neuron_probes(x[1], y, weights=balanced(y), **settings)
    alone = fit_probes(x[1:, :, [4]], y, weights=balanced(y), **settings)
    torch.testing.assert_close(found.weight[:, 4], alone.weight.flatten(), atol=1e-5, rtol=1e-5)


def test_blocks_change_nothing(gaussian, monkeypatch):
    x, y = gaussian
    together = fit_neuron_probes(x[0], y)
    monkeypatch.setattr("mi_course.methods.probing.single.BLOCK", 700)
    apart = fit_neuron_probes(x[0], y)
    torch.testing.assert_close(apart.weight, together.weight, atol=1e-7, rtol=1e-7)


def test_a_silent_neuron_knows_only_how_frequent_a_feature_is():
    y = torch.tensor([[True], [False], [False], [False]])
    found = fit_neuron_probes(torch.zeros(4, 1), y)
    assert found.weight.item() == 0
    assert found.bias.sigmoid().item() == pytest.approx(0.25, abs=1e-7)


@pytest.mark.parametrize("far", [1e2, 1e4])
def test_an_outlier_does_not_make_newton_diverge(far):
    x = torch.cat([torch.linspace(0, 1, 99), torch.tensor([far])])[:, None]
    y = x > 0.5
    found = fit_neuron_probes(x, y, penalty=1e-3)
    wide = fit_probes(x[None], y, penalty=1e-3)
    assert found.objective.item() <= wide.objective.item() * (1 + 1e-6)
    assert (found.predicted(x)[0, 0] == y[:, 0]).float().mean() > 0.95


def test_the_planted_neuron_has_the_least_loss(gaussian):
    x, y = gaussian
    x = x[0].clone()
    x[:, 7] = y[:, 1] + 0.01 * x[:, 7]
    assert fit_neuron_probes(x, y).objective[1].argmin() == 7


def test_bad_input_is_refused(gaussian):
    x, y = gaussian
    with pytest.raises(ValueError, match="label for each"):
        fit_neuron_probes(x[0, 1:], y)
    with pytest.raises(ValueError, match="both classes"):
        fit_neuron_probes(x[0], y | True)
