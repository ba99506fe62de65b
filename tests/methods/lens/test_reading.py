import copy

import pytest
import torch

from mi_course.activations import record
from mi_course.methods.lens import points_of, stream, unembed
from mi_course.methods.lens.reading import HOOKS, answered_at, hooks_of


def test_a_planted_answer_is_read_by_hand(planted):
    # W_U reads the last 50 entries of the stream, one for each token, and there is no LayerNorm.
    resid = torch.zeros(1, planted.cfg.d_model)
    resid[0, -50 + 7] = 3
    expected = torch.zeros(50)
    expected[7] = 3
    torch.testing.assert_close(unembed(planted, resid)[0], expected)


def test_the_last_point_says_what_the_model_says(reader, tokens):
    _, read, final = stream(reader, tokens)
    logits = reader(tokens)
    # Rounding only: the same two modules on the same numbers.
    torch.testing.assert_close(unembed(reader, final), logits, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(read[-1], final)


def test_layernorm_is_applied_once_and_only_once(reader, tokens):
    _, _, final = stream(reader, tokens)
    twice = unembed(reader, reader.ln_final(final))
    assert (twice - reader(tokens)).abs().max() > 0.1


def test_leading_axes_are_kept(reader):
    resid = torch.randn(2, 3, 4, reader.cfg.d_model, generator=torch.Generator().manual_seed(0))
    logits = unembed(reader, resid)
    assert logits.shape == (2, 3, 4, 50)
    torch.testing.assert_close(logits[1, 2, 3], unembed(reader, resid[1, 2, 3]), atol=1e-5, rtol=0)


def test_the_stream_is_what_was_below_plus_what_the_layer_wrote(reader, tokens):
    points, read, _ = stream(reader, tokens)
    assert points[0] == "embedding"
    assert points[-1] == f"after layer {reader.cfg.n_layers - 1}"
    parts = [
        stream(reader, tokens, hook)[1] for hook in ("attn_out", "mlp_out") if hook in here(reader)
    ]
    torch.testing.assert_close(read[:-1] + sum(parts), read[1:], atol=1e-5, rtol=1e-5)


def here(model):
    return set(hooks_of(model)) - ({"mlp_out"} if model.cfg.attn_only else set())


def test_the_stream_before_a_layer_is_the_one_after_the_layer_below(reader, tokens):
    _, after, _ = stream(reader, tokens, "resid_post")
    _, before, _ = stream(reader, tokens, "hook_resid_pre")
    torch.testing.assert_close(before, after[:-1])


def test_batches_change_nothing(reader, tokens):
    _, whole, final = stream(reader, tokens)
    _, parts, end = stream(reader, tokens, batch_size=2)
    torch.testing.assert_close(whole, parts, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(final, end, atol=1e-5, rtol=1e-5)


def test_a_parallel_block_has_no_point_inside(neox, gpt2):
    assert list(hooks_of(gpt2)) == list(HOOKS)
    assert "resid_mid" not in hooks_of(neox)
    assert points_of(neox, "mlp_out")["MLP 1"].startswith("blocks.1.")
    with pytest.raises(ValueError, match="of this model, got 'resid_mid', try"):
        points_of(neox, "resid_mid")


def test_half_precision_is_read_in_single_precision(rotary, tokens):
    model = copy.deepcopy(rotary).to(torch.bfloat16)
    resid = record(model, tokens, "blocks.1.hook_resid_post")["blocks.1.hook_resid_post"]
    read = unembed(model, resid)
    assert torch.equal(unembed(model, resid.float()), read)
    assert read.dtype == torch.float32
    normalised = model.ln_final(resid)
    exact = normalised.double() @ model.W_U.double() + model.b_U.double()
    torch.testing.assert_close(read.double(), exact, rtol=1e-5, atol=1e-5)
    rounded = model.unembed(normalised).double()  # what the model says itself
    assert (rounded - exact).abs().max() > 100 * (read - exact).abs().max()


def test_what_cannot_be_read_is_refused_in_words(rotary, tokens):
    with pytest.raises(ValueError, match="empty text, try one with a word"):
        stream(rotary, tokens[:, :0])
    with pytest.raises(ValueError, match=r"text from 0 to 49, got 0 to 50"):
        stream(rotary, torch.tensor([[0, 50]]))
    with pytest.raises(ValueError, match=r"expected a hook among resid_pre.*got 'resid', try"):
        stream(rotary, tokens, "resid")
    with pytest.raises(ValueError, match="width 16, got"):
        unembed(rotary, torch.zeros(2, 4))


@pytest.mark.parametrize("positions", [[0, 1], [0, 1, 9], [0, -10, 0]])
def test_positions_outside_the_prompts_are_refused(tokens, positions):
    with pytest.raises(ValueError, match="position below 9 for each of 3 prompts"):
        answered_at(tokens, torch.tensor(positions))
