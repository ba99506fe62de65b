import pytest
import torch
from torch.nn.functional import normalize

from mi_course.methods.sae import ARCHITECTURES, SAE, Dictionary
from mi_course.methods.sae.dictionary import top_k

D_IN, D_SAE = 6, 10
NEEDS = {
    "tied_l1": {},
    "l1": {},
    "topk": {"k": 3},
    "jumprelu": {"threshold": torch.linspace(0.1, 1, D_SAE)},
    "batchtopk": {"k": 3, "threshold": torch.tensor(0.7)},
    "matryoshka": {"k": 3, "threshold": torch.tensor(0.7), "prefixes": (4, D_SAE)},
}


def made(architecture="topk", **changes):
    generator = torch.Generator().manual_seed(0)
    W_dec = normalize(torch.randn(D_SAE, D_IN, generator=generator), dim=1)
    noise = torch.randn(D_IN, D_SAE, generator=generator)
    weights = {
        "W_enc": W_dec.T if architecture == "tied_l1" else W_dec.T + 0.1 * noise,
        "b_enc": 0.3 * torch.randn(D_SAE, generator=generator),
        "W_dec": W_dec,
        "b_dec": torch.randn(D_IN, generator=generator),
    }
    return SAE(**{**weights, "architecture": architecture, **NEEDS[architecture], **changes})


def activations(*shape):
    return 2 * torch.randn(*shape, D_IN, generator=torch.Generator().manual_seed(1))


def test_a_case_worked_out_by_hand():
    # x / 2 - b_dec = (1, 2); read by rows (1, 0), (0, 1), (-1, 0) plus (0, -0.5, 0): 1, 1.5, -1.
    W_dec = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    b_enc, b_dec = torch.tensor([0.0, -0.5, 0.0]), torch.tensor([1.0, -1.0])
    x = torch.tensor([4.0, 2.0])
    cases = {
        "l1": ({}, [1.0, 1.5, 0.0]),
        "topk": ({"k": 1}, [0.0, 1.5, 0.0]),
        "jumprelu": ({"threshold": torch.tensor([1.0, 1.4, 0.0])}, [0.0, 1.5, 0.0]),
        "batchtopk": ({"threshold": torch.tensor(0.9)}, [1.0, 1.5, 0.0]),
    }
    for architecture, (rule, codes) in cases.items():
        sae = SAE(W_dec.T, b_enc, W_dec, b_dec, architecture, scale=2.0, **rule)
        assert sae.encode(x).tolist() == codes
        # Back: 2 (codes W_dec + b_dec).
        assert sae(x).tolist() == [2 * (codes[0] - codes[2] + 1), 2 * (codes[1] - 1)]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_is_a_dictionary_of_codes_that_are_not_negative(architecture):
    sae, x = made(architecture), activations(3, 5)
    assert isinstance(sae, Dictionary)
    codes = sae.encode(x)
    assert codes.shape == (3, 5, D_SAE)
    assert (codes >= 0).all()
    assert 0 < (codes > 0).float().mean() < 1
    assert sae.decode(codes).shape == x.shape
    assert (sae.d_in, sae.d_sae, sae.n_features) == (D_IN, D_SAE, D_SAE)
    assert architecture in sae.name


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_scale_is_folded_so_that_scaled_activations_give_scaled_reconstructions(architecture):
    sae, scaled, x = made(architecture), made(architecture, scale=7.0), activations(9)
    torch.testing.assert_close(scaled.encode(7 * x), sae.encode(x), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(scaled(7 * x), 7 * sae(x), atol=1e-4, rtol=1e-5)


def test_top_k_keeps_the_largest_and_drops_negative_ones():
    pre = torch.tensor([[3.0, -1.0, 2.0, 5.0], [-3.0, -1.0, -2.0, 1.0]])
    assert top_k(pre, 2).tolist() == [[3, 0, 0, 5], [0, 0, 0, 1]]
    assert top_k(pre, 4).tolist() == pre.relu().tolist()


def test_without_a_threshold_a_matryoshka_keeps_k():
    sae, x = made("matryoshka", threshold=None), activations(20)
    assert torch.equal(sae.encode(x), made("topk").encode(x))


def test_directions_have_length_one_whatever_the_decoder():
    sae = made(W_dec=torch.full((D_SAE, D_IN), 3.0))
    torch.testing.assert_close(sae.directions.norm(dim=1), torch.ones(D_SAE))


def test_moving_keeps_the_rule_and_changes_the_precision():
    sae, x = made("jumprelu", hook="blocks.0.hook_resid_post"), activations(4)
    double = sae.to(torch.float64)
    assert double.threshold.dtype == double.W_enc.dtype == torch.float64
    assert (double.hook, double.scale) == (sae.hook, sae.scale)
    torch.testing.assert_close(double(x.double()).float(), sae(x))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "relu"}, "expected an architecture of"),
        ({"k": D_SAE + 1}, "expected k from 1 to d_sae = 10, got 11"),
        ({"k": None}, "expected k from 1 to d_sae = 10, got None"),
        ({"scale": 0.0}, "expected a positive finite scale, got 0.0"),
        ({"scale": float("nan")}, "expected a positive finite scale"),
        ({"prefixes": (3, 2, 10)}, "expected rising prefixes up to d_sae = 10"),
        ({"prefixes": (3, 9)}, "expected rising prefixes up to d_sae = 10"),
        ({"architecture": "jumprelu"}, "expected a threshold of shape \\(10,\\) for jumprelu"),
        ({"architecture": "batchtopk"}, "expected a threshold of shape \\(\\) for batchtopk"),
    ],
)
def test_rules_that_make_no_sense_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        SAE(**{**vars(made("topk")), **changes})


def test_activations_of_another_width_are_refused_with_both_widths():
    with pytest.raises(ValueError, match=r"width d_in = 6, got shape \(4, 7\)"):
        made().encode(torch.zeros(4, 7))
