import pytest
import torch

from mi_course.methods.superposition import sample_features


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def sample(density, n_features=4, batch=20_000, **kind):
    return sample_features(batch, torch.tensor(density), n_features, generator(), **kind)


@pytest.mark.parametrize("kind", [{}, {"binary": True}, {"pairing": "correlated"}])
def test_each_feature_is_active_as_often_as_its_density_says(kind):
    density = [1.0, 0.3, 0.05]
    found = (sample(density, **kind) > 0).float().mean(dim=1)
    # Three standard deviations of a fraction of 20,000 are at most 0.01.
    torch.testing.assert_close(
        found, torch.tensor(density)[:, None].expand(-1, 4), atol=0.012, rtol=0
    )


def test_anticorrelated_features_keep_their_density():
    found = (sample([0.5, 0.2, 0.05], pairing="anticorrelated") > 0).float().mean(dim=1)
    expected = torch.tensor([0.5, 0.2, 0.05])[:, None].expand(-1, 4)
    torch.testing.assert_close(found, expected, atol=0.012, rtol=0)


@pytest.mark.parametrize("pairing", [None, "correlated", "anticorrelated"])
def test_an_active_value_is_uniform(pairing):
    x = sample([0.4], pairing=pairing)
    for feature in range(4):
        values = x[0, :, feature]
        values = values[values > 0]
        assert values.max() <= 1
        deciles = torch.quantile(values, torch.linspace(0.1, 0.9, 9))
        torch.testing.assert_close(deciles, torch.linspace(0.1, 0.9, 9), atol=0.03, rtol=0)


def test_partners_come_together_with_values_of_their_own_or_never_together():
    x = sample([0.3], pairing="correlated")[0]
    on = x > 0
    assert (on[:, 0] == on[:, 1]).all()
    assert (on[:, 2] == on[:, 3]).all()
    both = x[on[:, 0], :2]
    assert torch.corrcoef(both.T)[0, 1].abs() < 0.05
    # Different pairs are independent.
    assert (on[:, 0] & on[:, 2]).float().mean() == pytest.approx(0.09, abs=0.01)
    x = sample([0.3], pairing="anticorrelated")[0]
    assert not ((x[:, 0] > 0) & (x[:, 1] > 0)).any()
    assert ((x[:, 0] > 0) & (x[:, 2] > 0)).any()


def test_at_density_half_one_of_two_anticorrelated_features_is_always_active():
    x = sample([0.5], pairing="anticorrelated")[0]
    assert ((x[:, 0] > 0) ^ (x[:, 1] > 0)).float().mean() > 0.999


def test_binary_features_are_zero_or_one():
    assert set(sample([0.3], binary=True).unique().tolist()) == {0.0, 1.0}


def test_equal_seeds_give_equal_features():
    assert torch.equal(sample([0.3, 0.1]), sample([0.3, 0.1]))


@pytest.mark.parametrize(
    ("density", "kind", "message"),
    [
        ([0.0], {}, "above 0 and at most 1"),
        ([1.1], {}, "above 0 and at most 1"),
        ([float("nan")], {}, "above 0 and at most 1"),
        ([0.1], {"pairing": "friends"}, "expected pairing"),
        ([0.1], {"pairing": "correlated", "n_features": 3}, "even number"),
        ([0.1], {"n_features": 0}, "1 or more features"),
        ([0.6], {"pairing": "anticorrelated"}, "up to 0.5"),
    ],
)
def test_features_that_cannot_be_are_refused(density, kind, message):
    with pytest.raises(ValueError, match=message):
        sample(density, **kind)
