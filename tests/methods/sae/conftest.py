"""The trained model, and one of another architecture with random weights that reads its texts."""

import pytest
import torch
from transformer_lens.model_bridge import TransformerBridge
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

from mi_course.models import load
from mi_course.models.tokenizer import load_tokenizer


@pytest.fixture(scope="session")
def town():
    return load("town", device="cpu")


@pytest.fixture(scope="session")
def random_neox():
    tokenizer = load_tokenizer()
    torch.manual_seed(0)
    network = GPTNeoXForCausalLM(
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
    name = "EleutherAI/pythia-70m"
    return boot(name, hf_model=network, tokenizer=tokenizer, device="cpu").eval()
