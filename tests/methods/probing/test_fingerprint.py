import pytest
import torch

from mi_course.activations import record
from mi_course.methods import probing


@pytest.mark.parametrize("name", ["gpt2", "neox", "town"])
def test_the_logit_effect_is_what_a_neuron_adds_when_layernorm_stands_still(
    other_models, town, name
):
    model = town if name == "town" else other_models[name]
    last = model.cfg.n_layers - 1
    tokens = torch.arange(1, 9)[None]
    # GPT-NeoX runs both halves of a block at once: there, too, the MLP writes straight to the end.
    name, end = f"blocks.{last}.mlp.hook_post", f"blocks.{last}.hook_resid_post"

    def louder(post):
        post = post.clone()
        post[0, -1, 5] += 1
        return post

    before, after = (
        record(model, tokens, end, edits=edits)[end][0, -1] for edits in ({}, {name: louder})
    )
    centred = before - before.mean()
    scale = (centred.square().mean() + model.cfg.eps).sqrt()
    change = after - after.mean() - centred
    logits = (change * model.ln_final.weight / scale) @ model.W_U
    found = probing.neuron_logit_effect(model, last, 5)
    expected = ((logits - logits.mean()) * scale).detach()
    torch.testing.assert_close(found.values, expected, rtol=1e-3, atol=1e-4)
    assert found.values.mean().abs() < 1e-5


def test_one_neuron_is_a_row_of_all(other_models):
    model = other_models["gpt2"]
    every = probing.neuron_logit_effects(model, 1)
    assert every.shape == (64, model.cfg.d_vocab)
    one = probing.neuron_logit_effect(model, 1, 9)
    torch.testing.assert_close(one.values, every[9])
    assert one.top(3)[0][1] == every[9].max().item()
    assert one.bottom(3)[0][1] == every[9].min().item()
    assert "L1N9" in one.summary()


def test_kurtosis_and_skew_are_those_of_scipy(other_models):
    stats = pytest.importorskip("scipy.stats")
    one = probing.neuron_logit_effect(other_models["gpt2"], 0, 3)
    assert one.kurtosis() == pytest.approx(stats.kurtosis(one.values.double()), abs=1e-6)
    assert one.skew() == pytest.approx(stats.skew(one.values.double()), abs=1e-6)


def test_the_fingerprint_is_that_of_the_folded_weights(town):
    found = probing.weight_fingerprint(town)
    block = town.blocks[2]
    x = torch.randn(1, 1, 192, generator=torch.Generator().manual_seed(0))
    normal = (x - x.mean()) / (x.var(correction=0) + town.cfg.eps).sqrt()
    W = town.W_in[2] * block.ln2.weight[:, None]
    W = W - W.mean(0)
    by_model = block.ln2(x) @ town.W_in[2] + town.b_in[2]
    folded = normal @ W + found.biases[2]
    torch.testing.assert_close(folded, by_model, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(found.norms[2], W.norm(dim=0).detach())
    torch.testing.assert_close(found.products, found.norms * found.biases)


def test_town_holds_its_neurons_silent_but_least_of_all_in_the_first_layer(town):
    """[Gurnee23] finds the large negative products early; here they are in layers 1 to 3."""
    found = probing.weight_fingerprint(town)
    means = found.products.mean(1).tolist()
    assert means == pytest.approx([-0.23, -1.47, -1.74, -1.63], abs=0.02)
    assert (found.biases < 0).float().mean(1).min() > 0.93
    assert found.products[2].quantile(0.01) < 5 * found.products[0].quantile(0.01)
    assert "biases below 0" in found.summary()


def test_neurons_of_town_write_what_their_context_needs(town):
    dna = probing.neuron_logit_effect(town, 2, 751)
    assert all(set(token) <= set("ACGT") for token, _ in dna.top(5))
    assert dna.kurtosis() > 2
    russian = probing.neuron_logit_effect(town, 3, 104)
    cyrillic = [any("а" <= c <= "я" for c in token.lower()) for token, _ in russian.top(4)]
    assert all(cyrillic)
    # Late neurons promote a few tokens rather than suppress a few.
    effects = probing.neuron_logit_effects(town, 3).double()
    skew = (effects**3).mean(1) / (effects**2).mean(1) ** 1.5
    assert (skew > 0).double().mean() == pytest.approx(0.88, abs=0.02)


def test_neurons_and_layers_that_do_not_exist_are_refused(town, rotary):
    with pytest.raises(ValueError, match="neurons 0-767"):
        probing.neuron_logit_effect(town, 0, -1)
    with pytest.raises(ValueError, match="layers 0-3"):
        probing.neuron_logit_effects(town, 4)
    with pytest.raises(ValueError, match="MLPs"):
        probing.weight_fingerprint(rotary)
