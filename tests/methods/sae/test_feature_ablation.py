import pytest
import torch

from mi_course.activations import edit, record
from mi_course.methods.sae.dictionary import SAE
from mi_course.methods.sae.feature_ablation import ablation_effects
from mi_course.methods.sae.latent_edits import ablated, projected_out
from mi_course.metrics import cross_entropy_by_position, kl_divergence
from mi_course.models import load

HOOK = "blocks.0.hook_resid_post"
TOKENS = torch.randint(1, 50, (6, 9), generator=torch.Generator().manual_seed(3))


@pytest.fixture(scope="module")
def model():
    return load("tiny-2-mlp")


@pytest.fixture(scope="module")
def sae(model):
    generator = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(*shape, generator=generator)

    width = model.cfg.d_model
    return SAE(
        0.3 * normal(width, 20), normal(20) - 0.5, normal(20, width), normal(width), "l1", scale=1.5
    )


def test_many_ablations_in_one_pass_agree_with_one_after_the_other(model, sae):
    counted = torch.ones_like(TOKENS, dtype=torch.bool)
    counted[:, 0] = False
    counted[2, 6:] = False
    found = ablation_effects(
        model, HOOK, sae, TOKENS, [4, 11], counted=counted, n_random=2, chunk=5
    )
    clean = edit(model, TOKENS, {})
    x = record(model, TOKENS, HOOK)[HOOK]
    for i, latent in enumerate([4, 11]):
        active = (sae.encode(x)[..., latent] > 0) & counted
        rows = active.any(1)
        logits = {}
        for name, change in {
            "ablated": ablated(sae, [latent]),
            "projected": projected_out(sae, latent),
        }.items():

            def here(x, change=change):
                return torch.where(counted[..., None], change(x), x)

            logits[name] = edit(model, TOKENS, {HOOK: here})
        kl = kl_divergence(clean, logits["ablated"])
        elsewhere = counted & ~active & rows[:, None]
        change = (logits["ablated"] - clean)[active].mean(0)
        rise = cross_entropy_by_position(logits["ablated"], TOKENS)
        rise = rise - cross_entropy_by_position(clean, TOKENS)
        scored = active[:, :-1] & counted[:, 1:]
        close = {"rtol": 1e-3, "atol": 1e-5}  # sums of single precision in another order
        torch.testing.assert_close(found.kl[i], kl[active].mean(), **close)
        torch.testing.assert_close(found.kl_elsewhere[i], kl[elsewhere].mean(), **close)
        torch.testing.assert_close(found.change[i], change - change.mean(), **close)
        torch.testing.assert_close(found.loss[i], rise[scored].mean(), **close)
        assert found.n_active[i] == active.sum()
        kl = kl_divergence(clean, logits["projected"])
        torch.testing.assert_close(found.projected_kl[i], kl[active].mean(), **close)
        torch.testing.assert_close(found.projected_kl_elsewhere[i], kl[elsewhere].mean(), **close)


def test_nothing_before_the_first_active_token_changes(model):
    """A latent that reads one direction of the stream fires at one token only; nothing else is
    touched by its ablation up to there, while a projection touches all."""
    x = record(model, TOKENS, HOOK)[HOOK]
    last = x[:, -1]
    read = torch.zeros(16, 1)
    read[:, 0] = last[0] / last[0].norm()
    # Active only where an activation is as far along this one as this one itself.
    bias = -0.999 * last[0].norm()[None]
    write = read.T.contiguous()
    sae = SAE(read, bias, write, torch.zeros(16), "l1")
    assert int((sae.encode(x) > 0).sum()) == 1
    found = ablation_effects(model, HOOK, sae, TOKENS, [0])
    assert found.kl_elsewhere.tolist() == [0]
    assert found.projected_kl_elsewhere[0] > 1e-4


def planted_sae(model, token, scale=4.0):
    """Latent 0 is always active and writes what raises one token's logit; latent 1 the opposite."""
    with torch.no_grad():
        up = model.W_U[:, token] * model.ln_final.weight
        up = up - up.mean()
        W_dec = torch.stack([up, -up]) / up.norm()
    return SAE(torch.zeros(16, 2), torch.full((2,), scale), W_dec, torch.zeros(16), "l1")


def test_the_token_that_a_planted_latent_writes_loses_most(model):
    sae = planted_sae(model, 7)
    last = "blocks.1.hook_resid_post"
    found = ablation_effects(model, last, sae, TOKENS, [0, 1], n_random=3)
    assert found.losers(0, 1)[0][0] == "7"
    assert found.winners(1, 1)[0][0] == "7"
    assert "feature 0" in found.summary()
    assert "feature 1" in found.summary(1)
    # Both are active everywhere, so there is no elsewhere.
    assert found.n_active.tolist() == [TOKENS.numel()] * 2
    assert found.kl_elsewhere.tolist() == [0, 0]


def test_random_directions_are_as_long_and_follow_the_seed(model, sae):
    one, same, other = (
        ablation_effects(model, HOOK, sae, TOKENS, [4], n_random=2, seed=seed) for seed in (0, 0, 1)
    )
    assert torch.equal(one.random_kl, same.random_kl)
    assert not torch.equal(one.random_kl, other.random_kl)
    assert torch.equal(one.kl, other.kl)
    assert one.random_kl.shape == (1, 2)
    none = ablation_effects(model, HOOK, sae, TOKENS, [4], n_random=0)
    assert none.random_kl.shape == (1, 0)


def test_a_latent_that_is_silent_or_unknown_is_refused(model, sae):
    silent = SAE(torch.zeros(16, 2), torch.tensor([1.0, -1.0]), sae.W_dec[:2], sae.b_dec, "l1")
    with pytest.raises(ValueError, match=r"active in these texts, got \[1\]"):
        ablation_effects(model, HOOK, silent, TOKENS, [0, 1])
    with pytest.raises(ValueError, match="features from 0 to 19"):
        ablation_effects(model, HOOK, sae, TOKENS, [20])
    with pytest.raises(ValueError, match="expected activations of width 16"):
        ablation_effects(model, "blocks.0.mlp.hook_pre", sae, TOKENS, [0])
