"""Chapter 05 on other models, and its exercises against the methods that it teaches."""

from pathlib import Path

import pytest
import torch

from mi_course.activations import edit, record
from mi_course.exercises.ch05_ablation import ablate_feature
from mi_course.exercises.ch05_decoder import normalise_decoder
from mi_course.exercises.ch05_examples import top_examples
from mi_course.exercises.ch05_forward import sae_forward
from mi_course.exercises.ch05_loss import sae_loss
from mi_course.exercises.ch05_matching import mmcs
from mi_course.exercises.ch05_scores import l0_and_fvu
from mi_course.exercises.ch05_splice import loss_recovered
from mi_course.exercises.ch05_steering import steer
from mi_course.exercises.ch05_topk import top_k
from mi_course.methods import sae
from mi_course.methods.sae.dictionary import top_k as fast_top_k
from mi_course.models import tiny
from tests.notebooks.other_models import ARCHITECTURES, N_LAYERS, checkpoint, run_with, times_named

SOURCE = Path(__file__).parents[2] / "solutions" / "05_sparse_autoencoders.py"
NAMED = 'MODEL = "town"'
# The same sums in another order, in single precision.
CLOSE = {"rtol": 1e-4, "atol": 1e-5}
HOOK = "blocks.0.hook_resid_post"


@pytest.fixture(scope="module")
def model():
    return tiny(n_layers=2, attn_only=False)


@pytest.fixture(scope="module")
def learned():
    """An autoencoder of the small model's width, with biases that are not zero."""
    generator = torch.Generator().manual_seed(2)
    shapes = ((16, 40), (40,), (40, 16), (16,))
    return sae.SAE(*(torch.randn(s, generator=generator) for s in shapes), "l1", hook=HOOK)


@pytest.fixture(scope="module")
def x():
    return 2 * torch.randn(60, 16, generator=torch.Generator().manual_seed(3)) + 1


def weights(learned):
    return learned.W_enc, learned.b_enc, learned.W_dec, learned.b_dec


def test_the_plain_forward_pass_is_that_of_the_method(learned, x):
    codes, recon = sae_forward(x, *weights(learned))
    torch.testing.assert_close(codes, learned.encode(x), **CLOSE)
    torch.testing.assert_close(recon, learned(x), **CLOSE)


def test_the_plain_loss_is_the_one_that_training_tells(learned):
    world = sae.planted_stream(sae.planted_dictionary(24, 16), 2, batch_size=64)
    flat = {"warm_up": 0, "sparsity_warm_up": 0, "decay": 0, "resample_every": 0, "scale": 1.0}
    config = sae.SAEConfig("l1", 24, l1=0.3, steps=1, lr=1e-9, record_every=1, **flat)
    told = sae.train_sae(world, config)
    first = next(iter(world))
    # The learning rate is so small that the weights after the step are those before it.
    codes, recon = sae_forward(first, *weights(told.sae))
    torch.testing.assert_close(sae_loss(first, codes, recon, 0.3), told.loss[0], **CLOSE)


def test_trained_decoders_have_the_rows_that_the_plain_normalisation_makes(learned):
    rows, across = normalise_decoder(learned.W_dec, learned.W_enc.T)
    torch.testing.assert_close(rows, learned.directions, **CLOSE)
    assert (rows * across).sum(1).abs().max() < 1e-5


def test_plain_mmcs_is_that_of_the_method(learned):
    truth = 3 * sae.planted_dictionary(9, 16, seed=4)
    plain = mmcs(truth, learned.W_dec)
    assert plain.item() == pytest.approx(sae.mmcs(truth, learned.W_dec), abs=1e-6)


def test_plain_top_k_is_that_of_the_method(learned, x):
    pre = learned.pre(x)
    torch.testing.assert_close(top_k(pre, 5), fast_top_k(pre, 5), **CLOSE)


def test_plain_scores_are_those_of_the_method(learned, x):
    fast = sae.reconstruction_scores(learned, x)
    plain = l0_and_fvu(x, *sae_forward(x, *weights(learned)))
    torch.testing.assert_close(plain, torch.tensor([fast.l0, fast.fvu]), **CLOSE)


@torch.no_grad()
def test_plain_loss_recovered_is_that_of_the_method(model, learned):
    tokens = torch.randint(50, (4, 9), generator=torch.Generator().manual_seed(5))
    counted = torch.arange(9).expand(4, 9) > 0
    fast = sae.splice_losses(model, tokens, counted, HOOK, learned)
    recon = learned(record(model, tokens, HOOK)[HOOK])
    plain = loss_recovered(model, tokens, HOOK, recon)
    # A quotient of differences of losses of size 5, in single precision. The prediction at BOS,
    # which the method leaves out, is the same in all runs and cancels.
    assert plain.item() == pytest.approx(fast.recovered, rel=1e-3, abs=1e-3)


def test_plain_examples_are_the_texts_in_which_the_method_finds_it_strongest():
    acts = torch.rand(6, 8, 3, generator=torch.Generator().manual_seed(6))
    data = sae.LabelledActivations(
        acts.flatten(0, 1),
        torch.ones(48, 1, dtype=torch.bool),
        ("all",),
        torch.arange(6).repeat_interleave(8),
        torch.arange(48),
    )
    axes = sae.LinearDictionary("axes", torch.eye(3), torch.eye(3), torch.zeros(3))
    tokens, values = sae.latent_activity(axes, data).entries(1)
    strongest = {}
    for token in tokens[values.argsort(descending=True)].tolist():
        strongest.setdefault(token // 8, token % 8)
    assert top_examples(acts, 1, 4).tolist() == [list(pair) for pair in list(strongest.items())[:4]]


def test_plain_ablation_is_that_of_the_method(learned, x):
    fast = sae.ablated(learned, [7])(x[None])
    codes = learned.encode(x)[None]
    torch.testing.assert_close(ablate_feature(x[None], codes, learned.W_dec, 7), fast, **CLOSE)


@torch.no_grad()
def test_plain_steering_is_that_of_the_method(model, learned):
    tokens = torch.randint(50, (3, 7), generator=torch.Generator().manual_seed(8))
    after_bos = (torch.arange(7) > 0)[:, None]
    push = sae.pushed(learned.W_dec[7], 2.0)
    fast = edit(model, tokens, {HOOK: lambda seen: torch.where(after_bos, push(seen), seen)})
    plain = steer(model, tokens, HOOK, learned.W_dec[7], 2.0)
    torch.testing.assert_close(plain, fast, rtol=1e-4, atol=1e-4)


def test_the_model_is_named_in_one_place():
    assert times_named(SOURCE, NAMED) == 1


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_cell_runs_on_models_of_other_architectures(tmp_path, capsys, architecture):
    names = run_with(SOURCE, NAMED, checkpoint(architecture, tmp_path))
    assert names["model"].cfg.n_layers == N_LAYERS[architecture]
    # Nothing shipped fits this model: the dictionaries were trained on it here and now.
    assert names["learned"].d_in == 32
    assert names["learned"].hook == f"blocks.{N_LAYERS[architecture] // 2}.hook_resid_post"
    assert len(names["tree"].hooks) == N_LAYERS[architecture] // 2 + 1
    assert "✗" not in capsys.readouterr().out
