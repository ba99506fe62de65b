import pytest
import torch

from mi_course.activations import edit, record
from mi_course.methods.patching import patch_prompts, path_patch, sweep
from mi_course.methods.patching.hooked import HookedEngine
from mi_course.worlds.tasks import PromptPair


def held_by_hand(model, prompts, sender, receivers, *, frozen):
    """One sender, written out with hooks: [Wang22], figure 10, base clean and source corrupted."""
    n_layers = model.cfg.n_layers
    zs = [f"blocks.{i}.attn.hook_z" for i in range(n_layers)]
    mlps = [n for i in range(n_layers) for n in (f"blocks.{i}.mlp.hook_out",)]
    clean = record(model, prompts.clean, zs + mlps)
    other = record(model, prompts.corrupted, zs)
    layer, head = sender

    def hold(name):
        value = clean[name].clone()
        if name == zs[layer]:
            value[:, :, head] = other[name][:, :, head]
        return lambda _: value

    held = {name: hold(name) for name in zs + (mlps if frozen else [])}
    rows = torch.arange(len(prompts))
    if not receivers:
        return edit(model, prompts.clean, held)[rows, prompts.ends]
    kept = {}
    for at, index, which in receivers:
        name = f"blocks.{at}.attn.hook_{which}"
        kept.setdefault(name, []).append(index)
    seen = record(model, prompts.clean, kept, edits=held)

    def put(name):
        def change(old):
            new = old.clone()
            for index in kept[name]:
                new[:, :, index] = seen[name][:, :, index]
            return new

        return change

    return edit(model, prompts.clean, {n: put(n) for n in kept})[rows, prompts.ends]


def logit_diff(logits, prompts):
    rows = torch.arange(len(prompts))
    return logits[rows, prompts.answers[:, 0]] - logits[rows, prompts.wrongs[:, 0]]


@pytest.mark.parametrize("mlps", ["recomputed", "frozen"])
@pytest.mark.parametrize("names", [("logits",), ("L1H0.q", "L1H2.k"), ("L1H3.v",)])
def test_a_path_equals_the_two_runs_written_out(any_model, pairs, names, mlps):
    prompts = patch_prompts(any_model, pairs)
    grid = path_patch(any_model, prompts, names, mlps=mlps, metric="raw_logit_diff", chunk=7)
    receivers = [] if names == ("logits",) else [(1, int(n[3]), n[5]) for n in names]
    for sender in ((0, 1), (0, 3), (1, 0)):
        expected = held_by_hand(any_model, prompts, sender, receivers, frozen=mlps == "frozen")
        # Logits of a trained model reach 20: rounding in single precision.
        torch.testing.assert_close(
            grid.by_prompt[sender], logit_diff(expected, prompts), atol=2e-4, rtol=1e-5
        )
    # Something moved that could have been wrong.
    assert (grid.by_prompt - grid.clean).abs().max() > 2e-3
    assert grid.method == f"path patching to {' '.join(names)} (MLPs {mlps})"


def test_a_sender_behind_its_receivers_tells_them_nothing(town, pairs):
    grid = path_patch(town, pairs, ("L2H1.q", "L1H0.v"))
    torch.testing.assert_close(grid.values[2:], torch.ones(2, 8), atol=1e-6, rtol=0)
    assert (grid.values[0] - 1).abs().max() > 1e-3


def test_receivers_of_several_layers_and_prompts_of_several_lengths(town, mixed):
    prompts = patch_prompts(town, mixed)
    names = ("L1H1.k", "L2H1.q", "L3H0.v", "L2H1.k")
    grid = path_patch(town, mixed, names, metric="raw_logit_diff")
    receivers = [(int(n[1]), int(n[3]), n[5]) for n in names]
    for sender in ((0, 1), (1, 5)):
        expected = held_by_hand(town, prompts, sender, receivers, frozen=False)
        torch.testing.assert_close(
            grid.by_prompt[sender], logit_diff(expected, prompts), atol=2e-4, rtol=1e-5
        )


def test_a_place_holds_the_sender_elsewhere(town, pairs):
    whole = path_patch(town, pairs).values
    end = path_patch(town, pairs, place="end").values
    # Only what stands at the end is read by the logits, if MLPs and heads move nothing between.
    torch.testing.assert_close(end, whole, atol=1e-5, rtol=0)
    nothing = path_patch(town, pairs, place="s1").values
    torch.testing.assert_close(nothing, torch.ones_like(nothing), atol=1e-6, rtol=0)


@pytest.fixture
def induction():
    """Pairs "... A B ... A" whose corrupted twin has another token before B."""
    pairs = []
    for a, b, x in ((7, 8, 9), (11, 3, 12), (20, 21, 5)):
        clean, corrupted = (1, a, b, 2, 4, a), (1, x, b, 2, 4, a)
        pairs.append(PromptPair("", "", "", "", {"end": 5}, clean, corrupted, (b,), (x,)))
    return pairs


def test_the_planted_path_is_the_only_one(planted, induction):
    """L0H1 notes what stood before, and L1H0 finds the note by its keys; nothing else reads it."""
    through = path_patch(planted, induction, ("L1H0.k",))
    # Without its note all 6 values weigh the same: a sixth is left for B, nothing for the other.
    assert through.of("L0H1") == pytest.approx(1 / 6, abs=1e-4)
    assert through.certain() == ("L0H1",)
    for other in ("L1H0.q", "L1H0.v", "L1H2.k", "logits"):
        found = path_patch(planted, induction, (other,))
        assert found.of("L0H1") == pytest.approx(1, abs=1e-4), other
    assert path_patch(planted, induction).of("L1H0") == pytest.approx(0, abs=1e-4)


def test_all_direct_paths_add_up_where_the_stream_is_read_as_it_is(planted, induction):
    grid = path_patch(planted, induction, metric="raw_logit_diff")
    moved = (grid.by_prompt - grid.clean).sum((0, 1))
    # The last token is the same, so all of the difference comes through heads.
    torch.testing.assert_close(moved, grid.corrupted - grid.clean, atol=1e-4, rtol=1e-4)


def test_keys_that_heads_share_receive_nothing(town, pairs, monkeypatch):
    class Shared(HookedEngine):
        def n_units(self, site, layer):
            return 2 if site in "kv" else super().n_units(site, layer)

    monkeypatch.setattr(sweep, "HookedEngine", Shared)
    monkeypatch.setattr(town.cfg, "n_key_value_heads", 2, raising=False)
    with pytest.raises(ValueError, match=r"with k of their own, got L2H1\.k .* try queries"):
        path_patch(town, pairs, ("L2H1.k",))
    assert path_patch(town, pairs, ("L2H1.q",)).values.isfinite().all()


def test_what_cannot_receive_is_refused(town, pairs):
    for names in (("L2H8.q",), ("L4H0.q",), ("L2H1",), ("logits", "L2H1.q"), ("L2H1.z",)):
        with pytest.raises(ValueError, match="expected receivers such as"):
            path_patch(town, pairs, names)
    with pytest.raises(ValueError, match="at least one receiver"):
        path_patch(town, pairs, ())
    with pytest.raises(ValueError, match="MLPs among"):
        path_patch(town, pairs, mlps="free")
    with pytest.raises(ValueError, match="places among"):
        path_patch(town, pairs, place="s3")


def test_shared_values_are_refused_among_receivers_that_share_nothing(loud_models, pairs):
    with pytest.raises(ValueError, match=r"with v of their own, got L1H1\.v"):
        path_patch(loud_models["llama"], pairs, ("L1H1.q", "L1H1.v"))
