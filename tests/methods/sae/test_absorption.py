import pytest
import torch
from torch.nn.functional import normalize

from mi_course.methods.sae.absorption import feature_absorption, most_absorbed
from mi_course.methods.sae.dictionary import SAE
from mi_course.methods.sae.label_scores import label_f1
from mi_course.methods.sae.labelled import LabelledActivations


def of(rows):
    n, d_in = rows.shape
    return SAE(rows.T.contiguous(), torch.zeros(n), rows, torch.zeros(d_in), "l1")


def planted_absorption():
    """Label 0 ("starts with s") holds on 60 of 100 tokens of each half; token 7 ("snake") on 20.

    Latent 0 reads the label but is silent on snakes, latent 1 fires on snakes only, latent 2 is
    noise that fires everywhere.
    """
    place = torch.arange(200) % 100
    label, snake = place < 60, place < 20
    x = torch.stack([(label & ~snake).float(), snake.float(), torch.ones(200)], dim=1)
    ids = torch.where(snake, 7, place)
    labels = torch.stack([label, snake], dim=1)
    data = LabelledActivations(x, labels, ("first: s", "word: snake"), place * 0, ids)
    halves = torch.arange(200) // 100
    return LabelledActivations(x, labels, data.names, halves, ids)


@pytest.mark.parametrize("chunk", [4096, 13])
def test_a_planted_absorber_is_found_with_its_tokens(chunk):
    data = planted_absorption()
    # The special latent writes the label's direction as well as its own.
    special = normalize(torch.tensor([[1.0, 1.0, 0.0]]), dim=1)
    weights = torch.eye(3)
    writes = torch.cat([weights[:1], special, weights[2:]])
    sae = SAE(weights, torch.zeros(3), writes, torch.zeros(3), "l1")
    scores = label_f1(sae, data)
    assert scores.best.tolist() == [0, 1]
    found = feature_absorption(sae, data, scores, "first: s", chunk=chunk)
    assert (found.parent, found.n_missed) == (0, 40)
    assert found.recall == pytest.approx(40 / 60)
    assert found.latents.tolist() == [1]
    assert found.on_missed.tolist() == [1]
    assert found.on_found.tolist() == [0]
    assert found.precision.tolist() == [1]
    assert found.cosines[0] > 0.5
    assert found.explained == 1
    assert found.tokens == ((7,),)
    assert found.favourites == ("word: snake",)
    assert "feature 0 is active on 67% of the tokens; on 100% of the 40 others" in found.summary()


def test_a_label_that_is_told_entirely_has_no_absorber():
    data = planted_absorption()
    sae = of(torch.eye(3))
    scores = label_f1(sae, data)
    found = feature_absorption(sae, data, scores, "word: snake")
    assert (found.recall, found.n_missed, found.explained) == (1, 0, 0)
    assert len(found.latents) == 0
    assert found.summary().endswith("none.")


def test_the_most_absorbed_label_comes_first():
    data = planted_absorption()
    sae = of(torch.eye(3))
    scores = label_f1(sae, data)
    found = most_absorbed(sae, data, scores)
    assert [each.label for each in found] == ["first: s", "word: snake"]
    assert found[0].absorbed == pytest.approx(1 / 3)
    backwards = most_absorbed(sae, data, scores, ["word: snake", "first: s"])
    assert [each.summary() for each in backwards] == [each.summary() for each in found]


def test_a_latent_that_is_active_elsewhere_too_absorbs_nothing():
    """Latent 1 is active on snakes and on as many tokens outside the label: precision 1/2."""
    data = planted_absorption()
    x = data.x.clone()
    x[80:100, 1] = x[180:, 1] = 1.0
    other = LabelledActivations(x, data.labels, data.names, data.document, data.token_ids)
    sae = of(torch.eye(3))
    scores = label_f1(sae, other)
    assert len(feature_absorption(sae, other, scores, "first: s").latents) == 0
    lenient = feature_absorption(sae, other, scores, "first: s", precision=0.5)
    assert lenient.latents.tolist() == [1]
    assert lenient.precision.tolist() == [0.5]


def test_bad_input_is_refused():
    data = planted_absorption()
    scores = label_f1(of(torch.eye(3)), data)
    with pytest.raises(ValueError, match="scores of 4 features, got 3"):
        feature_absorption(of(torch.eye(3)[[0, 1, 2, 0]]), data, scores, "first: s")
    with pytest.raises(ValueError, match="d_in = 2"):
        feature_absorption(of(torch.eye(2)), data, scores, "first: s")
    with pytest.raises(ValueError, match="got 'first: t'"):
        feature_absorption(of(torch.eye(3)), data, scores, "first: t")
    with pytest.raises(ValueError, match="at least one label, got none"):
        most_absorbed(of(torch.eye(3)), data, scores, [])
