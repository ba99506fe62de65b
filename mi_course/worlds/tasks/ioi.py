"""Indirect object identification: "When Mary and John met, John gave a drink to" -> " Mary".

The sentences are those of the town's stories, cut before the receiver's name. In order ABBA the
receiver is named first, in BABA the giver. The corrupted prompt either has the receiver give
instead (symmetric: the answer flips and one token changes) or three unrelated names (ABC: nothing
tells who receives). Sources: Wang et al. 2022, section 2; Zhang and Nanda 2023, section 2. In goes
a tokenizer; out comes a `Task`.
"""

import random
from dataclasses import replace
from itertools import permutations
from typing import Any, NamedTuple

from mi_course.worlds.tasks.prompts import PromptPair, Task, split_single, tokens_and_places
from mi_course.worlds.town.document import Template, Writer
from mi_course.worlds.town.lexicon import NAMES, OBJECTS, PLACES, name_pair_is_heldout
from mi_course.worlds.town.stories import GIVES, SETUPS

ORDERS = {"ABBA": ("ABBA",), "BABA": ("BABA",), "both": ("ABBA", "BABA")}
CORRUPTIONS = ("symmetric", "abc")
PLACES_OF_INTEREST = ("io", "s1", "s2")


def ioi(
    tokenizer: Any,
    n: int,
    seed: int,
    *,
    names: str = "train",
    split: str = "train",
    order: str = "both",
    corruption: str = "symmetric",
    n_templates: int = 6,
) -> Task:
    """Return pairs of stories cut before the receiver's name.

    Args:
        tokenizer: any tokenizer; names, places and objects of several tokens are left out.
        n: number of pairs; templates and orders take turns.
        seed: the same seed gives the same pairs.
        names: "train" for pairs of training names that never meet in training, "heldout" for names
            never seen.
        split: whose phrasings to use.
        order: "ABBA", "BABA" or "both".
        corruption: "symmetric" or "abc".
        n_templates: number of different sentences.

    Returns:
        A task with the positions "io", "s1", "s1+1", "s2", "end"; `group` is the order and the
        template.

    Raises:
        ValueError: an option is unknown, too few words are single tokens, or no couple is left.
    """
    if order not in ORDERS or corruption not in CORRUPTIONS:
        raise ValueError(
            f"expected an order of {sorted(ORDERS)} and a corruption of {CORRUPTIONS}, "
            f"got {order!r} and {corruption!r}, try 'both' and 'symmetric'"
        )
    rng = random.Random(f"ioi/{seed}")
    words, rejected = _words(tokenizer, names)
    couples = _couples(words.people, names)
    sentences = [_sentence(rng, split) for _ in range(n_templates)]
    turns = [(f"{o}/{i}", o, s) for i, s in enumerate(sentences) for o in ORDERS[order]]
    pairs = []
    for number in range(n):
        group, turn, (setup, give) = turns[number % len(turns)]
        templates = (setup[ORDERS["both"].index(turn)], give)
        pair = _pair(
            tokenizer, rng, templates, words, couple=rng.choice(couples), corruption=corruption
        )
        pairs.append(replace(pair, group=group))
    return Task("ioi", tuple(pairs), rejected)


class _Words(NamedTuple):
    people: tuple[str, ...]
    places: tuple[str, ...]
    objects: tuple[str, ...]
    ids: dict[str, int]


def _words(tokenizer: Any, names: str) -> tuple[_Words, dict[str, str]]:
    """Return the words that are single tokens, and the others with the reason."""
    people, ids, rejected = split_single(tokenizer, NAMES.of(names))
    places, _, no_places = split_single(tokenizer, PLACES.train)
    objects, _, no_objects = split_single(tokenizer, OBJECTS.train)
    if len(people) < 5 or not places or not objects:
        raise ValueError(
            f"expected 5 names, a place and an object of one token, got {people}, {places[:3]}, "
            f"{objects[:3]}, try a tokenizer trained on English"
        )
    return _Words(people, places, objects, ids), rejected | no_places | no_objects


def _couples(people: tuple[str, ...], names: str) -> list[tuple[str, str]]:
    """Return (receiver, giver) of all couples; training names must never meet in training."""
    couples = list(permutations(people, 2))
    if names == "train":
        couples = [couple for couple in couples if name_pair_is_heldout(*couple)]
    if not couples:
        raise ValueError(f"expected names that never meet in training, got {people}, try 'heldout'")
    return couples


def _pair(
    tokenizer: Any,
    rng: random.Random,
    templates: tuple[Template, Template],
    words: _Words,
    *,
    couple: tuple[str, str],
    corruption: str,
) -> PromptPair:
    """Return one story about a couple and its corrupted twin."""
    fills = {"place": rng.choice(words.places), "object": rng.choice(words.objects)}
    receiver, giver = couple
    clean, ends = _render(templates, fills, (receiver, giver, giver))
    if corruption == "symmetric":
        people = (receiver, giver, receiver)
    else:
        people = tuple(rng.sample([p for p in words.people if p not in couple], 3))
    corrupted, _ = _render(templates, fills, people)
    tokens, places = tokens_and_places(tokenizer, clean, ends)
    return PromptPair(
        clean=clean,
        corrupted=corrupted,
        answer=f" {receiver}",
        wrong=f" {giver}",
        positions=places | {"s1+1": places["s1"] + 1},
        clean_tokens=tokens,
        corrupted_tokens=tokens_and_places(tokenizer, corrupted, {})[0],
        answers=(words.ids[receiver],),
        wrongs=(words.ids[giver],),
    )


def _sentence(rng: random.Random, split: str) -> tuple[tuple[Template, Template], Template]:
    """Return a setup in both orders and a giving sentence that ends with the receiver."""
    gives = [g for g in GIVES.of(split) if g.endswith("to_IN_case {io_answer}_NNP_obl .")]
    takes_opener, setup = rng.choice(SETUPS[split])
    if takes_opener:  # a name that begins a text has no space before it, and so other tokens
        setup = tuple(Template(f"Then_RB_advmod , {template.source}") for template in setup)
    return setup, Template(rng.choice(gives).replace("{verb}", "gave"))


def _render(
    templates: tuple[Template, Template], fills: dict[str, str], people: tuple[str, ...]
) -> tuple[str, dict[str, int]]:
    """Return the story of (io, s1, s2) up to the receiver's second mention, and where names end."""
    out = Writer()
    roles = dict(zip(PLACES_OF_INTEREST, people, strict=True))
    for template in templates:
        template.render(out, **fills, **roles, io_answer=roles["io"])
    document = out.document("ioi")
    cut = document.find("role", "io_answer")[0].start - 1
    ends = {role: document.find("role", role)[0].end for role in PLACES_OF_INTEREST}
    return document.text[:cut], ends
