import pytest
import torch

from mi_course.methods.induction.circuits import circuit_weights
from mi_course.methods.probing.fingerprint import neuron_logit_effect
from mi_course.methods.probing.texts import town_texts
from mi_course.methods.sae.activity import latent_activity
from mi_course.methods.sae.dictionary import SAE
from mi_course.methods.sae.feature_pages import (
    activation_histogram,
    feature_page,
    in_stream,
    latent_examples,
    latent_logits,
    layer_of,
    token_histogram,
)
from mi_course.methods.sae.labelled import LabelledActivations, activations_at, town_labels
from mi_course.models import load

STREAM, NEURONS = "blocks.1.hook_resid_post", "blocks.1.mlp.hook_post"


def eye(width):
    unit, zero = torch.eye(width), torch.zeros(width)
    return SAE(unit, zero, unit, zero, "l1")


@pytest.fixture(scope="module")
def model():
    return load("tiny-2-mlp")


@pytest.fixture
def activity():
    """Three documents of four tokens; latent 0 is at 1, 2, 3 ... and latent 1 never above 0."""
    x = torch.zeros(12, 16)
    x[:, 0] = torch.tensor([0.0, 5.0, 0.0, 4.0, 1.0, 0.0, 3.0, 0.0, 0.0, 0.0, 0.0, 2.0])
    labels = torch.zeros(12, 2, dtype=torch.bool)
    labels[[1, 3, 6], 0] = True
    labels[::2, 1] = True
    ids = torch.tensor([9, 7, 9, 7, 8, 9, 7, 7, 9, 9, 9, 8])
    names, documents = ("text: loud", "text: even"), torch.arange(12) // 4
    return latent_activity(eye(16), LabelledActivations(x, labels, names, documents, ids, STREAM))


def test_examples_go_from_strong_to_weak_with_one_from_each_document(model, activity):
    found = latent_examples(model, activity, 0, before=1, after=1)
    assert [example.document for example in found] == [0, 1, 2]
    assert [example.value for example in found] == [5, 3, 2]
    # The last one ends with its document.
    assert [example.activations.tolist() for example in found] == [[0, 5, 0], [0, 3, 0], [0, 2]]
    assert [example.text() for example in found] == ["9[7]9", "9[7]7", "9[8]"]
    assert [e.value for e in latent_examples(model, activity, 0, k=1, between=(1, 4))] == [4]
    assert latent_examples(model, activity, 1) == ()


def test_tokens_are_counted_where_the_latent_is_active(model, activity):
    found = token_histogram(model, activity, 0, k=5)
    assert found.tokens == ("7", "8")
    assert found.active.tolist() == [3, 2]
    assert found.total.tolist() == [4, 2]
    assert found.n_active == 5


def test_activations_are_binned_up_to_the_largest_with_their_label(activity):
    labelled = activity.data.labels[:, 0]
    found = activation_histogram(activity, 0, labelled, label="text: loud", n_bins=5)
    assert found.edges.tolist() == pytest.approx([0, 1, 2, 3, 4, 5])
    assert found.counts.tolist() == [1] * 5
    assert found.with_label.tolist() == [0, 0, 1, 1, 1]
    assert found.shares().tolist() == [0, 0, 1, 1, 1]
    assert found.at_quantiles.tolist() == pytest.approx([3, 4.6, 4.96, 5])


def test_a_latent_that_is_a_neuron_writes_what_the_neuron_writes(model):
    found = latent_logits(model, NEURONS, eye(model.cfg.d_mlp), 5)
    expected = neuron_logit_effect(model, 1, 5)
    torch.testing.assert_close(found.values, expected.values)
    assert found.neuron == (1, 5)


def test_a_latent_of_the_stream_is_read_through_the_unembedding(model):
    generator = torch.Generator().manual_seed(0)
    W_dec = torch.randn(4, 16, generator=generator)
    sae = SAE(torch.zeros(16, 4), torch.zeros(4), W_dec, torch.zeros(16), "l1", scale=3.0)
    found = latent_logits(model, STREAM, sae, 2)
    torch.testing.assert_close(found.values, 3 * W_dec[2] @ circuit_weights(model).W_U)
    assert found.values.mean().abs() < 1e-4


def test_what_does_not_write_to_the_stream_is_refused(model):
    with pytest.raises(ValueError, match=r"vectors of width 16, got 4"):
        in_stream(model, "blocks.1.attn.hook_z", torch.ones(1, 4))
    with pytest.raises(ValueError, match="expected a hook such as"):
        layer_of("hook_embed")
    assert layer_of(STREAM) == 1


def test_a_page_holds_every_part_of_a_latent(model, activity):
    page = feature_page(model, activity, 0, n_bins=5)
    assert page.density == pytest.approx(5 / 12)
    assert page.n_tokens == 12
    assert page.hook == STREAM
    assert page.labels.labels[0] == "text: loud"
    assert [name for name, _ in page.by_quantile] == ["90%-99%", "50%-90%", "0%-50%"]
    below_half = [example.value for example in page.by_quantile[-1][1]]
    assert below_half == [3, 2]
    assert page.activations.label == "text: loud"
    assert "active at 41.67% of the tokens, most often at '7', '8'" in page.summary()


def test_a_latent_that_never_speaks_or_does_not_exist_has_no_page(model, activity):
    with pytest.raises(ValueError, match="active in these documents, got 1, try another"):
        feature_page(model, activity, 1)
    with pytest.raises(ValueError, match="features from 0 to 15"):
        feature_page(model, activity, 16)


def test_a_planted_language_is_the_best_label_of_its_direction():
    """In the town a latent that reads the difference of means of Russian tells Russian."""
    town, hook = load("town"), "blocks.2.hook_resid_post"
    texts = town_texts(town, n_documents=120, weights={"language": 2, "ioi": 1, "dna": 1})
    labels, names = town_labels(texts, ["natural_language", "subset", "part_of_speech"])
    x = activations_at(town, texts.tokens, texts.counted, hook)
    document, _ = texts.counted.nonzero().T
    ids = texts.tokens[texts.counted]
    data = LabelledActivations(x, labels, names, document, ids, hook, texts)
    russian = data.labels[:, data.column("natural_language: ru")]
    x = data.x - data.x.mean(0)
    direction = x[russian & data.fit].mean(0) - x[~russian & data.fit].mean(0)
    direction /= direction.norm()
    other = torch.randn(192, generator=torch.Generator().manual_seed(0))
    W_dec = torch.stack([direction, other / other.norm()])
    shift = -(data.x.mean(0) @ W_dec.T)
    activity = latent_activity(SAE(W_dec.T, shift, W_dec, torch.zeros(192), "l1"), data)
    page = feature_page(town, activity, 0)
    assert page.labels.labels[0] == "natural_language: ru"
    assert page.labels.f1[0] > 0.8
    letters = "".join(token for token, _ in page.logits.top(10))
    assert sum("а" <= letter <= "я" for letter in letters.lower()) > len(letters) / 2
    at_random = feature_page(town, activity, 1)
    assert at_random.labels.f1[0] < page.labels.f1[0] - 0.2
