import math
from types import SimpleNamespace

import pytest
import torch

from mi_course.activations import record
from mi_course.methods.sae.activity import latent_activity
from mi_course.methods.sae.causes import Examples, feature_causes, top_rows
from mi_course.methods.sae.dictionary import SAE
from mi_course.methods.sae.feature_trees import feature_tree
from mi_course.methods.sae.labelled import LabelledActivations
from mi_course.methods.sae.latent_edits import ablated
from mi_course.models import load

HOOKS = [f"blocks.{layer}.hook_resid_post" for layer in range(3)]
TOKENS = torch.randint(1, 50, (5, 9), generator=torch.Generator().manual_seed(3))


def random_sae(seed, d_in=16, d_sae=24):
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator)

    return SAE(
        0.4 * normal(d_in, d_sae), normal(d_sae), 0.4 * normal(d_sae, d_in), normal(d_in), "l1"
    )


@pytest.fixture(scope="module")
def model():
    return load("tiny-3-mlp")


@pytest.fixture(scope="module")
def saes():
    return {hook: random_sae(seed) for seed, hook in enumerate(HOOKS)}


@pytest.fixture(scope="module")
def examples():
    counted = torch.ones_like(TOKENS, dtype=torch.bool)
    counted[:, 0] = False
    return Examples(TOKENS, counted, torch.tensor([8, 5, 7, 8, 6]))


def strong_latent(model, sae, examples):
    x = record(model, TOKENS, HOOKS[2])[HOOKS[2]]
    at_peak = sae.encode(x[torch.arange(5), examples.peaks])
    return int(at_peak.mean(0).argmax())


def test_many_ablations_in_one_pass_agree_with_one_after_the_other(model, saes, examples):
    target = saes[HOOKS[2]]
    latent = strong_latent(model, target, examples)
    earlier = {hook: saes[hook] for hook in HOOKS[:2]}
    found = feature_causes(
        model, HOOKS[2], target, latent, earlier, examples, candidates=None, chunk=12
    )
    assert len(found.causes) == found.n_active
    assert {cause.hook for cause in found.causes} == set(HOOKS[:2])
    rows = torch.arange(5)
    places = torch.arange(9)
    mask = examples.counted & (places <= examples.peaks[:, None])

    def read(edits):
        x = record(model, TOKENS, HOOKS[2], edits=edits)[HOOKS[2]]
        return target.encode(x[rows, examples.peaks])[:, latent].mean().item()

    whole = read({})
    assert found.activation == pytest.approx(whole, rel=1e-4)
    for cause in (*found.causes[:6], *found.causes[-3:]):
        change = ablated(saes[cause.hook], [cause.latent])

        def here(x, change=change):
            return torch.where(mask[..., None], change(x), x)

        # Sums of single precision in another order.
        assert cause.drop == pytest.approx(whole - read({cause.hook: here}), abs=2e-4)
        directions = saes[cause.hook].directions[cause.latent], target.directions[latent]
        assert cause.cosine == pytest.approx((directions[0] @ directions[1]).item(), abs=1e-5)


def test_what_matters_most_to_first_order_is_ablated_first(model, saes, examples):
    latent = strong_latent(model, saes[HOOKS[2]], examples)
    arguments = (model, HOOKS[2], saes[HOOKS[2]], latent, {HOOKS[1]: saes[HOOKS[1]]}, examples)
    everything = feature_causes(*arguments, candidates=None)
    some = feature_causes(*arguments, candidates=8)
    assert len(some.causes) == 8
    drops = {cause.latent: cause.drop for cause in everything.causes}
    for cause in some.causes:
        assert cause.drop == pytest.approx(drops[cause.latent], abs=1e-4)
    # An estimate, not the truth: it must find the largest, and lose little of the rest.
    assert some.causes[0].latent == everything.causes[0].latent
    assert len(feature_causes(*arguments, candidates=8, keep=2).causes) == 2


def test_a_planted_cause_is_the_only_one(model):
    """The target reads what one earlier latent writes, and this reaches it along the stream."""
    with torch.no_grad():
        quiet = load("tiny-3-mlp")
        for name, parameter in quiet.named_parameters():
            if ".1." in name:
                parameter.zero_()
    x = record(quiet, TOKENS, HOOKS[:2])
    torch.testing.assert_close(x[HOOKS[0]], x[HOOKS[1]])  # layer 1 writes nothing
    eye, zero = torch.eye(16), torch.zeros(16)
    sae = SAE(eye, zero, eye, zero, "l1")
    rows = torch.arange(5)
    peaks = torch.full((5,), 6)
    latent = int(x[HOOKS[1]][rows, peaks].mean(0).argmax())
    examples = Examples(TOKENS, torch.ones_like(TOKENS, dtype=torch.bool), peaks)
    found = feature_causes(quiet, HOOKS[1], sae, latent, {HOOKS[0]: sae}, examples, candidates=None)
    first, *others = found.causes
    assert first.latent == latent
    assert found.share(first) == pytest.approx(1, abs=1e-4)
    assert first.cosine == pytest.approx(1)
    assert max(abs(cause.drop) for cause in others) < 1e-4


def test_a_tree_goes_down_layer_by_layer(model, saes, examples):
    latent = strong_latent(model, saes[HOOKS[2]], examples)
    tree = feature_tree(model, saes, latent, examples, breadth=2, candidates=10)
    assert tree.hooks == tuple(HOOKS[::-1])
    root = tree.nodes[0]
    assert (root.hook, root.latent) == (HOOKS[2], latent)
    direct = feature_causes(
        model,
        HOOKS[2],
        saes[HOOKS[2]],
        latent,
        {HOOKS[1]: saes[HOOKS[1]]},
        examples,
        candidates=10,
        keep=2,
    )
    assert [cause.key for cause in root.causes] == [cause.key for cause in direct.causes]
    assert {node.latent for node in tree.nodes[1:]} == {cause.latent for cause in root.causes}
    assert all(len(node.causes) == 2 for node in tree.nodes)
    # Each node is looked at where it is strongest, and so is active.
    assert all(node.activation > 0 for node in tree.nodes)


def test_top_rows_are_documents_cut_behind_the_last_peak():
    tokens = torch.tensor([[0, 4, 5, 6, 7], [0, 8, 9, 0, 0], [0, 3, 3, 3, 0]])
    counted = torch.tensor([[0, 1, 1, 1, 1], [0, 1, 1, 0, 0], [0, 1, 1, 1, 0]]).bool()
    x = torch.tensor([[1.0], [9.0], [0.0], [2.0], [3.0], [4.0], [0.0], [0.0], [0.0]])
    data = LabelledActivations(
        x,
        torch.ones(9, 1, dtype=torch.bool),
        ("all: all",),
        counted.nonzero()[:, 0],
        tokens[counted],
    )
    one = torch.ones(1, 1)
    sae = SAE(one, torch.zeros(1), one, torch.zeros(1), "l1")
    with pytest.raises(ValueError, match="documents in which feature 0 is active"):
        top_rows(latent_activity(sae, data), 0)
    object.__setattr__(data, "texts", SimpleNamespace(tokens=tokens, counted=counted))
    found = top_rows(latent_activity(sae, data), 0)
    assert found.tokens.tolist() == [[0, 4, 5], [0, 8, 9]]
    assert found.peaks.tolist() == [2, 2]
    assert found.counted.tolist() == [[False, True, True]] * 2
    assert len(top_rows(latent_activity(sae, data), 0, k=1).peaks) == 1


def test_cosines_of_other_widths_are_not_told(model, examples, saes):
    inside = "blocks.1.mlp.hook_post"
    found = feature_causes(
        model,
        HOOKS[2],
        saes[HOOKS[2]],
        strong_latent(model, saes[HOOKS[2]], examples),
        {inside: random_sae(9, d_in=64)},
        examples,
        candidates=3,
    )
    assert all(math.isnan(cause.cosine) for cause in found.causes)


def test_what_makes_no_sense_is_refused(model, saes, examples):
    target = saes[HOOKS[2]]
    with pytest.raises(ValueError, match="earlier hooks, got none"):
        feature_causes(model, HOOKS[2], target, 0, {}, examples)
    with pytest.raises(ValueError, match="features from 0 to 23"):
        feature_causes(model, HOOKS[2], target, 24, {HOOKS[0]: target}, examples)
    with pytest.raises(ValueError, match=r"come before blocks\.0\.hook_resid_post"):
        feature_causes(model, HOOKS[0], target, 0, {HOOKS[1]: target}, examples)
    with pytest.raises(ValueError, match="width 64"):
        feature_causes(model, HOOKS[2], target, 0, {HOOKS[0]: random_sae(1, 64)}, examples)
    with pytest.raises(ValueError, match="at least 2 layers, low to high"):
        feature_tree(model, dict(reversed(saes.items())), 0, examples)
    with pytest.raises(ValueError, match="at least 2 layers"):
        feature_tree(model, {HOOKS[0]: target}, 0, examples)
