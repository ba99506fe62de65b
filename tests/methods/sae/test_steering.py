import pytest
import torch

from mi_course.activations import edit, record
from mi_course.methods.sae.dictionary import SAE
from mi_course.methods.sae.latent_edits import clamped, latent_vectors, pushed
from mi_course.methods.sae.steering import continuations, latent_steering, token_ids
from mi_course.models import load

HOOK = "blocks.0.hook_resid_post"
TOKENS = torch.randint(1, 50, (5, 7), generator=torch.Generator().manual_seed(3))
TARGETS = torch.tensor([3, 8, 20])


@pytest.fixture(scope="module")
def model():
    return load("tiny-2-mlp")


@pytest.mark.parametrize("how", ["added", "clamped"])
def test_a_sweep_agrees_with_one_run_for_each_amount(model, sae, how):
    amounts = [-1.0, 0.5, 3.0]
    found = latent_steering(
        model, HOOK, sae, 4, TOKENS, TARGETS, amounts, how=how, n_random=2, chunk=4
    )
    vector = latent_vectors(sae, [4])[0]
    for i, amount in enumerate(amounts):
        change = pushed(vector, amount) if how == "added" else clamped(sae, [4], [amount])
        probs = edit(model, TOKENS, {HOOK: change})[:, -1].softmax(-1)
        expected = probs[:, TARGETS].sum(1).mean()
        torch.testing.assert_close(found.share[i], expected, rtol=1e-4, atol=1e-6)
    untouched = edit(model, TOKENS, {})[:, -1].softmax(-1)[:, TARGETS].sum(1).mean()
    assert found.untouched == pytest.approx(untouched.item(), rel=1e-4)
    assert found.random.shape == found.random_kl.shape == (2, 3)


def test_adding_nothing_and_clamping_to_its_own_value_change_nothing(model, sae):
    found = latent_steering(model, HOOK, sae, 4, TOKENS, TARGETS, [0.0], n_random=1)
    # Zero but for rounding.
    assert found.kl.abs().max() < 1e-5
    assert found.share[0].item() == pytest.approx(found.untouched, rel=1e-5)
    row = TOKENS[:1, :1]
    own = sae.encode(record(model, row, HOOK)[HOOK])[0, 0, 4].item()
    clamp = latent_steering(model, HOOK, sae, 4, row, TARGETS, [own], how="clamped", n_random=2)
    assert clamp.kl.abs().max() < 1e-5
    assert clamp.random_kl.abs().max() < 1e-5


def test_padding_behind_a_prompt_changes_nothing_and_bos_is_not_pushed(model, sae):
    counted = torch.ones_like(TOKENS, dtype=torch.bool)
    counted[:, 0] = False
    one = latent_steering(model, HOOK, sae, 4, TOKENS, TARGETS, [2.0], counted=counted)
    padded = torch.nn.functional.pad(TOKENS, (0, 3))
    behind = torch.nn.functional.pad(counted, (0, 3))
    two = latent_steering(model, HOOK, sae, 4, padded, TARGETS, [2.0], counted=behind)
    torch.testing.assert_close(one.share, two.share)
    every = latent_steering(model, HOOK, sae, 4, TOKENS, TARGETS, [2.0])
    assert not torch.allclose(one.share, every.share)


def planted_sae(model, token):
    """Latent 0 writes what raises one token's logit."""
    with torch.no_grad():
        up = model.W_U[:, token] * model.ln_final.weight
        up = up - up.mean()
    return SAE(torch.zeros(16, 1), torch.zeros(1), up[None] / up.norm(), torch.zeros(16), "l1")


def test_a_planted_latent_raises_its_token_and_random_directions_do_not(model):
    found = latent_steering(
        model,
        "blocks.1.hook_resid_post",
        planted_sae(model, 7),
        0,
        TOKENS,
        torch.tensor([7]),
        [0, 5, 20],
        n_random=8,
        behaviour="token 7",
    )
    assert found.share.diff().min() > 0
    # Far out LayerNorm leaves only the direction: its token wins nearly every time.
    assert found.share[-1] > 3 * found.random[:, -1].mean()
    assert "raised by 20, the probability of token 7" in found.summary()


def test_what_is_written_agrees_with_choosing_token_by_token(model, sae):
    change = {HOOK: pushed(latent_vectors(sae, [4])[0], 2.0)}
    found = continuations(model, TOKENS, change, n_new=3, temperature=0)
    expected = TOKENS
    for _ in range(3):
        best = edit(model, expected, change)[:, -1].argmax(-1)
        expected = torch.cat([expected, best[:, None]], dim=1)
    assert torch.equal(found, expected)
    drawn = [continuations(model, TOKENS, {}, n_new=3, seed=seed) for seed in (0, 0, 1)]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert torch.equal(drawn[0][:, :7], TOKENS)


def test_tokens_are_found_by_their_text():
    model = load("town")
    found = token_ids(model, lambda text: text == " Mary" or text == "\n")
    assert {model.tokenizer.decode([i]) for i in found.tolist()} >= {"\n"}
    with pytest.raises(ValueError, match="tokens that pass the test"):
        token_ids(model, lambda text: text == "no token is this")


def test_what_makes_no_sense_is_refused(model, sae):
    with pytest.raises(ValueError, match="how among"):
        latent_steering(model, HOOK, sae, 4, TOKENS, TARGETS, [1.0], how="set")
    with pytest.raises(ValueError, match="at least one amount and one target token, got 0"):
        latent_steering(model, HOOK, sae, 4, TOKENS, TARGETS, [])
    with pytest.raises(ValueError, match="prompts of at least one token"):
        nothing = torch.zeros_like(TOKENS, dtype=torch.bool)
        latent_steering(model, HOOK, sae, 4, TOKENS, TARGETS, [1.0], counted=nothing)
    with pytest.raises(ValueError, match="at most 64 tokens"):
        continuations(model, TOKENS, {}, n_new=60)
