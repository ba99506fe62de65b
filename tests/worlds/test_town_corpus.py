"""The stream of the town: the same anywhere, complete, without held-out words in training."""

import hashlib
import importlib
import itertools
import os
import re
import subprocess
import sys
from collections import Counter
from functools import cache

import pytest

from mi_course.worlds.town import corpus
from mi_course.worlds.town.corpus import KINDS, SPLITS, SUBSET_OF_KIND, WEIGHTS, generate, stream
from mi_course.worlds.town.document import Document
from mi_course.worlds.town.lexicon import Part

EQUAL = dict.fromkeys(KINDS, 1.0)
MODULES = (*corpus.MODULES, "lexicon", "identifiers", "language_words", "compounds", "papers")
# The embedded models learned text with these bytes: another grammar asks for other models.
PINNED = "21e7cdb29101c36a450092b93d79ec5275c67eb3bfce41e633143d7f5ad1e463"
DIGEST = """
import hashlib, itertools
from mi_course.worlds.town.corpus import KINDS, stream
digest = hashlib.sha256()
for split in ("train", "heldout"):
    for document in itertools.islice(stream(0, split=split, kinds=sorted(KINDS)), 150):
        digest.update(repr((document.kind, document.text, document.spans)).encode())
print(digest.hexdigest())
"""


@cache
def sample(split: str, count: int = 1500) -> tuple[Document, ...]:
    return tuple(itertools.islice(stream(7, split=split, weights=EQUAL), count))


def words(text: str) -> set[str]:
    return set(re.findall(r"[^\W_]+", text))


@cache
def words_of(split: str) -> frozenset[str]:
    return frozenset(word for document in sample(split) for word in words(document.text))


def heldout_words() -> dict[str, str]:
    """Return each held-out word with the name of its list; syllables of surnames are no words."""
    found = {}
    for name in MODULES:
        for key, part in vars(importlib.import_module(f"mi_course.worlds.town.{name}")).items():
            if isinstance(part, Part) and not key.startswith("SURNAME"):
                single = (w for w in part.heldout if isinstance(w, str) and words(w) == {w})
                found |= dict.fromkeys(single, key)
    return found


def digest_in_a_new_process(hash_seed: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    command = [sys.executable, "-c", DIGEST]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_the_same_seed_gives_the_same_bytes_whatever_the_hash_seed() -> None:
    assert digest_in_a_new_process("1") == digest_in_a_new_process("2") == PINNED


def test_a_document_depends_on_its_number_and_not_on_those_before_it() -> None:
    whole = list(itertools.islice(stream(4), 40))
    assert list(itertools.islice(stream(4, start=25), 15)) == whole[25:]


def test_seeds_and_splits_give_different_documents() -> None:
    texts = [generate("years", seed, split).text for seed in range(20) for split in SPLITS]
    assert len(set(texts)) == len(texts)


def test_each_kind_has_about_its_share_of_the_stream() -> None:
    drawn = Counter(document.kind for document in itertools.islice(stream(3), 1200))
    total = sum(WEIGHTS.values())
    assert set(drawn) == set(KINDS)
    for kind, weight in WEIGHTS.items():
        expected = 1200 * weight / total
        # Four standard deviations of a Poisson count: one run in some thousands would fail.
        assert abs(drawn[kind] - expected) < 4 * expected**0.5, kind


def test_only_kinds_with_weight_are_drawn() -> None:
    drawn = {d.kind for d in itertools.islice(stream(0, weights={"ioi": 2.0, "dna": 1.0}), 60)}
    assert drawn == {"ioi", "dna"}
    assert {d.kind for d in itertools.islice(stream(0, kinds=["http"]), 5)} == {"http"}


def test_every_document_has_one_kind_and_one_subset_over_its_whole_text() -> None:
    for document in sample("train"):
        whole = (0, len(document.text))
        kinds, subsets = document.find("kind"), document.find("subset")
        assert [(s.start, s.end, s.label) for s in kinds] == [(*whole, document.kind)]
        label = SUBSET_OF_KIND[document.kind]
        assert [(s.start, s.end, s.label) for s in subsets] == [(*whole, label)]


def test_prose_is_labelled_with_its_language_and_code_with_none() -> None:
    for document in sample("train"):
        languages = {s.label for s in document.find("natural_language")}
        if document.kind == "language":
            assert len(languages) == 1
            assert "en" not in languages
        else:
            prose = SUBSET_OF_KIND[document.kind] in corpus.SUBSETS_IN_ENGLISH
            assert languages == ({"en"} if prose else set())


@pytest.mark.parametrize("split", SPLITS)
def test_every_span_lies_in_the_text_and_holds_no_space_at_its_ends(split: str) -> None:
    for document in sample(split):
        for span in document.spans:
            assert 0 <= span.start < span.end <= len(document.text), span
            if span.collection in ("word", "compound", "flaw"):
                found = document.text[span.start : span.end]
                assert found == found.strip(), (document.kind, span, found)


def test_heldout_words_are_many_and_never_occur_in_training_text() -> None:
    held = heldout_words()
    assert len(held) > 120
    leaked = {word: name for word, name in held.items() if word in words_of("train")}
    assert leaked == {}


def test_heldout_text_uses_the_heldout_words() -> None:
    held = heldout_words()
    used = [word for word in held if word in words_of("heldout")]
    assert len(used) > 0.9 * len(held), sorted(set(held) - set(used))


@pytest.mark.parametrize("split", SPLITS)
def test_documents_are_short_enough_to_learn_from(split: str) -> None:
    lengths = [len(document.text) for document in sample(split)]
    assert max(lengths) < 900
    assert 150 < sum(lengths) / len(lengths) < 400


def test_unknown_kinds_splits_and_empty_weights_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected a kind of .* got 'poem'"):
        generate("poem", 0)
    with pytest.raises(ValueError, match=r"expected a split of .* got 'test'"):
        generate("ioi", 0, "test")
    with pytest.raises(ValueError, match="expected a kind with a positive weight"):
        stream(0, weights={"ioi": 0.0})


def test_text_is_never_the_same_twice_in_many_documents() -> None:
    digests = [hashlib.sha256(d.text.encode()).digest() for d in sample("train")]
    assert len(set(digests)) > 0.995 * len(digests)
