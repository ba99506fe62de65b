"""Checkpoints of real architectures with random weights, and a chapter run on one of them."""

from pathlib import Path

import pytest
import torch
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    PreTrainedModel,
)

from mi_course.grading.notebooks.source import read_chapter
from mi_course.models.tokenizer import load_tokenizer

# Methods meet both in their own tests; a whole chapter meets the second in `make test-all`.
ARCHITECTURES = ["gpt2", pytest.param("gpt_neox", marks=pytest.mark.slow)]
N_LAYERS = {"gpt2": 3, "gpt_neox": 2}


def checkpoint(architecture: str, folder: Path) -> str:
    """A folder as `transformers` writes it, with random weights and the town's tokenizer."""
    torch.manual_seed(0)
    tokenizer = load_tokenizer()
    vocabulary = {"vocab_size": len(tokenizer), "bos_token_id": 0, "eos_token_id": 0}
    made = {"gpt2": _gpt2, "gpt_neox": _neox}[architecture](vocabulary)
    made.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def run_with(source: Path, named: str, model_name: str) -> dict:
    """The namespace after all code cells of a chapter, run with another model's name."""
    namespace: dict = {"__name__": "__main__"}
    for cell in read_chapter(source).cells:
        if cell.kind == "code":
            code = cell.text.replace(named, f"MODEL = {model_name!r}")
            exec(compile(code, f"{source.name}:{cell.line}", "exec"), namespace)
    return namespace


def times_named(source: Path, named: str) -> int:
    """In how many places a chapter names its model."""
    code = [cell.text for cell in read_chapter(source).cells if cell.kind == "code"]
    return sum(text.count(named) for text in code)


def _gpt2(vocabulary: dict[str, int]) -> PreTrainedModel:
    size = {"n_positions": 256, "n_embd": 32, "n_layer": N_LAYERS["gpt2"], "n_head": 4}
    return GPT2LMHeadModel(GPT2Config(**size, **vocabulary))


def _neox(vocabulary: dict[str, int]) -> PreTrainedModel:
    size = {"hidden_size": 32, "num_hidden_layers": N_LAYERS["gpt_neox"], "num_attention_heads": 4}
    more = {"intermediate_size": 64, "max_position_embeddings": 256}
    return GPTNeoXForCausalLM(GPTNeoXConfig(**size, **more, **vocabulary))
