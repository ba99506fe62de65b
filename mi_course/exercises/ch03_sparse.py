"""Exercise 03.5: a probe that may read k neurons, those that a ranking names first.

It is judged as the probe on all neurons is, after a look at which neurons have a weight.
"""

import math

import torch
from jaxtyping import Int
from torch import Tensor

from mi_course.exercises.ch03_probes import Probe, X, Y, by_lbfgs, drawn, fit_probe, judge_minimum
from mi_course.exercises.core import Case, Exercise, Wrong


def k_sparse_probe(x: X, y: Y, ranking: Int[Tensor, " d_in"], k: int, penalty: float) -> Probe:
    """Return the probe on the first k neurons of a ranking; all other weights are 0."""
    chosen = ranking[:k]
    few, bias = fit_probe(x[:, chosen], y, penalty)
    weight = torch.zeros(x.shape[1])
    weight[chosen] = few
    return weight, bias


def _by_silencing(x: X, y: Y, ranking: Int[Tensor, " d_in"], k: int, penalty: float) -> Probe:
    heard = torch.zeros(x.shape[1])
    heard[ranking[:k]] = 1.0
    # A column of zeros pulls at no weight, and the penalty leaves it at 0.
    return by_lbfgs(x * heard, y, penalty)


def _on(columns: Tensor, x: X, y: Y, penalty: float) -> Probe:
    few, bias = fit_probe(x[:, columns], y, penalty)
    weight = torch.zeros(x.shape[1])
    weight[columns] = few
    return weight, bias


def _cut_afterwards(x: X, y: Y, ranking: Tensor, k: int, penalty: float) -> Probe:
    weight, bias = fit_probe(x, y, penalty)
    cut = torch.zeros_like(weight)
    cut[ranking[:k]] = weight[ranking[:k]]
    return cut, bias


def _in_order_of_ranking(x: X, y: Y, ranking: Tensor, k: int, penalty: float) -> Probe:
    few, bias = fit_probe(x[:, ranking[:k]], y, penalty)
    return torch.cat([few, torch.zeros(x.shape[1] - k)]), bias


def _sparse_cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def case(name: str, n: int, d_in: int, k: int, penalty: float, group: str = "random") -> Case:
        x, y = drawn(generator, n, d_in, 0.7)
        order = torch.randperm(d_in, generator=generator)
        return Case(name, (x, y, order, k, penalty), group)

    x = torch.tensor([[-2.0, -1.0, 3.0, 4.0], [2.0, 1.0, -3.0, -4.0]])
    hand = (x, torch.tensor([False, True]), torch.tensor([1, 2, 0, 3]), 1, 0.5 / math.log(3))
    return [
        Case("the second of four neurons", hand, "hand"),
        case("the first 3 of 9", 50, 9, 3, 1.0),
        case("the first 5 of 12", 40, 12, 5, 2.5),
        case("one neuron", 30, 6, 1, 0.5),
        case("all of them", 45, 4, 4, 1.5, "property"),
    ]


def _judge_sparse(case: Case, got: Probe, best: Probe) -> str | None:
    x, y, ranking, k, penalty = case.args
    used = set(got[0].abs().gt(1e-6).nonzero().flatten().tolist())
    if len(used) > k:
        return f"too many neurons have a weight\ngot {len(used)} of them, expected {k}"
    if not used <= set(ranking[:k].tolist()):
        wanted = sorted(ranking[:k].tolist())
        return f"weights on the wrong neurons\ngot {sorted(used)}, expected {wanted}"
    return judge_minimum(x, y, penalty, got, best)


K_SPARSE_PROBE = Exercise(
    id="03.5",
    function="k_sparse_probe",
    title="Probe with k neurons",
    points=3,
    stars=2,
    minutes=15,
    reference=k_sparse_probe,
    cases=_sparse_cases,
    alternatives=(_by_silencing,),
    wrong=(
        Wrong(
            "cut after fitting",
            _cut_afterwards,
            "fitted together with all the others",
            "these weights were fitted together with all the others: choose first, then fit",
        ),
        Wrong(
            "weights in the ranking's order",
            _in_order_of_ranking,
            "stand in the ranking's order",
            "the weights stand in the ranking's order: put each at its neuron's own place",
        ),
        Wrong(
            "the last k",
            lambda x, y, ranking, k, penalty: _on(ranking[-k:], x, y, penalty),
            "the ranking's end",
            "these neurons are from the ranking's end: the best stand first",
        ),
        Wrong(
            "neurons 0 to k - 1",
            lambda x, y, ranking, k, penalty: _on(torch.arange(k), x, y, penalty),
            "neurons 0 to k - 1",
            "neurons 0 to k - 1 were taken: take those whose numbers the ranking holds",
        ),
        Wrong(
            "ranks in place of neurons",
            lambda x, y, ranking, k, penalty: _on(ranking.argsort()[:k], x, y, penalty),
            "holds neurons, not ranks",
            "the ranking holds neurons, not ranks: its first entry is the best neuron's number",
        ),
        Wrong(
            "all neurons",
            lambda x, y, ranking, k, penalty: fit_probe(x, y, penalty),
            "too many neurons",
        ),
    ),
    hints=(
        "Take the neurons that the ranking names first, fit a probe on their columns alone, and "
        "put its weights where they belong in a vector of zeros.",
        "`x[:, chosen]` with `chosen = ranking[:k]`; your `fit_probe` does the fitting.",
        "`weight = torch.zeros(x.shape[1])` has the axis `d_in`; `weight[chosen] = few`.",
    ),
    judge=_judge_sparse,
    groups={"hand": 1, "random": 2},
)
