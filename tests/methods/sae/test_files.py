import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from mi_course.methods.sae import ARCHITECTURES, SAE, load_sae, load_saelens, save_sae
from mi_course.methods.sae.atomic import write_bytes

D_IN, D_SAE = 6, 10
NEEDS = {
    "topk": {"k": 3},
    "jumprelu": {"threshold": torch.linspace(0.1, 1, D_SAE)},
    "batchtopk": {"k": 3, "threshold": torch.tensor(0.7)},
    "matryoshka": {"k": 3, "threshold": torch.tensor(0.7), "prefixes": (4, D_SAE)},
}


def made(architecture="topk", seed=0):
    generator = torch.Generator().manual_seed(seed)
    W_dec = torch.randn(D_SAE, D_IN, generator=generator)
    tied = architecture == "tied_l1"
    return SAE(
        W_dec.T if tied else torch.randn(D_IN, D_SAE, generator=generator),
        torch.randn(D_SAE, generator=generator),
        W_dec,
        torch.randn(D_IN, generator=generator),
        architecture,
        scale=1.5,
        hook="blocks.0.hook_resid_post",
        **NEEDS.get(architecture, {}),
    )


def activations():
    return torch.randn(30, D_IN, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_what_was_saved_comes_back_and_does_the_same(architecture, tmp_path):
    sae, x = made(architecture), activations()
    back = load_sae(save_sae(sae, tmp_path / "new" / "folder"))
    assert torch.equal(back.encode(x), sae.encode(x))
    assert torch.equal(back(x), sae(x))
    for name in ("architecture", "k", "prefixes", "scale", "hook"):
        assert getattr(back, name) == getattr(sae, name)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_half_precision_is_half_the_size_and_nearly_the_same(architecture, tmp_path):
    sae, x = made(architecture), activations()
    large, small = save_sae(sae, tmp_path / "a"), save_sae(sae, tmp_path / "b", half=True)
    sizes = [
        sum(v.nbytes for v in load_file(f / "sae.safetensors").values()) for f in (large, small)
    ]
    assert sizes[0] == 2 * sizes[1]
    back = load_sae(small)
    assert back.W_dec.dtype == torch.float32
    # A relative error of 2^-11 in each of six products.
    torch.testing.assert_close(back.pre(x), sae.pre(x), atol=2e-2, rtol=2e-3)


def test_tied_weights_are_written_once(tmp_path):
    tensors = load_file(save_sae(made("tied_l1"), tmp_path) / "sae.safetensors")
    assert sorted(tensors) == ["W_dec", "b_dec", "b_enc"]


def test_the_card_tells_the_rule_and_what_is_added(tmp_path):
    save_sae(made(), tmp_path, {"metrics": {"FVU": 0.1}}, half=True)
    card = json.loads((tmp_path / "card.json").read_text())
    assert card["metrics"] == {"FVU": 0.1}
    assert (card["architecture"], card["k"], card["d_in"], card["d_sae"]) == ("topk", 3, 6, 10)
    assert card["dtype"] == "float16"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["card.json", "sae.safetensors"]


def test_a_full_disk_leaves_the_old_autoencoder(tmp_path):
    old, x = made(), activations()
    save_sae(old, tmp_path)
    (tmp_path / "sae.safetensors.partial").symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"expected room for .* MB, got 'No space left on device'"):
        save_sae(made(seed=5), tmp_path)
    assert torch.equal(load_sae(tmp_path)(x), old(x))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["card.json", "sae.safetensors"]


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "deep" / "file"
    write_bytes(path, b"one")
    write_bytes(path, b"two")
    assert path.read_bytes() == b"two"
    (path.parent / "file.partial").symlink_to("/dev/full")
    with pytest.raises(OSError, match="the last good file is kept"):
        write_bytes(path, b"three")
    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_without_an_autoencoder_is_told(tmp_path):
    with pytest.raises(ValueError, match="got no such file"):
        load_sae(tmp_path)


def test_damaged_and_foreign_files_are_told(tmp_path):
    save_sae(made(), tmp_path)
    path = tmp_path / "sae.safetensors"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ValueError, match="expected a sparse autoencoder in"):
        load_sae(tmp_path)
    save_file({"weight": torch.ones(2)}, path)
    with pytest.raises(ValueError, match="expected a sparse autoencoder in"):
        load_sae(tmp_path)


# --- folders as SAELens writes them, and its forward pass written out from its documentation

NORMS = "rescale_acts_by_decoder_norm"


def foreign(folder, config, threshold=None, **extra):
    """Write a folder in SAELens's format; returns its weights."""
    sae = made("l1")
    tensors = {
        name: getattr(sae, name).contiguous() for name in ("W_enc", "b_enc", "W_dec", "b_dec")
    }
    if threshold is not None:
        tensors["threshold"] = threshold
    tensors |= extra
    save_file(tensors, folder / "sae_weights.safetensors")
    shape = {"d_in": D_IN, "d_sae": D_SAE, "metadata": {"hook_name": "blocks.3.hook_mlp_out"}}
    (folder / "cfg.json").write_text(json.dumps(shape | config))
    return tensors


def forward(config, w, x, factor=1.0):
    """Return codes and reconstruction as SAELens computes them."""
    x = x * factor
    pre = (x - w["b_dec"] if config.get("apply_b_dec_to_input", True) else x) @ w["W_enc"]
    pre = pre + w["b_enc"]
    norms = w["W_dec"].norm(dim=1) if config.get(NORMS) else torch.ones(D_SAE)
    pre = pre * norms
    acts = pre.relu()
    if config.get("architecture") == "topk" or config.get("activation_fn_str") == "topk":
        k = config.get("k") or config["activation_fn_kwargs"]["k"]
        kept = pre.topk(k, dim=1)
        acts = torch.zeros_like(pre).scatter(1, kept.indices, kept.values.relu())
    if "threshold" in w:
        acts = acts * (pre > w["threshold"])
    return acts, ((acts / norms) @ w["W_dec"] + w["b_dec"]) / factor


@pytest.mark.parametrize(
    ("config", "architecture"),
    [
        ({"architecture": "standard"}, "l1"),
        ({}, "l1"),
        ({"architecture": "standard", "apply_b_dec_to_input": False}, "l1"),
        ({"architecture": "topk", "k": 3}, "topk"),
        ({"architecture": "topk", "k": 3, NORMS: True}, "topk"),
        ({"activation_fn_str": "topk", "activation_fn_kwargs": {"k": 4}}, "topk"),
        ({"architecture": "jumprelu", "apply_b_dec_to_input": False}, "jumprelu"),
    ],
)
def test_saelens_folders_give_the_codes_and_reconstructions_of_saelens(
    config, architecture, tmp_path
):
    threshold = torch.linspace(-0.5, 2, D_SAE) if architecture == "jumprelu" else None
    weights, x = foreign(tmp_path, config, threshold), activations()
    sae = load_saelens(tmp_path)
    codes, recon = forward(config, weights, x)
    assert (sae.architecture, sae.hook) == (architecture, "blocks.3.hook_mlp_out")
    torch.testing.assert_close(sae.encode(x), codes, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(sae(x), recon, atol=1e-5, rtol=1e-5)
    assert 0 < (codes > 0).float().mean() < 1


def test_one_factor_for_all_activations_becomes_the_scale(tmp_path):
    config = {"architecture": "standard", "normalize_activations": "expected_average_only_in"}
    weights, x = foreign(tmp_path, config), activations()
    (tmp_path / "activation_scaler.json").write_text('{"scaling_factor": 0.25}')
    sae = load_saelens(tmp_path)
    codes, recon = forward(config, weights, x, factor=0.25)
    assert sae.scale == 4.0
    torch.testing.assert_close(sae.encode(x), codes, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(sae(x), recon, atol=1e-5, rtol=1e-5)


def test_a_batchtopk_in_training_has_its_one_threshold(tmp_path):
    weights = foreign(
        tmp_path, {"architecture": "batchtopk", "k": 3}, topk_threshold=torch.tensor(0.6)
    )
    sae, x = load_saelens(tmp_path), activations()
    pre = (x - weights["b_dec"]) @ weights["W_enc"] + weights["b_enc"]
    assert (sae.architecture, sae.k) == ("batchtopk", 3)
    torch.testing.assert_close(sae.encode(x), pre * (pre > 0.6), atol=1e-5, rtol=1e-5)


def test_a_fine_tuned_factor_goes_into_the_decoder(tmp_path):
    factor = torch.linspace(0.5, 2, D_SAE)
    config = {"finetuning_scaling_factor": True}
    weights = foreign(tmp_path, config, finetuning_scaling_factor=factor)
    assert torch.equal(load_saelens(tmp_path).W_dec, weights["W_dec"] * factor[:, None])


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"architecture": "gated"}, "expected an architecture of .*, got 'gated'"),
        ({"activation_fn_str": "tanh-relu"}, "got 'tanh-relu'"),
        ({"normalize_activations": "layer_norm"}, "got 'layer_norm', try to fold it"),
        ({"normalize_activations": "constant_norm_rescale"}, "got 'constant_norm_rescale'"),
        ({"normalize_activations": "expected_average_only_in"}, "or put its factor into"),
        ({"architecture": "jumprelu"}, "expected a threshold of shape"),
        ({"architecture": "topk"}, "expected k from 1 to d_sae = 10, got None"),
    ],
)
def test_what_has_no_counterpart_is_refused(config, message, tmp_path):
    foreign(tmp_path, config)
    with pytest.raises(ValueError, match=message):
        load_saelens(tmp_path)


def test_missing_and_damaged_saelens_files_are_told(tmp_path):
    with pytest.raises(ValueError, match=r"expected cfg.json and sae_weights.safetensors"):
        load_saelens(tmp_path)
    foreign(tmp_path, {})
    (tmp_path / "sae_weights.safetensors").write_bytes(b"not weights")
    with pytest.raises(ValueError, match="expected readable files"):
        load_saelens(tmp_path)
    save_file({"W_enc": torch.ones(D_IN, D_SAE)}, tmp_path / "sae_weights.safetensors")
    with pytest.raises(ValueError, match=r"without \['b_enc', 'W_dec', 'b_dec'\]"):
        load_saelens(tmp_path)
