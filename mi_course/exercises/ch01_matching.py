"""Exercise 01.8: which unit of another network is the same one?"""

import torch
from einops import einsum
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from mi_course.exercises.core import Case, Exercise, Wrong

One = Float[Tensor, "sample unit"]
Other = Float[Tensor, "sample other_unit"]
Matches = tuple[Int[Tensor, " unit"], Float[Tensor, " unit"]]


def match_units(one: One, other: Other) -> Matches:
    """Return for each unit the other network's that correlates most, and that correlation."""
    a, b = (normalize(acts - acts.mean(dim=0), dim=0) for acts in (one, other))
    best = (a.T @ b).max(dim=1)
    return best.indices, best.values


def _by_corrcoef(one: One, other: Other) -> Matches:
    n = one.shape[1]
    correlation = torch.corrcoef(torch.cat([one, other], dim=1).T)[:n, n:].nan_to_num()
    match = correlation.argmax(dim=1)
    return match, correlation[torch.arange(n), match]


def _by_scores(one: One, other: Other) -> Matches:
    a, b = (acts - acts.mean(dim=0) for acts in (one, other))
    covariance = einsum(a, b, "sample unit, sample other_unit -> unit other_unit")
    size = a.square().sum(dim=0)[:, None] * b.square().sum(dim=0)
    correlation = torch.where(size > 0, covariance / size.sqrt(), 0)
    return correlation.argmax(dim=1), correlation.amax(dim=1)


def _correlation(one: One, other: Other) -> Float[Tensor, "unit other_unit"]:
    a, b = (normalize(acts - acts.mean(dim=0), dim=0) for acts in (one, other))
    return a.T @ b


def _best(similar: Float[Tensor, "unit other_unit"]) -> Matches:
    best = similar.max(dim=1)
    return best.indices, best.values


def _cosine(one: One, other: Other) -> Matches:
    return _best(normalize(one, dim=0).T @ normalize(other, dim=0))


def _covariance(one: One, other: Other) -> Matches:
    return _best((one - one.mean(dim=0)).T @ (other - other.mean(dim=0)) / len(one))


def _either_sign(one: One, other: Other) -> Matches:
    return _best(_correlation(one, other).abs())


def _turned(one: One, other: Other) -> Matches:
    similar = _correlation(one, other)
    return similar.argmax(dim=1), similar.amax(dim=0)[: len(similar)]


def _same_number(one: One, other: Other) -> Matches:
    n = torch.arange(one.shape[1])
    return n, _correlation(one, other)[n, n]


def _squared(one: One, other: Other) -> Matches:
    match, value = match_units(one, other)
    return match, value.square()


def _never_changes(one: One, other: Other) -> Matches:
    a, b = (acts - acts.mean(dim=0) for acts in (one, other))
    return _best((a / a.norm(dim=0)).T @ (b / b.norm(dim=0)))


def _each_once(one: One, other: Other) -> Matches:
    similar = _correlation(one, other)
    left = similar.clone()
    match = torch.zeros(len(left), dtype=torch.long)
    for unit in range(len(left)):
        match[unit] = left[unit].argmax()
        left[:, match[unit]] = -2
    return match, similar[torch.arange(len(left)), match]


def _over_samples(one: One, other: Other) -> Matches:
    a, b = (normalize(acts - acts.mean(dim=1, keepdim=True), dim=0) for acts in (one, other))
    return _best(a.T @ b)


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(sample: int, unit: int, other_unit: int) -> tuple[One, Other]:
        one = torch.randn(sample, unit, generator=generator)
        other = torch.randn(sample, other_unit, generator=generator)
        spread = 0.1 + 3 * torch.rand(other_unit, generator=generator)
        return one + 2, other * spread + 3 * torch.rand(other_unit, generator=generator)

    hand = (
        torch.tensor([[0.0, 3.0, 4.0], [1.0, 2.0, 5.0], [2.0, 1.0, 4.0], [3.0, 0.0, 9.0]]),
        torch.tensor(
            [
                [5.0, 0.0, 0.0, 9.0],
                [5.0, 2.0, 0.0, 5.0],
                [6.0, 3.0, 0.0, 1.0],
                [6.0, 7.0, 0.0, 1.0],
            ]
        ),
    )
    one, other = drawn(15, 5, 7)
    other[:, torch.randperm(7, generator=generator)[:3]] = 0
    # The other network has the same units in another order, scaled, moved and noisy.
    here, _ = drawn(40, 6, 6)
    order = torch.randperm(6, generator=generator)
    noise = torch.randn(40, 6, generator=generator)
    there = (here + 0.3 * noise)[:, order] * (0.1 + torch.rand(6, generator=generator)) + 1
    return [
        Case("three units, four others, four samples", hand, "hand"),
        Case("30 samples, 5 units, 7 others", drawn(30, 5, 7)),
        Case("25 samples, 4 units, 9 others", drawn(25, 4, 9)),
        Case("others that never answer", (one, other), "property"),
        Case("the same units in another order", (here, there), "truth"),
    ]


MATCH_UNITS = Exercise(
    id="01.8",
    function="match_units",
    title="The same channel in another network",
    points=3,
    stars=2,
    minutes=15,
    reference=match_units,
    cases=_cases,
    alternatives=(_by_corrcoef, _by_scores),
    wrong=(
        Wrong(
            "cosines",
            _cosine,
            "the means are left in",
            "the means are left in: two units that are mostly on look alike, so subtract them",
        ),
        Wrong(
            "covariances",
            _covariance,
            "covariances",
            "these are covariances, which prefer loud units: divide by both standard deviations",
        ),
        Wrong(
            "either sign",
            _either_sign,
            "a unit that does the opposite",
            "a unit that does the opposite counts as a match: keep the sign",
        ),
        Wrong(
            "the others' matches",
            _turned,
            "the other network's units look for",
            "these are the values that the other network's units look for: the largest in each row",
        ),
        Wrong(
            "the same number",
            _same_number,
            "the same number",
            "units of the same number are compared: training puts them in any order",
        ),
        Wrong("squares", _squared, "the correlation is squared", "the correlation is squared here"),
        Wrong(
            "0/0 for a unit that never changes",
            _never_changes,
            "never changes",
            "a unit that never changes has a standard deviation of 0: it correlates 0 with all",
        ),
        Wrong(
            "each once",
            _each_once,
            "may be the match of several",
            "a unit may be the match of several: nothing is taken away here",
        ),
        Wrong(
            "means over units",
            _over_samples,
            "over units",
            "the mean that is subtracted is one over units: each unit has its own, over samples",
        ),
    ),
    hints=(
        "Correlate every unit with every unit of the other network over the samples, and keep the "
        "largest of each row: which it is, and how large.",
        "Subtract each column's mean, `normalize(..., dim=0)`, and `a.T @ b` are all correlations; "
        "`.max(dim=1)` has `indices` and `values`.",
        "`sample unit, sample other_unit -> unit other_unit` -> `unit`.",
    ),
    groups={"random": 1, "property": 1, "truth": 1},
    axes="unit",
)
