import pytest
import torch

from mi_course.methods import probing
from mi_course.models import load

SETTINGS = {"aggregation": "last", "n_documents": 40}


@pytest.fixture(scope="module")
def emerging():
    steps = (0, 5200)
    models = ((step, load("town", checkpoint=step, device="cpu")) for step in steps)
    return probing.layers_by_training(models, "natural_language", "fr", measure="mcc", **SETTINGS)


def test_languages_are_read_better_after_training(emerging):
    assert emerging.values.shape == (2, 4)
    assert emerging.values[1].max() > emerging.values[0].max()
    assert emerging.values[1].max() > 0.8
    assert "natural_language: fr: MCC" in emerging.summary()


def test_each_entry_is_what_a_probe_of_that_moment_scores(emerging):
    model = load("town", checkpoint=5200, device="cpu")
    data = probing.collect(model, "natural_language", per_label=300, **SETTINGS).only("fr")
    train, test = probing.split(data)
    data = probing.scaled(data, train)
    fitted, judged = data.take(train), data.take(test)
    probes = probing.fit_probes(
        fitted.activations, fitted.labels, weights=probing.balanced(fitted.labels)
    )
    scores = probing.probe_scores(probes, judged, counted=probing.balanced(judged.labels))
    torch.testing.assert_close(emerging.values[1], scores.mcc[:, 0])


def test_bad_settings_are_refused(town):
    with pytest.raises(ValueError, match="at least one checkpoint"):
        probing.layers_by_training([], "kind", "ioi")
    with pytest.raises(ValueError, match="expected a measure"):
        probing.layers_by_training([(0, town)], "kind", "ioi", measure="auc")
    with pytest.raises(ValueError, match="expected one of"):
        probing.layers_by_training([(0, town)], "kind", "novel", **SETTINGS)
