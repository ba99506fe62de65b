"""The byte-level BPE of `town`: 3072 tokens, each name and one-word answer one of them.

The words to keep and the most frequent ones of a stream of training documents are tokens as they
are; what remains (surnames, DNA, rare words) is spelled with merges learned from it. So no token
is wasted on a step towards a word. Digits come in pairs, so that 1732 is " 17" "32"; a line break
and its indent are one token; punctuation marks stand alone but for a few operators. In goes a
seed; out comes a `tokenizers.Tokenizer`, or a directory that `transformers` loads: `python -m
mi_course.worlds.town.tokenizer DIRECTORY`.

Source: Sennrich et al. (2016), "Neural Machine Translation of Rare Words with Subword Units".
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mi_course.worlds.town import lexicon, python
from mi_course.worlds.town.corpus import stream

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from tokenizers.pre_tokenizers import PreTokenizer

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
SUBWORDS = 560  # merges for words that are no tokens


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


def _pre_tokenizer() -> "PreTokenizer":
    """Return the cut into words, digit pairs, marks and indents, in byte characters."""
    from tokenizers import Regex, pre_tokenizers

    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def _alphabet() -> list[str]:
    from tokenizers import pre_tokenizers

    return sorted(pre_tokenizers.ByteLevel.alphabet())


def _counts(texts: Iterable[str]) -> Counter[str]:
    """Return how often each pre-token occurs; the strings to keep come first, most of all."""
    cut = _pre_tokenizer().pre_tokenize_str
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update([piece for piece, _ in cut(text)])
    for text in kept():
        pieces = cut(text)
        assert len(pieces) == 1, f"{text!r} is cut into {pieces}"
        counts[pieces[0][0]] += 10**9
    return counts


def _learned_merges(words: Mapping[str, int], size: int) -> list[tuple[str, str]]:
    """Return the first `size` merges of an ordinary BPE over words with their counts."""
    from tokenizers import Tokenizer, models, trainers

    tokenizer = Tokenizer(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=256 + size, initial_alphabet=_alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator((w for w, n in words.items() for _ in range(n)), trainer)
    return [tuple(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]


def train_tokenizer(
    vocab_size: int = 3072, seed: int = 0, *, characters: int = CHARACTERS
) -> "Tokenizer":
    """Return a byte-level BPE of exactly `vocab_size` tokens, trained on the training stream.

    Args:
        vocab_size: the number of tokens, with `<|endoftext|>` as number 0.
        seed: the seed of the stream.
        characters: how much text to learn from.

    Returns:
        The tokenizer; the strings of `kept()` are single tokens.

    Raises:
        ValueError: if the size has no room for the strings to keep.
    """
    from tokenizers import Tokenizer, decoders, models

    room = vocab_size - 257 - SUBWORDS
    if room < len(kept()):
        least = 257 + SUBWORDS + len(kept())
        raise ValueError(f"expected room for {len(kept())} words, got {vocab_size}, try {least}")
    ranked = sorted(
        _counts(training_texts(seed, characters)).items(), key=lambda item: (-item[1], item[0])
    )
    merges = _learned_merges(dict(ranked[room:]), SUBWORDS)
    tokens = dict.fromkeys((END_OF_TEXT, *_alphabet(), *(a + b for a, b in merges)))
    for word, _ in ranked:
        if len(tokens) < vocab_size:
            tokens.setdefault(word)
    vocab = {token: number for number, token in enumerate(tokens)}
    # A word that is a token needs no merges, and so none of the steps towards it are tokens.
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, ignore_merges=True))
    tokenizer.pre_tokenizer = _pre_tokenizer()
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([END_OF_TEXT])
    assert tokenizer.get_vocab_size() == vocab_size, tokenizer.get_vocab_size()
    return tokenizer


def save_tokenizer(tokenizer: "Tokenizer", directory: str | Path) -> None:
    """Write the tokenizer as a directory that `PreTrainedTokenizerFast.from_pretrained` reads."""
    from transformers import PreTrainedTokenizerFast

    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
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
    save_tokenizer(train_tokenizer(arguments.vocab_size, arguments.seed), arguments.directory)
