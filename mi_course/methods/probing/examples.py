"""Which tokens of which documents are the examples of a collection, and what is true of each.

An example is one token, the last token of a labelled span, or all tokens of a document that carry
one label (whose activations are averaged). Each belongs to a group that a split must not divide:
biographies of people with one given name, phrases in one frame, headers of one wording. In go
documents and the offsets of any tokenizer; out come token positions, labels and groups.
"""

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from mi_course.worlds.town.corpus import KINDS, generate
from mi_course.worlds.town.document import Document, Span
from mi_course.worlds.town.label_sets import COLLECTIONS
from mi_course.worlds.town.labels import expand, text_features
from mi_course.worlds.town.orthography import Offsets, solid

AGGREGATIONS = ("token", "last", "mean")
SAMPLE = 40  # documents of each kind that tell which labels it has
# What examples of one group share; of the other collections they share their document.
GROUPS: dict[str, str] = {
    "person_gender": "entity",
    "person_alive": "entity",
    "person_occupation": "entity",
    "person_sport": "entity",
    "person_party": "entity",
    "compound": "template",
    "trigger": "template",
}


class Example(NamedTuple):
    """Tokens of one document whose activations make one row.

    Attributes:
        document: its number.
        positions: token positions, without a BOS; several are averaged.
        labels: numbers of the collection's labels that hold.
        group: what must not stand on both sides of a split.
    """

    document: int
    positions: tuple[int, ...]
    labels: tuple[int, ...]
    group: str


def kind_weights(collection: str, labels: Sequence[str] = ()) -> dict[str, float]:
    """Return how often to draw each document kind so that labels are about equally frequent.

    Args:
        collection: a key of `COLLECTIONS`.
        labels: the labels wanted; all of them when empty.

    Returns:
        Kind -> weight; only kinds in which the collection occurs.

    Raises:
        ValueError: an unknown collection.
    """
    known(collection)
    wanted = set(labels or COLLECTIONS[collection].labels)
    seen = {
        kind: Counter(
            {
                label: n
                for (name, label), n in counts.items()
                if name == collection and label in wanted
            }
        )
        for kind, counts in _labels_of_kinds().items()
    }
    total: Counter[str] = sum(seen.values(), Counter())
    shares = {k: sum(c / total[label] for label, c in seen[k].items()) for k in KINDS}
    # Spelling shows everywhere; no span tells of it.
    least = 1.0 if collection == "text_feature" else 0.0
    return {kind: share + least for kind, share in shares.items() if share + least > 0}


@cache
def _labels_of_kinds() -> dict[str, Counter[tuple[str, str]]]:
    """Return in how many documents of each kind a (collection, label) occurs, of a few."""
    found: dict[str, Counter[tuple[str, str]]] = {kind: Counter() for kind in KINDS}
    for kind, counts in found.items():
        for number in range(SAMPLE):
            spans = expand(generate(kind, number)).spans
            counts.update({(span.collection, span.label) for span in spans})
    return found


def known(collection: str) -> None:
    """Raise ValueError unless the town has such a collection."""
    if collection not in COLLECTIONS:
        raise ValueError(f"expected a collection of {sorted(COLLECTIONS)}, got {collection!r}")


def examples_of(
    number: int, document: Document, offsets: Offsets, collection: str, aggregation: str
) -> list[Example]:
    """Return the examples of one document, those without a label too.

    Args:
        number: of the document.
        document: the document.
        offsets: (start, end) of the tokens that the model reads; what was cut off is left out.
        collection: a key of `COLLECTIONS`.
        aggregation: "token": every token; "last": the last token of each labelled span, and every
            token that is none; "mean": for each label all tokens that carry it, or the whole
            document where there is none.

    Returns:
        Examples in the order of the text.
    """
    spans = expand(document).find(collection)
    if aggregation == "last":
        found = _last_tokens(document, offsets, spans, collection)
    else:
        rows = token_rows(document, offsets, collection)
        found = [((at,), tuple(np.flatnonzero(row).tolist())) for at, row in enumerate(rows)]
        if aggregation == "mean":
            found = _by_label(rows)
    return [
        Example(number, positions, labels, _group(number, document, offsets, positions, collection))
        for positions, labels in found
    ]


def token_rows(
    document: Document, offsets: Offsets, collection: str
) -> Bool[np.ndarray, "pos label"]:
    """Return which labels of a collection each token has.

    A token has a label that is on at least half of its labelled characters, so it can have two.
    """
    if collection == "text_feature":
        return text_features(document, offsets)
    number = COLLECTIONS[collection].number
    bounds = np.array(solid(document.text, offsets), dtype=np.int64).reshape(-1, 2)
    chars = np.zeros((len(document.text) + 1, len(COLLECTIONS[collection].labels)), dtype=np.int32)
    for start, end, _, label in expand(document).find(collection):
        chars[start + 1 : end + 1, number(label)] = 1
    own = _counted(chars, bounds)
    return (own > 0) & (2 * own >= _counted(chars.any(1, keepdims=True), bounds))


def _counted(chars: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    running = np.cumsum(chars, axis=0, dtype=np.int32)
    return running[np.maximum(bounds[:, 1], bounds[:, 0])] - running[bounds[:, 0]]


def _last_tokens(
    document: Document, offsets: Offsets, spans: Sequence[Span], collection: str
) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    bounds = solid(document.text, offsets)
    labels: dict[int, set[int]] = {at: set() for at in range(len(bounds))}
    cut = bounds[-1][1] if bounds else 0
    for start, end, _, label in spans:
        inside = [at for at, (a, b) in enumerate(bounds) if a < end and b > start]
        # A span over the whole document ends where the model stops reading.
        if inside and (end <= cut or (start, end) == (0, len(document.text))):
            labels[inside[-1]].add(COLLECTIONS[collection].number(label))
    return [((at,), tuple(sorted(found))) for at, found in labels.items()]


def _by_label(rows: np.ndarray) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    means: dict[tuple[int, ...], tuple[int, ...]] = {}
    for label in np.flatnonzero(rows.any(0)).tolist():
        at = tuple(np.flatnonzero(rows[:, label]).tolist())
        means[at] = (*means.get(at, ()), label)
    return list(means.items()) or ([(tuple(range(len(rows))), ())] if len(rows) else [])


def _group(
    number: int, document: Document, offsets: Offsets, positions: tuple[int, ...], collection: str
) -> str:
    """Return what an example shares with those that must stay on its side of a split."""
    sort = GROUPS.get(collection, "document")
    people = document.find("role", "person")
    if sort == "entity" and people:
        # The given name tells the gender: whoever shares it is one entity.
        return document.text[people[0].start : people[0].end].split()[0]
    header = document.find("trigger")
    if collection == "trigger" and header:
        return re.sub(r"\d+", "{year}", document.text[: header[0].end])
    if collection == "compound" and document.kind == "compound":
        return _frame(document, offsets[positions[-1]][1])
    return f"document {number}"


def _frame(document: Document, end: int) -> str:
    """Return the sentence up to `end`, with the names of its slots for what fills them."""
    start = max(document.text.rfind(". ", 0, end - 1) + 2, 0) if ". " in document.text[:end] else 0
    text, before = "", start
    for span in sorted(document.find("role")):
        if start <= span.start and span.end <= end:
            text += document.text[before : span.start] + "{" + span.label + "}"
            before = span.end
    return text + document.text[before:end]
