import itertools

import pytest
import torch

from mi_course.methods.sae import planted_dictionary, planted_stream

N, D_IN = 20, 8


@pytest.fixture
def directions():
    return planted_dictionary(N, D_IN, seed=1)


def test_directions_have_length_one_and_depend_on_the_seed(directions):
    assert directions.shape == (N, D_IN)
    torch.testing.assert_close(directions.norm(dim=1), torch.ones(N))
    assert torch.equal(directions, planted_dictionary(N, D_IN, seed=1))
    assert not torch.equal(directions, planted_dictionary(N, D_IN, seed=2))


def test_activations_are_what_their_true_codes_say(directions):
    x, codes = planted_stream(directions, 3, batch_size=50).batch(4)
    torch.testing.assert_close(x, codes.dense() @ directions)
    assert x.shape == (50, D_IN)


def test_features_are_active_independently_as_often_as_asked(directions):
    codes = planted_stream(directions, 3, batch_size=20_000).batch(0)[1].dense()
    active = (codes > 0).float()
    assert active.sum(1).mean().item() == pytest.approx(3, rel=0.03)
    # 20,000 draws: a standard deviation is 0.0025, and 0.007 of correlations.
    assert (active.mean(0) - 3 / N).abs().max() < 0.01
    off = torch.corrcoef(active.T) - torch.eye(N)
    assert off.abs().max() < 0.035
    values = codes[codes > 0]
    assert 0 < values.min() < 0.01 < 0.99 < values.max() < 1
    assert values.mean().item() == pytest.approx(0.5, abs=0.01)


def test_each_feature_can_have_its_own_probability(directions):
    asked = torch.linspace(0, 0.6, N)
    codes = planted_stream(directions, asked, batch_size=20_000).batch(0)[1].dense()
    torch.testing.assert_close((codes > 0).float().mean(0), asked, atol=0.015, rtol=0)


@pytest.mark.parametrize("active", [N, 1e-4])
def test_the_ends_of_the_range_work(directions, active):
    codes = planted_stream(directions, active, batch_size=30).batch(0)[1]
    assert len(codes.values) == (600 if active == N else 0)


def test_noise_is_added_and_known(directions):
    noisy = planted_stream(directions, 3, batch_size=5000, noise=0.1).batch(0)
    residue = noisy[0] - noisy[1].dense() @ directions
    assert residue.std().item() == pytest.approx(0.1, rel=0.02)


def test_a_stream_ends_comes_again_and_skips(directions):
    stream = planted_stream(directions, 3, batch_size=4, n_batches=5, seed=7)
    batches = list(stream)
    assert len(batches) == 5
    assert all(torch.equal(a, b) for a, b in zip(batches, stream, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(batches[3:], stream.skip(1).skip(2), strict=True))
    endless = planted_stream(directions, 3, batch_size=4, seed=7)
    assert torch.equal(next(iter(endless.skip(4))), batches[4])
    other = planted_stream(directions, 3, batch_size=4, seed=8)
    assert not torch.equal(next(iter(other)), batches[0])
    assert len(list(itertools.islice(endless, 9))) == 9


@pytest.mark.parametrize(
    ("active", "changes", "message"),
    [
        (0, {}, "expected 0 to 20 active features"),
        (21, {}, "expected 0 to 20 active features"),
        (torch.full((3,), 0.1), {}, "a probability for each of 20"),
        (torch.full((N,), -0.1), {}, "a probability for each of 20"),
        (3, {"batch_size": 0}, "at least 1 batch of 1, got None of 0"),
        (3, {"n_batches": 0}, "at least 1 batch of 1, got 0 of 4"),
    ],
)
def test_what_cannot_be_drawn_is_refused(directions, active, changes, message):
    with pytest.raises(ValueError, match=message):
        planted_stream(directions, active, **{"batch_size": 4, **changes})
