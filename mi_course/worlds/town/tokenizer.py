"""The byte-level BPE of `town`: 3072 tokens, each name and one-word answer one of them.

Merges are learned from a stream of training documents; then the merges that the words to keep
still lack are put behind them, where they change no other word, and as many learned ones are left
out. Digits come in pairs, so that 1732 is " 17" "32"; a line break and its indent are one token;
punctuation marks stand alone but for a few operators. In goes a seed; out comes a
`tokenizers.Tokenizer`, or a directory that `transformers` loads: `python -m
mi_course.worlds.town.tokenizer DIRECTORY`.

Source: Sennrich et al. (2016), "Neural Machine Translation of Rare Words with Subword Units".
"""

import argparse
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from mi_course.worlds.town import lexicon, python
from mi_course.worlds.town.corpus import stream

if TYPE_CHECKING:
    from tokenizers import Tokenizer

END_OF_TEXT = "<|endoftext|>"
OPERATORS = ('"""', "...", "==", "!=", "<=", ">=", "+=", "-=", "*=", "->", ":=", "=>", "::", "://")
PATTERN = (
    r"'(?:s|t|re|ve|m|ll|d)(?!\p{L})"  # contractions
    r"| ?\p{L}+"
    r"| ?\p{N}{1,2}"
    r"| ?(?:" + "|".join("".join("\\" + c for c in op) for op in OPERATORS) + ")"
    r"| ?[^\s\p{L}\p{N}]"
    r"|\n+ *|\s+"
)
INDENTS = ("\n", "\n\n", *("\n" + " " * n for n in (2, 4, 6, 8, 12)), "\n\n    ")
CHARACTERS = 4_000_000


def kept() -> tuple[str, ...]:
    """Return the strings that are one token each: names, answers, arguments, digits, indents."""
    words = (*lexicon.TOKENS_TO_KEEP, *python.TOKENS_TO_KEEP)
    pairs = tuple(f"{number:02d}" for number in range(100))
    spaced = (*words, *pairs, *map(str, range(10)))
    return tuple(dict.fromkeys((*(" " + word for word in spaced), *pairs, *INDENTS, *OPERATORS)))


def training_texts(seed: int, characters: int = CHARACTERS) -> Iterator[str]:
    """Return training documents' texts until `characters` are reached."""
    total = 0
    for document in stream(seed):
        yield document.text
        total += len(document.text)
        if total >= characters:
            return


def _pieces(merges: list[tuple[str, str]]) -> "Tokenizer":
    """Return the tokenizer that has these merges, in order of priority."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = dict.fromkeys((END_OF_TEXT, *alphabet, *(a + b for a, b in merges)))
    vocab = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([END_OF_TEXT])
    return tokenizer


def _size(merges: list[tuple[str, str]]) -> int:
    """Return the size of the vocabulary; two merges may make the same token."""
    return 257 + len({a + b for a, b in merges})


def _learned_merges(vocab_size: int, seed: int) -> list[tuple[str, str]]:
    """Return the merges of an ordinary BPE of this size."""
    from tokenizers import pre_tokenizers, trainers

    tokenizer = _pieces([])
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(training_texts(seed), trainer)
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    return [tuple(pair) for pair in merges]


def _missing_merges(merges: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the merges that, put behind `merges`, make one token of each string to keep.

    A merge that comes later than all others acts only on words that those others leave in parts.
    """
    tokenizer = _pieces(merges)
    added: dict[tuple[str, str], None] = {}
    for text in kept():
        parts = tokenizer.encode(text).tokens
        while len(parts) > 1:
            # Merges that were added before act first, in their order, as they will in the end.
            known = [pair for pair in added if pair in set(pairwise(parts))]
            pair = known[0] if known else (parts[0], parts[1])
            added.setdefault(pair)
            parts = _merged(parts, pair)
    return list(added)


def _merged(parts: list[str], pair: tuple[str, str]) -> list[str]:
    """Return the parts with every occurrence of the pair, from left to right, made one."""
    result, i = [], 0
    while i < len(parts):
        joined = tuple(parts[i : i + 2]) == pair
        result.append(parts[i] + parts[i + 1] if joined else parts[i])
        i += 2 if joined else 1
    return result


def train_tokenizer(vocab_size: int = 3072, seed: int = 0) -> "Tokenizer":
    """Return a byte-level BPE of exactly `vocab_size` tokens, trained on the training stream.

    Args:
        vocab_size: the number of tokens, with `<|endoftext|>` as number 0.
        seed: the seed of the stream.

    Returns:
        The tokenizer; `kept()` are single tokens.

    Raises:
        ValueError: if the words to keep need more merges than the size allows.
    """
    learned = _learned_merges(vocab_size, seed)
    count = len(learned)
    merges = learned + _missing_merges(learned)
    while count > 0 and (extra := _size(merges) - vocab_size) > 0:
        count -= max(1, extra // 2)
        merges = learned[:count] + _missing_merges(learned[:count])
    if count <= 0:
        raise ValueError(f"expected room for {len(kept())} words, got {vocab_size}, try 3072")
    for pair in learned[count:]:
        if _size(merges) < vocab_size and pair not in merges:
            merges.append(pair)
    tokenizer = _pieces(merges)
    broken = [text for text in kept() if len(tokenizer.encode(text).ids) != 1]
    assert not broken, broken
    assert tokenizer.get_vocab_size() == vocab_size, tokenizer.get_vocab_size()
    return tokenizer


def save_tokenizer(directory: str | Path, vocab_size: int = 3072, seed: int = 0) -> None:
    """Train the tokenizer and write it as a directory that `from_pretrained` reads."""
    from transformers import PreTrainedTokenizerFast

    fast = PreTrainedTokenizerFast(
        tokenizer_object=train_tokenizer(vocab_size, seed),
        bos_token=END_OF_TEXT,
        eos_token=END_OF_TEXT,
        pad_token=END_OF_TEXT,
        model_max_length=256,
        clean_up_tokenization_spaces=False,
    )
    fast.save_pretrained(Path(directory))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train the tokenizer of town and save it.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--vocab-size", type=int, default=3072)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    save_tokenizer(arguments.directory, arguments.vocab_size, arguments.seed)
