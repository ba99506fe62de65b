"""Scores and composition of every head against TransformerLens, in CPU seconds.

A random-weight model of the shape of `attn-2l` reads text of the town. Two figures:
prefix-matching scores against `transformer_lens.head_detector`, which runs the whole network for
one text at a time and loops over heads; and K-composition against `all_composition_scores`, ours
with LayerNorm folded in and a random baseline, which is computed once and remembered.
"""

import itertools
from collections.abc import Callable
from importlib.metadata import version

import torch
from transformer_lens.config import TransformerBridgeConfig
from transformer_lens.head_detector import detect_head
from transformer_lens.model_bridge import TransformerBridge

from benchmarks._figure import fastest, report
from mi_course.methods import induction
from mi_course.models.tokenizer import load_tokenizer
from mi_course.worlds.town.corpus import stream

TEXTS, TOKENS, REPEATS = 24, 64, 4


def model_and_texts() -> tuple[TransformerBridge, list[str]]:
    """Return a bridge with the town's tokenizer, and texts of the same number of tokens."""
    tokenizer = load_tokenizer()
    config = TransformerBridgeConfig(
        d_model=128,
        d_head=16,
        n_heads=8,
        n_layers=2,
        n_ctx=256,
        d_vocab=len(tokenizer),
        attn_only=True,
        act_fn="gelu",
        normalization_type="LN",
        positional_embedding_type="rotary",
        seed=0,
    )
    model = TransformerBridge.boot_native(config, tokenizer=tokenizer).eval()
    ids = (tokenizer(document.text)["input_ids"] for document in stream(0))
    long = (tokenizer.decode(row[: TOKENS - 1]) for row in ids if len(row) >= TOKENS)
    same = (text for text in long if model.to_tokens(text).shape[1] == TOKENS)
    return model, list(itertools.islice(same, TEXTS))


def compare(name: str, ours: Callable[[], object], peer: Callable[[], object]) -> None:
    """Measure both in turn and print one figure; the first turn warms up."""
    taken = fastest({"ours": ours, "peer": peer}, REPEATS)
    tool = f"transformer_lens {version('transformer_lens')}"
    report(f"induction/{name}", taken["ours"], taken["peer"], "CPU seconds, one thread", tool)


@torch.no_grad()
def main() -> None:
    """Print both figures."""
    torch.set_num_threads(1)
    model, texts = model_and_texts()
    tokens = model.to_tokens(texts)
    compare(
        "prefix_matching_24x64",
        lambda: induction.prefix_matching_scores(model, tokens, batch_size=TEXTS),
        lambda: detect_head(model, texts, "induction_head"),
    )
    compare(
        "k_composition",
        lambda: induction.composition_scores(induction.circuit_weights(model), "K"),
        lambda: model.all_composition_scores("K"),
    )


if __name__ == "__main__":
    main()
