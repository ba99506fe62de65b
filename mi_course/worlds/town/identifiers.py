"""Words that name things in the code of the world `town`.

Every list is a `Part`: words of train documents, and words that only held-out documents use.
The argument names are to be single tokens with a leading space, so that the Docstring task has
answers of one token. In comes nothing; out come the lists and `function_name`.
"""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

from mi_course.worlds.town.lexicon import Part

T = TypeVar("T")


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a text."""
    return tuple(text.split())


DOCSTRING_ARGS = Part(
    train=words_of("""
        load size files shape option state last image values file results name key index text
        data path user time date mode type level limit count number total width height depth
        length weight color label title group model table column row field order rule step score
        rate price cost mean range start end first next left right top bottom line page word
        letter sound light power speed force point angle area zone region unit node edge tree
        root leaf graph list map query result value item parent child source target input output
        error message event action task job code port host link token filter format style theme
        frame layer block
    """),
    heldout=words_of("""
        margin socket radius quota schema proxy offset vector tensor pixel widget cache batch
        epoch kernel prefix payload
    """),
)

LISTS = Part(
    train=words_of("""
        items rows values numbers scores prices points words names nodes lines pages files users
        orders keys parts records steps costs
    """),
    heldout=words_of("pixels tensors vectors sockets widgets quotas"),
)

VERBS = Part(
    train=words_of("""
        get set find count sum add load read write check make build update scan parse split join
        sort merge copy trim pack send fetch store remove insert select measure compute collect
        reset apply test clean mark move swap show save
    """),
    heldout=words_of("normalize clamp serialize validate iterate decode flush hydrate"),
)

RESULTS = Part(
    train=words_of("result total count best answer output sum found current buffer extra score"),
    heldout=words_of("accum tally residue maxima"),
)

DESCRIPTIONS = Part(
    train=words_of("""
        oil crime population market winter paper river metal season garden window hidden simple
        common public early final narrow gentle bright paint engine doctor silver music border
        autumn visit forest travel history coffee summer corner island village pattern design
        piece dark wooden northern famous modern copper season leather kitchen mountain ocean
        pocket circle ticket glass sugar bridge marble cotton
    """),
    heldout=words_of("granite tundra velvet saffron lattice quartz harpoon mosaic"),
)


def pick(rng: Random, items: Sequence[T]) -> T:
    """Return one of `items`; about twice as fast as `rng.choice`."""
    return items[int(rng.random() * len(items))]


def distinct(rng: Random, items: Sequence[T], n: int) -> list[T]:
    """Return `n` different items in random order."""
    found: list[T] = []
    while len(found) < n:
        item = items[int(rng.random() * len(items))]
        if item not in found:
            found.append(item)
    return found


def function_name(rng: Random, split: str, *, camel: bool = False) -> str:
    """Return a verb and a noun as one identifier, such as `count_rows` or `countRows`."""
    verb, noun = pick(rng, VERBS.of(split)), pick(rng, DOCSTRING_ARGS.of(split))
    return verb + noun.capitalize() if camel else f"{verb}_{noun}"
