from dataclasses import replace
from math import e, isnan

import pytest
import torch

from mi_course.results import (
    Absorption,
    DictionaryTable,
    Interpretability,
    LabelScores,
    Matching,
    MomentCorrelations,
    ReconstructionScores,
    SpliceLosses,
    Splitting,
    Stability,
)

HALF = torch.tensor([0.5, 0.5])


def test_the_loss_recovered_is_a_share_of_what_an_ablation_costs():
    losses = SpliceLosses(1.0, 2.0, 9.0, 5.0, 0.3, 3.0)
    assert losses.recovered == 0.75
    assert losses.recovered_from_zero == 0.875
    assert losses.perplexities == pytest.approx((e, e**2))
    assert "from 2.72 to 7.39" in losses.summary()
    assert isnan(SpliceLosses(1.0, 1.0, 1.0, 1.0, 0.0, 0.0).recovered)
    with pytest.raises(ValueError, match="spliced"):
        SpliceLosses(1.0, float("nan"), 9.0, 5.0, 0.3, 3.0)
    with pytest.raises(ValueError, match="kl"):
        SpliceLosses(1.0, 2.0, 9.0, 5.0, -0.3, 3.0)


def test_dead_features_are_those_never_active():
    density = torch.tensor([0.0, 0.2, 0.0, 1.0])
    found = ReconstructionScores(1.2, 0.3, density, density, density, density, 10, "SAE")
    assert found.dead == 0.5
    with pytest.raises(ValueError, match="densities"):
        ReconstructionScores(1.2, 0.3, density * 2, density, density, density, 10)
    with pytest.raises(ValueError, match="FVU"):
        ReconstructionScores(1.2, float("nan"), density, density, density, density, 10)


def test_a_gain_is_what_is_won_over_saying_yes_always():
    """The label of F1 0.9 is so frequent that a blind yes has 0.8; the rare one is worth more."""
    found = LabelScores(
        matrix=torch.tensor([[0.9, 0.1], [0.2, 0.6], [0.4, 0.0]]),
        best=torch.tensor([0, 1]),
        thresholds=HALF,
        f1=torch.tensor([0.9, 0.6]),
        precision=HALF,
        recall=HALF,
        favourite=torch.tensor([0, 1, 0]),
        blind=torch.tensor([0.8, 0.1]),
        counts=torch.tensor([66, 5]),
        labels=("a: b", "a: c"),
    )
    assert found.latent_f1.tolist() == pytest.approx([0.9, 0.6, 0.4])
    assert found.latent_gain.tolist() == pytest.approx([0.5, 5 / 9, 0])
    assert found.above(0.5) == ("a: b", "a: c")
    with pytest.raises(ValueError, match="one label for each label"):
        replace(found, labels=("a: b",))


def test_every_explained_feature_has_words():
    with pytest.raises(ValueError, match="one label for each latent"):
        Interpretability(torch.tensor([0, 1]), HALF, HALF, ("one",))
    with pytest.raises(ValueError, match="from -1 to 1"):
        Interpretability(torch.tensor([0, 1]), 3 * HALF, HALF, ("one", "two"))


def test_matches_and_children_are_counted():
    found = Matching(torch.tensor([0.9, 0.8]), torch.tensor([0, 0]), HALF > 0, ("a", "b"))
    assert (found.fraction(0.85), found.fraction(0.99)) == (0.5, 0)
    with pytest.raises(ValueError, match="cosines"):
        Matching(3 * HALF, torch.tensor([0, 0]), HALF > 0, ("a", "b"))
    with pytest.raises(ValueError, match="dictionary"):
        Stability(torch.eye(2), torch.eye(2), 0.7, ("a",))
    with pytest.raises(ValueError, match="parents from 0 to 1"):
        Splitting(torch.tensor([0, 2]), HALF, HALF, HALF, 2, 0.5, 0.5, ("a", "b"))


def test_numbers_that_cannot_be_are_refused():
    none = torch.zeros(0)
    nobody = torch.zeros(0, dtype=torch.long)
    with pytest.raises(ValueError, match="fractions from 0 to 1"):
        Absorption("a: b", 0, 1.5, 0, nobody, none, none, none, none, 0.0, 0.0, (), ())
    ends = torch.tensor([[0.5, 0.4, 0.7]])
    one = torch.tensor([0.5])
    with pytest.raises(ValueError, match="latent_gain"):
        DictionaryTable(("a",), (1,), one, one, one, one, one, one, ends, 2 * ends, ends, (0,))
    with pytest.raises(ValueError, match="with_skew"):
        MomentCorrelations(HALF, HALF, HALF, torch.tensor([0, 0]), 2.0, 0.0, 0.0, 0.0, ("a",))
