"""Exercise 05.4: how much of a planted truth a dictionary has found."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cosine_similarity, normalize

from mi_course.exercises.core import Case, Exercise, Wrong

Truth = Float[Tensor, "n_features d_in"]
Learned = Float[Tensor, "d_sae d_in"]
Number = Float[Tensor, ""]


def mmcs(truth: Truth, learned: Learned) -> Number:
    """Return the mean over true features of the largest cosine with a learned one."""
    truth = truth / truth.norm(dim=1, keepdim=True)
    learned = learned / learned.norm(dim=1, keepdim=True)
    return (truth @ learned.T).max(dim=1).values.mean()


def _one_by_one(truth: Truth, learned: Learned) -> Number:
    best = [cosine_similarity(each[None], learned, dim=1).max() for each in truth]
    return torch.stack(best).mean()


def _of_learned(truth: Truth, learned: Learned) -> Number:
    return mmcs(learned, truth)


def _products(truth: Truth, learned: Learned) -> Number:
    return (truth @ learned.T).max(dim=1).values.mean()


def _truth_alone(truth: Truth, learned: Learned) -> Number:
    return (normalize(truth, dim=1) @ learned.T).max(dim=1).values.mean()


def _absolute(truth: Truth, learned: Learned) -> Number:
    cosines = normalize(truth, dim=1) @ normalize(learned, dim=1).T
    return cosines.abs().max(dim=1).values.mean()


def _all_pairs(truth: Truth, learned: Learned) -> Number:
    return (normalize(truth, dim=1) @ normalize(learned, dim=1).T).mean()


def _luckiest(truth: Truth, learned: Learned) -> Number:
    return (normalize(truth, dim=1) @ normalize(learned, dim=1).T).max()


def _recovered(truth: Truth, learned: Learned) -> Number:
    best = (normalize(truth, dim=1) @ normalize(learned, dim=1).T).max(dim=1).values
    return (best > 0.9).float().mean()


def _columns(truth: Truth, learned: Learned) -> Number:
    return (normalize(truth, dim=0) @ normalize(learned, dim=0).T).max(dim=1).values.mean()


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(n: int, d_in: int) -> Tensor:
        length = 0.2 + 3 * torch.rand(n, 1, generator=generator)
        return length * torch.randn(n, d_in, generator=generator)

    def shuffled(rows: Tensor) -> Tensor:
        return rows[torch.randperm(len(rows), generator=generator)]

    hand = (
        torch.tensor([[2.0, 0.0], [0.0, 1.0]]),
        torch.tensor([[24.0, 7], [3.0, 4.0], [0.0, -2.0]]),
    )
    truth = drawn(6, 7)
    part, extra = truth[:3] * 0.5, drawn(4, 7)
    return [
        Case("two true features, three learned", hand, "hand"),
        Case("5 true features, 9 learned", (drawn(5, 4), drawn(9, 4))),
        Case("8 true features, 3 learned", (drawn(8, 6), drawn(3, 6))),
        Case("the same features with signs turned", (truth, -shuffled(truth)), "property"),
        Case(
            "half of the truth was found", (truth, shuffled(torch.cat([part, extra]))), "property"
        ),
        Case(
            "all of it, in another order and among others",
            (truth, shuffled(torch.cat([truth, extra]))),
            "truth",
        ),
    ]


MMCS = Exercise(
    id="05.4",
    function="mmcs",
    title="How much of the truth was found",
    points=2,
    stars=1,
    minutes=10,
    reference=mmcs,
    cases=_cases,
    alternatives=(_one_by_one,),
    wrong=(
        Wrong(
            "mean over learned features",
            _of_learned,
            "for each true feature",
            "this is the mean over learned features: find the best one for each true feature",
        ),
        Wrong(
            "products",
            _products,
            "not cosines",
            "these are products, not cosines: divide by both lengths",
        ),
        Wrong(
            "one length",
            _truth_alone,
            "lengths of the learned",
            "the lengths of the learned features are left in: a cosine divides by both",
        ),
        Wrong(
            "absolute cosines",
            _absolute,
            "an opposite direction",
            "an opposite direction counts as found here: a feature is never negative, so its sign "
            "matters",
        ),
        Wrong(
            "mean over all pairs",
            _all_pairs,
            "the mean over all pairs",
            "this is the mean over all pairs: take the largest for each true feature first",
        ),
        Wrong(
            "the best pair",
            _luckiest,
            "the best pair of all",
            "this is the best pair of all: take the largest for each true feature, then the mean",
        ),
        Wrong(
            "fraction above 0.9",
            _recovered,
            "how many are above",
            "this is how many are above 0.9: take the mean of the largest cosines themselves",
        ),
        Wrong(
            "columns",
            _columns,
            "the wrong axis",
            "lengths are taken along the wrong axis: a feature is a row",
        ),
    ),
    hints=(
        "Divide every feature by its length. For each true one find the largest cosine with any "
        "learned one; then take the mean.",
        "`truth @ learned.T` has all products; `.max(dim=1).values` the largest of each row.",
        "The cosines have axes `n_features d_sae`; the maximum leaves `n_features`.",
    ),
    groups={"random": 1, "property": 1},
)
