import json

import pytest
import torch
import torch.nn.functional as F

from mi_course.methods.lens import (
    Translators,
    load_translators,
    stream,
    text_trajectories,
    train_translators,
    tuned_lens_loss,
    unembed,
)
from mi_course.methods.lens import tuned as module
from mi_course.methods.lens.shipped import rows_of_text
from mi_course.models import weights


@pytest.fixture(scope="module")
def texts():
    return torch.randint(1, 50, (40, 12), generator=torch.Generator().manual_seed(2))


@pytest.fixture
def translators():
    generator = torch.Generator().manual_seed(0)
    names = ("blocks.0.hook_resid_pre", "blocks.0.hook_resid_post")
    A = torch.randn(2, 16, 16, generator=generator)
    return Translators(names, A, torch.randn(2, 16, generator=generator))


def test_the_loss_is_torchs_divergence_from_the_final_prediction(reader, tokens):
    _, read, final = stream(reader, tokens)
    for resid in read:
        end = unembed(reader, final[0]).log_softmax(dim=-1)
        said = unembed(reader, resid[0]).log_softmax(dim=-1)
        expected = F.kl_div(said, end, log_target=True, reduction="batchmean")
        loss = tuned_lens_loss(reader, resid[0], final[0])
        torch.testing.assert_close(loss, expected, atol=1e-5, rtol=1e-4)
    assert loss == 0


def test_regression_finds_a_planted_map():
    generator = torch.Generator().manual_seed(0)
    read = torch.randn(2, 400, 8, generator=generator) + 3
    planted = torch.eye(8) + 0.3 * torch.randn(2, 8, 8, generator=generator)
    final = read[0] @ planted[0] + 5
    # Point 1 is another view of the same 400 positions.
    read[1] = (final - 1) @ torch.linalg.inv(planted[1])
    A, b = module._regressed(read, final, 1e-7)
    torch.testing.assert_close(A + torch.eye(8), planted, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(b, torch.tensor([[5.0] * 8, [1.0] * 8]), atol=1e-2, rtol=0)


def test_the_start_reads_as_the_regression_does_and_is_as_long_as_the_activations(reader, texts):
    _, read, final = stream(reader, texts)
    read, final = read[:-1].flatten(1, 2), final.flatten(0, 1)
    whole, short = module._regressed(read, final, 0.01), module._start(reader, read, final, 0.01)
    long, kept = (read + read @ A + b[:, None] for A, b in (whole, short))
    torch.testing.assert_close(kept.norm(dim=-1).mean(dim=1), read.norm(dim=-1).mean(dim=1))
    # LayerNorm's eps, which knows length, is 1e-5.
    torch.testing.assert_close(unembed(reader, kept), unembed(reader, long), atol=1e-2, rtol=1e-2)


def test_without_layernorm_length_matters_and_is_left(planted):
    read, final = torch.randn(
        2, 1, 60, planted.cfg.d_model, generator=torch.Generator().manual_seed(0)
    )
    found = module._start(planted, read, final[0], 0.01)
    for mine, expected in zip(found, module._regressed(read, final[0], 0.01), strict=True):
        torch.testing.assert_close(mine, expected)


def test_a_long_gradient_is_shortened_and_a_short_one_left():
    A, b = torch.zeros(2, 3, 3), torch.zeros(2, 3)
    A[0, 0, 0], b[0, 1], A[1, 2, 2] = 3.0, 4.0, 0.1
    module._clip(A, b)
    assert (A[0, 0, 0].item(), b[0, 1].item()) == pytest.approx((0.3, 0.4))
    assert A[1, 2, 2].item() == pytest.approx(0.1)


def test_training_brings_every_point_nearer_to_the_end(reader, texts):
    start, trained = (train_translators(reader, texts[:30], steps=n) for n in (0, 60))
    held_back = texts[30:]
    plain, begun, ended = (
        text_trajectories(reader, held_back, translators=each).kl_to_final.mean(dim=1)
        for each in (None, start, trained)
    )
    assert (ended[:-1] < plain[:-1]).all()
    assert ended[:-1].mean() < begun[:-1].mean()
    assert ended[-1] < 1e-6


def test_the_model_learns_nothing_itself(mlp, texts):
    before = {name: value.clone() for name, value in mlp.state_dict().items()}
    train_translators(mlp, texts[:4], steps=2)
    assert all(torch.equal(before[name], value) for name, value in mlp.state_dict().items())
    assert all(parameter.grad is None for parameter in mlp.parameters())


def test_no_step_after_a_start_gives_the_start_back(rotary, texts, translators):
    again = train_translators(rotary, texts, steps=0, start=translators)
    torch.testing.assert_close(again.A, translators.A)
    assert again.A is not translators.A


def test_the_same_seed_gives_the_same_translators(rotary, texts):
    one, two, other = (train_translators(rotary, texts, steps=5, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one.A, two.A)
    assert not torch.equal(one.A, other.A)


def test_translators_learn_where_gradients_are_switched_off(rotary, texts):
    with torch.no_grad():
        found = train_translators(rotary, texts, steps=5)
    assert torch.equal(found.A, train_translators(rotary, texts, steps=5).A)


def test_skipped_tokens_teach_nothing(rotary, texts):
    padded = torch.cat([texts, torch.zeros_like(texts)], dim=1)
    short = train_translators(rotary, texts, steps=3)
    long = train_translators(rotary, padded, steps=3, skip=0)
    torch.testing.assert_close(short.A, long.A, atol=1e-5, rtol=1e-4)


def test_a_translation_is_affine_and_leaves_the_last_point(translators):
    x = torch.randn(4, 16, generator=torch.Generator().manual_seed(1))
    out = translators.apply("blocks.0.hook_resid_post", x)
    torch.testing.assert_close(out[2], x[2] + x[2] @ translators.A[1] + translators.b[1])
    assert translators.apply("blocks.1.hook_resid_post", x) is x


def test_the_stream_before_a_layer_is_translated_like_the_one_after_the_layer_below(translators):
    x = torch.ones(1, 16)
    after = translators.apply("blocks.0.hook_resid_post", x)
    assert torch.equal(translators.apply("blocks.1.hook_resid_pre", x), after)
    assert not torch.equal(translators.apply("blocks.0.hook_resid_pre", x), after)


@pytest.mark.parametrize("name", ["blocks.0.hook_attn_out", "blocks.2.hook_resid_post"])
def test_a_point_without_a_translator_is_refused(translators, name):
    with pytest.raises(ValueError, match="try the logit lens"):
        translators.apply(name, torch.zeros(1, 16))


def test_another_width_is_refused(translators):
    with pytest.raises(ValueError, match=r"of width 16, got .* of width 8"):
        translators.apply("blocks.0.hook_resid_post", torch.zeros(1, 8))


def test_a_saved_lens_comes_back_to_half_precision(translators, tmp_path):
    path = tmp_path / "mine.safetensors"
    translators.save(path)
    back = load_translators(path)
    assert back.names == translators.names
    # Half precision keeps 11 binary digits.
    torch.testing.assert_close(back.A, translators.A, rtol=2**-10, atol=1e-6)
    assert [each.name for each in tmp_path.iterdir()] == ["mine.safetensors"]


@pytest.mark.parametrize("content", [b"", b"not tensors at all"])
def test_a_damaged_file_is_refused(content, tmp_path):
    path = tmp_path / "mine.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"expected a tuned lens in mine\.safetensors"):
        load_translators(path)


def test_weights_of_something_else_are_refused():
    with pytest.raises(ValueError, match="expected a tuned lens in model"):
        load_translators(weights.directory("attn-1l") / "model.safetensors")


def test_an_unknown_name_is_answered_with_those_there_are():
    with pytest.raises(ValueError, match="among town, got 'village'"):
        load_translators("village")


def test_what_cannot_be_learned_from_is_refused(fresh_rotary, texts, translators):
    for nothing in (texts[:, :0], texts * 0):
        with pytest.raises(ValueError, match="tokens to learn from, got none"):
            train_translators(fresh_rotary, nothing, skip=0)
    foreign = Translators(("blocks.0.hook_resid_pre",), translators.A[:1], translators.b[:1])
    with pytest.raises(ValueError, match="expected a start for blocks"):
        train_translators(fresh_rotary, texts, start=foreign)
    with torch.no_grad():
        fresh_rotary.W_E.fill_(torch.nan)
    with pytest.raises(ValueError, match="finite activations"):
        train_translators(fresh_rotary, texts)


def test_the_shipped_lens_halves_the_divergence_where_the_logit_lens_fails(town):
    tokens = rows_of_text(town, "held back", 8, 128)
    shipped = load_translators("town")
    plain, tuned = (
        text_trajectories(town, tokens, translators=each, chunk=256).kl_to_final.mean(dim=1)
        for each in (None, shipped)
    )
    assert (tuned[:-1] < plain[:-1]).all()
    # The first third of the layers: the embedding and layer 0, of four layers.
    assert (tuned[:2] < plain[:2] / 2).all()
    assert tuned[-1] == plain[-1] == 0


def test_the_card_says_how_the_lens_was_made_and_what_it_measured():
    card = weights.read_card("lenses")
    assert {"recipe", "data", "hardware", "versions", "metrics", "files"} <= set(card)
    assert card["recipe"]["seed"] == 0
    assert card["files"]["town.safetensors"] == weights.sha256(module.WEIGHTS / "town.safetensors")
    for text in ("new documents", "held-out wording"):
        plain, tuned = (
            card["metrics"][f"KL of the {lens} lens, {text}"] for lens in ("logit", "tuned")
        )
        assert all(t < p for t, p in zip(tuned[:-1], plain[:-1], strict=True))


def test_a_shipped_lens_that_is_not_its_cards_is_refused(monkeypatch, tmp_path, translators):
    folder = tmp_path / "lenses"
    folder.mkdir()
    translators.save(folder / "town.safetensors")
    (folder / "card.json").write_text(json.dumps({"files": {"town.safetensors": "0" * 64}}))
    monkeypatch.setattr(weights, "ROOT", tmp_path)
    monkeypatch.setattr(module, "WEIGHTS", folder)
    with pytest.raises(ValueError, match=r"SHA-256 000000000000.*mi-course train lenses"):
        load_translators("town")
