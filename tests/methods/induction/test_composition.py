import pytest
import torch

from mi_course.methods.induction import (
    circuit_weights,
    composition_scores,
    random_composition,
)


def slow(weights, kind, first, later):
    """The definition with whole d_model x d_model matrices."""
    writes = weights.W_V[first] @ weights.W_O[first]
    reads = {
        "Q": weights.W_Q[later] @ weights.W_K[later].T,
        "K": weights.W_K[later] @ weights.W_Q[later].T,
        "V": weights.W_V[later] @ weights.W_O[later],
    }[kind]
    return (writes @ reads).norm() / (writes.norm() * reads.norm())


@pytest.mark.parametrize("kind", ["Q", "K", "V"])
def test_fast_norms_agree_with_whole_matrices(model, kind):
    weights = circuit_weights(model)
    values = composition_scores(weights, kind).values
    for place in (~values.isnan()).nonzero().tolist():
        expected = slow(weights, kind, tuple(place[:2]), tuple(place[2:]))
        torch.testing.assert_close(values[tuple(place)], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["Q", "K", "V"])
def test_scores_agree_with_the_library_where_there_is_no_norm_to_fold(planted, kind):
    theirs = planted.all_composition_scores(kind).scores
    ours = composition_scores(circuit_weights(planted), kind).values.nan_to_num(0)
    torch.testing.assert_close(ours, theirs.nan_to_num(0).detach(), rtol=1e-4, atol=1e-5)


def test_only_later_layers_are_composed_with(model):
    values = composition_scores(circuit_weights(model)).values
    n_layers, n_heads = model.cfg.n_layers, model.cfg.n_heads
    assert int((~values.isnan()).sum()) == n_heads**2 * n_layers * (n_layers - 1) // 2
    assert values[1, :, 0].isnan().all()


def test_rescaling_a_head_does_not_change_its_composition(model):
    weights = circuit_weights(model)
    before = composition_scores(weights).values[0, 1, 1, 2].clone()
    weights.W_O[0, 1] *= 7
    weights.W_Q[1, 2] *= 0.2
    torch.testing.assert_close(composition_scores(weights).values[0, 1, 1, 2], before)


def test_the_planted_pair_composes_through_keys_only(planted):
    weights = circuit_weights(planted)
    through_keys = composition_scores(weights, "K")
    assert {pair[:4] for pair in through_keys.top(2)} == {(0, 1, 1, 0), (0, 1, 1, 2)}
    assert through_keys.top()[0][4] > 1.9 * through_keys.baseline
    assert composition_scores(weights, "Q").values.nan_to_num(0).max() < 1e-6


def test_chance_is_about_one_over_the_root_of_the_width():
    mean, deviation = random_composition(256, 16)
    assert mean == pytest.approx(256**-0.5, rel=0.1)
    assert deviation < mean / 5
    assert random_composition(256, 16) == (mean, deviation)


def test_an_unknown_kind_is_refused(rotary):
    with pytest.raises(ValueError, match='expected kind "Q", "K" or "V"'):
        composition_scores(circuit_weights(rotary), "k")
