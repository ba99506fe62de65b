import math

import pytest
import torch

from mi_course.methods.sae import SAEConfig
from mi_course.methods.sae.start import first_weights, geometric_median


def activations(n=200, d_in=6, seed=0):
    return 3 * torch.randn(n, d_in, generator=torch.Generator().manual_seed(seed)) + 5


def test_the_geometric_median_of_a_line_is_its_median_and_outliers_do_not_move_it():
    x = torch.tensor([0.0, 1.0, 2.0, 3.0, 1000.0])[:, None]
    assert geometric_median(x).item() == pytest.approx(2.0, abs=0.01)


def test_the_geometric_median_has_the_least_mean_distance():
    x = activations()
    point = geometric_median(x)

    def distance(to):
        return (x - to).norm(dim=1).mean()

    generator = torch.Generator().manual_seed(1)
    for _ in range(20):
        assert distance(point) <= distance(point + 0.1 * torch.randn(6, generator=generator))
    # At the least distance the unit vectors towards all rows cancel.
    towards = torch.nn.functional.normalize(x - point, dim=1).mean(0)
    assert towards.norm() < 1e-3


@pytest.mark.parametrize(
    ("kind", "centre"),
    [("mean", lambda x: x.mean(0)), ("zero", lambda x: 0 * x[0]), ("median", geometric_median)],
)
def test_the_decoder_starts_at_the_centre_asked_for(kind, centre):
    x = activations()
    weights, scale = first_weights(SAEConfig("topk", 12, k=2, b_dec_start=kind), [x[:90], x[90:]])
    torch.testing.assert_close(weights.b_dec, centre(x / scale))
    assert scale == pytest.approx((x - x.mean(0)).square().mean().sqrt().item())


def test_encoder_rows_start_as_decoder_rows_of_length_one_in_memory_of_their_own():
    weights, _ = first_weights(SAEConfig("topk", 12, k=2), [activations()])
    assert torch.equal(weights.W_enc, weights.W_dec)
    assert not weights.tied
    torch.testing.assert_close(weights.W_dec.norm(dim=1), torch.ones(12))
    assert weights.log_threshold is None


def test_tied_weights_are_one_tensor_around_zero():
    weights, _ = first_weights(SAEConfig("tied_l1", 12), [activations()])
    assert weights.tied
    assert weights.b_dec.abs().max() == 0


def test_thresholds_start_where_they_are_told():
    config = SAEConfig("jumprelu", 12, first_threshold=0.3)
    weights, _ = first_weights(config, [activations()])
    torch.testing.assert_close(weights.log_threshold.exp(), torch.full((12,), 0.3))


def test_seeds_give_other_directions():
    first, same, other = (
        first_weights(SAEConfig("topk", 12, k=2, seed=seed), [activations()])[0].W_dec
        for seed in (0, 0, 1)
    )
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "vanilla"}, "expected an architecture of"),
        ({"k": 13}, "expected k from 1 to d_sae = 12, got 13, try a smaller k"),
        ({"k": 0}, "expected k from 1 to d_sae = 12, got 0"),
        ({"b_dec_start": "median of medians"}, "expected b_dec_start"),
        ({"steps": 0}, "expected steps of 1 or more, got 0"),
        ({"d_sae": 0, "architecture": "l1"}, "expected d_sae of 1 or more, got 0"),
        ({"lr": 0.0}, "expected lr of more than 0, got 0.0"),
        ({"scale": -1.0}, "expected scale of more than 0"),
        ({"l1": -1.0}, "expected l1 of 0 or more, got -1.0"),
        ({"l1": math.nan}, "expected l1 of 0 or more, got nan"),
        ({"lr": math.inf}, "expected lr of more than 0, got inf"),
        ({"warm_up": 1.5}, "fractions of the steps, from 0 to 1, got .*1.5"),
        ({"prefixes": (3, 11), "architecture": "matryoshka"}, "expected rising prefixes"),
        ({"prefixes": (5, 4, 12), "architecture": "matryoshka"}, "expected rising prefixes"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        SAEConfig(**{"architecture": "topk", "d_sae": 12, "k": 2, **changes})


def test_prefixes_double_up_to_the_width_unless_they_are_given():
    assert SAEConfig("matryoshka", 64, k=2).widths == (4, 8, 16, 32, 64)
    assert SAEConfig("matryoshka", 3, k=2).widths == (1, 3)
    assert SAEConfig("matryoshka", 64, k=2, prefixes=(10, 64)).widths == (10, 64)
    assert SAEConfig("topk", 64, k=2).widths == (64,)
