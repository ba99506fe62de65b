import pytest
import torch
from scipy.optimize import linear_sum_assignment
from torch.nn.functional import normalize

from mi_course.methods.sae.baselines import LinearDictionary
from mi_course.methods.sae.dictionary import SAE
from mi_course.methods.sae.matching import matched_features, mmcs, stability


def directions(n, d_in=16, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return normalize(torch.randn(n, d_in, generator=generator), dim=1)


def of(rows):
    n, d_in = rows.shape
    return SAE(rows.T.contiguous(), torch.zeros(n), rows, torch.zeros(d_in), "l1")


def test_mean_of_largest_cosines_by_hand():
    a = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    b = torch.tensor([[1.0, 0.0], [3.0, 4.0]])
    # (1, 0) finds itself; (0, 1) has cosine 0.8 with (3, 4) / 5.
    assert mmcs(a, b) == pytest.approx(0.9)
    assert mmcs(b, a) == pytest.approx(0.9)
    assert mmcs(a[:1], b) == pytest.approx(1)
    assert mmcs(b, a[:1]) == pytest.approx((1 + 0.6) / 2)


def test_length_order_and_chunks_do_not_matter():
    a, b = directions(40), directions(60, seed=1)
    shuffled = 7 * b[torch.randperm(60, generator=torch.Generator().manual_seed(2))]
    assert mmcs(a, shuffled, chunk=7) == pytest.approx(mmcs(a, b), abs=1e-6)
    assert mmcs(a, torch.cat([b, a])) == pytest.approx(1, abs=1e-6)


def test_planted_features_are_matched_as_the_best_assignment_does():
    truth = directions(30)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(3))
    noisy = normalize(truth + 0.05 * directions(30, seed=4), dim=1)[order]
    found = matched_features(of(truth), of(noisy))
    rows, columns = linear_sum_assignment(-(truth @ noisy.T).numpy())
    assert found.partner.tolist() == columns.tolist()
    assert rows.tolist() == list(range(30))
    assert found.mutual.all()
    assert found.fraction(0.9) == 1
    assert found.mmcs > 0.99


def test_a_feature_that_two_look_like_counts_once():
    """Both rows of b are nearest to a's first; only the nearer is its partner."""
    a = of(torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))
    b = of(torch.tensor([[1.0, 0.1, 0.0], [1.0, 0.2, 0.0]]))
    back = matched_features(b, a)
    assert back.partner.tolist() == [0, 0]
    assert back.mutual.tolist() == [True, False]
    assert back.fraction(0.9) == 0.5
    assert "50% have a mutual partner" in back.summary()


def test_seeds_share_what_is_planted_and_nothing_else():
    """Of each dictionary's 20 directions in 64 dimensions 12 are the same for all."""
    shared = directions(12, 64)
    several = [of(torch.cat([shared, directions(8, 64, seed)])) for seed in (5, 6, 7)]
    found = stability(several, names=("seed 0", "seed 1", "seed 2"))
    off = found.fractions[~torch.eye(3, dtype=torch.bool)]
    assert off.tolist() == pytest.approx([0.6] * 6)
    assert found.fractions.diagonal().tolist() == [1, 1, 1]
    assert torch.equal(found.fractions, found.fractions.T)
    assert found.mean() == pytest.approx(0.6)
    assert "share 60%" in found.summary()


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="one width"):
        mmcs(directions(3), directions(3, 8))
    with pytest.raises(ValueError, match="one width"):
        mmcs(directions(3)[:0], directions(3))
    with pytest.raises(ValueError, match="NaN"):
        mmcs(directions(3), directions(3) * torch.nan)
    with pytest.raises(ValueError, match="at least 2 dictionaries"):
        stability([of(directions(3))])
    one = LinearDictionary("x", directions(3), directions(3), torch.zeros(16))
    with pytest.raises(ValueError, match="one label for each dictionary"):
        stability([one, one], names=("a",))
