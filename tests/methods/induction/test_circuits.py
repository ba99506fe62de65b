import pytest
import torch

from mi_course.activations import edit, record
from mi_course.methods.induction import (
    circuit_weights,
    full_ov_circuit,
    full_qk_circuit,
    token_matrix,
)
from mi_course.methods.induction.circuits import CircuitWeights

TOKENS = torch.randint(0, 50, (2, 8), generator=torch.Generator().manual_seed(4))


def test_ov_circuit_is_what_the_first_layer_writes_to_the_logits(rotary):
    """Attention to one token writes its row of the OV circuit, the last LayerNorm's scale aside."""
    weights, head = circuit_weights(rotary), (0, 2)
    to_first = {"blocks.0.attn.hook_pattern": lambda p: torch.eye(8)[0].expand_as(p).clone()}
    with torch.no_grad():
        name = "blocks.0.attn.hook_z"
        z = record(rotary, TOKENS, name, edits=to_first)[name][:, -1, 2]
        bias = rotary.b_V[head] + rotary.blocks[0].ln1.bias @ rotary.W_V[head]
        written = (z - bias) @ weights.W_O[head] @ weights.W_U
    torch.testing.assert_close(
        full_ov_circuit(weights, head).AB[TOKENS[:, 0]], written, rtol=1e-3, atol=1e-3
    )


def test_folding_keeps_what_the_final_norm_and_unembedding_say(model):
    weights = circuit_weights(model)
    last = record(model, TOKENS, ["ln_final.hook_normalized"])["ln_final.hook_normalized"]
    with torch.no_grad():
        offset = model.ln_final.bias @ model.W_U + model.b_U
        theirs = (model(TOKENS) - offset).log_softmax(-1)
        torch.testing.assert_close(
            (last @ weights.W_U).log_softmax(-1), theirs, rtol=1e-3, atol=1e-3
        )


def test_folded_queries_read_the_residual_stream_as_layer_norm_does(model):
    weights = circuit_weights(model)
    names = ["blocks.1.ln1.hook_normalized", "blocks.1.attn.hook_q"]
    normalised, q = record(model, TOKENS, names).values()
    with torch.no_grad():
        bias = model.b_Q[1] + torch.einsum("d,hdk->hk", model.blocks[1].ln1.bias, model.W_Q[1])
        ours = torch.einsum("bpd,hdk->bphk", normalised, weights.W_Q[1]) + bias
    torch.testing.assert_close(ours, q, rtol=1e-4, atol=1e-4)


def test_qk_circuit_is_query_times_key_when_biases_are_zero(fresh_rotary):
    with torch.no_grad():
        for name, parameter in fresh_rotary.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
    names = ["blocks.0.attn.hook_q", "blocks.0.attn.hook_k"]
    q, k = (found[:, :, 1] for found in record(fresh_rotary, TOKENS, names).values())
    circuit = full_qk_circuit(circuit_weights(fresh_rotary), (0, 1)).AB
    ours = circuit[TOKENS[:, :, None], TOKENS[:, None, :]]
    torch.testing.assert_close(ours, q @ k.mT, rtol=1e-3, atol=1e-3)


def test_circuits_of_several_heads_add_up(model):
    weights = circuit_weights(model)
    both = full_ov_circuit(weights, [(0, 1), (1, 3)])
    assert both.mdim == 8
    alone = full_ov_circuit(weights, (0, 1)).AB + full_ov_circuit(weights, (1, 3)).AB
    torch.testing.assert_close(both.AB, alone, rtol=1e-4, atol=1e-4)


def test_a_small_circuit_by_hand():
    eye = torch.eye(2)
    weights = CircuitWeights(
        W_E=torch.tensor([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]]),
        W_Q=torch.tensor([[[[1.0], [0.0]]]]),
        W_K=torch.tensor([[[[0.0], [3.0]]]]),
        W_V=torch.tensor([[[[1.0], [1.0]]]]),
        W_O=torch.tensor([[[[0.0, 5.0]]]]),
        W_U=torch.cat([eye, eye[:, :1]], dim=1),
    )
    ov = full_ov_circuit(weights, (0, 0)).AB
    assert ov.tolist() == [[0, 5, 0], [0, 10, 0], [0, 10, 0]]
    assert full_qk_circuit(weights, (0, 0)).AB.tolist() == [[0, 6, 3], [0, 0, 0], [0, 6, 3]]


def test_compatibility_mode_changes_no_circuit(fresh_rotary):
    model = fresh_rotary
    before = circuit_weights(model)
    model.enable_compatibility_mode()
    after = circuit_weights(model)
    for head in [(0, 0), (1, 3)]:
        for circuit in (full_ov_circuit, full_qk_circuit):
            torch.testing.assert_close(
                circuit(after, head).AB, circuit(before, head).AB, rtol=1e-3, atol=1e-3
            )


def test_a_part_of_a_circuit_has_its_tokens_as_labels(rotary):
    circuit = full_ov_circuit(circuit_weights(rotary), (1, 0))
    part = token_matrix(circuit, [4, 9], ["a", "b"], name="OV circuit of L1H0")
    torch.testing.assert_close(part.values, circuit.AB[[4, 9]][:, [4, 9]])
    assert part.rows == part.columns == ("a", "b")


def test_no_heads_make_no_circuit(rotary):
    with pytest.raises(ValueError, match="at least one head"):
        full_ov_circuit(circuit_weights(rotary), [])


def test_editing_through_the_bridge_still_works_after_reading_weights(rotary):
    circuit_weights(rotary)
    assert not torch.equal(edit(rotary, TOKENS, {"hook_embed": torch.zeros_like}), rotary(TOKENS))
