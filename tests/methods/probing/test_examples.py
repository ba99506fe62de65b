import numpy as np
import pytest

from mi_course.methods.probing import GROUPS, kind_weights
from mi_course.methods.probing.examples import examples_of, token_rows
from mi_course.models.tokenizer import load_tokenizer
from mi_course.worlds.town.corpus import generate
from mi_course.worlds.town.document import Document, Span
from mi_course.worlds.town.label_sets import COLLECTIONS
from mi_course.worlds.town.labels import label_mask

TOKENIZER = load_tokenizer()
# "The cat sat." by word
TEXT = Document(
    "review",
    "The cat sat.",
    (Span(4, 7, "latex", "math"), Span(4, 11, "latex", "fraction"), Span(8, 11, "latex", "math")),
)
OFFSETS = [(0, 3), (3, 7), (7, 11), (11, 12)]


def offsets_of(document):
    return TOKENIZER(document.text, add_special_tokens=False, return_offsets_mapping=True)[
        "offset_mapping"
    ]


def found(aggregation, offsets=OFFSETS):
    names = COLLECTIONS["latex"].labels
    return [
        (example.positions, {names[label] for label in example.labels})
        for example in examples_of(0, TEXT, offsets, "latex", aggregation)
    ]


def test_examples_by_hand():
    assert found("token") == [
        ((0,), set()),
        ((1,), {"math", "fraction"}),
        ((2,), {"math", "fraction"}),
        ((3,), set()),
    ]
    assert found("last") == [
        ((0,), set()),
        ((1,), {"math"}),
        ((2,), {"math", "fraction"}),
        ((3,), set()),
    ]
    assert found("mean") == [((1, 2), {"math", "fraction"})]


def test_a_span_that_was_cut_off_has_no_last_token():
    assert found("last", OFFSETS[:2]) == [((0,), set()), ((1,), {"math"})]


def test_a_label_of_the_whole_document_stands_where_reading_ends():
    document = generate("review", 0)
    for n in (3, 5):
        examples = examples_of(0, document, offsets_of(document)[:n], "kind", "last")
        assert [len(e.labels) for e in examples] == [0] * (n - 1) + [1]


@pytest.mark.parametrize("collection", ["part_of_speech", "morphology", "compound", "text_feature"])
def test_tokens_have_the_labels_of_the_town(collection):
    kinds = ("compound", "legal", "language", "biography")
    documents = [generate(kind, seed) for kind in kinds for seed in range(3)]
    offsets = [offsets_of(document) for document in documents]
    rows = np.concatenate(
        [token_rows(d, o, collection) for d, o in zip(documents, offsets, strict=True)]
    )
    for number, label in enumerate(COLLECTIONS[collection].labels):
        mask = label_mask(documents, offsets, collection, label)
        assert np.array_equal(rows[:, number], mask), label


def test_a_biography_is_grouped_by_the_given_name():
    document = generate("biography", 3)
    examples = examples_of(5, document, offsets_of(document), "person_sport", "last")
    assert {example.group for example in examples} == {document.text.split()[0]}


def test_a_compound_is_grouped_by_the_frame_before_it():
    groups = set()
    for seed in range(60):
        document = generate("compound", seed)
        for example in examples_of(seed, document, offsets_of(document), "compound", "last"):
            if example.labels:
                groups.add(example.group)
    # The world writes compounds in eight frames.
    assert len(groups) == 8
    assert "The {first} {second}" in groups
    assert "As {person} expected, the {first} {second}" in groups


def test_a_file_is_grouped_by_the_wording_of_its_header():
    groups = set()
    for seed in range(40):
        document = generate("trigger", seed)
        groups |= {
            e.group for e in examples_of(seed, document, offsets_of(document), "trigger", "mean")
        }
    assert all("{year}" in group and "202" not in group for group in groups)
    assert 1 < len(groups) < 10


def test_everything_else_is_grouped_by_document():
    document = generate("review", 0)
    examples = examples_of(9, document, offsets_of(document), "sentiment", "mean")
    assert [example.group for example in examples] == ["document 9"]
    assert set(GROUPS) <= set(COLLECTIONS)


def test_kinds_are_mixed_so_that_labels_are_equally_frequent():
    weights = kind_weights("natural_language")
    n_labels = len(COLLECTIONS["natural_language"].labels)
    assert weights["language"] == pytest.approx(n_labels - 1)
    assert sum(weights.values()) == pytest.approx(n_labels)
    assert set(kind_weights("sentiment")) == {"review"}
    assert "dna" in kind_weights("text_feature")
    assert "dna" not in kind_weights("part_of_speech")


def test_an_unknown_collection_is_refused():
    with pytest.raises(ValueError, match="expected a collection of"):
        kind_weights("colour")
