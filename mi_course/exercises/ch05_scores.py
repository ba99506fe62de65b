"""Exercise 05.6: how many features an activation takes, and how much of it they miss.

Activations lie far from zero and vary differently along each dimension, so that a fraction taken
about zero, or a mean of fractions, shows.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from mi_course.exercises.core import Case, Exercise, Wrong

X = Float[Tensor, "batch d_in"]
Codes = Float[Tensor, "batch d_sae"]
Two = Float[Tensor, "2"]


def l0_and_fvu(x: X, feature_acts: Codes, recon: X) -> Two:
    """Return the mean number of active features, and the fraction of variance unexplained."""
    l0 = (feature_acts > 0).sum(dim=1).float().mean()
    fvu = (x - recon).square().sum() / (x - x.mean(dim=0)).square().sum()
    return torch.stack([l0, fvu])


def _by_variance(x: X, feature_acts: Codes, recon: X) -> Two:
    counts = [float((codes != 0).sum()) for codes in feature_acts]
    missed = (x - recon).norm(dim=1).square().mean()
    return torch.stack([torch.tensor(counts).mean(), missed / x.var(dim=0, correction=0).sum()])


def _with_fvu(x: X, feature_acts: Codes, recon: X, fvu: Tensor) -> Two:
    return torch.stack([l0_and_fvu(x, feature_acts, recon)[0], fvu])


def _with_l0(x: X, feature_acts: Codes, recon: X, l0: Tensor) -> Two:
    return torch.stack([l0, l0_and_fvu(x, feature_acts, recon)[1]])


def _about_zero(x: X, feature_acts: Codes, recon: X) -> Two:
    fvu = (x - recon).square().sum() / x.square().sum()
    return _with_fvu(x, feature_acts, recon, fvu)


def _about_one_number(x: X, feature_acts: Codes, recon: X) -> Two:
    fvu = (x - recon).square().sum() / (x - x.mean()).square().sum()
    return _with_fvu(x, feature_acts, recon, fvu)


def _about_own_mean(x: X, feature_acts: Codes, recon: X) -> Two:
    fvu = (x - recon).square().sum() / (x - x.mean(1, keepdim=True)).square().sum()
    return _with_fvu(x, feature_acts, recon, fvu)


def _explained(x: X, feature_acts: Codes, recon: X) -> Two:
    return _with_fvu(x, feature_acts, recon, 1 - l0_and_fvu(x, feature_acts, recon)[1])


def _mean_of_fractions(x: X, feature_acts: Codes, recon: X) -> Two:
    fractions = (x - recon).square().sum(0) / (x - x.mean(0)).square().sum(0)
    return _with_fvu(x, feature_acts, recon, fractions.mean())


def _by_activation(x: X, feature_acts: Codes, recon: X) -> Two:
    fractions = (x - recon).square().sum(1) / (x - x.mean(0)).square().sum(1)
    return _with_fvu(x, feature_acts, recon, fractions.mean())


def _forgiven_mean(x: X, feature_acts: Codes, recon: X) -> Two:
    fvu = (x - recon).var(0).sum() / x.var(0).sum()
    return _with_fvu(x, feature_acts, recon, fvu)


def _mean_squared_error(x: X, feature_acts: Codes, recon: X) -> Two:
    return _with_fvu(x, feature_acts, recon, (x - recon).square().mean())


def _share_active(x: X, feature_acts: Codes, recon: X) -> Two:
    return _with_l0(x, feature_acts, recon, (feature_acts > 0).float().mean())


def _ever_active(x: X, feature_acts: Codes, recon: X) -> Two:
    return _with_l0(x, feature_acts, recon, (feature_acts > 0).any(0).sum().float())


def _summed_codes(x: X, feature_acts: Codes, recon: X) -> Two:
    return _with_l0(x, feature_acts, recon, feature_acts.sum(1).mean())


def _all_active(x: X, feature_acts: Codes, recon: X) -> Two:
    return _with_l0(x, feature_acts, recon, (feature_acts > 0).sum().float())


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(batch: int, d_in: int, d_sae: int) -> tuple[X, Codes, X]:
        spread = 0.5 + 2 * torch.rand(d_in, generator=generator)
        far = 5 + torch.arange(d_in)
        noise, x = torch.randn(2, batch, d_in, generator=generator)
        x = spread * x + far
        codes = torch.randn(batch, d_sae, generator=generator) - 0.8
        return x, 2 * codes.relu(), x + 0.6 * noise + 0.2

    hand = (
        torch.tensor([[1.0, 10.0], [3.0, 10.0], [1.0, 14.0], [3.0, 14.0]]),
        torch.tensor([[1.0, 0.0, 0.0], [2.0, 0.5, 0.0], [0.0, 0.0, 0.0], [0.0, 3.0, 1.0]]),
        torch.tensor([[2.0, 10.0], [2.0, 12.0], [1.0, 14.0], [3.0, 14.0]]),
    )
    x, codes, recon = drawn(12, 4, 6)
    level = x.mean(dim=0).expand_as(x)
    worse = 2 * level - recon + 3
    return [
        Case("four activations of two numbers", hand, "hand"),
        Case("20 activations of width 5, 11 features", drawn(20, 5, 11)),
        Case("9 activations of width 7, 4 features", drawn(9, 7, 4)),
        Case("worse than saying the mean", (x, codes, worse), "property"),
        Case("says the mean of all activations", (x, codes, level), "truth"),
        Case("nothing is missed", (x, codes, x), "truth"),
    ]


L0_AND_FVU = Exercise(
    id="05.6",
    function="l0_and_fvu",
    title="The two numbers of a dictionary",
    points=3,
    stars=2,
    minutes=15,
    reference=l0_and_fvu,
    cases=_cases,
    alternatives=(_by_variance,),
    wrong=(
        Wrong(
            "about zero",
            _about_zero,
            "about the mean",
            "the variance is taken about zero: take it about the mean of x, or a dictionary that "
            "only says the mean looks good",
        ),
        Wrong(
            "about one number",
            _about_one_number,
            "a mean for each dimension",
            "one mean for all dimensions is taken away: there is a mean for each dimension",
        ),
        Wrong(
            "about each activation's own mean",
            _about_own_mean,
            "over the batch",
            "each activation's own mean is taken away: the mean is over the batch",
        ),
        Wrong(
            "explained",
            _explained,
            "explained variance",
            "this is explained variance: FVU is the part that is not explained, 0 is perfect",
        ),
        Wrong(
            "mean over dimensions",
            _mean_of_fractions,
            "a mean of fractions over dimensions",
            "this is a mean of fractions over dimensions: sum above and below the line, then "
            "divide once",
        ),
        Wrong(
            "mean over activations",
            _by_activation,
            "a mean of fractions over activations",
            "this is a mean of fractions over activations: sum above and below the line, then "
            "divide once",
        ),
        Wrong(
            "the error's variance",
            _forgiven_mean,
            "the error's own mean",
            "the error's own mean is taken away: a reconstruction that is off by a constant is off",
        ),
        Wrong(
            "mean squared error",
            _mean_squared_error,
            "has a unit",
            "this is the mean squared error, which has a unit: divide by the variance of x",
        ),
        Wrong(
            "fraction of features",
            _share_active,
            "a fraction of the features",
            "L0 is a number of features, not a fraction of the features: sum over d_sae",
        ),
        Wrong(
            "ever active",
            _ever_active,
            "ever active",
            "this counts features that are ever active: count for each activation, then the mean",
        ),
        Wrong(
            "summed codes",
            _summed_codes,
            "sums codes",
            "this sums codes, which is L1: L0 counts how many are above 0",
        ),
        Wrong(
            "all of the batch",
            _all_active,
            "for one activation",
            "all active codes of the batch are counted: L0 is for one activation, on average",
        ),
    ),
    hints=(
        "L0: count the codes above 0 of each activation, and take the mean. FVU: the sum of all "
        "squared errors, over the sum of all squared distances of x from its mean.",
        "`(feature_acts > 0).sum(dim=1)` counts; `.float()` before the mean; `x.mean(dim=0)` is "
        "the mean activation.",
        "Counts have the axis `batch`, the mean activation `d_in`; `torch.stack([l0, fvu])` has "
        "shape `[2]`.",
    ),
    groups={"random": 2, "property": 1},
    axes="score",
)
