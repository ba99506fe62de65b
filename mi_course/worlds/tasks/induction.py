"""Induction: what came after this token last time comes again.

A sequence of random tokens is repeated, so that nothing but the earlier copy tells the next token;
the corrupted prompt has another token after the earlier occurrence, and so another answer.
Source: Olsson et al. 2022, "Argument 4"; Conmy et al. 2023, table 1. In goes a tokenizer (or a
vocabulary size); out come token ids with the places of the earlier occurrence.
"""

from typing import Any

import numpy as np

from mi_course.worlds.tasks.prompts import PromptPair, Task, bos


def repeated_random_tokens(
    d_vocab: int, n: int, length: int, seed: int, *, bos_token: int | None = None, first: int = 0
) -> np.ndarray:
    """Return uniformly random token sequences, each written twice.

    Args:
        d_vocab: token ids are drawn from `first` to `d_vocab - 1`.
        n: number of sequences.
        length: tokens before the repetition.
        seed: the same seed gives the same tokens.
        bos_token: put before each row when given.
        first: the lowest id drawn, to leave special tokens out.

    Returns:
        Token ids [batch pos], pos = 2 * length, one more with a BOS.
    """
    rng = np.random.default_rng(seed)
    half = rng.integers(first, d_vocab, size=(n, length))
    rows = np.concatenate([half, half], axis=1)
    if bos_token is None:
        return rows
    return np.concatenate([np.full((n, 1), bos_token), rows], axis=1)


def induction(tokenizer: Any, n: int, seed: int, *, length: int = 20) -> Task:
    """Return pairs in which random tokens start to repeat and the next one is asked for.

    The clean prompt is `r1 .. rL r1 .. rk`; the answer is `r(k+1)`. In the corrupted prompt another
    token stands at the first place of `r(k+1)`: that one is `wrong`.

    Args:
        tokenizer: any tokenizer.
        n: number of pairs.
        seed: the same seed gives the same pairs.
        length: tokens before the repetition.

    Returns:
        A task with the positions "source" (first occurrence of the last token), "next" (the token
        after it) and "end".
    """
    rng = np.random.default_rng(seed)
    special = set(tokenizer.all_special_ids)
    ordinary = np.array([i for i in range(tokenizer.vocab_size) if i not in special])
    pairs = []
    for _ in range(n):
        draw = [int(token) for token in rng.choice(ordinary, size=length + 1, replace=False)]
        last = int(rng.integers(length // 2, length - 1))
        pairs.append(_pair(tokenizer, draw[:length], draw[length], last))
    return Task("induction", tuple(pairs))


def _pair(tokenizer: Any, half: list[int], other: int, last: int) -> PromptPair:
    """Return a repetition cut after `half[last]`, with `other` in place of what followed it."""
    prefix = bos(tokenizer)
    corrupted = [*half[: last + 1], other, *half[last + 2 :]]
    tail = half[: last + 1]
    return PromptPair(
        clean=tokenizer.decode(half + tail),
        corrupted=tokenizer.decode(corrupted + tail),
        answer=tokenizer.decode([half[last + 1]]),
        wrong=tokenizer.decode([other]),
        positions={
            "source": len(prefix) + last,
            "next": len(prefix) + last + 1,
            "end": len(prefix) + len(half) + last,
        },
        clean_tokens=(*prefix, *half, *tail),
        corrupted_tokens=(*prefix, *corrupted, *tail),
        answers=(half[last + 1],),
        wrongs=(other,),
        group="random",
    )
