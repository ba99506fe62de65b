import pytest
import torch
from torch.nn.functional import normalize

from mi_course.methods.sae.dictionary import SAE
from mi_course.methods.sae.label_scores import label_f1
from mi_course.methods.sae.labelled import LabelledActivations
from mi_course.methods.sae.splitting import feature_absorption, feature_splitting


def of(rows, bias=0.0, architecture="l1"):
    n, d_in = rows.shape
    return SAE(rows.T.contiguous(), torch.full((n,), bias), rows, torch.zeros(d_in), architecture)


@pytest.fixture
def axes():
    return torch.eye(6)


def test_children_are_the_latents_that_point_and_fire_with_a_parent(axes):
    """The parent writes e0; two children lean from it to e1 and e2, a third is a stranger."""
    small = of(torch.stack([axes[0], axes[5]]))
    lean = normalize(torch.stack([axes[0] + axes[1], axes[0] + axes[2], axes[3]]), dim=1)
    wide = of(torch.cat([lean, axes[5:]]), bias=-1.0)
    x = torch.tensor(
        [[1.0, 1, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0], [1, 0, 1, 0, 0, 0], [0, 0, 0, 2, 0, 0]]
    )
    found = feature_splitting(small, wide, x)
    assert found.parent[:2].tolist() == [0, 0]
    assert found.cosines[:2].tolist() == pytest.approx([0.5**0.5] * 2)
    assert found.inside[:3].tolist() == [1, 1, 0]
    assert found.covered[:2].tolist() == pytest.approx([2 / 3, 1 / 3])
    # The last latent points where the second parent does, but neither ever fires.
    assert found.is_child.tolist() == [True, True, False, False]
    assert found.sizes.tolist() == [2, 0]
    assert found.children(0) == [0, 1]
    assert "50% of 2 latents have no child, 0% have one, 50% have several" in found.summary()


def test_a_dictionary_beside_itself_has_one_child_each():
    generator = torch.Generator().manual_seed(0)
    rows = normalize(torch.randn(20, 32, generator=generator), dim=1)
    x = torch.randn(500, 32, generator=generator)
    found = feature_splitting(of(rows), of(rows), x, chunk=64)
    assert found.parent.tolist() == list(range(20))
    assert found.sizes.tolist() == [1] * 20
    assert found.inside.min() == found.covered.min() == 1


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
    assert "latent 0 is active on 67% of the tokens; on 100% of the 40 others" in found.summary()


def test_a_label_that_is_told_entirely_has_no_absorber():
    data = planted_absorption()
    sae = of(torch.eye(3))
    scores = label_f1(sae, data)
    found = feature_absorption(sae, data, scores, "word: snake")
    assert (found.recall, found.n_missed, found.explained) == (1, 0, 0)
    assert len(found.latents) == 0
    assert found.summary().endswith("none.")


def test_bad_input_is_refused():
    data = planted_absorption()
    scores = label_f1(of(torch.eye(3)), data)
    with pytest.raises(ValueError, match="d_in = 2"):
        feature_splitting(of(torch.eye(2)), of(torch.eye(2)), data.x)
    with pytest.raises(ValueError, match="scores of 4 features, got 3"):
        feature_absorption(of(torch.eye(3)[[0, 1, 2, 0]]), data, scores, "first: s")
    with pytest.raises(ValueError, match="got 'first: t'"):
        feature_absorption(of(torch.eye(3)), data, scores, "first: t")
