import pytest
import torch
from sklearn.metrics import f1_score

from mi_course.methods.sae.activity import latent_activity
from mi_course.methods.sae.dictionary import SAE
from mi_course.methods.sae.labelled import LabelledActivations
from mi_course.methods.sae.latent_labels import best_cuts, best_labels

EYE = SAE(torch.eye(3), torch.zeros(3), torch.eye(3), torch.zeros(3), "l1")


def test_the_best_cut_by_hand():
    values = torch.tensor([4.0, 3.0, 2.0, 1.0, 0.0])
    labels = torch.tensor([[1, 0], [0, 0], [1, 0], [0, 1], [0, 1]]).bool()
    f1, thresholds = best_cuts(values, labels)
    # First label: all three above 1.5 hold two of two. Second: the four active hold one of two.
    assert f1.tolist() == pytest.approx([4 / 5, 2 / 6])
    assert thresholds.tolist() == [1.5, 0.5]


def test_cuts_agree_with_trying_every_threshold():
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(40, generator=generator).relu().mul(3).round()  # with ties
    labels = torch.rand(40, 4, generator=generator) < torch.tensor([0.1, 0.3, 0.5, 0.0])
    f1, thresholds = best_cuts(values, labels)
    cuts = [value - 0.5 for value in values[values > 0].unique().tolist()]
    for i in range(3):
        tried = [f1_score(labels[:, i], values > cut) for cut in cuts]
        assert f1[i].item() == pytest.approx(max(tried))
        said = f1_score(labels[:, i], values > thresholds[i])
        assert said == pytest.approx(max(tried))
    assert f1[3] == 0


def test_a_latent_that_never_speaks_tells_nothing():
    f1, thresholds = best_cuts(torch.zeros(4), torch.ones(4, 2, dtype=torch.bool))
    assert f1.tolist() == thresholds.tolist() == [0, 0]


def planted(n=400):
    """Latent 1 is above 1 where label "b" holds; label "c" is chance."""
    generator = torch.Generator().manual_seed(1)
    labels = torch.rand(n, 3, generator=generator) < 0.3
    x = torch.rand(n, 3, generator=generator)
    x[:, 1] += 1.0 * labels[:, 1]
    numbers = torch.arange(n)
    names = ("set: a", "set: b", "set: c")
    return LabelledActivations(x, labels, names, numbers // 10, numbers)


def test_the_planted_label_comes_first_and_is_judged_on_other_documents():
    data = planted()
    found = best_labels(latent_activity(EYE, data), 1, k=2)
    assert len(found.labels) == 2
    assert found.labels[0] == "set: b"
    assert found.f1[0] > 0.97
    # The largest value without the label and the smallest with it are near 1.
    assert found.thresholds[0].item() == pytest.approx(1, abs=0.05)
    judged = ~data.fit
    said = data.x[judged, 1] > found.thresholds[0]
    assert found.f1[0].item() == pytest.approx(f1_score(data.labels[judged, 1], said))
    # Shuffled truth on the other half alone: what was chosen no longer holds there.
    order = torch.randperm(int(judged.sum()), generator=torch.Generator().manual_seed(1))
    data.labels[judged] = data.labels[judged][order]
    after = best_labels(latent_activity(EYE, data), 1, k=2)
    assert after.labels[0] == "set: b"
    assert after.f1[0] < 0.5
