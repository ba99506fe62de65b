"""Checkpoints of the true sizes of GPT-2 small and Pythia-70M, with random weights.

No network is needed: the weights are drawn, and the tokenizer is the town's, filled up with tokens
that no text contains until it has as many as the real one.
"""

import json
from pathlib import Path

import torch
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from mi_course.models.tokenizer import load_tokenizer

NAMES = {"gpt2": "openai-community/gpt2", "pythia-70m": "EleutherAI/pythia-70m"}
PARAMETERS = {"gpt2": 124_439_808, "pythia-70m": 70_426_624}
VOCABULARY = {"gpt2": 50257, "pythia-70m": 50304}
SPECIAL = {"bos_token_id": 0, "eos_token_id": 0}  # in the town's tokenizer


def config(name: str) -> GPT2Config | GPTNeoXConfig:
    """What the published configuration file says, but for the ids of special tokens."""
    if name == "gpt2":
        return GPT2Config(vocab_size=VOCABULARY[name], **SPECIAL)
    return GPTNeoXConfig(
        vocab_size=VOCABULARY[name],
        hidden_size=512,
        num_hidden_layers=6,
        num_attention_heads=8,
        intermediate_size=2048,
        max_position_embeddings=2048,
        rotary_pct=0.25,
        use_parallel_residual=True,
        **SPECIAL,
    )


def module(name: str) -> PreTrainedModel:
    """The network with random weights, the same at each call."""
    torch.manual_seed(0)
    return {"gpt2": GPT2LMHeadModel, "pythia-70m": GPTNeoXForCausalLM}[name](config(name))


def checkpoint(name: str, folder: Path) -> str:
    """A folder as `transformers` writes it: 0.5 GB for GPT-2 small, 0.3 GB for Pythia-70M."""
    if not (folder / "tokenizer.json").exists():
        module(name).save_pretrained(folder)
        tokenizer(VOCABULARY[name], folder)
    return str(folder)


def tokenizer(size: int, folder: Path) -> PreTrainedTokenizerFast:
    """Write the town's tokenizer with `size` tokens, and read it again."""
    load_tokenizer().save_pretrained(folder)
    file = folder / "tokenizer.json"
    made = json.loads(file.read_text(encoding="utf-8"))
    vocabulary = made["model"]["vocab"]
    missing = range(len(vocabulary), size)
    # With a capital inside, no text of the course holds them; `Ġ` is how BPE writes a space.
    vocabulary |= {f"ĠneverSeen{token}": token for token in missing}
    file.write_text(json.dumps(made, ensure_ascii=False), encoding="utf-8")
    return PreTrainedTokenizerFast.from_pretrained(folder)
