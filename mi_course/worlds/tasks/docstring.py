"""Docstring: after the last ":param" comes the argument that the signature lists next.

The functions are those of the town's Python. In the corrupted prompt the signature has other
argument names, so that nothing tells what comes after the last ":param"; the docstring is the same.
Source: Heimersheim and Janiak 2023. In goes a tokenizer; out comes a `Task`.
"""

import random
from typing import Any

from mi_course.worlds.tasks.prompts import PromptPair, Task, split_single, tokens_and_places
from mi_course.worlds.town.document import Document, Span
from mi_course.worlds.town.identifiers import DOCSTRING_ARGS
from mi_course.worlds.town.python import docstring as document_of

MOST_TRIES = 100


def docstring(tokenizer: Any, n: int, seed: int, *, split: str = "train") -> Task:
    """Return pairs of functions, cut before the last documented argument.

    Args:
        tokenizer: any tokenizer; functions with an argument of several tokens are left out.
        n: number of pairs.
        seed: the same seed gives the same pairs.
        split: whose identifiers and words to use.

    Returns:
        A task with the positions "argument" (the answer in the signature), "param" (the argument
        documented before) and "end"; `wrongs` are all other arguments of the signature.

    Raises:
        ValueError: fewer than 8 argument names are single tokens.
    """
    rng = random.Random(f"docstring/{seed}")
    names, ids, rejected = split_single(tokenizer, DOCSTRING_ARGS.of(split))
    if len(names) < 8:
        raise ValueError(
            f"expected 8 names of one token, got {names}, try a tokenizer trained on code"
        )
    pairs: list[PromptPair] = []
    tries = 0
    while len(pairs) < n and tries < MOST_TRIES * n:
        tries += 1
        pair = _pair(tokenizer, rng, document_of(rng, split), names=names, ids=ids)
        if pair is not None:
            pairs.append(pair)
    return Task("docstring", tuple(pairs), rejected)


def _pair(
    tokenizer: Any,
    rng: random.Random,
    document: Document,
    *,
    names: tuple[str, ...],
    ids: dict[str, int],
) -> PromptPair | None:
    """Return a document's first function as a pair, or None when a name is not a single token."""
    function = document.find("role", "function")[0]
    roles = [s for s in document.find("role") if s.end <= function.end]
    arguments = [s for s in roles if s.label.startswith("arg_") or s.label == "distractor"]
    params = [s for s in roles if s.label.startswith("param_")]
    words = [document.text[s.start : s.end] for s in arguments]
    if not set(words) <= set(names):
        return None
    last, before = params[-1], params[-2]
    answer = document.text[last.start : last.end]
    clean = document.text[: last.start - 1]
    others = rng.sample([w for w in names if w not in words], len(words))
    corrupted = _replaced(clean, arguments, others)
    at = next(s for s, word in zip(arguments, words, strict=True) if word == answer)
    tokens, places = tokens_and_places(tokenizer, clean, {"argument": at.end, "param": before.end})
    wrong = [w for w in words if w != answer]
    return PromptPair(
        clean=clean,
        corrupted=corrupted,
        answer=f" {answer}",
        wrong=f" {wrong[-1]}",
        positions=places,
        clean_tokens=tokens,
        corrupted_tokens=tokens_and_places(tokenizer, corrupted, {})[0],
        answers=(ids[answer],),
        wrongs=tuple(ids[w] for w in reversed(wrong)),
        group=f"{len(words)} arguments, {len(params)} documented",
    )


def _replaced(text: str, spans: list[Span], words: list[str]) -> str:
    """Return the text with each span's characters replaced by a word."""
    for span, word in sorted(zip(spans, words, strict=True), reverse=True):
        text = text[: span.start] + word + text[span.end :]
    return text
