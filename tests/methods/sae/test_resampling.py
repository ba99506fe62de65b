import pytest
import torch
from torch.nn.functional import cosine_similarity, normalize

from mi_course.methods.sae.config import SAEConfig
from mi_course.methods.sae.resampling import SHORT, resample
from mi_course.methods.sae.run import Run
from mi_course.methods.sae.start import first_weights
from mi_course.methods.sae.steps import Weights

D_IN, D_SAE, BATCH = 5, 8, 30


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def state():
    W_dec = normalize(noise(D_SAE, D_IN), dim=1)
    weights = Weights(2 * W_dec, noise(D_SAE, seed=1), W_dec, noise(D_IN, seed=2))
    moments = [torch.ones(D_SAE, D_IN), torch.ones(D_SAE)]
    return weights, moments


DEAD = torch.tensor([False, True, False, False, True, False, False, False])


def begin_again(state, dead=DEAD, error=None, seed=0):
    weights, moments = state
    xc = noise(BATCH, D_IN, seed=3)
    error = torch.ones(BATCH, D_IN) if error is None else error
    resample(weights, dead, xc, error, moments, torch.Generator().manual_seed(seed))
    return xc


def test_dead_latents_point_at_activations_and_living_ones_stay(state):
    before = [value.clone() for value in (state[0].W_enc, state[0].b_enc, state[0].W_dec)]
    xc = begin_again(state)
    weights, moments = state
    for old, new in zip(before, (weights.W_enc, weights.b_enc, weights.W_dec), strict=True):
        assert torch.equal(old[~DEAD], new[~DEAD])
        assert not torch.equal(old[DEAD], new[DEAD])
    nearest = cosine_similarity(weights.W_dec[DEAD][:, None], xc[None], dim=2).amax(1)
    torch.testing.assert_close(nearest, torch.ones(2))
    torch.testing.assert_close(weights.W_dec.norm(dim=1), torch.ones(D_SAE))
    # Living encoder rows have length 2.
    torch.testing.assert_close(weights.W_enc[DEAD], 2 * SHORT * weights.W_dec[DEAD])
    assert weights.b_enc[DEAD].abs().max() == 0
    assert all(moment[DEAD].abs().max() == 0 < moment[~DEAD].min() for moment in moments)


def test_only_badly_written_activations_are_drawn(state):
    error = torch.zeros(BATCH, D_IN)
    error[[4, 9]] = 1.0
    xc = begin_again(state, error=error)
    drawn = cosine_similarity(state[0].W_dec[DEAD][:, None], xc[None], dim=2).argmax(1)
    assert set(drawn.tolist()) == {4, 9}


def test_a_loss_twice_as_large_is_drawn_four_times_as_often(state):
    error = torch.zeros(BATCH, D_IN)
    error[4, 0], error[9, 0] = 1.0, 2.0**0.5  # squared errors 1 and 2
    one = torch.zeros(D_SAE, dtype=torch.bool)
    one[0], drawn = True, []
    for seed in range(400):
        xc = begin_again(state, dead=one, error=error, seed=seed)
        drawn.append(cosine_similarity(state[0].W_dec[:1], xc, dim=1).argmax().item())
    assert set(drawn) == {4, 9}
    # 400 draws at 0.8: a standard deviation is 0.02.
    assert drawn.count(9) / 400 == pytest.approx(0.8, abs=0.06)


def test_nothing_dead_or_nothing_wrong_changes_nothing(state):
    before = state[0].W_dec.clone()
    begin_again(state, dead=torch.zeros(D_SAE, dtype=torch.bool))
    begin_again(state, error=torch.zeros(BATCH, D_IN))
    assert torch.equal(before, state[0].W_dec)


def test_no_more_latents_begin_again_than_there_are_activations(state):
    weights, moments = state
    xc, everyone = noise(3, D_IN, seed=3), torch.ones(D_SAE, dtype=torch.bool)
    before = weights.W_dec.clone()
    resample(weights, everyone, xc, torch.ones(3, D_IN), moments, torch.Generator().manual_seed(0))
    changed = (weights.W_dec != before).any(1)
    assert changed.tolist() == [True] * 3 + [False] * 5


def test_a_tied_autoencoder_stays_tied():
    W_dec = normalize(noise(D_SAE, D_IN), dim=1)
    weights = Weights(W_dec, noise(D_SAE, seed=1), W_dec, torch.zeros(D_IN))
    begin_again((weights, []))
    assert weights.W_enc is weights.W_dec
    torch.testing.assert_close(weights.W_dec.norm(dim=1), torch.ones(D_SAE))


@pytest.mark.parametrize("every", [5, 0])
def test_a_run_brings_dead_latents_back_when_it_is_asked_to(every):
    x = noise(BATCH, D_IN)
    config = SAEConfig("l1", D_SAE, steps=100, dead_after=3, resample_every=every, l1=0)
    run = Run(config, *first_weights(config, [x]))
    run.weights.b_enc[2] = -1000
    for _ in range(6):
        run.learn(x)
    assert (run.silent[2] < 3).item() == bool(every)


def test_resampling_stops_at_sixty_percent_of_the_steps_and_is_meant_for_l1():
    assert list(SAEConfig("l1", 8, k=1, steps=50).resampling_steps) == [5, 10, 15, 20, 25, 30]
    assert len(SAEConfig("topk", 8, k=1, steps=50).resampling_steps) == 0
    assert len(SAEConfig("l1", 8, steps=50, resample_every=0).resampling_steps) == 0
    assert list(SAEConfig("topk", 8, k=1, steps=50, resample_every=15).resampling_steps) == [15, 30]
