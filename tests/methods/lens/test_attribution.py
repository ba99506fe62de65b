import pytest
import torch

from mi_course.activations import record
from mi_course.methods.induction import repeated_tokens
from mi_course.methods.lens import direct_logit_attribution, stream, unembed
from mi_course.metrics import logit_diff

ANSWERS, RIVALS = torch.tensor([3, 9, 27]), torch.tensor([4, 1, 40])


def frozen_difference(model, resid, scale):
    """The logit difference with the final LayerNorm's scale given, not computed."""
    normal = (resid - resid.mean(dim=-1, keepdim=True)) / scale
    logits = model.unembed(normal * model.ln_final.weight + model.ln_final.bias)
    return logit_diff(logits, ANSWERS, RIVALS)


def test_parts_add_up_to_the_logit_difference_with_the_scale_of_layernorm_frozen(reader, tokens):
    found = direct_logit_attribution(reader, tokens, ANSWERS, RIVALS)
    expected = logit_diff(reader(tokens)[:, -1], ANSWERS, RIVALS)
    torch.testing.assert_close(found.total, expected, atol=1e-4, rtol=1e-4)
    # The scale is that of the run, so the sum is exact but for rounding.
    assert found.error() < 1e-4
    assert found.values.abs().max() > 0.1


def test_each_part_agrees_with_autograd_when_the_scale_is_detached(reader, tokens):
    found = direct_logit_attribution(reader, tokens, ANSWERS, RIVALS)
    end = stream(reader, tokens)[2][:, -1].requires_grad_()
    scale = (end.var(dim=-1, keepdim=True, unbiased=False) + reader.cfg.eps).sqrt().detach()
    (gradient,) = torch.autograd.grad(frozen_difference(reader, end, scale).sum(), end)
    for layer in range(reader.cfg.n_layers):
        name = f"blocks.{layer}.attn.hook_z"
        z = record(reader, tokens, name)[name][:, -1]
        for head in range(reader.cfg.n_heads):
            wrote = z[:, head] @ reader.blocks[layer].attn.W_O[head]
            gradient_times_part = (wrote * gradient).sum(dim=-1)
            mine = found.values[found.parts.index(f"L{layer}H{head}")]
            torch.testing.assert_close(mine, gradient_times_part, atol=1e-5, rtol=1e-4)
    embedding = stream(reader, tokens)[1][0][:, -1]
    torch.testing.assert_close(
        found.values[0], (embedding * gradient).sum(dim=-1), atol=1e-5, rtol=1e-4
    )


def test_a_gradient_through_the_scale_would_be_another_number(reader, tokens):
    end = stream(reader, tokens)[2][:, -1].requires_grad_()
    difference = logit_diff(unembed(reader, end), ANSWERS, RIVALS).sum()
    (gradient,) = torch.autograd.grad(difference, end)
    through = (end.detach() * gradient).sum(dim=-1)
    found = direct_logit_attribution(reader, tokens, ANSWERS, RIVALS)
    assert (through - found.values[:-1].sum(dim=0)).abs().max() > 0.1


def test_the_planted_answer_is_written_by_the_induction_head_alone(planted):
    tokens = repeated_tokens(1, 10, 50, bos=0)[:, :15]
    answer, rival = tokens[:, 5], tokens[:, 2]  # position 14 repeats position 4
    found = direct_logit_attribution(planted, tokens, answer, rival)
    # W_O writes 20 times what is attended to, and attention is almost all on one place.
    assert found.top(1)[0][0] == "L1H0"
    assert found.of("L1H0") == pytest.approx(20, abs=0.5)
    assert sum(abs(value) for name, value in found.top(99) if name != "L1H0") < 1e-4


def test_positions_say_where_each_prompt_is_answered(reader, tokens):
    positions = torch.tensor([8, 2, -4])
    found = direct_logit_attribution(reader, tokens, ANSWERS, RIVALS, positions=positions)
    for row, stop in enumerate((9, 3, 6)):
        one = slice(row, row + 1)
        cut = tokens[one, :stop]
        alone = direct_logit_attribution(reader, cut, ANSWERS[one], RIVALS[one])
        torch.testing.assert_close(found.values[:, one], alone.values, atol=1e-4, rtol=1e-3)


def test_batches_change_nothing(reader, tokens):
    whole = direct_logit_attribution(reader, tokens, ANSWERS, RIVALS)
    parts = direct_logit_attribution(reader, tokens, ANSWERS, RIVALS, batch_size=2)
    torch.testing.assert_close(whole.values, parts.values, atol=1e-4, rtol=1e-4)


def test_swapping_answer_and_rival_swaps_every_sign(reader, tokens):
    there = direct_logit_attribution(reader, tokens, ANSWERS, RIVALS)
    back = direct_logit_attribution(reader, tokens, RIVALS, ANSWERS)
    torch.testing.assert_close(there.values, -back.values, atol=1e-5, rtol=1e-5)


def test_a_stream_with_other_writers_is_refused_and_not_explained_wrongly(rotary, tokens):
    def write(resid, hook):
        return resid + 50 * torch.arange(resid.shape[-1])

    hooks = [("blocks.1.hook_resid_post", write)]
    with rotary.hooks(fwd_hooks=hooks), pytest.raises(ValueError, match="none of them wrote"):
        direct_logit_attribution(rotary, tokens, ANSWERS, RIVALS)


def test_wrong_numbers_of_answers_and_unknown_tokens_are_refused(rotary, tokens):
    with pytest.raises(ValueError, match=r"each prompt \(3\), got 2 and 3"):
        direct_logit_attribution(rotary, tokens, ANSWERS[:2], RIVALS)
    with pytest.raises(ValueError, match="token ids of the rivals from 0 to 49, got 51 to 90"):
        direct_logit_attribution(rotary, tokens, ANSWERS, RIVALS + 50)
    with pytest.raises(ValueError, match="empty prompts"):
        direct_logit_attribution(rotary, tokens[:, :0], ANSWERS, RIVALS)
    with pytest.raises(ValueError, match="position below 9"):
        positions = torch.tensor([0, 0, 9])
        direct_logit_attribution(rotary, tokens, ANSWERS, RIVALS, positions=positions)
