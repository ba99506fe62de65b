import numpy as np
import pytest
import torch

from mi_course.activations import record
from mi_course.methods.probing import collect, fit_probes, hook_names, probe_scores, split
from mi_course.methods.probing.dataset import tokenized
from mi_course.worlds.town.corpus import generate
from mi_course.worlds.town.document import Document


@pytest.mark.parametrize("aggregation", ["token", "last", "mean"])
def test_activations_are_those_of_each_document_read_alone(town, aggregation, monkeypatch):
    seen = {}
    import mi_course.methods.probing.dataset as module

    original = module._data

    def spy(activations, chosen, features, rows, **settings):
        seen.update(chosen=chosen, rows=rows)
        return original(activations, chosen, features, rows, **settings)

    monkeypatch.setattr(module, "_data", spy)
    data = collect(
        town,
        "part_of_speech",
        hook="mlp_post",
        layers=[1, 3],
        aggregation=aggregation,
        n_documents=7,
        per_label=4,
        batch_size=3,
    )
    assert data.layers == (1, 3)
    names = ["blocks.1.mlp.hook_post", "blocks.3.mlp.hook_post"]
    for at, example in list(enumerate(seen["chosen"]))[::5]:
        alone = record(town, torch.tensor([seen["rows"][example.document]]), names)
        for layer, name in enumerate(names):
            expected = alone[name][0, list(example.positions)].mean(0)
            # Batches of other lengths add in another order.
            torch.testing.assert_close(data.activations[layer, at], expected, atol=2e-5, rtol=1e-4)
        assert data.tokens[at] == seen["rows"][example.document][example.positions[-1]]


def test_the_batch_size_changes_nothing(town):
    small, large = (
        collect(town, "sentiment", aggregation="mean", n_documents=12, batch_size=size)
        for size in (1, 12)
    )
    torch.testing.assert_close(small.activations, large.activations, atol=2e-5, rtol=1e-4)
    assert torch.equal(small.labels, large.labels)


def test_labels_are_right_at_their_tokens(town):
    data = collect(town, "text_feature", labels=["digits"], n_documents=30, per_label=30)
    texts = [town.tokenizer.decode([token]) for token in data.tokens.tolist()]
    told = [text for text, digits in zip(texts, data.labels[:, 0].tolist(), strict=True) if digits]
    assert len(told) > 10
    assert all(any(c.isdigit() for c in text) for text in told)


def test_at_most_so_many_examples_of_a_label(town):
    data = collect(town, "morphology", n_documents=30, per_label=20)
    alone = data.labels.sum(1) == 1
    assert (data.labels[alone].sum(0) <= 20).all()
    assert data.labels.any(1).all()


def test_the_rest_may_stay(town):
    labelled = collect(town, "compound", aggregation="last", n_documents=10)
    everything = collect(
        town, "compound", aggregation="last", rest="all", n_documents=10, per_label=5
    )
    assert labelled.labels.any(1).all()
    assert not everything.labels.any(1).all()
    assert everything.labels.any(1).any()


def test_people_are_grouped_by_given_name(town):
    data = collect(town, "person_gender", aggregation="last", n_documents=60)
    by_group = {}
    for group, row in zip(data.groups.tolist(), data.labels.tolist(), strict=True):
        # A given name has one gender.
        assert by_group.setdefault(group, row) == row
    assert len(by_group) < 60
    train, test = split(data)
    assert not set(data.groups[train].tolist()) & set(data.groups[test].tolist())
    assert not set(data.documents[train].tolist()) & set(data.documents[test].tolist())


def test_a_probe_reads_the_language_from_any_document_of_it(town):
    data = collect(town, "natural_language", aggregation="mean", hook="mlp_post", n_documents=120)
    train, test = split(data)
    fitted = data.take(train)
    probes = fit_probes(fitted.activations, fitted.labels, penalty=0.01)
    assert probe_scores(probes, data.take(test)).f1.mean() > 0.9


@pytest.mark.parametrize("name", ["gpt2", "neox"])
@pytest.mark.parametrize("hook", ["resid_post", "mlp_post", "z"])
def test_other_architectures_are_read_alike(other_models, name, hook):
    data = collect(other_models[name], "code_language", hook=hook, n_documents=8, context=50)
    assert data.activations.shape[0] == 2
    assert data.activations.shape[2] == (
        16 if hook != "mlp_post" else {"gpt2": 64, "neox": 48}[name]
    )
    assert data.activations.dtype == torch.float32


def test_a_document_longer_than_the_context_is_cut(other_models):
    document = generate("code", 0)
    long = Document(document.kind, document.text * 6, document.spans)
    rows, offsets = tokenized(other_models["gpt2"], [long], 64)
    assert len(rows[0]) == 64
    assert len(offsets[0]) == 63
    assert rows[0][0] == other_models["gpt2"].tokenizer.bos_token_id


def test_the_same_seed_gives_the_same_data(town):
    first, again, other = (
        collect(town, "trigger", aggregation="last", n_documents=6, seed=seed) for seed in (0, 0, 1)
    )
    assert torch.equal(first.activations, again.activations)
    assert not np.array_equal(first.tokens.numpy(), other.tokens.numpy())


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"hook": "resid"}, "resid_post"),
        ({"layers": [4]}, "layers from 0 to 3"),
        ({"layers": []}, "layers from 0 to 3"),
        ({"labels": ["maybe"]}, "label of sentiment"),
        ({"aggregation": "max"}, "aggregation"),
        ({"rest": "some"}, "labelled"),
        ({"kinds": ["novel"]}, "novel"),
        ({"kinds": ["dna"]}, "got none"),
        ({"split": "test"}, "heldout"),
        ({"n_documents": 0}, "at least one document"),
    ],
)
def test_bad_settings_are_refused(town, settings, told):
    with pytest.raises(ValueError, match=told):
        collect(town, "sentiment", **{"n_documents": 4, **settings})


def test_an_unknown_collection_is_refused(town):
    with pytest.raises(ValueError, match="expected a collection of"):
        collect(town, "colour")


def test_a_model_without_a_tokenizer_is_refused():
    from mi_course.models import tiny

    with pytest.raises(ValueError, match="fast tokenizer"):
        collect(tiny(), "sentiment")


def test_hooks_are_named_by_layer(town):
    assert hook_names(town, "attn_out", [2]) == ["blocks.2.hook_attn_out"]
    assert len(hook_names(town, "z", None)) == 4
