"""Recurring surnames: an invented name of several tokens, to be completed from its first mention.

The "Dursley" pattern of induction: the text names a family, and names it again up to the first
tokens of the surname; nothing but the first mention tells the rest. In the corrupted prompt the
first mentions have another surname. Source: Elhage et al. 2021, "Induction heads". In goes a
tokenizer; out comes a `Task`.
"""

import random
from typing import Any

from mi_course.worlds.tasks.prompts import PromptPair, Task, bos, encode, tokens_and_places
from mi_course.worlds.town import lexicon
from mi_course.worlds.town.document import Document
from mi_course.worlds.town.families import surnames as document_of

MOST_TRIES = 200


def surnames(tokenizer: Any, n: int, seed: int, *, split: str = "heldout") -> Task:
    """Return pairs of texts about a family, cut inside the surname's last mention.

    Args:
        tokenizer: any tokenizer; surnames of one token are left out.
        n: number of pairs.
        seed: the same seed gives the same pairs.
        split: "heldout" for surnames and sentences that training text never holds.

    Returns:
        A task with the positions "first" (the first mention's token that the prompt ends with),
        "next" (the answer there) and "end"; the token asked for is drawn from the second to the
        last.
    """
    rng = random.Random(f"surnames/{seed}")
    pairs: list[PromptPair] = []
    rejected: dict[str, str] = {}
    for _ in range(MOST_TRIES * n):
        if len(pairs) == n:
            break
        document = document_of(rng, split)
        name = _words(document)[0]
        length = len(encode(tokenizer, f" {name}"))
        other = _same_length(tokenizer, rng, split, name)
        if length < 2 or other is None:
            rejected[name] = (
                f"' {name}' is {length} token(s), and must be several, like another surname"
            )
            continue
        pair = _pair(tokenizer, document, name, other, asked=rng.randrange(1, length))
        if pair is not None:
            pairs.append(pair)
    return Task("surnames", tuple(pairs), rejected)


def recurring_surnames(
    tokenizer: Any, n: int, seed: int, *, split: str = "train", syllables: str = "train"
) -> list[tuple[list[int], int]]:
    """Return texts that end with a recurring surname, and how many of its tokens are to be told.

    No surname occurs in training text, whatever the text around it, so that a model that fails on
    new names can be told from one that fails on new sentences or on tokens it never met.

    Args:
        tokenizer: any tokenizer; a surname of one token has nothing to tell and is left out.
        n: number of texts.
        seed: the same seed gives the same texts.
        split: whose sentences and given names to use.
        syllables: "train" for new combinations of known syllables, "heldout" for unknown syllables,
            whose tokens may never occur in training text.

    Returns:
        (token ids with BOS, number of the last tokens that follow from the surname's first token).
    """
    rng = random.Random(f"surnames/{seed}")
    rows: list[tuple[list[int], int]] = []
    for _ in range(MOST_TRIES * n):
        if len(rows) == n:
            break
        document = document_of(rng, split)
        last = rng.choice(document.find("role", "surname_again"))
        text = document.text[: last.end]
        name = ""
        for old in _words(document):
            new = _unseen(rng, syllables)
            name = new if text.endswith(old) else name
            text = text.replace(old, new)
        to_tell = len(encode(tokenizer, f" {name}")) - 1
        if to_tell:
            rows.append(([*bos(tokenizer), *encode(tokenizer, text)], to_tell))
    return rows


def _unseen(rng: random.Random, syllables: str) -> str:
    """Return a held-out surname made of training or of held-out syllables."""
    onsets = lexicon.SURNAME_ONSET.of(syllables)
    while not (name := lexicon.surname(rng, "heldout")).startswith(onsets):
        pass
    return name


def _words(document: Document) -> list[str]:
    return [document.text[s.start : s.end] for s in document.find("role", "surname_first")]


def _same_length(tokenizer: Any, rng: random.Random, split: str, name: str) -> str | None:
    """Return another surname with as many tokens whose every token differs."""
    tokens = encode(tokenizer, f" {name}")
    for _ in range(50):
        other = lexicon.surname(rng, split)
        found = encode(tokenizer, f" {other}")
        if len(found) == len(tokens) and not set(found) & set(tokens):
            return other
    return None


def _pair(
    tokenizer: Any, document: Document, name: str, other: str, *, asked: int
) -> PromptPair | None:
    """Return the text cut in the last mention, or None when a mention is cut into other tokens."""
    tokens, replaced = (encode(tokenizer, f" {word}") for word in (name, other))
    mentions = [
        s for s in document.find("role", "surname_again") if document.text[s.start : s.end] == name
    ]
    head = document.text[: mentions[-1].start - 1]
    clean = (*bos(tokenizer), *encode(tokenizer, head), *tokens[:asked])
    corrupted = (*bos(tokenizer), *encode(tokenizer, head.replace(name, other)), *tokens[:asked])
    first = document.find("role", "surname_first")[0]
    _, places = tokens_and_places(tokenizer, head, {"surname": first.end})
    start = places["surname"] - len(tokens) + 1
    if clean[start : start + len(tokens)] != tuple(tokens) or len(clean) != len(corrupted):
        return None
    return PromptPair(
        clean=tokenizer.decode(clean[len(bos(tokenizer)) :]),
        corrupted=tokenizer.decode(corrupted[len(bos(tokenizer)) :]),
        answer=tokenizer.decode([tokens[asked]]),
        wrong=tokenizer.decode([replaced[asked]]),
        positions={"first": start + asked - 1, "next": start + asked, "end": len(clean) - 1},
        clean_tokens=clean,
        corrupted_tokens=corrupted,
        answers=(tokens[asked],),
        wrongs=(replaced[asked],),
        group=f"{asked} of {len(tokens)}",
    )
