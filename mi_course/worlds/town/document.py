"""Documents of the world `town`: text in which every word carries its true labels.

A document is written once, from left to right, by a `Writer`; a `Template` is a sentence whose
words are already tagged, so that a span is right by construction and never guessed afterwards from
the text. In go tagged sentences and fillers; out comes a `Document` with its text and character
spans.
"""

from dataclasses import dataclass
from functools import cache, partial
from typing import NamedTuple

NO_SPACE_BEFORE = frozenset(".,!?;:)]}…»”'") | {"'s", "n't", "'re", "'ll", "'ve", "'m", "'d"}
OPENERS = frozenset("([{«“¿¡")

# Fine tag -> (part of speech, morphology), after Universal Dependencies.
TAGS: dict[str, tuple[str, str]] = {
    "NN": ("NOUN", "Number=Sing"),
    "NNS": ("NOUN", "Number=Plur"),
    "NNP": ("PROPN", "Number=Sing"),
    "NNPS": ("PROPN", "Number=Plur"),
    "VB": ("VERB", "VerbForm=Inf"),
    "VBD": ("VERB", "Tense=Past"),
    "VBG": ("VERB", "VerbForm=Ger"),
    "VBN": ("VERB", "VerbForm=Part"),
    "VBP": ("VERB", "Tense=Pres"),
    "VBZ": ("VERB", "Tense=Pres|Person=3"),
    "MD": ("AUX", "VerbType=Mod"),
    "AUXD": ("AUX", "Tense=Past"),
    "AUXZ": ("AUX", "Tense=Pres"),
    "JJ": ("ADJ", "Degree=Pos"),
    "JJR": ("ADJ", "Degree=Cmp"),
    "JJS": ("ADJ", "Degree=Sup"),
    "RB": ("ADV", ""),
    "DT": ("DET", ""),
    "PRP": ("PRON", "PronType=Prs"),
    "PRPM": ("PRON", "Gender=Masc"),
    "PRPF": ("PRON", "Gender=Fem"),
    "POSM": ("PRON", "Poss=Yes|Gender=Masc"),
    "POSF": ("PRON", "Poss=Yes|Gender=Fem"),
    "POSS": ("PRON", "Poss=Yes"),
    "IN": ("ADP", ""),
    "CC": ("CCONJ", ""),
    "SC": ("SCONJ", ""),
    "CD": ("NUM", "NumType=Card"),
    "TO": ("PART", ""),
    "POS": ("PART", ""),
    "NEG": ("PART", "Polarity=Neg"),
    "UH": ("INTJ", ""),
    "PUNCT": ("PUNCT", ""),
    "SYM": ("SYM", ""),
    "X": ("X", ""),
}


class Span(NamedTuple):
    """One label on the characters `text[start:end]` of a document.

    The collection `word` holds "TAG.dependency"; `labels.expand` turns it into three collections.
    """

    start: int
    end: int
    collection: str
    label: str


# As `Span._make`, without its check of the length, which costs a fifth of the time of a document.
_span = partial(tuple.__new__, Span)


@dataclass(frozen=True)
class Document:
    """A text of the world with its labels.

    Attributes:
        kind: the document kind, such as "ioi".
        text: the characters.
        spans: labels on character ranges, in order of their end.
    """

    kind: str
    text: str
    spans: tuple[Span, ...]

    def find(self, collection: str, label: str | None = None) -> list[Span]:
        """Return the spans of a collection, of one label when it is given."""
        return [s for s in self.spans if s.collection == collection and label in (None, s.label)]


class Writer:
    """Collects text and spans; every kind writes through one."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.length = 0
        self.spans: list[tuple[int, int, str, str]] = []

    def add(self, text: str, **labels: str) -> None:
        """Append `text` as it is (no space is added) and label it, as in `add(" Mary", role="io")`.

        A leading space is kept out of the labelled span.
        """
        start = self.length + (len(text) - len(text.lstrip(" ")))
        self.parts.append(text)
        self.length += len(text)
        for collection, label in labels.items():
            self.spans.append((start, self.length, collection, label))

    def mark(self, start: int, collection: str, label: str) -> None:
        """Label everything written since the character position `start`."""
        self.spans.append((start, self.length, collection, label))

    def document(self, kind: str) -> Document:
        """Return what was written as a document, labelled with its kind over its whole length."""
        self.mark(0, "kind", kind)
        return Document(kind, "".join(self.parts), tuple(map(_span, self.spans)))


class _Piece(NamedTuple):
    text: str  # literal characters, or the space before a slot
    spans: tuple[tuple[int, int, str, str], ...]  # relative to the piece's start
    slot: str  # "" for a literal
    word: str  # "TAG.dep" of the slot


class Template:
    """A tagged sentence with slots, read once and rendered many times.

    Words are separated by spaces and written `word_TAG_dep`; a slot is `{name}_TAG_dep`.
    Punctuation needs no tag. A space is put before every word except closing punctuation;
    a leading `~` glues a word to the one before it. A tag is a key of `TAGS`.
    Each slot also gets a span in the collection `role`, labelled with the slot's name.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self._pieces: tuple[_Piece, ...] | None = None

    @property
    def pieces(self) -> tuple[_Piece, ...]:
        """The literal runs and slots, compiled at first use."""
        if self._pieces is None:
            self._pieces = tuple(_compile(self.source))
        return self._pieces

    def render(self, out: Writer, **fills: str) -> None:
        """Append the sentence to `out`, each slot filled by name.

        A sentence that follows other text starts with a space.
        """
        first = out.length == 0 or out.parts[-1][-1] == "\n"
        for text, spans, slot, word in self.pieces:
            if first:
                if text[:1] == " ":
                    text = text[1:]
                    spans = tuple((a - 1, b - 1, c, d) for a, b, c, d in spans)
                first = False
            base = out.length
            if not slot:
                out.spans.extend([(base + a, base + b, c, d) for a, b, c, d in spans])
                out.parts.append(text)
                out.length = base + len(text)
                continue
            fill = fills[slot]
            start = base + len(text)
            end = start + len(fill)
            out.parts.append(text + fill)
            out.spans.append((start, end, "word", word))
            out.spans.append((start, end, "role", slot))
            out.length = end


@cache
def _split_word(source: str) -> tuple[str, str]:
    """Return (word, "TAG.dep") of one template word."""
    if "_" not in source:
        if any(c.isalnum() for c in source):
            raise ValueError(f"expected word_TAG_dep, got {source!r}; try adding a tag of TAGS")
        return source, "PUNCT.punct"
    word, tag, dep = source.rsplit("_", 2)
    if tag not in TAGS:
        raise ValueError(f"expected a tag of {sorted(TAGS)}, got {tag!r} in {source!r}")
    return word, f"{tag}.{dep}"


def _compile(source: str) -> list[_Piece]:
    pieces: list[_Piece] = []
    text, spans, glue = "", [], False
    for token in source.split():
        word, label = _split_word(token.lstrip("~") if len(token) > 1 else token)
        space = "" if token[0] == "~" or glue or word in NO_SPACE_BEFORE else " "
        glue = word in OPENERS
        if word[0] == "{" and word[-1] == "}" and len(word) > 2:
            if text:
                pieces.append(_Piece(text, tuple(spans), "", ""))
            pieces.append(_Piece(space, (), word[1:-1], label))
            text, spans = "", []
        else:
            text += space
            spans.append((len(text), len(text) + len(word), "word", label))
            text += word
    if text:
        pieces.append(_Piece(text, tuple(spans), "", ""))
    return pieces
