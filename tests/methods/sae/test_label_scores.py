from dataclasses import dataclass

import pytest
import torch
from sklearn.metrics import f1_score, precision_score, recall_score

from mi_course.methods.sae import label_scores as module
from mi_course.methods.sae.label_scores import label_f1
from mi_course.methods.sae.labelled import LabelledActivations


@dataclass(frozen=True)
class Reader:
    """A dictionary whose codes are the positive entries of its input."""

    width: int
    name: str = "reader"

    @property
    def d_in(self):
        return self.width

    @property
    def n_features(self):
        return self.width

    @property
    def directions(self):
        return torch.eye(self.width)

    def encode(self, x):
        return x.relu()

    def decode(self, feature_acts):
        return feature_acts


def given(x, labels, document):
    names = tuple(f"kind: {i}" for i in range(labels.shape[1]))
    tokens = torch.zeros(len(x), dtype=torch.long)
    return LabelledActivations(x, labels, names, document, tokens)


def random_data(density=0.05, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(600, 12, generator=generator)
    x = x * (torch.rand(600, 12, generator=generator) < density)
    labels = torch.rand(600, 7, generator=generator) < torch.linspace(0.05, 0.6, 7)
    return given(x, labels, torch.arange(600) // 30)


def test_one_latent_and_one_label_by_hand():
    """Even document: 1.0 and 0.6 are labelled, 0.1 is not, so 0.1 is the threshold (level 0.1)."""
    x = torch.tensor([[1.0], [0.6], [0.1], [0.0], [0.9], [0.05], [0.5], [0.7]])
    labels = torch.tensor([[1], [1], [0], [0], [1], [1], [0], [0]]).bool()
    document = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1])
    found = label_f1(Reader(1), given(x, labels, document), levels=(0.0, 0.1, 0.9))
    # Odd document: it calls 0.9 (right), 0.5 and 0.7 (wrong) and misses 0.05.
    assert found.thresholds.tolist() == pytest.approx([0.1])
    assert found.precision.tolist() == pytest.approx([1 / 3])
    assert found.recall.tolist() == [0.5]
    assert found.f1.tolist() == pytest.approx([0.4])
    assert found.counts.tolist() == [2]
    assert "0.40 on average, 0 of 0.8 or more; best kind: 0 0.40 (#0)" in found.summary()


@pytest.mark.parametrize("density", [0.03, 0.9])
def test_scores_are_those_of_scikit_learn(density):
    data = random_data(density)
    found = label_f1(Reader(12), data, chunk=128)
    judged = data.x[~data.fit]
    for column in range(7):
        truth = data.labels[~data.fit, column].numpy()
        said = (judged[:, found.best[column]] > found.thresholds[column]).numpy()
        for name, score in (("f1", f1_score), ("precision", precision_score)):
            expected = score(truth, said, zero_division=0)
            assert getattr(found, name)[column].item() == pytest.approx(expected, abs=1e-6)
        assert found.recall[column].item() == pytest.approx(recall_score(truth, said), abs=1e-6)


def test_feature_and_threshold_are_the_best_of_the_other_half():
    data = random_data(0.4)
    found = label_f1(Reader(12), data)
    fit = data.x[data.fit].relu()
    for column in range(7):
        truth = data.labels[data.fit, column].numpy()
        tried = {
            (latent, level): f1_score(
                truth, (fit[:, latent] > level * fit[:, latent].max()).numpy()
            )
            for latent in range(12)
            for level in module.LEVELS
        }
        best = max(tried.values())
        latent = int(found.best[column])
        level = (found.thresholds[column] / fit[:, latent].max()).item()
        nearest = min(module.LEVELS, key=lambda x: abs(x - level))
        assert tried[latent, nearest] == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize("density", [0.02, 0.1, 0.7])
def test_counting_few_codes_gives_what_multiplying_gives(density, monkeypatch):
    data = random_data(density)
    monkeypatch.setattr(module, "FEW", 2.0)
    sparse = label_f1(Reader(12), data)
    monkeypatch.setattr(module, "FEW", -1.0)
    dense = label_f1(Reader(12), data)
    torch.testing.assert_close(sparse.matrix, dense.matrix)
    assert torch.equal(sparse.best, dense.best)


def test_chunks_do_not_matter():
    data = random_data()
    whole, parts = (label_f1(Reader(12), data, chunk=size) for size in (4096, 7))
    torch.testing.assert_close(whole.matrix, parts.matrix)


def test_planted_detectors_are_found_among_many():
    """Latent 3 fires for label 1 only, latent 8 above half of its maximum for label 4."""
    data = random_data(0.3, seed=1)
    x = data.x.clone()
    x[:, 3] = 2.0 * data.labels[:, 1]
    x[:, 8] = 0.3 + 0.7 * data.labels[:, 4]
    found = label_f1(Reader(12), given(x, data.labels, data.document))
    assert found.best[[1, 4]].tolist() == [3, 8]
    assert found.f1[[1, 4]].tolist() == [1, 1]
    assert found.favourite[[3, 8]].tolist() == [1, 4]
    assert found.latent_f1[[3, 8]].tolist() == [1, 1]
    assert set(found.above(0.99)) == {"kind: 1", "kind: 4"}
    assert found.of("kind: 4") == 4


def test_thousands_of_features_do_not_win_by_chance():
    """Noise that fits one half is no better than a blind yes on the other."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(400, 2000, generator=generator)
    labels = torch.rand(400, 1, generator=generator) < 0.05
    data = given(x, labels, torch.arange(400))
    found = label_f1(Reader(2000), data)
    fit = (x[data.fit][:, found.best[0]] > found.thresholds[0]).numpy()
    assert f1_score(labels[data.fit, 0].numpy(), fit) > 0.35
    assert found.f1[0] < 0.2


def test_a_dead_latent_scores_nothing():
    data = random_data(0.3)
    x = data.x.clone()
    x[:, 5] = -1.0
    found = label_f1(Reader(12), given(x, data.labels, data.document))
    assert found.matrix[5].tolist() == [0] * 7
    assert 5 not in found.best.tolist()


def test_bad_input_is_refused():
    data = random_data()
    with pytest.raises(ValueError, match="width 12, got 3"):
        label_f1(Reader(3), data)
    with pytest.raises(ValueError, match="rise from 0"):
        label_f1(Reader(12), data, levels=(0.5, 0.1))
    with pytest.raises(ValueError, match="one half only"):
        label_f1(Reader(12), given(data.x, data.labels, 0 * data.document))
    with pytest.raises(ValueError, match="kind: 0"):
        label_f1(Reader(12), data).of("kind: 9")
