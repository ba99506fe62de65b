"""Paragraphs in other languages agree in gender and case, and repeated words repeat."""

import itertools
import random
import re
from functools import cache

import pytest

from mi_course.worlds.town import random_words
from mi_course.worlds.town.document import Document
from mi_course.worlds.town.language_words import LANGUAGES
from mi_course.worlds.town.languages import language, tagged_sentence

CODES = tuple(LANGUAGES)
ARTICLES = {"es": ("el", "la"), "fr": ("le", "la"), "de": ("der", "die", "das")}


@cache
def documents(split: str) -> tuple[Document, ...]:
    return tuple(language(random.Random(f"{split}{n}"), split) for n in range(200))


def code_of(document: Document) -> str:
    (span,) = document.find("natural_language")
    assert (span.start, span.end) == (0, len(document.text))
    return span.label


def genders(code: str) -> dict[str, int]:
    return {form: noun.gender for noun in LANGUAGES[code].things for form in noun.forms}


@pytest.mark.parametrize("split", ["train", "heldout"])
def test_every_language_occurs(split: str) -> None:
    assert {code_of(document) for document in documents(split)} == set(CODES)


@pytest.mark.parametrize("code", CODES)
def test_every_sentence_can_be_written_in_every_gender(code: str) -> None:
    chosen = LANGUAGES[code]
    kinds = sorted({noun.gender for noun in chosen.things})
    assert len(chosen.sentences.train) >= 12
    for sentence in chosen.sentences.train + chosen.sentences.heldout:
        for genders_ in itertools.product(kinds, kinds, (0, 1), (0, 1)):
            pieces = tagged_sentence(sentence, code, genders_).pieces
            assert not any("@" in piece.text or "/" in piece.text for piece in pieces)


@pytest.mark.parametrize("code", ARTICLES)
def test_articles_agree_with_the_things_that_follow(code: str) -> None:
    gender, seen = genders(code), set()
    pattern = re.compile(rf"\b({'|'.join(ARTICLES[code])}) (\w+)", re.IGNORECASE)
    for document in documents("train"):
        if code_of(document) != code:
            continue
        subjects = {document.text[s.start : s.end] for s in document.find("role", "thing1")}
        for article, noun in pattern.findall(document.text):
            # In German "die" is a plural too, and "der" a dative: only subjects are looked at.
            if noun in gender and (code != "de" or noun in subjects):
                if code == "de" and article.lower() == "den":
                    continue
                seen.add(article.lower())
                assert ARTICLES[code].index(article.lower()) == gender[noun], document.text
    assert seen == set(ARTICLES[code])


def test_russian_objects_stand_in_the_accusative() -> None:
    nominative = {n.forms[0] for n in LANGUAGES["ru"].things if len(n.forms) == 2}
    accusative = {n.forms[1] for n in LANGUAGES["ru"].things if len(n.forms) == 2}
    found = [
        document.text[span.start : span.end]
        for document in documents("train")
        if code_of(document) == "ru"
        for role in ("object1", "object2")
        for span in document.find("role", role)
    ]
    assert set(found) & accusative
    assert not set(found) & nominative


def test_russian_verbs_agree_with_the_person() -> None:
    person = {n.forms[0]: n.gender for n in LANGUAGES["ru"].people.train}
    checked = 0
    for document in documents("train"):
        if code_of(document) == "ru":
            names = document.find("role", "person")
            for span in document.find("role", "verb1"):
                before = [s for s in names if s.end <= span.start]
                if before:
                    name = document.text[before[-1].start : before[-1].end]
                    feminine = document.text[span.start : span.end].endswith("ла")
                    assert feminine == (person[name] == 1), document.text
                    checked += 1
    assert checked > 10


def test_two_scripts_are_written() -> None:
    for document in documents("train"):
        cyrillic = bool(re.search("[а-яё]", document.text))
        assert cyrillic == (code_of(document) == "ru")


def test_heldout_names_cities_and_sentences_stay_out_of_training() -> None:
    text = " ".join(document.text for document in documents("train"))
    words = set(re.findall(r"\w+", text))
    for chosen in LANGUAGES.values():
        names = {form for noun in chosen.people.heldout for form in noun.forms}
        assert not words & (names | set(chosen.cities.heldout))
        assert not set(chosen.sentences.train) & set(chosen.sentences.heldout)


def test_a_paragraph_keeps_to_two_people() -> None:
    for document in documents("train"):
        for role in ("person", "other", "city"):
            assert len({document.text[s.start : s.end] for s in document.find("role", role)}) <= 1


def test_random_words_differ_in_the_first_turn_and_repeat_in_order() -> None:
    for n in range(100):
        document = random_words.random_sequence(random.Random(n), "train")
        turns = {
            role: [document.text[s.start : s.end] for s in document.find("role", role)]
            for role in ("repeat_first", "repeat_again")
        }
        first, again = turns["repeat_first"], turns["repeat_again"]
        assert len(set(first)) == len(first) >= 4
        assert len(again) >= len(first) or len(first) + len(again) == random_words.LONGEST
        assert again == [first[i % len(first)] for i in range(len(again))]
        assert document.text == "".join(f" {word}" for word in first + again)
