import pytest
import torch

from mi_course.activations import edit, record
from mi_course.methods import probing
from mi_course.metrics import cross_entropy_by_position


@pytest.fixture(scope="module")
def texts(town):
    return probing.town_texts(town, n_documents=40, seed=1, context=40)


def test_tokens_are_those_of_the_documents(town, texts):
    assert texts.tokens.shape[1] <= 40
    for row, counted, document, pairs in zip(
        texts.tokens, texts.counted, texts.documents, texts.offsets, strict=True
    ):
        ids = town.tokenizer.encode(document.text, add_special_tokens=False)[:39]
        assert row[counted].tolist() == ids
        assert len(pairs) == len(ids)


def test_activations_and_labels_are_of_the_same_tokens(town, texts):
    name = "blocks.2.mlp.hook_post"
    alone = record(town, texts.tokens[35:36], name)[name][0, texts.counted[35]]
    before = int(texts.counted[:35].sum())
    together = texts.activations(town, 2)
    torch.testing.assert_close(together[before : before + len(alone)], alone, rtol=1e-4, atol=1e-5)
    inside = texts.labels("kind", texts.documents[35].kind)
    assert len(inside) == len(together)
    assert inside[before : before + len(alone)].all()
    numbers = texts.label_numbers("kind")
    assert (numbers == numbers[before])[inside].all()


def test_losses_are_the_models_own_token_by_token(town, texts):
    rows = texts.tokens[:1, : int(texts.counted[0].sum()) + 1]
    by_hand = cross_entropy_by_position(edit(town, rows, {}), rows)[0]
    found = probing.losses_of_texts(town, texts)
    torch.testing.assert_close(found[: len(by_hand)], by_hand, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["gpt2", "neox"])
def test_other_models_read_the_texts_too(other_models, name):
    texts = probing.town_texts(other_models[name], n_documents=3, context=30)
    assert texts.activations(other_models[name], 1).shape[0] == int(texts.counted.sum())
    assert probing.losses_of_texts(other_models[name], texts).isfinite().all()


def test_unknown_labels_and_layers_are_refused(town, texts):
    with pytest.raises(ValueError, match="collection"):
        texts.labels("colour", "red")
    with pytest.raises(ValueError, match="layers from 0"):
        texts.activations(town, 4)
