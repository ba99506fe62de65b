"""The narrative kinds of the town: labels that say what they claim, and held-out words kept out."""

import random
import re
from functools import cache
from itertools import combinations

import pytest

from mi_course.worlds.town import facts, families, history, people, prose, stories
from mi_course.worlds.town.compounds import COMPOUNDS
from mi_course.worlds.town.document import Document, Span
from mi_course.worlds.town.geography import FACTS_HELDOUT, FACTS_TRAIN
from mi_course.worlds.town.lexicon import (
    NAMES,
    OBJECTS,
    OCCUPATIONS,
    PARTIES,
    PLACES,
    SPORTS,
    SURNAME_ONSET,
    TOKENS_TO_KEEP,
    Part,
    gender,
    name_pair_is_heldout,
    surname,
)

KINDS = {
    kind: make
    for module in (stories, history, families, facts, people, prose)
    for kind, make in module.KINDS.items()
}
SPLITS = ("train", "heldout")
COUNT = 350  # 9 kinds: over 3,000 documents of each split


@cache
def documents(kind: str, split: str) -> tuple[Document, ...]:
    rng = random.Random(f"{kind}/{split}")
    return tuple(KINDS[kind](rng, split) for _ in range(COUNT))


def both_splits(kind: str) -> tuple[Document, ...]:
    return documents(kind, "train") + documents(kind, "heldout")


def text_of(document: Document, span: Span) -> str:
    return document.text[span.start : span.end]


def role(document: Document, label: str) -> list[str]:
    return [text_of(document, span) for span in document.find("role", label)]


every_kind = pytest.mark.parametrize("kind", KINDS)
every_split = pytest.mark.parametrize("split", SPLITS)


def test_nine_kinds_are_registered():
    expected = "ioi years surnames facts biography review aside contraction compound"
    assert set(KINDS) == set(expected.split())


@every_kind
@every_split
def test_the_same_seed_gives_the_same_document(kind: str, split: str):
    first, second = (KINDS[kind](random.Random(7), split) for _ in range(2))
    assert first == second
    assert len({d.text for d in documents(kind, split)}) > 0.95 * COUNT


@every_kind
@every_split
def test_every_letter_and_digit_lies_in_exactly_one_word_span(kind: str, split: str):
    for document in documents(kind, split):
        covered = [0] * len(document.text)
        for span in document.find("word"):
            assert text_of(document, span).strip() == text_of(document, span) != ""
            for i in range(span.start, span.end):
                covered[i] += 1
        wrong = [c for c, n in zip(document.text, covered, strict=True) if n != (not c.isspace())]
        assert not [c for c in wrong if c != " "], document.text  # names may hold a space
        assert max(covered) == 1


@every_kind
@every_split
def test_spelling_is_clean(kind: str, split: str):
    for document in documents(kind, split):
        text = document.text
        assert text[0].isupper() or text[0] in '“"', text
        assert text[-1] in '.!?”"', text
        assert not re.search(
            r"  | [.,!?)\]}]|[(\[{“] |\ba [aeiou]|\bA [aeiou]|\ban [^aeiou]", text
        ), text
        assert not re.search(r"[.!?] [a-z]", text.replace("Mr. and", "")), text


@every_kind
def test_heldout_words_never_occur_in_training(kind: str):
    parts = (NAMES, PLACES, OBJECTS, OCCUPATIONS, SPORTS, PARTIES, history.NOUNS, history.VERBS)
    heldout = {word for part in parts for word in part.heldout}
    for feeling in prose.SENTIMENT.values():
        heldout |= set(feeling.heldout)
    text = " ".join(d.text for d in documents(kind, "train"))
    assert not heldout & set(re.findall(r"\w+", text))
    assert not [f.landmark for f in FACTS_HELDOUT if f.landmark in text]
    assert not re.findall(rf"\b(?:{'|'.join(SURNAME_ONSET.heldout)})[a-z]{{5,}}", text)


def test_a_part_refuses_a_word_in_both_splits_and_an_unknown_split():
    with pytest.raises(ValueError, match="disjoint"):
        Part(("a", "b"), ("b",))
    with pytest.raises(ValueError, match="split"):
        NAMES.of("test")


def test_names_are_many_unambiguous_and_kept_whole():
    assert len(NAMES.train) >= 96
    assert len(NAMES.heldout) >= 24
    assert len(set(NAMES.train)) == len(NAMES.train)
    assert sum(gender(n) == "male" for n in NAMES.train) == len(NAMES.train) / 2
    assert set(NAMES.train) | set(NAMES.heldout) <= set(TOKENS_TO_KEEP)
    assert all(re.fullmatch(r"[A-Za-z]+", word) for word in TOKENS_TO_KEEP)


def test_a_tenth_of_name_pairs_is_heldout_in_either_order():
    pairs = list(combinations(NAMES.train, 2))
    held = [name_pair_is_heldout(a, b) for a, b in pairs]
    assert 0.09 < sum(held) / len(held) < 0.11
    assert held == [name_pair_is_heldout(b, a) for a, b in pairs]


def test_training_stories_never_join_a_heldout_pair():
    for document in documents("ioi", "train"):
        names = set(re.findall(r"[A-Z]\w+", document.text)) & set(NAMES.train)
        pairs = {
            frozenset((role(document, "io")[i], s)) for i, s in enumerate(role(document, "s1"))
        }
        assert not [p for p in pairs if name_pair_is_heldout(*p)]
        assert not [p for p in combinations(names, 2) if name_pair_is_heldout(*p)]


def test_the_receiver_is_the_person_who_did_not_just_act():
    for document in both_splits("ioi"):
        io, s1, s2, answer = (role(document, r) for r in ("io", "s1", "s2", "io_answer"))
        assert len(io) == len(s1) == len(s2) == len(answer) >= 2
        assert io == answer
        assert s1 == s2
        assert len({frozenset(pair) for pair in zip(io, s1, strict=True)}) == 1
        spans = zip(
            *(document.find("role", r) for r in ("io", "s1", "s2", "io_answer")), strict=True
        )
        assert all(max(i.end, s.end) < giver.start < a.start for i, s, giver, a in spans)


def test_stories_come_in_both_orders_with_givers_that_change():
    train = documents("ioi", "train")
    orders = [
        io.start < s1.start
        for d in train
        for io, s1 in zip(d.find("role", "io"), d.find("role", "s1"), strict=True)
    ]
    assert 0.45 < sum(orders) / len(orders) < 0.55
    assert sum(len(set(role(d, "s2"))) == 2 for d in train) > 0.5 * COUNT


def test_story_phrasings_are_many_and_heldout_ones_differ():
    sources = {s: {t.source for _, pair in stories.SETUPS[s] for t in pair} for s in SPLITS}
    assert len(sources["train"]) >= 60  # at least thirty in each order
    assert len(sources["heldout"]) >= 12
    assert not sources["train"] & sources["heldout"]
    assert not set(stories.GIVES.train) & set(stories.GIVES.heldout)


def test_a_span_of_years_ends_later_in_the_same_century():
    for document in both_splits("years"):
        starts, ends = role(document, "year_start"), role(document, "year_end")
        assert len(starts) == len(ends) >= 3
        for start, end in zip(starts, ends, strict=True):
            assert start[:2] == end[:2]
            assert 2 <= int(start[2:]) <= 98
            assert int(end) > int(start)


def test_surnames_recur_after_one_first_mention():
    for document in both_splits("surnames"):
        first, again = role(document, "surname_first"), role(document, "surname_again")
        assert len(first) == len(set(first)) in (1, 2)
        assert set(first) == set(again)
        for name in first:
            assert 4 <= (first + again).count(name) == document.text.count(name) <= 10
            span = document.find("role", "surname_first")[first.index(name)]
            assert document.text.index(name) == span.start


def test_training_and_heldout_surnames_are_disjoint():
    rng = random.Random(0)
    made = {split: {surname(rng, split) for _ in range(20_000)} for split in SPLITS}
    assert not made["train"] & made["heldout"]
    assert len(made["train"]) > 10_000
    assert all(len(name) >= 7 for name in made["train"])


def test_facts_are_many_distinct_and_one_word_where_they_are_answers():
    assert sum(not f.invented for f in FACTS_TRAIN) >= 60
    assert sum(f.invented for f in FACTS_TRAIN) >= 40
    every = FACTS_TRAIN + FACTS_HELDOUT
    assert len({f.landmark for f in every}) == len(every)
    assert {f.city for f in every} | {f.country for f in every} <= set(TOKENS_TO_KEEP)
    country_of = {f.city: f.country for f in every}
    assert all(country_of[f.city] == f.country for f in every)


def test_every_told_fact_is_true():
    by_landmark = {f.landmark: f for f in FACTS_TRAIN + FACTS_HELDOUT}
    country_of_city = {f.city: f for f in by_landmark.values()}
    language_of_country = {f.country: f.language for f in by_landmark.values()}
    told = 0
    for document in both_splits("facts"):
        spans = [s for s in document.find("role") if s.label not in ("person", "weekday")]
        for known, answer in zip(spans[::2], spans[1::2], strict=True):  # two in every sentence
            subject, value = text_of(document, known), text_of(document, answer)
            if known.label == "country":
                truth = language_of_country[subject]
            else:
                fact = (by_landmark if known.label == "landmark" else country_of_city)[subject]
                truth = getattr(fact, answer.label)
            assert value == truth, document.text
            told += 1
    assert told > 2000


def test_every_training_fact_is_told_and_phrased_in_many_ways():
    told = " ".join(d.text for d in documents("facts", "train"))
    assert not [f.landmark for f in FACTS_TRAIN if f.landmark not in told]
    phrasings = {s: {t.source for group in facts.PHRASINGS[s] for t in group} for s in SPLITS}
    assert len(phrasings["train"]) >= 12
    assert not phrasings["train"] & phrasings["heldout"]


def test_a_name_carries_the_attributes_that_other_words_reveal():
    for document in both_splits("biography"):
        value = {c: {s.label for s in document.find(c)} for c in people.COLLECTIONS}
        assert all(len(labels) == 1 for labels in value.values())
        (sex,), (alive,), (job,), (sport,), (party,) = (value[c] for c in people.COLLECTIONS)
        mentions = {s[:2] for s in document.find("role", "person")}
        assert mentions == {
            m for m in mentions if m in {s[:2] for s in document.find("person_sport")}
        }
        words = {
            c: {text_of(document, s) for s in document.find(c) if s[:2] not in mentions}
            for c in people.COLLECTIONS
        }
        assert words["person_gender"] <= (
            {"He", "he", "His"} if sex == "male" else {"She", "she", "Her"}
        )
        assert words["person_occupation"] == {job}
        assert words["person_sport"] == {sport}
        assert words["person_party"] == {party}
        present = {"is", "works", "plays", "likes", "belongs", "votes", "has", "knows", "talks"}
        present |= {"lives", "loves", "comes"}
        assert all(
            (w in present) == (alive == "alive") for w in words["person_alive"] if w.isalpha()
        )
        given = text_of(document, document.find("role", "person")[0]).split()[0]
        assert gender(given) == sex


def test_biographies_have_both_genders_and_the_living_and_the_dead():
    for collection, values in (
        ("person_gender", {"male", "female"}),
        ("person_alive", {"alive", "dead"}),
        ("person_occupation", set(OCCUPATIONS.train)),
        ("person_party", set(PARTIES.train)),
    ):
        found = [d.find(collection)[0].label for d in documents("biography", "train")]
        assert set(found) == values
        share = 1 / len(values)
        assert all(0.4 * share < found.count(v) / COUNT < 2 * share for v in values), found


def test_a_review_has_one_sentiment_and_only_its_adjectives():
    words = {f: set(part.train + part.heldout) for f, part in prose.SENTIMENT.items()}
    assert not words["positive"] & words["negative"]
    for document in both_splits("review"):
        (span,) = document.find("sentiment")
        assert (span.start, span.end) == (0, len(document.text))
        assert set(role(document, "feeling")) <= words[span.label]
        assert not set(role(document, "opposite")) & words[span.label]


def test_brackets_close_in_order_with_their_own_kind():
    pair = {"(": ")", "[": "]", "{": "}", "“": "”"}
    deepest = 0
    for document in both_splits("aside"):
        spans = document.find("text_feature")
        marks = sorted(s for s in spans if s.label in ("bracket_open", "bracket_close"))
        inside = {(s.start, s.end) for s in spans if s.label == "bracket_inside"}
        stack: list[Span] = []
        for mark in marks:
            if mark.label == "bracket_open":
                stack.append(mark)
                deepest = max(deepest, len(stack))
                continue
            opened = stack.pop()
            assert text_of(document, mark) == pair[text_of(document, opened)]
            inside.remove((opened.end, mark.start))
        assert not stack
        assert not inside
        assert len(marks) == len(re.findall(r"[()\[\]{}“”]", document.text))
    assert deepest == 3


def test_contractions_and_possessives_are_the_words_with_an_apostrophe():
    for document in both_splits("contraction"):
        spans = [
            s for s in document.find("text_feature") if s.label in ("contraction", "possessive")
        ]
        expected = re.findall(r"\w+'\w+", document.text)
        assert [text_of(document, s) for s in sorted(spans)] == expected
        for span in spans:
            found = text_of(document, span)
            noun = found.endswith("'s") and found[:-2] not in ("It", "There")
            assert (span.label == "possessive") == noun


def test_each_distractor_shares_exactly_one_word_with_its_compound():
    assert len(COMPOUNDS) >= 20
    predicates = [p for entry in COMPOUNDS for phrase in entry for p in phrase.predicates]
    assert len(set(predicates)) > 0.95 * len(predicates)
    for whole, first_shared, second_shared in COMPOUNDS:
        assert whole.label == f"{whole.first}_{whole.second}"
        assert (first_shared.first, first_shared.label) == (
            whole.first,
            f"distractor_XZ:{whole.label}",
        )
        assert (second_shared.second, second_shared.label) == (
            whole.second,
            f"distractor_WY:{whole.label}",
        )
        assert first_shared.second != whole.second
        assert second_shared.first != whole.first


def test_compound_spans_cover_both_words():
    text_by_label = {p.label: f"{p.first} {p.second}" for entry in COMPOUNDS for p in entry}
    for document in both_splits("compound"):
        spans = document.find("compound")
        assert len(spans) >= 2
        assert all(text_of(document, s) == text_by_label[s.label] for s in spans)
