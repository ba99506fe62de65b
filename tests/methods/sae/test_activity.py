import pytest
import torch

from mi_course.methods.sae.activity import latent_activity
from mi_course.methods.sae.dictionary import SAE
from mi_course.methods.sae.labelled import LabelledActivations


def sae_of(W_enc):
    d_in, d_sae = W_enc.shape
    return SAE(W_enc, torch.zeros(d_sae), W_enc.T.contiguous(), torch.zeros(d_in), "l1")


def data_of(x):
    labels = torch.ones(len(x), 1, dtype=torch.bool)
    numbers = torch.arange(len(x))
    return LabelledActivations(x, labels, ("all: all",), numbers, numbers)


def test_what_is_kept_of_two_latents_by_hand():
    x = torch.tensor([[1.0, -1.0], [0.0, 2.0], [3.0, 0.5]])
    found = latent_activity(sae_of(torch.eye(2)), data_of(x), batch_size=2)
    tokens, values = found.entries(0)
    assert (tokens.tolist(), values.tolist()) == ([0, 2], [1, 3])
    assert found.of(1).tolist() == [0, 2, 0.5]
    assert found.density().tolist() == pytest.approx([2 / 3, 2 / 3])
    assert found.largest().tolist() == [3, 2]


def test_batches_and_the_dense_codes_agree():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(50, 5, generator=generator)
    sae = sae_of(torch.randn(5, 12, generator=generator))
    dense = sae.encode(x)
    for batch_size in (1, 7, 100):
        found = latent_activity(sae, data_of(x), batch_size=batch_size)
        rows = torch.stack([found.of(latent) for latent in range(12)], dim=1)
        # Products of one row and of many are summed in another order.
        torch.testing.assert_close(rows, dense)
        torch.testing.assert_close(found.largest(), dense.amax(0))


def test_a_latent_that_never_speaks_has_no_entries():
    found = latent_activity(sae_of(torch.eye(2)), data_of(-torch.ones(4, 2)))
    assert found.of(1).tolist() == [0] * 4
    assert found.largest().tolist() == [0, 0]


def test_another_width_and_an_unknown_latent_are_refused():
    sae = sae_of(torch.eye(2))
    with pytest.raises(ValueError, match=r"expected activations of width 2 .* got 3"):
        latent_activity(sae, data_of(torch.ones(4, 3)))
    with pytest.raises(ValueError, match="features from 0 to 1"):
        latent_activity(sae, data_of(torch.ones(4, 2))).of(2)
