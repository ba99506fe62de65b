"""The corpus of the world `town`: all document kinds, how often each occurs, a seeded stream.

Document number i of a stream is a function of (seed, split, i, weights) alone, so that any part
of the corpus can be made anywhere, in any order, with the same bytes on every platform. In go a
seed and a split ("train" or "heldout"); out come `Document`s whose spans hold every label.
"""

import importlib
import random
from bisect import bisect
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import accumulate, count

from mi_course.worlds.town.document import Document, Span

MODULES = (
    "stories",
    "history",
    "families",
    "facts",
    "people",
    "prose",
    "python",
    "code",
    "security",
    "structured",
    "languages",
    "random_words",
)
SPLITS = ("train", "heldout")
DEFAULT_WEIGHT = 0.02
SUBSETS_IN_ENGLISH = frozenset(
    ("stories", "history", "families", "facts", "people", "reviews", "prose", "law", "maths")
)


def _collect() -> dict[str, Callable[[random.Random, str], Document]]:
    kinds: dict[str, Callable[[random.Random, str], Document]] = {}
    for name in MODULES:
        kinds.update(importlib.import_module(f"mi_course.worlds.town.{name}").KINDS)
    return kinds


KINDS = _collect()

# Shares of documents (normalised when used): most to the skills that the models must learn.
_SHARES = {
    "ioi": 0.20,
    "years": 0.08,
    "surnames": 0.10,
    "facts": 0.10,
    "docstring": 0.12,
    "trigger": 0.08,
    "biography": 0.06,
    "compound": 0.05,
    "aside": 0.05,
    "code": 0.05,
}
WEIGHTS: dict[str, float] = {kind: _SHARES.get(kind, DEFAULT_WEIGHT) for kind in KINDS}

SUBSET_OF_KIND: dict[str, str] = {
    "ioi": "stories",
    "years": "history",
    "surnames": "families",
    "facts": "facts",
    "docstring": "code",
    "trigger": "security",
    "biography": "people",
    "compound": "prose",
    "aside": "prose",
    "contraction": "prose",
    "review": "reviews",
    "code": "code",
    "legal": "law",
    "latex": "maths",
    "dna": "genetics",
    "base64": "web",
    "http": "web",
    "language": "languages",
    "random": "random",
}


def _complete(document: Document) -> Document:
    """Return the document with the labels that follow from its kind: subset and language."""
    whole, subset = len(document.text), SUBSET_OF_KIND[document.kind]
    extra = [Span(0, whole, "subset", subset)]
    if subset in SUBSETS_IN_ENGLISH:
        extra.append(Span(0, whole, "natural_language", "en"))
    return Document(document.kind, document.text, (*document.spans, *extra))


def generate(kind: str, seed: int, split: str = "train") -> Document:
    """Return one document of a kind.

    Args:
        kind: a key of `KINDS`.
        seed: the same seed gives the same document.
        split: "train" or "heldout" (names, facts and phrasings that training text never holds).

    Returns:
        The document with all its labels.

    Raises:
        ValueError: if the kind or the split is unknown.
    """
    _check((kind,), split)
    return _complete(KINDS[kind](random.Random(f"{seed}/{split}/{kind}"), split))


def stream(
    seed: int | str,
    *,
    split: str = "train",
    kinds: Iterable[str] | None = None,
    weights: Mapping[str, float] | None = None,
    start: int = 0,
) -> Iterator[Document]:
    """Return an endless stream of documents, of which number i depends only on the arguments and i.

    Args:
        seed: the stream's seed.
        split: "train" or "heldout".
        kinds: the kinds to draw from; all of them when None.
        weights: shares of documents by kind (any positive scale); `WEIGHTS` when None.
        start: the number of the first document, to go on or to share work among processes.

    Returns:
        An iterator over documents.

    Raises:
        ValueError: if a kind or the split is unknown, or no kind has a positive weight.
    """
    shares = WEIGHTS if weights is None else weights
    chosen = tuple(shares) if kinds is None else tuple(kinds)
    _check(chosen, split)
    positive = tuple((kind, shares.get(kind, 0.0)) for kind in chosen if shares.get(kind, 0.0) > 0)
    if not positive:
        raise ValueError(f"expected a kind with a positive weight, got {chosen}, try WEIGHTS")
    return _stream(f"{seed}/{split}", split, positive, start)


def _stream(
    prefix: str, split: str, shares: tuple[tuple[str, float], ...], start: int
) -> Iterator[Document]:
    names, edges = _edges(shares)
    for number in count(start):
        rng = random.Random(f"{prefix}/{number}")
        kind = names[bisect(edges, rng.random() * edges[-1], 0, len(names) - 1)]
        yield _complete(KINDS[kind](rng, split))


@lru_cache(maxsize=64)
def _edges(shares: tuple[tuple[str, float], ...]) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Return the kinds, and the running totals of their weights."""
    return tuple(k for k, _ in shares), tuple(accumulate(w for _, w in shares))


def _check(kinds: Iterable[str], split: str) -> None:
    if split not in SPLITS:
        raise ValueError(f"expected a split of {SPLITS}, got {split!r}, try 'train'")
    for kind in kinds:
        if kind not in KINDS:
            raise ValueError(f"expected a kind of {sorted(KINDS)}, got {kind!r}, try 'ioi'")
