import pytest
import torch
from scipy.stats import kurtosis, skew

from mi_course.methods.sae.baselines import LinearDictionary, TopCodes, neurons, pca
from mi_course.methods.sae.dictionary import SAE
from mi_course.methods.sae.reconstruction import reconstruction_scores


@pytest.fixture(scope="module")
def x():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(700, 6, generator=generator) @ torch.randn(6, 6, generator=generator) + 5


def constant(x):
    nothing = torch.zeros(1, x.shape[1])
    return LinearDictionary("mean", nothing, nothing, x.mean(0))


def test_l0_density_and_fvu_by_hand():
    """Codes are the input's positive entries; the second token's -2 is lost."""
    sae = SAE(torch.eye(2), torch.zeros(2), torch.eye(2), torch.zeros(2), "l1")
    x = torch.tensor([[3.0, 1.0], [1.0, -2.0]])
    found = reconstruction_scores(sae, x)
    assert found.l0 == 1.5
    assert found.density.tolist() == [1.0, 0.5]
    assert found.largest.tolist() == [3.0, 1.0]
    # Unexplained 4; about the mean (2, -0.5) the total is 1 + 2.25 + 1 + 2.25.
    assert found.fvu == pytest.approx(4 / 6.5)
    assert found.dead == 0


def test_saying_the_mean_leaves_all_variance_and_saying_everything_none(x):
    """About zero the mean alone would look as if it explained most."""
    assert reconstruction_scores(constant(x), x).fvu == pytest.approx(1)
    assert reconstruction_scores(neurons(x), x).fvu == pytest.approx(0, abs=1e-9)


def test_variance_left_by_principal_axes_is_that_of_the_others(x):
    variances = torch.linalg.eigvalsh(torch.cov(x.T)).flip(0)
    for n in (1, 3, 5):
        expected = (variances[n:].sum() / variances.sum()).item()
        assert reconstruction_scores(pca(x, n), x).fvu == pytest.approx(expected, rel=1e-3)


def test_moments_are_those_of_scipy(x):
    dictionary = pca(x)
    found = reconstruction_scores(dictionary, x, chunk=100)
    codes = dictionary.encode(x).double().numpy()
    assert found.skew.tolist() == pytest.approx(skew(codes).tolist(), rel=1e-3, abs=1e-3)
    assert found.kurtosis.tolist() == pytest.approx(kurtosis(codes).tolist(), rel=1e-3, abs=1e-3)


def test_a_feature_that_never_varies_has_no_shape(x):
    found = reconstruction_scores(constant(x), x)
    assert found.skew.tolist() == found.kurtosis.tolist() == [0, 0]
    assert found.dead == 1
    steady = SAE(torch.zeros(6, 1), torch.ones(1), torch.ones(1, 6), torch.zeros(6), "l1")
    assert reconstruction_scores(steady, x).kurtosis.tolist() == [0]
    assert reconstruction_scores(steady, x).l0 == 1


def test_chunks_do_not_matter(x):
    whole, parts = (reconstruction_scores(TopCodes(pca(x), 2), x, chunk=n) for n in (4096, 11))
    assert whole.fvu == pytest.approx(parts.fvu, rel=1e-5)
    torch.testing.assert_close(whole.kurtosis, parts.kurtosis, rtol=1e-4, atol=1e-4)
    assert whole.l0 == parts.l0 == 2
    assert "12 features, of which 2.0 are active" in whole.summary()


def test_bad_input_is_refused(x):
    with pytest.raises(ValueError, match="d_in = 6"):
        reconstruction_scores(pca(x), x[:, :5])
    with pytest.raises(ValueError, match="variance 0"):
        reconstruction_scores(pca(x), torch.ones(5, 6))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_activations_of_another_precision_have_the_same_scores(x, dtype):
    sae = SAE(
        torch.eye(x.shape[1]),
        torch.zeros(x.shape[1]),
        torch.eye(x.shape[1]),
        torch.zeros(x.shape[1]),
        "topk",
        k=2,
    )
    loud = (100 * x).to(dtype)
    found, expected = (reconstruction_scores(sae, each) for each in (loud, loud.float()))
    assert found.fvu == pytest.approx(expected.fvu, rel=1e-4)
    assert found.l0 == expected.l0
