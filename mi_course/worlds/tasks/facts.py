"""Facts: "The Eiffel Tower is in the city of" -> " Paris".

The sentences and the facts are those of the town: half real, half invented. The corrupted prompt
names another landmark with equally many tokens, in another city, as "Colosseum" for "Eiffel Tower".
Sources: Meng et al. 2022; Zhang and Nanda 2023, section 3. In goes a tokenizer; out comes a `Task`.
"""

import random
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import cycle, islice
from typing import Any

from mi_course.worlds.tasks.prompts import PromptPair, Task, encode, split_single, tokens_and_places
from mi_course.worlds.town.document import Template, Writer
from mi_course.worlds.town.facts import PHRASINGS
from mi_course.worlds.town.geography import FACTS_TRAIN, Fact
from mi_course.worlds.town.lexicon import NAMES, WEEKDAYS

KNOWN = {
    "all": FACTS_TRAIN,
    "real": tuple(f for f in FACTS_TRAIN if not f.invented),
    "invented": tuple(f for f in FACTS_TRAIN if f.invented),
}


def facts(tokenizer: Any, n: int, seed: int, *, split: str = "train", known: str = "all") -> Task:
    """Return pairs of sentences about a landmark, cut before its city.

    Args:
        tokenizer: any tokenizer; landmarks whose city is not a single token are left out.
        n: number of pairs; the landmarks take turns.
        seed: the same seed gives the same pairs.
        split: "train" for phrasings of training text, "heldout" for phrasings never seen; the facts
            are always those of training text.
        known: "all", or only "real" facts (for models trained elsewhere), or only "invented" ones.

    Returns:
        A task with the positions "subject" (the landmark's last token) and "end".

    Raises:
        ValueError: `known` is unknown, or no landmark is left.
    """
    if known not in KNOWN:
        raise ValueError(f"expected one of {sorted(KNOWN)}, got {known!r}, try 'all'")
    rng = random.Random(f"facts/{seed}")
    cities, ids, rejected = split_single(tokenizer, dict.fromkeys(f.city for f in KNOWN[known]))
    usable = [f for f in KNOWN[known] if f.city in cities]
    partners = _partners(tokenizer, usable)
    alone = [fact for fact in usable if not partners[fact]]
    rejected |= {fact.landmark: "no landmark elsewhere has as many tokens" for fact in alone}
    usable = [fact for fact in usable if partners[fact]]
    if not usable:
        raise ValueError(
            "expected a city of one token, got none, try a tokenizer trained on English"
        )
    rng.shuffle(usable)
    turns = islice(cycle(usable), n)
    pairs = [_pair(tokenizer, rng, f, partners[f], split=split, ids=ids) for f in turns]
    return Task("facts", tuple(pairs), rejected)


@cache
def _unambiguous(split: str) -> tuple[tuple[int, Template], ...]:
    """Return the numbered phrasings whose beginning leaves nothing but the city to come.

    "The Colosseum is in" also begins "is in the city of", so a city is not the only right answer.
    """
    everything = [t.source for templates in PHRASINGS[split] for t in templates]

    def only_the_city_follows(template: Template) -> bool:
        beginning = template.source.split("{city}")[0]
        return all(
            s.startswith(f"{beginning}{{city}}") for s in everything if s.startswith(beginning)
        )

    cities = enumerate(PHRASINGS[split][0])
    return tuple((number, each) for number, each in cities if only_the_city_follows(each))


def _partners(tokenizer: Any, usable: Sequence[Fact]) -> dict[Fact, list[Fact]]:
    """Return, for each fact, those of other cities whose landmark has as many tokens."""
    lengths = {fact: len(encode(tokenizer, f" {fact.landmark}")) for fact in usable}
    return {
        fact: [o for o in usable if o.city != fact.city and lengths[o] == lengths[fact]]
        for fact in usable
    }


def _pair(
    tokenizer: Any,
    rng: random.Random,
    fact: Fact,
    partners: list[Fact],
    *,
    split: str,
    ids: Mapping[str, int],
) -> PromptPair:
    """Return one landmark and one of its partners in the same sentence."""
    other = rng.choice(partners)
    number, template = rng.choice(_unambiguous(split))
    more = {"person": rng.choice(NAMES.of(split)), "weekday": rng.choice(WEEKDAYS)}
    clean, end = _render(template, fact, more)
    corrupted, _ = _render(template, other, more)
    tokens, places = tokens_and_places(tokenizer, clean, {"subject": end})
    return PromptPair(
        clean=clean,
        corrupted=corrupted,
        answer=f" {fact.city}",
        wrong=f" {other.city}",
        positions=places,
        clean_tokens=tokens,
        corrupted_tokens=tokens_and_places(tokenizer, corrupted, {})[0],
        answers=(ids[fact.city],),
        wrongs=(ids[other.city],),
        group=f"{split}/{number}",
    )


def _render(template: Template, fact: Fact, more: Mapping[str, str]) -> tuple[str, int]:
    """Return the sentence up to the city, and where the landmark ends."""
    out = Writer()
    template.render(out, landmark=fact.landmark, city=fact.city, **more)
    document = out.document("facts")
    cut = document.find("role", "city")[0].start - 1
    return document.text[:cut], document.find("role", "landmark")[0].end
