import pytest
import torch

from mi_course.activations import edit, record
from mi_course.methods.probing import town_texts
from mi_course.methods.sae.baselines import TopCodes, neurons, pca
from mi_course.methods.sae.labelled import activations_at
from mi_course.methods.sae.splice import splice_edit, splice_losses
from mi_course.metrics import cross_entropy_by_position, kl_divergence

HOOK = "blocks.2.hook_resid_post"


@pytest.fixture(scope="module")
def texts(town):
    return town_texts(town, n_documents=12, context=40, seed=5)


@pytest.fixture(scope="module")
def x(town, texts):
    return activations_at(town, texts.tokens, texts.counted, HOOK)


def test_a_perfect_reconstruction_costs_nothing(town, texts, x):
    found = splice_losses(town, texts.tokens, texts.counted, HOOK, neurons(x))
    assert found.spliced == pytest.approx(found.clean, abs=1e-4)
    assert found.kl == pytest.approx(0, abs=1e-4)
    assert found.recovered == pytest.approx(1, abs=1e-3)
    assert found.n_tokens == int((texts.counted.sum(1) - 1).sum())


def test_a_dictionary_that_says_the_mean_recovers_nothing(town, texts, x):
    """The largest axis scaled to nothing leaves the mean."""
    axis = pca(x, 1)
    mean_only = type(axis)("mean", 0 * axis.read, axis.write, axis.mean)
    found = splice_losses(town, texts.tokens, texts.counted, HOOK, mean_only)
    assert found.spliced == pytest.approx(found.averaged, abs=1e-4)
    assert found.recovered == pytest.approx(0, abs=1e-3)
    assert found.kl == pytest.approx(found.kl_averaged, abs=1e-4)
    assert found.zeroed > found.clean


def test_losses_of_one_text_are_those_of_a_plain_edit(town, texts, x):
    rows = texts.tokens[:1, : int(texts.counted[0].sum()) + 1]
    here = torch.ones_like(rows, dtype=torch.bool)
    here[:, 0] = False
    dictionary = TopCodes(pca(x), 10)
    clean = edit(town, rows, {})
    activation = record(town, rows, HOOK)[HOOK]
    by = torch.cat([activation[:, :1], dictionary.decode(dictionary.encode(activation[:, 1:]))], 1)
    changed = edit(town, rows, {HOOK: lambda x: by})
    found = splice_losses(town, rows, here, HOOK, dictionary)
    expected = cross_entropy_by_position(changed, rows)[:, 1:].mean().item()
    assert found.spliced == pytest.approx(expected, rel=1e-4)
    divergence = kl_divergence(clean[:, 1:-1], changed[:, 1:-1]).mean().item()
    assert found.kl == pytest.approx(divergence, rel=1e-3)
    assert found.kl > 0.01


def test_batches_and_padding_do_not_matter(town, texts, x):
    dictionary = TopCodes(pca(x), 10)
    one, all_at_once = (
        splice_losses(town, texts.tokens, texts.counted, HOOK, dictionary, batch_size=size)
        for size in (1, 32)
    )
    for name in ("clean", "spliced", "zeroed", "averaged", "kl", "kl_averaged"):
        assert getattr(one, name) == pytest.approx(getattr(all_at_once, name), rel=1e-3)


def test_more_axes_recover_more(town, texts, x):
    kl = [
        splice_losses(town, texts.tokens, texts.counted, HOOK, pca(x, n)).kl for n in (5, 50, 150)
    ]
    assert kl[0] > kl[1] > kl[2]


def test_heads_are_read_as_one_vector_and_the_first_position_is_left_alone(town, texts):
    hook = "blocks.1.attn.hook_z"
    z = record(town, texts.tokens[:2], hook)[hook]
    at = torch.ones(z.shape[:2], dtype=torch.bool)
    at[:, 0] = False
    nothing = type(pca(torch.randn(9, 256)))(
        "nothing", torch.zeros(1, 256), torch.zeros(1, 256), torch.zeros(256)
    )
    new = splice_edit(nothing, at)(z)
    assert new.shape == z.shape
    assert torch.equal(new[:, 0], z[:, 0])
    assert new[:, 1:].abs().max() == 0
    assert splice_edit(nothing)(z).abs().max() == 0


def test_other_architectures_are_spliced_too(random_neox):
    texts = town_texts(random_neox, n_documents=3, context=20)
    hook = "blocks.0.mlp.hook_out"
    x = activations_at(random_neox, texts.tokens, texts.counted, hook)
    found = splice_losses(random_neox, texts.tokens, texts.counted, hook, neurons(x))
    assert found.spliced == pytest.approx(found.clean, abs=1e-4)


def test_bad_input_is_refused(town, texts, x):
    with pytest.raises(ValueError, match=r"width 192 at .*, got 5"):
        splice_losses(town, texts.tokens, texts.counted, HOOK, neurons(x[:, :5]))
    with pytest.raises(ValueError, match="try longer documents"):
        splice_losses(town, texts.tokens[:1, :2], texts.counted[:1, :2], HOOK, neurons(x))
    with pytest.raises(ValueError, match="hook name"):
        splice_losses(town, texts.tokens, texts.counted, "blocks.9.hook_resid_post", neurons(x))
