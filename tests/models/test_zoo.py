"""The zoo: names, embedded weights, real architectures from a local directory, and clear errors."""

import json

import pytest
import torch

from mi_course.models import zoo
from mi_course.models.recipes import RECIPES
from tests.notebooks.other_models import N_LAYERS, checkpoint


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_an_embedded_model_loads_as_a_bridge_and_its_files_match_its_card(name):
    model = zoo.load(name, device="cpu")
    logits = model(model.to_tokens("Then, Mary and John went to the store."))
    assert logits.shape[-1] == len(model.tokenizer) == model.cfg.d_vocab
    assert logits.isfinite().all()
    assert model.cfg.n_layers == RECIPES[name].n_layers


def test_prompts_start_with_the_special_token():
    model = zoo.load("attn-1l", device="cpu")
    assert model.to_tokens("The town")[0, 0] == 0


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_checkpoints_are_ordered_and_the_last_is_close_to_the_final_weights(name):
    found = zoo.checkpoints(name)
    assert [c.step for c in found] == sorted(RECIPES[name].checkpoint_steps)
    assert found[-1].tokens == zoo.card(name)["tokens_seen"]
    last, final = zoo.load(name, checkpoint=found[-1], device="cpu"), zoo.load(name, device="cpu")
    difference = (last.W_O - final.W_O).abs().max() / final.W_O.abs().max()
    assert 0 < difference < 0.01  # int8 with a scale for each row


def test_an_unknown_name_lists_the_known_ones_and_the_nearest():
    with pytest.raises(ValueError, match=r"attn-1l.*attn-2l.*town.*got 'twon'; try 'town'"):
        zoo.load("twon")


def test_a_vision_model_is_sent_to_its_own_loader():
    with pytest.raises(ValueError, match=r"language model, got 'shapes-a', try `load_vision"):
        zoo.load("shapes-a")


def test_an_unknown_checkpoint_lists_the_steps():
    with pytest.raises(ValueError, match="one of the steps"):
        zoo.load("attn-2l", checkpoint=7)


def test_a_damaged_file_is_refused_by_its_hash_with_the_way_to_mend_it(tmp_path, monkeypatch):
    from mi_course.models import weights

    folder = tmp_path / "attn-1l"
    folder.mkdir()
    source = weights.directory("attn-1l")
    (folder / "card.json").write_bytes((source / "card.json").read_bytes())
    data = bytearray((source / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "model.safetensors").write_bytes(data)
    monkeypatch.setattr(weights, "ROOT", tmp_path)
    with pytest.raises(ValueError, match=r"damaged.*mi-course train attn-1l"):
        zoo.load("attn-1l")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ValueError, match="no such file"):
        zoo.load("attn-1l")


@pytest.mark.parametrize("architecture", N_LAYERS)
def test_a_real_architecture_loads_from_a_directory_with_the_same_hook_names(
    architecture, tmp_path
):
    model = zoo.load(checkpoint(architecture, tmp_path), device="cpu")
    logits, cache = model.run_with_cache(torch.randint(0, 60, (2, 9)))
    assert logits.shape == (2, 9, len(zoo.load_tokenizer()))
    assert cache["blocks.0.attn.hook_pattern"].shape == (2, 4, 9, 9)
    assert cache["blocks.1.hook_resid_pre"].shape == (2, 9, 32)


@pytest.mark.parametrize("architecture", N_LAYERS)
def test_a_real_architecture_and_an_embedded_one_run_in_bfloat16(architecture, tmp_path):
    tokens = torch.randint(0, 60, (2, 9), generator=torch.Generator().manual_seed(0))
    for name in (checkpoint(architecture, tmp_path), "attn-1l"):
        exact, half = (zoo.load(name, device="cpu", dtype=each) for each in zoo.DTYPES)
        assert exact.cfg.dtype == exact.W_U.dtype == torch.float32
        assert half.cfg.dtype == half.W_U.dtype == half(tokens).dtype == torch.bfloat16
        # Three significant digits at best, and many sums.
        apart = (half(tokens).float() - exact(tokens)).abs().max() / exact(tokens).abs().max()
        assert 0 < apart < 0.05


def test_an_unknown_dtype_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"dtype in \['float32', 'bfloat16'\], got 'float16'"):
        zoo.load("town", dtype="float16")


def test_a_real_name_without_network_or_cache_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    with pytest.raises(ValueError, match=r"nobody/nothing.*cache or on the network.*town"):
        zoo.load("nobody/nothing")


def test_tiny_models_repeat_by_seed_and_have_biases_that_show():
    a, b, c = (zoo.tiny(seed=s) for s in (0, 0, 1))
    tokens = torch.arange(20)[None]
    assert torch.equal(a(tokens), b(tokens))
    assert not torch.allclose(a(tokens), c(tokens))
    assert a.blocks[0].attn.o.bias.abs().mean() > 0.1


@pytest.mark.parametrize("name", ["tiny-", "tiny-two", "tiny-2-mpl"])
def test_a_tiny_model_that_is_not_meant_so_is_unknown(name):
    with pytest.raises(ValueError, match=f"expected an embedded model .*, got '{name}'"):
        zoo.load(name)
    assert zoo.load("tiny-1-mlp").cfg.n_layers == 1


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_a_card_says_how_the_model_was_made_and_measured(name):
    card = json.loads((zoo.weights.directory(name) / "card.json").read_text())
    assert {"recipe", "data", "hardware", "tokens_seen", "metrics", "files", "versions"} <= set(
        card
    )
    assert card["tokens_seen"] > 1e6
    assert card["metrics"]
