import pytest
import torch
from sklearn.decomposition import PCA, FastICA

from mi_course.methods.sae.baselines import TopCodes, ica, neurons, pca, random_directions
from mi_course.methods.sae.matching import mmcs
from mi_course.methods.sae.planted import planted_dictionary, planted_stream

MAKERS = [neurons, random_directions, pca, ica]


@pytest.fixture(scope="module")
def x():
    generator = torch.Generator().manual_seed(0)
    mixed = torch.randn(3000, 8, generator=generator) @ torch.randn(8, 8, generator=generator)
    return mixed + torch.arange(8.0)


@pytest.mark.parametrize("maker", MAKERS)
def test_all_directions_together_reconstruct_everything(maker, x):
    dictionary = maker(x)
    codes = dictionary.encode(x[:50])
    assert codes.shape == (50, dictionary.n_features) == (50, 16)
    assert codes.min() >= 0
    torch.testing.assert_close(dictionary.decode(codes), x[:50], rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(dictionary.directions.norm(dim=1), torch.ones(16))
    assert torch.equal(dictionary.directions[:8], -dictionary.directions[8:])


def test_neurons_read_each_entry_and_its_opposite_by_hand():
    dictionary = neurons(torch.zeros(1, 2))
    assert dictionary.encode(torch.tensor([3.0, -1.0])).tolist() == [3, 0, 0, 1]
    assert dictionary.decode(torch.tensor([3.0, 0.0, 0.0, 1.0])).tolist() == [3, -1]


def test_axes_are_those_of_scikit_learn(x):
    expected = PCA(3).fit(x.numpy())
    found = pca(x, 3)
    overlap = (found.read @ torch.tensor(expected.components_).float().T).abs()
    torch.testing.assert_close(overlap, torch.eye(3), atol=1e-3, rtol=0)
    recon = torch.tensor(expected.inverse_transform(expected.transform(x.numpy()))).float()
    torch.testing.assert_close(found.decode(found.encode(x)), recon, rtol=1e-3, atol=1e-3)


def test_planted_sources_are_unmixed_as_scikit_learn_does():
    generator = torch.Generator().manual_seed(1)
    sources = torch.rand(4000, 5, generator=generator).log() * torch.randn(
        4000, 5, generator=generator
    )
    mixing = torch.randn(5, 5, generator=generator)
    x = sources @ mixing
    found = ica(x)
    written = found.directions[:5] @ torch.nn.functional.normalize(mixing, dim=1).T
    # Which source stands where, and its sign, cannot be known.
    assert written.abs().max(dim=1).values.min() > 0.99
    assert sorted(written.abs().argmax(dim=1).tolist()) == [0, 1, 2, 3, 4]
    theirs = torch.tensor(FastICA(5, whiten="unit-variance", random_state=0).fit(x.numpy()).mixing_)
    theirs = torch.nn.functional.normalize(theirs.T.float(), dim=1)
    assert (found.directions[:5] @ theirs.T).abs().max(dim=1).values.min() > 0.99


def test_coefficients_of_ica_are_white(x):
    found = ica(x)
    coefficients = (x - found.mean) @ found.read.T
    torch.testing.assert_close(torch.cov(coefficients.T), torch.eye(8), atol=2e-3, rtol=0)


def test_a_direction_without_variance_is_left_out():
    generator = torch.Generator().manual_seed(2)
    flat = torch.cat([torch.rand(500, 3, generator=generator), torch.ones(500, 1)], dim=1)
    found = ica(flat)
    assert found.n_features == 6
    torch.testing.assert_close(found.decode(found.encode(flat)), flat, rtol=1e-3, atol=1e-3)


def test_the_largest_codes_are_kept(x):
    full, some = pca(x), TopCodes(pca(x), 3)
    codes = some.encode(x[:20])
    assert (codes > 0).sum(1).tolist() == [3] * 20
    torch.testing.assert_close(codes.max(1).values, full.encode(x[:20]).max(1).values)
    assert some.name == "PCA, top 3"
    error = [(TopCodes(full, k).decode(TopCodes(full, k).encode(x)) - x).norm() for k in (1, 3, 8)]
    assert error[0] > error[1] > error[2]
    assert error[2] < 1e-3 * x.norm()


def test_random_directions_are_the_same_for_a_seed(x):
    assert torch.equal(random_directions(x, 20, 1).read, random_directions(x, 20, 1).read)
    assert not torch.equal(random_directions(x, 20, 1).read, random_directions(x, 20, 2).read)
    few = random_directions(x, 3)
    torch.testing.assert_close(few.read @ few.read.T, torch.eye(3))
    wide = random_directions(x, 20)
    torch.testing.assert_close(wide.decode(wide.encode(x)), x, rtol=1e-3, atol=1e-3)


def test_planted_features_are_found_by_none_and_by_independence_rather_than_by_chance():
    """Twice as many features as dimensions: no set of axes can hold them all."""
    truth = planted_dictionary(64, 32)
    planted = torch.cat(list(planted_stream(truth, 2.0, batch_size=1000, n_batches=20)))
    found = {maker: mmcs(truth, maker(planted).directions) for maker in MAKERS}
    assert found[random_directions] < 0.5
    assert found[ica] > found[pca] + 0.1 > 0.4
    assert found[ica] < 0.9


def test_bad_input_is_refused(x):
    with pytest.raises(ValueError, match="1 to 8 directions, got 9"):
        pca(x, 9)
    with pytest.raises(ValueError, match="NaN"):
        pca(x * torch.nan)
    with pytest.raises(ValueError, match="at least 1 direction"):
        random_directions(x, 0)
    with pytest.raises(ValueError, match="k from 1 to 16, got 17"):
        TopCodes(pca(x), 17)
