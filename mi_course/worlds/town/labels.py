"""Labels of tokens: from the character spans of a document to one label, or a number, per token.

A character has the label of the shortest span over it, and a token the label that most of its
labelled characters have. Words carry one span that holds three labels (part of speech,
dependency, morphology). In go documents and token offsets; out come labels by collection, as words
for reading (`token_labels`) or as integers for many documents at once (`label_matrix`).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int16, Int64

from mi_course.worlds.town.document import Document, Span
from mi_course.worlds.town.label_sets import (
    COLLECTIONS,
    TEXT_FEATURES,
    WORD_COLLECTIONS,
    word_labels,
)
from mi_course.worlds.town.orthography import SPELLING, Offsets, solid, spelling_features

NONE = -1  # the number of a token without a label


def expand(document: Document) -> Document:
    """Return the document with each `word` span replaced by its three collections' spans."""
    spans: list[Span] = []
    for span in document.spans:
        if span.collection == "word":
            spans.extend(Span(*span[:2], *pair) for pair in word_labels(span.label))
        else:
            spans.append(span)
    return Document(document.kind, document.text, tuple(spans))


def token_labels(document: Document, offsets: Offsets, collection: str) -> list[str | None]:
    """Return the label of each token in one collection, None where it has none.

    Args:
        document: a document of the world.
        offsets: (start, end) of each token in the document's text; a leading space does not count.
        collection: a key of `COLLECTIONS`, or any collection of spans, such as "role".

    Returns:
        One label for each token: that of most of its labelled characters, the first when tied.
        Of several text features the first in `TEXT_FEATURES` is given.
    """
    if collection == "text_feature":
        rows = text_features(document, offsets)
        return [TEXT_FEATURES[row.argmax()] if row.any() else None for row in rows]
    spans = expand(document).find(collection)
    labels: list[str | None] = [None] * len(document.text)
    for span in sorted(reversed(spans), key=lambda s: s.start - s.end):
        labels[span.start : span.end] = [span.label] * (span.end - span.start)
    result: list[str | None] = []
    for start, end in solid(document.text, offsets):
        present = [label for label in labels[start:end] if label is not None]
        result.append(max(present, key=present.count) if present else None)
    return result


def text_features(document: Document, offsets: Offsets) -> Bool[np.ndarray, "pos n_features"]:
    """Return which of `TEXT_FEATURES` each token has, from the grammar and from spelling."""
    bare = np.array(solid(document.text, offsets)).reshape(-1, 2)
    given = len(TEXT_FEATURES) - len(SPELLING)
    rows = np.zeros((len(bare), len(TEXT_FEATURES)), dtype=bool)
    rows[:, given:] = spelling_features(document.text, offsets)
    for start, end, _, label in document.find("text_feature"):
        column = COLLECTIONS["text_feature"].number(label)
        rows[:, column] |= (bare[:, 0] < end) & (bare[:, 1] > start)
    return rows


def label_matrix(
    documents: Sequence[Document], offsets: Sequence[Offsets], collections: Sequence[str]
) -> Int16[np.ndarray, "n_collections pos"]:
    """Return each token's label numbers, the documents' tokens one after another.

    Args:
        documents: documents of the world.
        offsets: for each document, (start, end) of its tokens.
        collections: keys of `COLLECTIONS`.

    Returns:
        One row for each collection; `NONE` (-1) where a token has no label.

    Raises:
        ValueError: if a collection is unknown, or documents and offsets differ in number.
    """
    for name in collections:
        if name not in COLLECTIONS:
            raise ValueError(f"expected a collection of {sorted(COLLECTIONS)}, got {name!r}")
    tokens, total = _global_offsets(documents, offsets)
    spans = _global_spans(documents, {*collections, "word"})
    rows = np.full((len(collections), len(tokens)), NONE, dtype=np.int16)
    for row, name in enumerate(collections):
        if name == "text_feature":
            features = [text_features(d, o) for d, o in zip(documents, offsets, strict=True)]
            found = np.concatenate([*features, np.zeros((0, len(TEXT_FEATURES)), bool)])
            rows[row] = np.where(found.any(1), found.argmax(1), NONE)
        else:
            rows[row] = _by_majority(_paint(spans, name, total), tokens)
    return rows


def label_mask(
    documents: Sequence[Document], offsets: Sequence[Offsets], collection: str, label: str
) -> Bool[np.ndarray, " pos"]:
    """Return whether each token has a label, also where it has others of the same collection.

    Args:
        documents: documents of the world.
        offsets: for each document, (start, end) of its tokens.
        collection: a key of `COLLECTIONS`.
        label: one of its labels.

    Returns:
        One boolean for each token, the documents' tokens one after another; true where the
        label is on at least half of the token's characters that the collection labels.

    Raises:
        ValueError: if the collection has no such label.
    """
    return label_masks(documents, offsets, {collection: [label]})[collection][0]


def label_masks(
    documents: Sequence[Document],
    offsets: Sequence[Offsets],
    labels: Mapping[str, Sequence[str]],
) -> dict[str, Bool[np.ndarray, "n_labels pos"]]:
    """Return for each collection what `label_mask` says about each of some labels, in one go.

    Args:
        documents: documents of the world.
        offsets: for each document, (start, end) of its tokens.
        labels: for each collection some of its labels.

    Returns:
        For each collection one row for each of its labels named.

    Raises:
        ValueError: if a collection has no such label.
    """
    numbers = {name: [COLLECTIONS[name].number(x) for x in some] for name, some in labels.items()}
    tokens, total = _global_offsets(documents, offsets)
    spans = _global_spans(documents, {*labels, "word"})
    found = {}
    for name, rows in numbers.items():
        if name == "text_feature":
            parts = [text_features(d, o).T for d, o in zip(documents, offsets, strict=True)]
            found[name] = np.concatenate([*parts, np.zeros((len(TEXT_FEATURES), 0), bool)], 1)[rows]
            continue
        any_label = _covered(_paint(spans, name, total), tokens)
        masks = np.zeros((len(rows), len(tokens)), dtype=bool)
        for row, number in enumerate(rows):
            own = _covered(_paint(spans, name, total, number), tokens)
            masks[row] = (own > 0) & (2 * own >= any_label)
        found[name] = masks
    return found


def _global_offsets(
    documents: Sequence[Document], offsets: Sequence[Offsets]
) -> tuple[Int64[np.ndarray, "pos 2"], int]:
    """Return all tokens' offsets in the texts put end to end, and the length of those."""
    if len(documents) != len(offsets):
        raise ValueError(
            f"expected offsets for each of {len(documents)} documents, got {len(offsets)}, "
            "try one list for each document"
        )
    base, found = 0, []
    for document, pairs in zip(documents, offsets, strict=True):
        found.extend([(start + base, end + base) for start, end in solid(document.text, pairs)])
        base += len(document.text)
    return np.array(found, dtype=np.int64).reshape(-1, 2), base


class _Spans(NamedTuple):
    """The spans of a collection in the documents' texts put end to end."""

    start: Int64[np.ndarray, " n_spans"]
    end: Int64[np.ndarray, " n_spans"]
    code: Int64[np.ndarray, " n_spans"]  # the label's place in `labels`
    labels: tuple[str, ...]


def _global_spans(documents: Sequence[Document], names: set[str]) -> dict[str, _Spans]:
    """Return the spans of some collections, by collection."""
    rows: dict[str, list[int]] = {name: [] for name in names}
    codes: dict[str, dict[str, int]] = {name: {} for name in names}
    base = 0
    for document in documents:
        for start, end, name, label in document.spans:
            if name in rows:
                code = codes[name].setdefault(label, len(codes[name]))
                rows[name] += (start + base, end + base, code)
        base += len(document.text)
    return {
        name: _Spans(*np.array(rows[name], dtype=np.int64).reshape(-1, 3).T, tuple(codes[name]))
        for name in names
    }


def _numbered(spans: dict[str, _Spans], name: str) -> Int64[np.ndarray, "3 n_spans"]:
    """Return start, end and number of a collection's spans."""
    number = COLLECTIONS[name].number
    found = spans["word" if name in WORD_COLLECTIONS else name]
    if name in WORD_COLLECTIONS:
        numbers = [[number(x) for c, x in word_labels(w) if c == name] for w in found.labels]
    else:
        numbers = [[number(label)] for label in found.labels]
    # A word may have several labels, as "Tense=Pres" and "Person=3": its first, then its second.
    most = max(map(len, numbers), default=1)
    table = np.array([n + [NONE] * (most - len(n)) for n in numbers]).reshape(-1, most)
    several = [np.stack([found.start, found.end, table[found.code, k]]) for k in range(most)]
    result = np.concatenate(several, axis=1).astype(np.int64)
    return result[:, result[2] >= 0]


def _paint(
    spans: dict[str, _Spans], name: str, total: int, only: int | None = None
) -> Int16[np.ndarray, " char"]:
    """Return the label number of each character: that of the shortest span over it."""
    start, end, number = _numbered(spans, name)
    if only is not None:
        start, end, number = (x[number == only] for x in (start, end, number))
    # Long spans first and, of equal ones, late ones first: what is written last stays.
    order = np.lexsort((-np.arange(len(start)), start - end))
    start, length, number = start[order], (end - start)[order], number[order]
    within = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    painted = np.full(total, NONE, dtype=np.int16)
    painted[np.repeat(start, length) + within] = np.repeat(number, length)
    return painted


def _covered(
    painted: Int16[np.ndarray, " char"], tokens: Int64[np.ndarray, "pos 2"]
) -> Int64[np.ndarray, " pos"]:
    """Return how many labelled characters each token has."""
    running = np.concatenate([[0], np.cumsum(painted >= 0, dtype=np.int64)])
    return running[np.maximum(tokens[:, 1], tokens[:, 0])] - running[tokens[:, 0]]


def _by_majority(
    painted: Int16[np.ndarray, " char"], tokens: Int64[np.ndarray, "pos 2"]
) -> Int16[np.ndarray, " pos"]:
    """Return for each token the number that most of its labelled characters have."""
    if not len(tokens):
        return np.zeros(0, dtype=np.int16)
    ends = np.minimum(tokens, len(painted)).ravel()
    padded = np.append(painted, np.int16(NONE))
    highest = np.maximum.reduceat(padded, ends)[::2]
    lowest = np.minimum.reduceat(np.where(padded < 0, np.int16(32767), padded), ends)[::2]
    highest[tokens[:, 0] >= tokens[:, 1]] = NONE
    for token in np.flatnonzero((highest >= 0) & (lowest != highest)):
        present = [n for n in painted[slice(*tokens[token])].tolist() if n >= 0]
        highest[token] = max(present, key=present.count)
    return highest
