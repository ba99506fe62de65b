import pytest
import torch

from mi_course.activations import edit, record
from mi_course.methods.sae.baselines import pca
from mi_course.methods.sae.dictionary import SAE
from mi_course.methods.sae.feature_orders import attributions, by_attribution, by_effect, by_size
from mi_course.methods.sae.ioi_patching import feature_patching, feature_patching_by_pair
from mi_course.methods.sae.patching_runs import SignedDirections, last_log_probs, pair_runs
from mi_course.metrics import kl_divergence
from mi_course.models import load
from mi_course.worlds.tasks import PromptPair, ioi

HOOK = "blocks.0.hook_resid_post"


def pairs_of(n=6, seed=0):
    """Prompts of five to seven tokens that differ in the third one."""
    generator = torch.Generator().manual_seed(seed)
    found = []
    for number in range(n):
        clean = torch.randint(1, 50, (5 + number % 3,), generator=generator).tolist()
        corrupted = list(clean)
        corrupted[2] = 1 + clean[2] % 49
        end = len(clean) - 1
        places = {"changed": 2, "end": end}
        answers = ((clean[2],), (corrupted[2],))
        prompt = ("", "", "", "", places, tuple(clean), tuple(corrupted), *answers)
        found.append(PromptPair(*prompt))
    return found


@pytest.fixture(scope="module")
def model():
    return load("tiny-2-mlp")


@pytest.fixture(scope="module")
def components(model):
    tokens = torch.randint(1, 50, (30, 8), generator=torch.Generator().manual_seed(5))
    return SignedDirections(pca(record(model, tokens, HOOK)[HOOK].flatten(end_dim=1)))


def one_pair(model, sae, pair, features, places):
    """What `feature_patching` does, written for one pair and one prompt at a time."""
    clean, corrupted = (torch.tensor([ids]) for ids in (pair.clean_tokens, pair.corrupted_tokens))
    x, other = (record(model, tokens, HOOK)[HOOK] for tokens in (clean, corrupted))
    acts, wanted = sae.encode(x), sae.encode(other)
    new = acts.clone()
    for place in places:
        new[0, place, features] = wanted[0, place, features]
    moved = sae.decode(new) - sae.decode(acts)
    logits = edit(model, clean, {HOOK: lambda x: x + moved})[:, -1]
    kl = kl_divergence(edit(model, corrupted, {})[:, -1], logits)
    return kl.item(), moved.norm().item()


@pytest.mark.parametrize("places", [("end",), ("changed", "end"), None])
def test_a_curve_agrees_with_patching_pair_by_pair(model, sae, places):
    pairs = pairs_of()
    curve = feature_patching(model, HOOK, sae, pairs, places=places, numbers=(0, 2, 5), chunk=4)
    assert curve.numbers[:3] == (0, 2, 5)
    for i, k in enumerate(curve.numbers):
        found = []
        for pair in pairs[1::2]:
            at = range(len(pair.clean_tokens))
            if places is not None:
                at = [pair.positions[name] for name in places]
            found.append(one_pair(model, sae, pair, list(curve.features[:k]), at))
        kl, magnitude = torch.tensor(found).mean(0)
        # Sums of single precision in another order.
        assert curve.kl[i].item() == pytest.approx(kl.item(), abs=1e-4)
        assert curve.magnitude[i].item() == pytest.approx(magnitude.item(), rel=1e-4, abs=1e-5)


def test_copying_all_features_is_copying_the_reconstruction(model, sae):
    pairs = pairs_of()
    curve = feature_patching(model, HOOK, sae, pairs, places=None)
    own = feature_patching_by_pair(model, HOOK, sae, pairs[1::2], places=None)
    found = [one_pair(model, sae, p, list(range(20)), range(len(p.clean_tokens))) for p in pairs]
    expected = torch.tensor(found[1::2]).mean(0)
    for each in (curve, own):
        assert each.kl[-1].item() == pytest.approx(expected[0].item(), abs=1e-4)
        assert each.magnitude[-1].item() == pytest.approx(expected[1].item(), rel=1e-4)


def wins(model, tokens, pair):
    """Whether the corrupted run's answer beats the clean run's."""
    logits = edit(model, torch.tensor([tokens]), {})[0, -1]
    return float(logits[pair.wrongs[0]] > logits[pair.answers[0]])


def test_copying_all_components_at_all_positions_gives_the_target_run(model, components):
    pairs = pairs_of(14)
    for curve, measured in (
        (feature_patching(model, HOOK, components, pairs, places=None), pairs[1::2]),
        (feature_patching_by_pair(model, HOOK, components, pairs, places=None), pairs),
    ):
        assert curve.numbers[-1] == 16
        # Rounding: all sixteen directions together are the whole space.
        assert curve.kl[-1] < 1e-5
        assert curve.kl[0] > 0.1
        assert curve.magnitude[0] == 0
        before, after = (
            sum(wins(model, getattr(pair, run), pair) for pair in measured) / len(measured)
            for run in ("clean_tokens", "corrupted_tokens")
        )
        assert before != after
        assert curve.flipped[0].item() == pytest.approx(before)
        assert curve.flipped[-1].item() == pytest.approx(after)


def test_one_component_counts_once_with_its_sign(components):
    assert components.n_features == components.d_in == 16
    x = torch.randn(3, 16, generator=torch.Generator().manual_seed(1))
    codes = components.encode(x)
    assert (codes < 0).any()
    torch.testing.assert_close(components.decode(codes), x)
    torch.testing.assert_close(components.directions, components.linear.write)


def test_an_effect_is_the_fall_of_kl_with_one_feature(model, sae):
    runs = pair_runs(model, HOOK, sae, pairs_of(), None, 64)
    order = by_effect(model, runs, None, 5).tolist()
    pair = torch.arange(6)
    kl = []
    for feature in order:
        push = runs.delta[..., [feature]] @ runs.vectors(torch.tensor([feature]))
        kl.append(runs.kl(last_log_probs(model, runs, pair, push, 64), pair).mean().item())
    assert kl == sorted(kl)
    assert set(order) == set(runs.differing().tolist())
    # Those that are not tried come behind, by size.
    some = by_effect(model, runs, 4, 64).tolist()
    sizes = by_size(model, runs, None, 64).tolist()
    assert set(some[:4]) == set(sizes[:4])
    assert some[4:] == sizes[4:]


def test_attribution_agrees_with_a_small_step(model, sae):
    runs = pair_runs(model, HOOK, sae, pairs_of(), None, 64)
    latents = runs.differing()
    slopes = attributions(model, runs, latents, 4)
    pair = torch.arange(6)
    for i in (0, len(latents) - 1):
        push = 1e-2 * runs.delta[..., latents[[i]]] @ runs.vectors(latents[[i]])
        up, down = (
            runs.kl(last_log_probs(model, runs, pair, sign * push, 64), pair) for sign in (1, -1)
        )
        # A central difference in single precision.
        torch.testing.assert_close(slopes[:, i], (down - up) / 2e-2, rtol=3e-2, atol=2e-3)
    order = by_attribution(model, runs, None, 64)
    falls = slopes.sum(0)[[latents.tolist().index(feature) for feature in order]]
    assert (falls.diff() <= 1e-5).all()


def test_a_greedy_choice_is_best_at_each_step(model, sae):
    pairs = pairs_of()
    greedy = feature_patching(model, HOOK, sae, pairs, order="greedy", candidates=None)
    alone = feature_patching(model, HOOK, sae, pairs, order="effect", candidates=None)
    assert greedy.features[0] == alone.features[0]
    runs = pair_runs(model, HOOK, sae, pairs[::2], ("end",), 64)
    pair = torch.arange(3)

    def kl(features):
        chosen = torch.tensor(features)
        push = runs.delta[..., chosen] @ runs.vectors(chosen)
        return runs.kl(last_log_probs(model, runs, pair, push, 64), pair).mean().item()

    second = {f: kl([greedy.features[0], f]) for f in greedy.features[1:]}
    assert min(second, key=second.get) == greedy.features[1]


def test_the_planted_feature_is_copied_first_and_is_enough(model):
    """One direction of the dictionary holds all that differs between the runs."""
    one = PromptPair("", "", "", "", {"end": 2}, (1, 2, 3), (1, 2, 4), (5,), (6,))
    pairs = [one] * 4  # the same, so that the difference is one direction
    x = record(model, torch.tensor([[1, 2, 3], [1, 2, 4]]), HOOK)[HOOK][:, 2]
    along = (x[1] - x[0]) / (x[1] - x[0]).norm()
    noise = torch.randn(15, 16, generator=torch.Generator().manual_seed(0))
    basis = torch.linalg.qr(torch.cat([along[None], noise]).T).Q.T
    order = torch.randperm(16, generator=torch.Generator().manual_seed(1))
    W = basis[order]
    sae = SAE(W.T.contiguous(), torch.full((16,), 50.0), W, -50 * W.sum(0), "l1")
    planted = int((order == 0).nonzero())
    for order_name in ("size", "effect", "greedy", "attribution"):
        curve = feature_patching(model, HOOK, sae, pairs, order=order_name, numbers=(0, 1))
        assert curve.features[0] == planted
        assert curve.kl[1] < 1e-3 < curve.kl[0]


def test_ioi_pairs_of_any_length_share_a_batch():
    town = load("town")
    hook = "blocks.2.hook_resid_post"
    pairs = ioi(town.tokenizer, 8, 0).pairs
    assert len({len(pair.clean_tokens) for pair in pairs}) > 1
    tokens = torch.randint(1, 3000, (20, 20), generator=torch.Generator().manual_seed(0))
    components = SignedDirections(pca(record(town, tokens, hook)[hook].flatten(end_dim=1)))
    curve = feature_patching_by_pair(town, hook, components, pairs, numbers=(0, 8, 32))
    assert curve.kl[0] > 5
    assert (curve.kl.diff() < 0).all()
    assert curve.flipped.tolist()[0] == 0
    assert curve.flipped.tolist()[-1] == 1


def test_what_cannot_be_patched_is_refused(model, sae):
    pairs = pairs_of()
    with pytest.raises(ValueError, match="an order of"):
        feature_patching(model, HOOK, sae, pairs, order="best")
    with pytest.raises(ValueError, match="at least 2 pairs"):
        feature_patching(model, HOOK, sae, pairs[:1])
    with pytest.raises(ValueError, match=r"places among \['changed', 'end'\], got \['s2'\]"):
        feature_patching(model, HOOK, sae, pairs, places=("s2",))
    with pytest.raises(ValueError, match="prompt pairs, got none"):
        feature_patching_by_pair(model, HOOK, sae, [])
    silent = SAE(torch.zeros(16, 2), torch.zeros(2), sae.W_dec[:2], sae.b_dec, "l1")
    for patch in (feature_patching, feature_patching_by_pair):
        with pytest.raises(ValueError, match="features that differ at"):
            patch(model, HOOK, silent, pairs)
