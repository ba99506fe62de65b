"""The plain transformer says what its bridge says, whole and in pieces."""

import pytest
import torch
import transformer_lens.model_bridge.sources.native  # noqa: F401 - registers boot_native
from transformer_lens.config import TransformerBridgeConfig
from transformer_lens.model_bridge import TransformerBridge
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
)

from mi_course.activations import record
from mi_course.models.plain import plain
from mi_course.models.tokenizer import load_tokenizer

D_VOCAB, N_CTX = 30, 16
NATIVE = {
    "rotary": {},
    "learned positions": {"positional_embedding_type": "standard"},
    "RMS": {"normalization_type": "RMS"},
    "LN without scale": {"normalization_type": "LNPre"},
    "no norm": {"normalization_type": None},
    "attention only": {"attn_only": True},
    "both directions": {"attention_dir": "bidirectional"},
    "partial rotation": {"rotary_dim": 2, "rotary_base": 7},
    "gated": {"gated_mlp": True, "act_fn": "silu"},
    "shared keys": {"n_key_value_heads": 2},
    "scaled": {"attn_scale": 3.0},
    "RMS at the end": {"final_rms": True},
}


def native(**changes):
    shape = {"d_model": 16, "d_head": 4, "n_heads": 4, "n_layers": 2, "n_ctx": N_CTX}
    kind = {"normalization_type": "LN", "positional_embedding_type": "rotary", "act_fn": "gelu"}
    settings = {**shape, **kind, "d_vocab": D_VOCAB, "seed": 3, **changes}
    return disturbed(TransformerBridge.boot_native(TransformerBridgeConfig(**settings)))


def disturbed(model):
    """Give biases and scales values far from 0 and 1, so that forgetting one shows."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=generator)
    return model.eval()


def from_transformers(kind):
    shape = {"vocab_size": D_VOCAB, "num_hidden_layers": 2, "num_attention_heads": 4}
    wide = {"hidden_size": 16, "intermediate_size": 24, "max_position_embeddings": N_CTX}
    torch.manual_seed(0)
    name, network = {
        "gpt2": lambda: (
            "gpt2",
            GPT2LMHeadModel(
                GPT2Config(vocab_size=D_VOCAB, n_positions=N_CTX, n_embd=16, n_layer=2, n_head=4)
            ),
        ),
        "neox": lambda: (
            "EleutherAI/pythia-70m",
            GPTNeoXForCausalLM(GPTNeoXConfig(**shape, **wide)),
        ),
        "llama": lambda: (
            "meta-llama/Llama-2-7b-hf",
            LlamaForCausalLM(LlamaConfig(num_key_value_heads=2, **shape, **wide)),
        ),
    }[kind]()
    network = disturbed(network)
    tokenizer = load_tokenizer()
    return TransformerBridge.boot_transformers(name, hf_model=network, tokenizer=tokenizer).eval()


@pytest.fixture(scope="module")
def tokens():
    return torch.randint(D_VOCAB, (3, 10), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("kind", NATIVE)
def test_logits_are_those_of_a_native_bridge(kind, tokens):
    model = native(**NATIVE[kind])
    torch.testing.assert_close(plain(model).forward(tokens), model(tokens), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", ["gpt2", "neox", "llama"])
def test_logits_are_those_of_a_transformers_bridge(kind, tokens):
    model = from_transformers(kind)
    torch.testing.assert_close(plain(model).forward(tokens), model(tokens), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", ["gpt2", "neox"])
def test_a_bridge_in_half_precision_has_a_twin_in_single_with_the_same_weights(kind, tokens):
    model = from_transformers(kind).to(torch.bfloat16)
    twin = plain(model)
    rounded = model.to(torch.float32)
    torch.testing.assert_close(twin.forward(tokens), rounded(tokens), atol=1e-4, rtol=1e-4)


def test_compatibility_mode_is_reproduced_too(tokens):
    model = from_transformers("gpt2")
    model.enable_compatibility_mode()
    torch.testing.assert_close(plain(model).forward(tokens), model(tokens), atol=1e-4, rtol=1e-4)


def test_pieces_are_the_activations_of_the_hooks(tokens):
    bridge = native()
    model = plain(bridge)
    hooks = {name: f"blocks.1.attn.hook_{name}" for name in ("v", "z", "pattern")}
    seen = record(bridge, tokens, ["blocks.1.hook_resid_pre", *hooks.values()])
    q, k, v = model.qkv(1, seen["blocks.1.hook_resid_pre"])
    torch.testing.assert_close(v, seen[hooks["v"]], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(model.pattern(q, k), seen[hooks["pattern"]], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(model.attend(q, k, v), seen[hooks["z"]], atol=1e-5, rtol=1e-4)


@pytest.fixture(scope="module")
def model():
    return plain(native())


def stream(n=3, pos=10, seed=2):
    return torch.randn(n, pos, 16, generator=torch.Generator().manual_seed(seed))


def test_queries_at_some_positions_are_rows_of_all(model):
    x = stream()
    q, k, v = model.qkv(0, x)
    at = torch.tensor([3, 7])
    some = model.project(0, "q", x[:, at], at=at)
    torch.testing.assert_close(some, q[:, at])
    torch.testing.assert_close(model.attend(some, k, v, at=at), model.attend(q, k, v)[:, at])


def test_each_row_may_ask_for_a_position_of_its_own(model):
    x = stream()
    q, k, v = model.qkv(0, x)
    at = torch.tensor([[9], [0], [4]])
    rows = torch.arange(3)
    some = model.project(0, "q", x[rows[:, None], at], at=at)
    whole = model.attend(q, k, v)
    torch.testing.assert_close(model.attend(some, k, v, at=at)[:, 0], whole[rows, at[:, 0]])
    logits = model.logits(x)[rows, at[:, 0]]
    torch.testing.assert_close(model.logits(x, at=at[:, 0]), logits)


def test_heads_with_inputs_of_their_own_read_only_these(model):
    x, other = stream(), stream(seed=3)
    inputs = torch.stack([x, other, x, x], dim=2)
    for which in "qkv":
        mixed = model.project(1, which, inputs)
        torch.testing.assert_close(mixed[:, :, 0], model.project(1, which, x)[:, :, 0])
        torch.testing.assert_close(mixed[:, :, 1], model.project(1, which, other)[:, :, 1])


def test_chosen_heads_are_those_of_all(model):
    x = stream()
    torch.testing.assert_close(
        model.project(0, "k", x, heads=[3, 1]), model.project(0, "k", x)[:, :, [3, 1]]
    )
    z = model.attend(*model.qkv(0, x))
    torch.testing.assert_close(
        model.heads_out(0, z[:, :, [2]], heads=[2]), model.heads_out(0, z)[:, :, [2]]
    )


def test_heads_and_the_bias_add_up_to_what_attention_writes(model):
    z = model.attend(*model.qkv(0, stream()))
    whole = model.heads_out(0, z).sum(dim=2) + model.layers[0].b_O
    torch.testing.assert_close(model.attn_out(0, z), whole, atol=1e-5, rtol=1e-5)


def test_equal_scores_make_z_the_mean_of_the_values_up_to_the_query(model):
    v = torch.arange(4.0).reshape(1, 4, 1, 1).expand(1, 4, 4, 4)
    z = model.attend(torch.zeros_like(v), torch.zeros_like(v), v)
    torch.testing.assert_close(z[0, :, 0, 0], torch.tensor([0.0, 0.5, 1.0, 1.5]))


def test_parts_of_the_embedding_add_up(tokens):
    model = plain(native(positional_embedding_type="standard"))
    parts = model.embed_tokens(tokens) + model.embed_positions(10)
    torch.testing.assert_close(model.embed(tokens), parts)
    assert model.embed_positions(10).abs().max() > 0


def test_gradients_reach_the_residual_stream(model):
    x = stream().requires_grad_()
    model.logits(x + model.mlp(0, x)).sum().backward()
    assert x.grad.abs().sum() > 0


def test_a_model_that_does_something_else_is_refused():
    for dtype in (torch.float32, torch.bfloat16):
        with pytest.raises(ValueError, match="logits differ"):
            plain(native(attn_scores_soft_cap=1.0).to(dtype))


def test_an_unknown_nonlinearity_is_refused():
    with pytest.raises(ValueError, match="expected a transformer of the native kind"):
        plain(native(act_fn="solu_ln"))


def test_a_model_without_queries_keys_and_values_is_refused():
    model = native()
    del model.blocks[1].attn
    with pytest.raises(ValueError, match="expected a transformer of the native kind"):
        plain(model)
