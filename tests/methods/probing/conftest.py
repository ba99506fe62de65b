"""Random-weight models of three architectures that read the town's documents."""

import pytest
import torch
from transformer_lens.model_bridge import TransformerBridge
from transformers import GPT2Config, GPT2LMHeadModel, GPTNeoXConfig, GPTNeoXForCausalLM

from mi_course.models import load
from mi_course.models.tokenizer import load_tokenizer


@pytest.fixture(scope="session")
def town():
    return load("town", device="cpu")


@pytest.fixture(scope="session")
def other_models():
    tokenizer = load_tokenizer()
    torch.manual_seed(0)
    gpt2 = GPT2LMHeadModel(
        GPT2Config(vocab_size=len(tokenizer), n_positions=64, n_embd=16, n_layer=2, n_head=4)
    )
    neox = GPTNeoXForCausalLM(
        GPTNeoXConfig(
            vocab_size=len(tokenizer),
            max_position_embeddings=64,
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=48,
        )
    )
    boot = TransformerBridge.boot_transformers
    return {
        "gpt2": boot("gpt2", hf_model=gpt2, tokenizer=tokenizer).eval(),
        "neox": boot("EleutherAI/pythia-70m", hf_model=neox, tokenizer=tokenizer).eval(),
    }


@pytest.fixture(scope="session")
def gaussian():
    """Two layers of 300 correlated examples, and three features of which one is rare."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 300, 12, generator=generator) @ torch.randn(2, 12, 12, generator=generator)
    noise = torch.randn(300, 3, generator=generator)
    score = x[0] @ torch.randn(12, 3, generator=generator) + 3 * noise
    return x + 1.5, score > torch.tensor([0.0, -2.0, 6.0])
