import pytest
import torch
from transformer_lens import FactoredMatrix

from mi_course.methods.induction import (
    circuit_weights,
    copying_accuracy,
    copying_score,
    copying_scores,
    full_ov_circuit,
)
from mi_course.methods.induction import copying as copying_module
from mi_course.methods.induction.copying import ov_circuits


def test_identity_copies_its_negative_does_not_and_a_rotation_neither():
    eye, turn = torch.eye(4), torch.eye(4).roll(1, dims=0)
    assert copying_score(FactoredMatrix(eye, eye)).item() == pytest.approx(1)
    assert copying_score(FactoredMatrix(eye, -eye)).item() == pytest.approx(-1)
    assert copying_score(FactoredMatrix(eye, turn)).item() == pytest.approx(0, abs=1e-6)


def test_a_head_that_writes_nothing_does_not_copy():
    nothing = FactoredMatrix(torch.randn(5, 2), torch.zeros(2, 5))
    assert copying_score(nothing) == 0
    assert copying_accuracy(nothing, k=4) == 0


def test_small_eigenvalues_are_those_of_the_whole_circuit(model):
    weights = circuit_weights(model)
    scores = copying_scores(weights)
    for layer in range(model.cfg.n_layers):
        for head in range(model.cfg.n_heads):
            whole = torch.linalg.eigvals(full_ov_circuit(weights, (layer, head)).AB.double())
            expected = (whole.sum().real / whole.abs().sum()).item()
            # Single against double precision, and forty zeros that are not quite zero.
            assert scores.values[layer, head].item() == pytest.approx(expected, abs=2e-3)


def test_accuracy_counts_rows_by_hand():
    values = torch.tensor([[3.0, 1.0, 2.0], [9.0, 8.0, 7.0], [1.0, 2.0, 0.0]])
    circuit = FactoredMatrix(torch.eye(3), values)
    assert copying_accuracy(circuit).item() == pytest.approx(1 / 3)
    assert copying_accuracy(circuit, k=2).item() == pytest.approx(2 / 3)
    assert copying_accuracy(circuit, k=2, token_ids=torch.tensor([1, 2])).item() == 0.5


def test_of_a_large_vocabulary_evenly_spread_tokens_stand_for_all(monkeypatch):
    monkeypatch.setattr(copying_module, "MOST_ROWS", 4)
    turn = torch.arange(10) * torch.pi / 5
    circle = torch.stack([turn.cos(), turn.sin()], dim=1)
    only_late = circle * (torch.arange(10) >= 5)[:, None]
    # Looked at are 0, 2, 5 and 7, of which the last two copy.
    assert copying_accuracy(FactoredMatrix(only_late, circle.T)) == 0.5
    assert copying_accuracy(FactoredMatrix(only_late, circle.T), token_ids=torch.arange(6)) == 1 / 6


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_all_heads_in_chunks_agree_with_sorting_each(model, chunk):
    weights = circuit_weights(model)
    fast = copying_accuracy(ov_circuits(weights), k=5, chunk=chunk)
    for layer in range(model.cfg.n_layers):
        for head in range(model.cfg.n_heads):
            best = full_ov_circuit(weights, (layer, head)).AB.topk(5, dim=1).indices
            expected = (best == torch.arange(50)[:, None]).any(dim=1).float().mean()
            torch.testing.assert_close(fast[layer, head], expected)


def test_the_planted_induction_head_copies_and_the_decoy_does_not(planted):
    weights = circuit_weights(planted)
    expected = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    torch.testing.assert_close(copying_scores(weights).values, expected, rtol=0, atol=1e-4)
    assert torch.equal(copying_accuracy(ov_circuits(weights)), expected)
