"""Random words that repeat: text whose second half can be predicted only by looking back.

No word tells anything about the next one, so that whatever a model predicts in a repetition it
has by induction: find the last time this word stood here, and copy what followed. In go a
generator and a split; out comes a `Document` with the roles `repeat_first` (the words' first
turn) and `repeat_again` (every later turn).

Source: Olsson et al. (2022), "In-context Learning and Induction Heads", on repeated random
tokens.
"""

import random
from collections.abc import Callable

from mi_course.worlds.town import lexicon
from mi_course.worlds.town.document import Document, Writer
from mi_course.worlds.town.identifiers import DOCSTRING_ARGS, RESULTS
from mi_course.worlds.town.language_words import LANGUAGES
from mi_course.worlds.town.lexicon import Part

PERIODS = range(4, 36)
LONGEST = 90  # words, so that a document stays within a model's context

_PARTS = (
    lexicon.NAMES,
    lexicon.PLACES,
    lexicon.OBJECTS,
    lexicon.OCCUPATIONS,
    lexicon.SPORTS,
    lexicon.COLORS,
    lexicon.ADJECTIVES,
    lexicon.ANIMALS,
    lexicon.FOODS,
    lexicon.CITIES,
    lexicon.COUNTRIES,
    DOCSTRING_ARGS,
    RESULTS,
)
_OPEN = (
    *lexicon.WEEKDAYS,
    *lexicon.MONTHS,
    *lexicon.SEASONS,
    *(word for code in LANGUAGES for word in LANGUAGES[code].tags if len(word) > 1),
    *(f"{number:02d}" for number in range(100)),
)


def _pool(split: str) -> tuple[str, ...]:
    words = (word for part in _PARTS for word in part.of(split) if " " not in word)
    return tuple(dict.fromkeys((*words, *_OPEN)))


WORDS = Part(_pool("train"), tuple(w for w in _pool("heldout") if w not in set(_pool("train"))))
_POOL = {"train": WORDS.train, "heldout": WORDS.train + WORDS.heldout}


def random_sequence(rng: random.Random, split: str) -> Document:
    """Return 4-35 different random words, repeated in the same order two to four times."""
    words = rng.sample(_POOL[split], rng.choice(PERIODS))
    total = min(int(len(words) * (2 + 2 * rng.random())), LONGEST)
    out = Writer()
    for position in range(total):
        # The first word has its space too, so that every turn has the same tokens.
        role = "repeat_first" if position < len(words) else "repeat_again"
        out.add(" " + words[position % len(words)], role=role)
    return out.document("random")


KINDS: dict[str, Callable[[random.Random, str], Document]] = {"random": random_sequence}
