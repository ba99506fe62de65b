"""Words of the world `town`: people, surnames, places and things, each with a held-out part.

A `Part` has words for training documents and words that only held-out documents use, so that a
skill can be told from a memory. Names and one-word answers are in `TOKENS_TO_KEEP`, which the
tokenizer keeps whole. In goes a split ("train" or "heldout"); out come words.
"""

import random
from dataclasses import dataclass
from typing import Any

from mi_course.worlds.town.geography import FACTS_HELDOUT, FACTS_TRAIN


@dataclass(frozen=True)
class Part:
    """Words, or whatever stands for a word in a language with cases, by split.

    Attributes:
        train: words that training documents use.
        heldout: words that never occur in a training document.
    """

    train: tuple[Any, ...]
    heldout: tuple[Any, ...]

    def __post_init__(self) -> None:
        """Check that no word is in both parts."""
        both = sorted(set(self.train) & set(self.heldout))
        if both:
            raise ValueError(
                f"expected disjoint parts, got {both} in both; try removing them from one"
            )

    def of(self, split: str) -> tuple[Any, ...]:
        """Return the words of "train" or "heldout".

        Raises:
            ValueError: the split is neither.
        """
        if split == "train":
            return self.train
        if split == "heldout":
            return self.heldout
        raise ValueError(f"expected split train or heldout, got {split!r}; try 'train'")


def words(text: str) -> tuple[str, ...]:
    """Return the words of a string, so that long lists stay readable."""
    return tuple(text.split())


MALE = Part(
    words(
        "John James Robert David Thomas Daniel Matthew Anthony Steven Paul Andrew Kevin"
        " Brian George Timothy Jason Edward Ryan Jacob Gary Eric Stephen Larry Justin Scott"
        " Brandon Frank Gregory Samuel Patrick Jack Dennis Jerry Tyler Aaron Adam Nathan"
        " Henry Peter Kyle Walter Ethan Jeremy Harold Keith Roger Arthur Sean Albert Simon"
        " Martin Oliver"
    ),
    words(
        "Michael Joseph Charles Kenneth Benjamin Raymond Bruce Louis Philip Vincent Ralph"
        " Oscar Hugo"
    ),
)
FEMALE = Part(
    words(
        "Mary Patricia Jennifer Linda Barbara Susan Jessica Sarah Karen Lisa Nancy Sandra"
        " Ashley Emily Donna Michelle Carol Amanda Melissa Deborah Stephanie Rebecca Laura"
        " Helen Amy Anna Angela Ruth Brenda Pamela Nicole Katherine Emma Catherine Christine"
        " Rachel Carolyn Janet Maria Heather Diane Julie Joyce Victoria Kelly Lauren Judith"
        " Olivia Alice Julia Sophie Martha"
    ),
    words(
        "Elizabeth Margaret Kimberly Dorothy Samantha Cynthia Kathleen Virginia Frances"
        " Hannah Clara Nora Eva"
    ),
)
NAMES = Part(MALE.train + FEMALE.train, MALE.heldout + FEMALE.heldout)
GENDER = {name: "male" for name in MALE.train + MALE.heldout} | {
    name: "female" for name in FEMALE.train + FEMALE.heldout
}
SUBJECT = {"male": "he", "female": "she"}
POSSESSIVE = {"male": "his", "female": "her"}

_INDEX = {name: i for i, name in enumerate(NAMES.train)}


def gender(name: str) -> str:
    """Return "male" or "female" for a given name of `NAMES`."""
    return GENDER[name]


def name_pair_is_heldout(a: str, b: str) -> bool:
    """Return whether two training names never meet as the two people of a training story.

    One unordered pair in ten is held out; it is false for names that are not training names.
    """
    if a not in _INDEX or b not in _INDEX:
        return False
    low, high = sorted((_INDEX[a], _INDEX[b]))
    return (low + 7 * high) % 10 == 0


SURNAME_ONSET = Part(
    words("Bra Cal Dre Fin Gor Hal Jas Kel Lor Mar Nev Pel Quil Rad Sel Tor Ul Vor Wes Yar"),
    words("Aps Ost Zub Ixt Egn"),
)
SURNAME_MIDDLE = Part(
    words("an be co di el fa gu in ka lo me ni ob pi ra se ti ur va wi"),
    words("axo hep yod ezu"),
)
SURNAME_END = Part(
    words(
        "bert dale dun field ford gard ham kin land ley low mere mont nack rick sley son"
        " ton ville well"
    ),
    words("vask joom quet zarn"),
)


def _combination_is_heldout(onset: int, middle: int, end: int) -> bool:
    return (onset + 3 * middle + 7 * end) % 10 == 0


def surname(rng: random.Random, split: str) -> str:
    """Return an invented surname of three or four syllables.

    A tenth of the combinations of training syllables is kept for held-out documents, which
    draw half of their surnames from those and half from syllables that training never shows.
    """
    if split == "heldout" and rng.random() < 0.5:
        middle = "".join(rng.sample(SURNAME_MIDDLE.heldout, rng.randint(1, 2)))
        return rng.choice(SURNAME_ONSET.heldout) + middle + rng.choice(SURNAME_END.heldout)
    onset, end = rng.randrange(20), rng.randrange(20)
    middles = [rng.randrange(20) for _ in range(rng.randint(1, 2))]
    # Twenty entries: stepping the end round its list walks through all residues of ten.
    while _combination_is_heldout(onset, sum(middles), end) != (split == "heldout"):
        end = (end + 1) % 20
    middle = "".join(SURNAME_MIDDLE.train[i] for i in middles)
    return SURNAME_ONSET.train[onset] + middle + SURNAME_END.train[end]


# One word each, beginning with a consonant, so that "a" and "the" both fit.
PLACES = Part(
    words(
        "store school park market library garden beach station hospital restaurant museum"
        " church theater farm bridge harbor castle lake forest river bank bakery village bar"
        " cafe gym hotel kitchen palace tower square mill barn zoo pool club"
    ),
    words("monastery lighthouse workshop courthouse"),
)
OBJECTS = Part(
    words(
        "book ring drink letter ball basket key lamp map coin hat scarf watch flower gift"
        " ticket box bottle cup knife rope bag coat card picture candle necklace camera pen"
        " photo violin puzzle blanket sandwich bone kite drum mirror toy computer"
    ),
    words("telescope compass teapot wallet"),
)
OCCUPATIONS = Part(
    words(
        "painter teacher doctor lawyer singer writer poet banker farmer baker judge nurse"
        " pilot soldier chemist dancer sailor carpenter"
    ),
    words("plumber librarian"),
)
SPORTS = Part(
    words(
        "football tennis hockey cricket golf rugby baseball basketball chess polo"
        " volleyball badminton"
    ),
    words("squash handball"),
)
PARTIES = Part(
    words("Liberal Conservative Labour Green Republican Democratic Socialist"),
    words("Progressive Agrarian"),
)
COLORS = Part(
    words("red blue green white black yellow brown grey pink silver"), words("purple crimson")
)
ADJECTIVES = Part(
    words(
        "old new small big long short heavy light bright dark quiet loud cold warm strange"
        " pretty clean dirty cheap rich soft hard round broken wooden"
    ),
    words("rusty slippery"),
)
ANIMALS = Part(
    words("dog cat horse cow sheep goat bird fish rabbit mouse lion bear wolf fox"),
    words("camel badger"),
)
FOODS = Part(
    words("bread cheese soup rice cake fruit meat salad honey butter pasta pie"),
    words("lentils porridge"),
)
WEEKDAYS = words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
MONTHS = words(
    "January February March April May June July August September October November December"
)
SEASONS = words("spring summer autumn winter")


def _geography(field: str) -> Part:
    train = tuple(dict.fromkeys(getattr(fact, field) for fact in FACTS_TRAIN))
    heldout = dict.fromkeys(getattr(fact, field) for fact in FACTS_HELDOUT)
    return Part(train, tuple(word for word in heldout if word not in train))


CITIES, COUNTRIES, LANGUAGES = (_geography(f) for f in ("city", "country", "language"))

_KEPT = (
    NAMES, PLACES, OBJECTS, OCCUPATIONS, SPORTS, PARTIES, COLORS, ANIMALS, CITIES,
    COUNTRIES, LANGUAGES,
)  # fmt: skip
# Words that the tokenizer must keep as one token when a space leads them.
TOKENS_TO_KEEP: tuple[str, ...] = tuple(
    dict.fromkeys(word for part in _KEPT for word in part.train + part.heldout)
)
