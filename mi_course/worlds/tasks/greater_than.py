"""Greater-than: "The war lasted from the year 1732 to the year 17" -> any ending above 32.

The sentences are those of the town's history. In the corrupted prompt the span starts in the first
year of the century, 01, so that every ending is later. Answers and wrongs are sets of tokens: the
two-digit endings above the start's, and those not above it. Source: Hanna et al. 2023, section 3.
In goes a tokenizer; out comes a `Task`.
"""

import random
from typing import Any

from mi_course.worlds.tasks.prompts import PromptPair, Task, encode, tokens_and_places
from mi_course.worlds.town.document import Template, Writer
from mi_course.worlds.town.history import NOUNS, VERBS

CENTURIES = tuple(range(11, 20))
SENTENCES = tuple(
    map(
        Template,
        (
            "The_DT_det {noun}_NN_nsubj {verb}_VBD_root from_IN_case {year_start}_CD_obl"
            " to_IN_case {year_end}_CD_obl .",
            "The_DT_det {noun}_NN_nsubj {verb}_VBD_root from_IN_case the_DT_det year_NN_obl"
            " {year_start}_CD_nummod to_IN_case the_DT_det year_NN_obl {year_end}_CD_nummod .",
        ),
    )
)


def greater_than(tokenizer: Any, n: int, seed: int, *, split: str = "train") -> Task:
    """Return pairs of spans of years, cut after the century of the last year.

    Args:
        tokenizer: any tokenizer; centuries in which a year is not the century's token and a
            two-digit token are left out.
        n: number of pairs.
        seed: the same seed gives the same pairs.
        split: whose nouns and verbs to use.

    Returns:
        A task with the positions "start" (first year's ending) and "end"; `answers` are all later
        endings.

    Raises:
        ValueError: the tokenizer cuts no century's years into two digits and two digits.
    """
    rng = random.Random(f"greater_than/{seed}")
    endings, rejected = _endings(tokenizer)
    if not endings:
        raise ValueError("expected years cut as 17|32, got none, try another tokenizer")
    pairs = []
    for number in range(n):
        century = rng.choice(sorted(endings))
        fills = {"noun": rng.choice(NOUNS.of(split)), "verb": rng.choice(_verbs(split))}
        pair = _pair(tokenizer, rng, number % len(SENTENCES), fills, (century, endings[century]))
        pairs.append(pair)
    return Task("greater_than", tuple(pairs), rejected)


def _pair(
    tokenizer: Any,
    rng: random.Random,
    sentence: int,
    fills: dict[str, str],
    years: tuple[int, dict[int, int]],
) -> PromptPair:
    """Return one span of years in a century whose endings have the given token ids."""
    century, known = years
    first, *usable = [y for y in sorted(known) if 1 <= y < max(known)]
    start = rng.choice(usable)
    clean, place = _render(SENTENCES[sentence], fills, century, f"{start:02d}")
    corrupted, _ = _render(SENTENCES[sentence], fills, century, f"{first:02d}")
    tokens, places = tokens_and_places(tokenizer, clean, {"start": place})
    return PromptPair(
        clean=clean,
        corrupted=corrupted,
        answer=f"{min(y for y in known if y > start):02d}",
        wrong=f"{start:02d}",
        positions=places,
        clean_tokens=tokens,
        corrupted_tokens=tokens_and_places(tokenizer, corrupted, {})[0],
        answers=tuple(known[y] for y in sorted(known) if y > start),
        wrongs=tuple(known[y] for y in sorted(known, reverse=True) if y <= start),
        group=f"{sentence}",
    )


def _verbs(split: str) -> tuple[str, ...]:
    """Return the verbs that stand alone before "from"."""
    return tuple(v for v in VERBS.of(split) if v not in ("dragged", "went"))


def _endings(tokenizer: Any) -> tuple[dict[int, dict[int, int]], dict[str, str]]:
    """Return century -> (ending -> token id), and the years that are cut elsewhere."""
    found: dict[int, dict[int, int]] = {}
    rejected = {}
    for century in CENTURIES:
        head = encode(tokenizer, f" {century}")
        for ending in range(100):
            tokens = encode(tokenizer, f" {century}{ending:02d}")
            if len(head) == 1 and len(tokens) == 2 and tokens[0] == head[0]:
                found.setdefault(century, {})[ending] = tokens[1]
            else:
                rejected[f"{century}{ending:02d}"] = f"not cut as {century}|{ending:02d}"
    return {c: known for c, known in found.items() if len(known) > 3}, rejected


def _render(template: Template, fills: dict[str, str], century: int, start: str) -> tuple[str, int]:
    """Return the sentence up to the last century, and where the first year ends."""
    out = Writer()
    template.render(out, **fills, year_start=f"{century}{start}", year_end=f"{century}")
    document = out.document("years")
    end = document.find("role", "year_end")[0].end
    return document.text[:end], document.find("role", "year_start")[0].end
