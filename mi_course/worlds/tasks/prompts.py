"""Pairs of a clean and a corrupted prompt, in text and in tokens, with the positions of interest.

A circuit is found by comparing two runs that differ in one fact only, so the two prompts of a
`PromptPair` have equally many tokens and a `Task` says which candidate words it had to leave out,
and why. In goes a tokenizer of any model; out come texts, token ids (BOS first, where there is one)
and positions.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class PromptPair:
    """Two prompts that differ in one fact, with the tokens that answer each.

    Attributes:
        clean: the prompt whose next token is asked for.
        corrupted: the same prompt with the fact changed.
        answer: the right next word after `clean`, with its leading space.
        wrong: a wrong next word of the same sort.
        positions: name of a place -> token index in `clean_tokens`, BOS included; "end" is the last
            token.
        clean_tokens: token ids of `clean`, BOS first where the tokenizer has one.
        corrupted_tokens: token ids of `corrupted`, equally many.
        answers: ids of all tokens that count as right (one for most tasks).
        wrongs: ids of all tokens that count as wrong.
        group: pairs of one group share template and order, such as "ABBA".
    """

    clean: str
    corrupted: str
    answer: str
    wrong: str
    positions: Mapping[str, int]
    clean_tokens: tuple[int, ...]
    corrupted_tokens: tuple[int, ...]
    answers: tuple[int, ...]
    wrongs: tuple[int, ...]
    group: str = ""

    def __post_init__(self) -> None:
        """Check that the two prompts have the same length and that positions lie inside them."""
        if len(self.clean_tokens) != len(self.corrupted_tokens):
            raise ValueError(
                f"expected prompts of one length, got {len(self.clean_tokens)} and "
                f"{len(self.corrupted_tokens)} tokens, try words with equally many tokens"
            )
        outside = {k: p for k, p in self.positions.items() if not 0 <= p < len(self.clean_tokens)}
        if outside:
            raise ValueError(
                f"expected positions below {len(self.clean_tokens)}, got {outside}, try with BOS"
            )
        if not self.answers or not self.wrongs:
            raise ValueError("expected an answer and a wrong token, got none, try another word")


@dataclass(frozen=True)
class Task:
    """Prompt pairs of one task.

    Attributes:
        name: such as "ioi".
        pairs: the pairs, in a seeded order.
        rejected: word that could not be used with this tokenizer -> the reason.
    """

    name: str
    pairs: tuple[PromptPair, ...]
    rejected: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.pairs)

    def groups(self) -> dict[tuple[str, int], tuple[PromptPair, ...]]:
        """Return the pairs by (group, number of tokens): the pairs of one entry can be stacked."""
        found: dict[tuple[str, int], list[PromptPair]] = {}
        for pair in self.pairs:
            found.setdefault((pair.group, len(pair.clean_tokens)), []).append(pair)
        return {key: tuple(pairs) for key, pairs in found.items()}


def batch(pairs: Iterable[PromptPair], *, corrupted: bool = False) -> list[list[int]]:
    """Return the token ids of the clean (or corrupted) prompts as one rectangular list.

    Args:
        pairs: pairs of one length, such as one entry of `Task.groups()`.
        corrupted: take the corrupted prompts.

    Returns:
        One row of token ids for each pair, BOS included, ready for `torch.tensor`.

    Raises:
        ValueError: the prompts differ in length.
    """
    rows = [list(p.corrupted_tokens if corrupted else p.clean_tokens) for p in pairs]
    lengths = sorted({len(row) for row in rows})
    if len(lengths) > 1:
        raise ValueError(f"expected prompts of one length, got {lengths}, try Task.groups()")
    return rows


def bos(tokenizer: Any) -> list[int]:
    """Return the ids that stand before every prompt: `[bos_token_id]`, or nothing without one."""
    return [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]


def encode(tokenizer: Any, text: str) -> list[int]:
    """Return the token ids of `text` without special tokens."""
    return list(tokenizer.encode(text, add_special_tokens=False))


def split_single(
    tokenizer: Any, words: Iterable[str]
) -> tuple[tuple[str, ...], dict[str, int], dict[str, str]]:
    """Return the words that are one token after a space, their ids, and why others are not."""
    kept, ids, rejected = [], {}, {}
    for word in words:
        tokens = encode(tokenizer, f" {word}")
        if len(tokens) == 1:
            kept.append(word)
            ids[word] = tokens[0]
        else:
            rejected[word] = f"' {word}' is {len(tokens)} tokens, not 1"
    return tuple(kept), ids, rejected


def tokens_and_places(
    tokenizer: Any, text: str, ends: Mapping[str, int]
) -> tuple[tuple[int, ...], dict[str, int]]:
    """Return the token ids of a text, and the index of the token in which each named place ends.

    Args:
        tokenizer: the tokenizer.
        text: the prompt.
        ends: name of a place -> number of characters of `text` up to its end (the end of a word).

    Returns:
        The token ids with BOS first, and name -> token index; "end" is the last token.

    Raises:
        ValueError: no token ends where a place ends.
    """
    prefix, whole = bos(tokenizer), encode(tokenizer, text)
    places = {}
    for name, end in ends.items():
        tokens = encode(tokenizer, text[:end])
        if tokens != whole[: len(tokens)]:
            raise ValueError(
                f"expected a token to end after {text[:end]!r}, got none, try a whole word"
            )
        places[name] = len(prefix) + len(tokens) - 1
    return (*prefix, *whole), places | {"end": len(prefix) + len(whole) - 1}
