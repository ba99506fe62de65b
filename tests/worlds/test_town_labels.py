"""Token labels of the town: right on cases by hand, the same on both paths, and complete."""

import itertools
from functools import cache

import numpy as np
import pytest

from mi_course.models.tokenizer import load_tokenizer
from mi_course.worlds.town.__main__ import main, plain
from mi_course.worlds.town.corpus import KINDS, SPLITS, generate, stream
from mi_course.worlds.town.document import Document, Span, Template, Writer
from mi_course.worlds.town.label_sets import COLLECTIONS, TEXT_FEATURES
from mi_course.worlds.town.labels import (
    NONE,
    expand,
    label_mask,
    label_masks,
    label_matrix,
    text_features,
    token_labels,
)

EQUAL = dict.fromkeys(KINDS, 1.0)
# The grammar has no use for these, though the tag set knows them.
UNUSED = {"part_of_speech": {"INTJ", "SYM"}}


@cache
def sample(split: str, count: int) -> tuple[Document, ...]:
    return tuple(itertools.islice(stream(5, split=split, weights=EQUAL), count))


@cache
def token_offsets(split: str, count: int) -> list[list[tuple[int, int]]]:
    tokenizer = load_tokenizer()
    texts = [document.text for document in sample(split, count)]
    encoded = tokenizer(texts, return_offsets_mapping=True, add_special_tokens=False)
    return encoded["offset_mapping"]


def by_hand() -> tuple[Document, list[tuple[int, int]]]:
    out = Writer()
    Template("{io}_NNP_nsubj sleeps_VBZ_root .").render(out, io="Mary")
    # "Ma" "ry" " sleeps" "."
    return out.document("ioi"), [(0, 2), (2, 4), (4, 11), (11, 12)]


def test_words_expand_to_part_of_speech_dependency_and_morphology() -> None:
    document, offsets = by_hand()
    assert token_labels(document, offsets, "part_of_speech") == ["PROPN", "PROPN", "VERB", "PUNCT"]
    assert token_labels(document, offsets, "dependency") == ["nsubj", "nsubj", "root", "punct"]
    assert token_labels(document, offsets, "morphology")[:3] == ["Number=Sing"] * 2 + ["Tense=Pres"]
    assert token_labels(document, offsets, "morphology")[3] is None
    assert token_labels(document, offsets, "role") == ["io", "io", None, None]
    assert not expand(document).find("word")


def test_a_mask_finds_a_label_behind_another_of_its_collection() -> None:
    document, offsets = by_hand()
    mask = label_mask([document, document], [offsets, offsets], "morphology", "Person=3")
    assert mask.tolist() == [False, False, True, False] * 2


def test_a_token_shared_by_two_words_has_the_label_of_its_larger_part() -> None:
    spans = (Span(0, 2, "word", "AUXD.aux"), Span(2, 5, "word", "NEG.advmod"))
    document, offsets = Document("contraction", "don't", spans), [(0, 3), (3, 5)]
    assert token_labels(document, offsets, "dependency") == ["aux", "advmod"]
    for label, expected in (("aux", [True, False]), ("advmod", [False, True])):
        assert label_mask([document], [offsets], "dependency", label).tolist() == expected


def test_the_shortest_span_and_then_the_majority_of_characters_decide() -> None:
    spans = (
        Span(0, 6, "trigger", "flawed"),
        Span(2, 6, "trigger", "safe"),
        Span(0, 6, "kind", "ioi"),
        Span(0, 1, "sentiment", "positive"),
    )
    document = Document("ioi", "abcdef", spans)
    assert token_labels(document, [(0, 6), (0, 4), (1, 3)], "trigger") == [
        "safe",
        "flawed",
        "flawed",
    ]
    numbers = label_matrix([document], [[(0, 6), (0, 4), (1, 3)]], ["trigger", "sentiment"])
    flawed, safe = (COLLECTIONS["trigger"].number(x) for x in ("flawed", "safe"))
    assert numbers[0].tolist() == [safe, flawed, flawed]
    assert numbers[1].tolist() == [COLLECTIONS["sentiment"].number("positive")] * 2 + [NONE]


def test_spelling_features_are_those_of_a_case_by_hand() -> None:
    text = "Anna has 12 KGs. OK? (No)\n"
    words = ["Anna", " has", " 12", " KG", "s", ".", " OK", "?", " (", "No", ")", "\n"]
    ends = list(itertools.accumulate(map(len, words)))
    offsets = list(zip([0, *ends], ends, strict=False))
    rows = text_features(Document("ioi", text, ()), offsets)
    told = {
        name: [w.strip() or w for w, on in zip(words, rows[:, column], strict=True) if on]
        for column, name in enumerate(TEXT_FEATURES)
    }
    assert told["sentence_start"] == ["Anna", "OK", "No"]
    assert told["all_caps_word"] == ["KG", "OK"]
    assert told["capitalised"] == ["Anna", "KG", "OK", "No"]
    assert told["number"] == ["12"]
    assert told["punctuation"] == [".", "?", "(", ")"]
    assert told["line_break"] == ["\n"]
    assert told["leading_space"] == ["has", "12", "KG", "OK", "("]
    assert told["contraction"] == []


def test_contractions_and_possessives_are_told_apart_although_spelled_alike() -> None:
    features: dict[str, set[str]] = {"contraction": set(), "possessive": set()}
    tokenizer = load_tokenizer()
    for seed in range(40):
        document = generate("contraction", seed)
        encoded = tokenizer(document.text, return_offsets_mapping=True)
        tokens = tokenizer.convert_ids_to_tokens(encoded["input_ids"])
        rows = text_features(document, encoded["offset_mapping"])
        for name, found in features.items():
            column = TEXT_FEATURES.index(name)
            found.update(t for t, on in zip(tokens, rows[:, column], strict=True) if on)
    assert "'s" in features["contraction"] & features["possessive"]


@pytest.mark.parametrize("split", SPLITS)
def test_both_paths_give_the_same_labels(split: str) -> None:
    documents, offsets = sample(split, 150), token_offsets(split, 150)
    names = list(COLLECTIONS)
    matrix = label_matrix(documents, offsets, names)
    at = 0
    for document, pairs in zip(documents, offsets, strict=True):
        for row, name in enumerate(names):
            labels = COLLECTIONS[name].labels
            numbers = matrix[row, at : at + len(pairs)]
            fast = [None if n == NONE else labels[n] for n in numbers]
            assert fast == token_labels(document, pairs, name), (name, document.text)
        at += len(pairs)
    assert at == matrix.shape[1]


def test_masks_agree_with_numbers_where_words_have_one_label() -> None:
    documents, offsets = sample("train", 150), token_offsets("train", 150)
    (numbers,) = label_matrix(documents, offsets, ["dependency"])
    for number, label in enumerate(COLLECTIONS["dependency"].labels):
        mask = label_mask(documents, offsets, "dependency", label)
        assert mask[numbers == number].all(), label
        # A token that two words share equally, such as a bracket and a mark, has both labels.
        assert mask.sum() <= 1.02 * (numbers == number).sum() + 1, label


def test_masks_of_many_labels_are_those_of_one_at_a_time() -> None:
    documents, offsets = sample("train", 40), token_offsets("train", 40)
    wanted = {"text_feature": ["punctuation", "dna"], "morphology": ["Person=3", "Tense=Pres"]}
    for name, masks in label_masks(documents, offsets, wanted).items():
        assert masks.any(1).all()
        for label, mask in zip(wanted[name], masks, strict=True):
            assert (mask == label_mask(documents, offsets, name, label)).all()
    assert label_masks([], [], wanted)["text_feature"].shape == (2, 0)


def test_every_label_of_every_collection_occurs() -> None:
    many = {"compound": 150, "biography": 200, "latex": 20, "trigger": 60, "language": 20}
    documents = [
        expand(generate(kind, seed, split))
        for split in SPLITS
        for kind in KINDS
        for seed in range(many.get(kind, 12))
    ]
    found = {name: set() for name in COLLECTIONS}
    for document in documents:
        for span in document.spans:
            if span.collection in found:
                found[span.collection].add(span.label)
    for name in set(COLLECTIONS) - {"text_feature"}:
        expected = set(COLLECTIONS[name].labels) - UNUSED.get(name, set())
        assert found[name] == expected, name


def test_every_text_feature_occurs_but_not_everywhere() -> None:
    documents, offsets = sample("train", 150), token_offsets("train", 150)
    rows = np.concatenate([text_features(d, o) for d, o in zip(documents, offsets, strict=True)])
    share = rows.mean(0)
    assert share.min() > 0
    assert share.max() < 0.9


def test_every_token_has_its_documents_kind_and_subset() -> None:
    documents, offsets = sample("heldout", 150), token_offsets("heldout", 150)
    numbers = label_matrix(documents, offsets, ["kind", "subset"])
    kinds = [COLLECTIONS["kind"].number(d.kind) for d in documents]
    assert numbers[0].tolist() == np.repeat(kinds, [len(o) for o in offsets]).tolist()
    assert (numbers[1] != NONE).all()


def test_each_collection_asks_a_question_and_has_different_labels() -> None:
    for collection in COLLECTIONS.values():
        assert collection.sentence.endswith("?")
        assert len(set(collection.labels)) == len(collection.labels) > 1


def test_no_documents_give_no_numbers_and_wrong_input_is_refused() -> None:
    assert label_matrix([], [], ["kind", "text_feature"]).shape == (2, 0)
    document, offsets = by_hand()
    with pytest.raises(ValueError, match=r"expected a collection of .* got 'colour'"):
        label_matrix([document], [offsets], ["colour"])
    with pytest.raises(ValueError, match="expected offsets for each of 1 documents, got 2"):
        label_matrix([document], [offsets, offsets], ["kind"])
    with pytest.raises(ValueError, match="expected a label of kind, got 'poem'"):
        label_mask([document], [offsets], "kind", "poem")


def test_the_terminal_shows_the_text_with_its_labels(capsys: pytest.CaptureFixture[str]) -> None:
    document, _ = by_hand()
    assert plain(document, "role") == "Mary[io] sleeps."
    main(["--sample", "2", "--kind", "trigger", "--collection", "trigger", "--plain"])
    shown = capsys.readouterr().out
    assert "[safe]" in shown or "[flawed]" in shown
    assert shown.count("--- trigger train") == 2
    main(["--sample", "1", "--kind", "ioi"])
    assert "part_of_speech" in capsys.readouterr().out
