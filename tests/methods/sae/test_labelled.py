import pytest
import torch

from mi_course.activations import record
from mi_course.methods.sae.labelled import (
    LabelledActivations,
    activations_at,
    labelled_activations,
    town_labels,
)

HOOK = "blocks.2.hook_resid_post"


@pytest.fixture(scope="module")
def data(town):
    return labelled_activations(town, HOOK, n_documents=60, context=48, seed=3)


def test_activations_are_those_of_the_same_tokens(town, data):
    row = data.texts.tokens[7:8, : int(data.texts.counted[7].sum()) + 1]
    alone = record(town, row, HOOK)[HOOK][0, 1:]
    torch.testing.assert_close(data.x[data.document == 7], alone, rtol=1e-4, atol=1e-4)
    assert data.token_ids[data.document == 7].tolist() == row[0, 1:].tolist()


def test_labels_are_those_that_the_texts_give_one_at_a_time(data):
    assert len(data.names) > 30
    for column in range(0, len(data.names), 5):
        collection, label = data.names[column].split(": ")
        expected = data.texts.labels(collection, label)
        assert torch.equal(data.labels[:, column], expected), data.names[column]


def test_each_label_is_frequent_in_both_halves_and_no_two_are_the_same(data):
    for half in (data.fit, ~data.fit):
        assert data.labels[half].sum(0).min() >= 30
    assert len(data.labels.T.unique(dim=0)) == len(data.names)


def test_other_architectures_read_the_texts_too(random_neox):
    data = labelled_activations(
        random_neox, "blocks.1.mlp.hook_out", n_documents=20, context=30, least=5
    )
    assert data.x.shape == (int(data.texts.counted.sum()), 16)
    assert data.labels.any(0).all()


def test_axes_after_the_position_are_one(town, data):
    texts = data.texts
    z = activations_at(town, texts.tokens[:2], texts.counted[:2], "blocks.1.attn.hook_z")
    assert z.shape == (int(texts.counted[:2].sum()), 8 * 32)


def test_bad_input_is_refused(data):
    with pytest.raises(ValueError, match=r"collections .* got \['colour'\]"):
        town_labels(data.texts, ["colour"])
    with pytest.raises(ValueError, match="try more documents"):
        town_labels(data.texts, least=100_000)
    with pytest.raises(ValueError, match="text_feature: number"):
        data.column("text_feature: rna")
    rest = (data.names, data.document, data.token_ids)
    with pytest.raises(ValueError, match="of each token"):
        LabelledActivations(data.x, data.labels[:, 1:], *rest)
    with pytest.raises(ValueError, match="NaN"):
        LabelledActivations(data.x * torch.nan, data.labels, *rest)
