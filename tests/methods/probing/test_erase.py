import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from mi_course.activations import edit, record
from mi_course.methods import probing

RESID = "blocks.0.hook_resid_post"


def test_a_direction_is_projected_out_by_hand():
    x = torch.tensor([[3.0, 4.0], [1.0, -2.0]])
    erased = probing.erase_direction(x, torch.tensor([0.0, 5.0]))
    torch.testing.assert_close(erased, torch.tensor([[3.0, 0.0], [1.0, 0.0]]))
    kept = probing.erase_direction(x, torch.tensor([0.0, -1.0]), mean=torch.tensor([9.0, 1.0]))
    torch.testing.assert_close(kept, torch.tensor([[3.0, 1.0], [1.0, 1.0]]))


def test_erasing_a_direction_twice_is_erasing_it_once(gaussian):
    x, direction = gaussian[0], torch.arange(12.0)
    once = probing.erase_direction(x, direction)
    torch.testing.assert_close(probing.erase_direction(once, direction), once)
    assert (once @ direction).abs().max() < 1e-3  # single precision of sums of about 1000
    assert x.equal(gaussian[0])


def test_no_linear_probe_reads_an_erased_label(gaussian):
    x, y = gaussian[0][0].double(), gaussian[1]
    erased = probing.least_squares_erasure(x, y)(x)
    for label in y.T:
        first = LogisticRegression(C=1e3, max_iter=2000).fit(x, label)
        probe = LogisticRegression(C=1e3, max_iter=2000, tol=1e-9).fit(erased, label)
        constant = max(label.float().mean().item(), 1 - label.float().mean().item())
        assert first.score(x, label) > constant + 0.02
        assert np.abs(probe.coef_).max() < 0.03 * np.abs(first.coef_).max()
        assert probe.score(erased, label) == pytest.approx(constant)


def test_one_direction_is_not_enough_where_several_tell_the_label(gaussian):
    x, label = gaussian[0][0].double(), gaussian[1][:, 0]
    first = LogisticRegression(C=1e3, max_iter=2000).fit(x, label)
    without = probing.erase_direction(x, torch.tensor(first.coef_[0]))
    again = LogisticRegression(C=1e3, max_iter=2000).fit(without, label)
    constant = max(label.double().mean(), 1 - label.double().mean())
    assert again.score(without, label) > constant + 0.02


def test_erasure_is_the_published_closed_form(gaussian):
    x, y = gaussian[0][0].double().numpy(), gaussian[1].double().numpy()
    centred = x - x.mean(0)
    values, vectors = np.linalg.eigh(centred.T @ centred / len(x))
    W = vectors @ np.diag(values**-0.5) @ vectors.T
    cross = W @ (centred.T @ (y - y.mean(0)) / len(x))
    P = cross @ np.linalg.pinv(cross)
    expected = x - centred @ (np.linalg.inv(W) @ P @ W).T
    found = probing.least_squares_erasure(torch.tensor(x), torch.tensor(y))
    assert found.rank == 3
    np.testing.assert_allclose(found(torch.tensor(x)).numpy(), expected, atol=1e-9)


def test_erasure_changes_less_than_another_projection_that_hides_the_label(gaussian):
    x, y = gaussian[0][0].double(), gaussian[1][:, :1]
    gap = x[y[:, 0]].mean(0) - x[~y[:, 0]].mean(0)
    orthogonal = probing.erase_direction(x, gap, mean=x.mean(0))
    least = probing.least_squares_erasure(x, y)(x)
    assert (orthogonal[y[:, 0]].mean(0) - orthogonal[~y[:, 0]].mean(0)).norm() < 1e-9
    assert (least - x).square().sum() < (orthogonal - x).square().sum()


def test_constant_neurons_and_repeated_labels_do_no_harm(gaussian):
    x, y = gaussian[0][0], gaussian[1][:, :1]
    padded = torch.cat([x, torch.ones(len(x), 2), x[:, :1]], dim=1)
    erasure = probing.least_squares_erasure(padded, torch.cat([y, y], dim=1))
    assert erasure.rank == 1
    erased = erasure(padded)
    assert (erased[y[:, 0]].mean(0) - erased[~y[:, 0]].mean(0)).abs().max() < 1e-4


def test_an_erasure_is_an_edit_and_can_be_kept_to_some_positions(model):
    tokens = torch.randint(50, (6, 9), generator=torch.Generator().manual_seed(0))
    clean = record(model, tokens, RESID)[RESID]
    erasure = probing.least_squares_erasure(clean.flatten(end_dim=1), (tokens > 25).view(-1, 1))
    here = torch.arange(9) == 4
    seen = record(model, tokens, RESID, edits={RESID: probing.where(here, erasure)})[RESID]
    assert seen[:, ~here].equal(clean[:, ~here])
    assert not seen[:, here].allclose(clean[:, here])
    logits, changed = edit(model, tokens, {}), edit(model, tokens, {RESID: erasure})
    assert changed.isfinite().all()
    assert not changed.allclose(logits, atol=1e-3)


def test_unusable_directions_and_labels_are_refused(gaussian):
    x, y = gaussian[0][0], gaussian[1]
    with pytest.raises(ValueError, match="width 12"):
        probing.erase_direction(x, torch.ones(3))
    with pytest.raises(ValueError, match="length above 0"):
        probing.erase_direction(x, torch.zeros(12))
    with pytest.raises(ValueError, match="one class"):
        probing.least_squares_erasure(x, torch.ones_like(y))
    with pytest.raises(ValueError, match="label for each of 300"):
        probing.least_squares_erasure(x, y[:5])
    with pytest.raises(ValueError, match="finite"):
        probing.least_squares_erasure(x.log(), y)


def test_a_loud_dimension_hides_no_quiet_one():
    generator = torch.Generator().manual_seed(0)
    y = torch.rand(1000, generator=generator) < 0.5
    x = torch.randn(1000, 5, generator=generator)
    x[:, 0] *= 3000
    x[:, 1] = x[:, 1] / 2 + y
    left = probing.least_squares_erasure(x, y)(x.double())
    assert (left[y].mean(0) - left[~y].mean(0))[1:].abs().max() < 1e-6


def test_constant_activations_are_refused():
    with pytest.raises(ValueError, match="activations that differ"):
        probing.least_squares_erasure(torch.ones(6, 3), torch.arange(6) < 3)
