import pytest
import torch
from sklearn.metrics import f1_score

from mi_course.methods.sae.baselines import neurons
from mi_course.methods.sae.labelled import LabelledActivations
from mi_course.methods.sae.text_scores import mean_codes, text_label_f1

N_TEXTS, LENGTH = 40, 9


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def texts(generator: torch.Generator) -> LabelledActivations:
    """Every fourth text is of one kind: there the first axis is high on average, not everywhere."""
    document = torch.arange(N_TEXTS).repeat_interleave(LENGTH)
    x = torch.randn(N_TEXTS * LENGTH, 3, generator=generator)
    kind = document // 2 % 4 == 0
    x[:, 0] += 4 * kind
    rare = torch.arange(len(x)) % LENGTH == 0  # one token of each text: no label of texts
    return LabelledActivations(
        x, torch.stack([kind, rare], dim=1), ("kind: a", "place: first"), document, document
    )


def test_means_are_those_of_each_text(generator):
    data = texts(generator)
    dictionary = neurons(data.x)
    codes, document = mean_codes(dictionary, data, chunk=50)
    own = dictionary.encode(data.x[data.document == 7]).mean(dim=0)
    torch.testing.assert_close(codes[7], own)
    assert torch.equal(document, data.document)


def test_a_planted_kind_of_text_is_told_by_a_mean_where_no_token_tells_it(generator):
    data = texts(generator)
    found = text_label_f1(neurons(data.x), data)
    assert found.labels == ("kind: a",)
    assert found.best.item() == 0
    assert found.f1.item() == 1


def test_f1_of_texts_is_that_of_scikit_learn(generator):
    data = texts(generator)
    dictionary = neurons(data.x)
    found = text_label_f1(dictionary, data, levels=(0.4,))
    codes, _ = mean_codes(dictionary, data)
    threshold = 0.4 * codes[::2].amax(dim=0)
    said = codes[1::2] > threshold
    truth = (torch.arange(N_TEXTS) // 2 % 4 == 0)[1::2]
    for latent in range(dictionary.n_features):
        expected = f1_score(truth, said[:, latent], zero_division=0)
        assert found.matrix[latent, 0].item() == pytest.approx(expected, abs=1e-6)


def test_a_label_of_too_few_texts_is_refused(generator):
    with pytest.raises(ValueError, match="expected a label of at least 30 texts"):
        text_label_f1(neurons(torch.randn(9, 3)), texts(generator), least=30)
