import pytest
import torch

from mi_course.methods.sae.dictionary import SAE
from mi_course.methods.sae.latent_edits import (
    ablated,
    clamped,
    latent_vectors,
    projected_out,
    pushed,
)


def random_sae(d_in=6, d_sae=10, scale=2.0, seed=0):
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator)

    return SAE(
        normal(d_in, d_sae), normal(d_sae), normal(d_sae, d_in), normal(d_in), "l1", scale=scale
    )


@pytest.fixture
def sae():
    return random_sae()


@pytest.fixture
def x():
    return torch.randn(3, 4, 6, generator=torch.Generator().manual_seed(1))


def test_one_latent_of_two_is_taken_away_by_hand():
    eye, zero = torch.eye(2), torch.zeros(2)
    sae = SAE(eye, zero, torch.tensor([[3.0, 4.0], [0.0, 1.0]]), zero, "l1", scale=10.0)
    # x / 10 = (2, -1): latent 0 is at 2 and writes 2 * (3, 4) * 10, latent 1 is silent.
    assert ablated(sae, [0])(torch.tensor([20.0, -10.0])).tolist() == [-40, -90]
    assert clamped(sae, [0], [3])(torch.tensor([20.0, -10.0])).tolist() == [50, 30]
    assert pushed(latent_vectors(sae, [0])[0], -0.5)(torch.zeros(2)).tolist() == [-15, -20]


def test_an_ablation_is_what_the_reconstruction_loses_without_the_latent(sae, x):
    acts = sae.encode(x)
    without = acts.clone()
    without[..., [2, 7]] = 0
    expected = x - (sae.decode(acts) - sae.decode(without))
    torch.testing.assert_close(ablated(sae, [2, 7])(x), expected)


def test_a_silent_latent_is_ablated_without_any_change(sae, x):
    at, latent = (sae.encode(x).flatten(end_dim=1) == 0).nonzero()[0].tolist()
    row = x.flatten(end_dim=1)[at]
    assert torch.equal(ablated(sae, [latent])(row), row)
    assert not torch.allclose(projected_out(sae, latent)(row), row)


def test_clamping_to_its_own_value_changes_nothing(sae, x):
    row = x[0, 0]
    own = sae.encode(row).tolist()
    torch.testing.assert_close(clamped(sae, range(10), own)(row), row)


def test_a_clamped_latent_of_orthogonal_directions_says_the_value():
    eye, zero = torch.eye(4), torch.zeros(4)
    sae = SAE(eye, zero, eye, zero, "l1", scale=0.5)
    x = torch.rand(5, 4, generator=torch.Generator().manual_seed(2))
    assert sae.encode(clamped(sae, [1], [7.0])(x))[:, 1].tolist() == pytest.approx([7.0] * 5)


def test_nothing_along_the_direction_is_left_when_it_is_projected_out(sae, x):
    left = projected_out(sae, 3)(x) @ sae.directions[3]
    # Single precision.
    assert left.abs().max() < 1e-5


def test_vectors_are_decoder_rows_on_the_scale_of_the_model():
    sae = random_sae(d_sae=600)
    torch.testing.assert_close(latent_vectors(sae), 2 * sae.W_dec, rtol=1e-4, atol=1e-5)
    chosen = latent_vectors(sae, [599, 0])
    torch.testing.assert_close(chosen, 2 * sae.W_dec[[599, 0]], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("latents", [[], [10], [0, -1]])
def test_latents_that_do_not_exist_are_refused(sae, latents):
    with pytest.raises(ValueError, match="expected features from 0 to 9"):
        ablated(sae, latents)


def test_each_latent_needs_a_value(sae):
    with pytest.raises(ValueError, match="a value for each of 2 features, got 1"):
        clamped(sae, [0, 1], [0.5])
