"""Exercise 04.8: how many neurons read several features."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mi_course.exercises.core import Case, Exercise, Wrong

Weights = Float[Tensor, "instance n_features neuron"]
Counts = Int[Tensor, " instance"]


def count_polysemantic(W: Weights, least: float) -> Counts:
    """Return how many neurons of each instance read two or more features."""
    size = W.abs()
    largest = size.amax(dim=1, keepdim=True)
    reads = (size >= least * largest) & (size > 0)
    return (reads.sum(dim=1) >= 2).sum(dim=1)


def _by_sorting(W: Weights, least: float) -> Counts:
    first, second = W.abs().sort(dim=1, descending=True).values[:, :2].unbind(dim=1)
    return ((second >= least * first) & (first > 0)).long().sum(dim=-1)


def _by_loops(W: Weights, least: float) -> Counts:
    counts = torch.zeros(len(W), dtype=torch.long)
    for number, model in enumerate(W):
        for neuron in model.T.abs().tolist():
            read = [size for size in neuron if size > 0 and size >= least * max(neuron)]
            counts[number] += len(read) > 1
    return counts


def _count(reads: Tensor) -> Counts:
    return (reads.sum(dim=1) >= 2).sum(dim=1)


def _any_size(W: Weights, least: float) -> Counts:
    return _count(W.abs() >= least)


def _signed(W: Weights, least: float) -> Counts:
    largest = W.amax(dim=1, keepdim=True)
    return _count((W > 0) & (W / largest >= least))


def _by_feature(W: Weights, least: float) -> Counts:
    return count_polysemantic(W.mT, least)


def _of_the_model(W: Weights, least: float) -> Counts:
    size = W.abs()
    return _count((size >= least * size.amax(dim=(1, 2), keepdim=True)) & (size > 0))


def _all_that_read(W: Weights, least: float) -> Counts:
    return (W.abs().amax(dim=1) > 0).sum(dim=1)


def _monosemantic(W: Weights, least: float) -> Counts:
    return _all_that_read(W, least) - count_polysemantic(W, least)


def _with_the_dead(W: Weights, least: float) -> Counts:
    size = W.abs()
    return _count(size >= least * size.amax(dim=1, keepdim=True))


def _by_features_row(W: Weights, least: float) -> Counts:
    size = W.abs()
    return _count((size >= least * size.amax(dim=2, keepdim=True)) & (size > 0))


def _pairs(W: Weights, least: float) -> Counts:
    size = W.abs()
    reads = (size >= least * size.amax(dim=1, keepdim=True)) & (size > 0)
    return reads.sum(dim=(1, 2))


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(instance: int, n: int, neurons: int) -> Weights:
        # Most weights are small, as trained ones are; sizes of neurons and features differ.
        W = torch.randn(instance, n, neurons, generator=generator) ** 3
        sizes = 0.1 + 2 * torch.rand(instance, 1, neurons, generator=generator)
        return W * sizes * (0.3 + torch.rand(instance, n, 1, generator=generator))

    # Small as they are, these three tell all the slips below from each other.
    hand = torch.tensor(
        [
            [[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0]],
            [[-1.0, 0.5, 0.5, 0.0], [0.0, 0.5, 2.0, 0.0], [0.0, -1.0, 0.0, -1.0]],
            [[0.0, 0.0, -0.5, 0.0], [0.0, 0.0, 0.5, -2.0], [0.0, 0.0, 0.0, -1.0]],
        ]
    )
    dead = drawn(7, 5, 13)
    dead[:, :, torch.randperm(13, generator=generator)[:6]] = 0
    # Neurons of one feature, neurons of two of either sign, and which is which is known. The second
    # weight is exactly half of the first, which is enough.
    pure = torch.eye(9)[torch.randint(9, (11,), generator=generator)].T
    second = torch.rand(6, 1, 11, generator=generator) < 0.5
    sign = torch.where(torch.rand(6, 1, 11, generator=generator) < 0.5, 0.5, -0.5)
    planted = pure + second * sign * pure.roll(1, dims=0)
    planted = planted * (0.2 + torch.rand(6, 1, 11, generator=generator))
    return [
        Case("three models of three features, four neurons", (hand, 0.5), "hand"),
        Case("7 instances, 6 features, 20 neurons", (drawn(7, 6, 20), 0.3)),
        Case("6 instances, 9 features, 14 neurons", (drawn(6, 9, 14), 0.5)),
        Case("neurons that are dead", (dead, 0.4), "property"),
        Case("neurons made of one feature or two", (planted, 0.5), "truth"),
    ]


COUNT_POLYSEMANTIC = Exercise(
    id="04.8",
    function="count_polysemantic",
    title="Count neurons with several meanings",
    points=3,
    stars=2,
    minutes=10,
    reference=count_polysemantic,
    cases=_cases,
    alternatives=(_by_sorting, _by_loops),
    wrong=(
        Wrong(
            "one threshold for all weights",
            _any_size,
            "`least` is a part",
            "the weights are compared with `least` itself: `least` is a part of the neuron's "
            "largest weight",
        ),
        Wrong(
            "positive weights alone",
            _signed,
            "a negative weight reads",
            "only positive weights count here: a negative weight reads its feature as well",
        ),
        Wrong(
            "counts features",
            _by_feature,
            "counts features",
            "this counts features that several neurons read: turn it round",
        ),
        Wrong(
            "the model's largest weight",
            _of_the_model,
            "each neuron has its own",
            "the weights are compared with the largest of the whole model: each neuron has its "
            "own largest weight",
        ),
        Wrong(
            "the feature's largest weight",
            _by_features_row,
            "of its feature",
            "a weight is compared with the largest of its feature: compare it with the largest of "
            "its neuron",
        ),
        Wrong(
            "monosemantic ones",
            _monosemantic,
            "read one feature only",
            "these are the neurons that read one feature only: count the others",
        ),
        Wrong(
            "all that read",
            _all_that_read,
            "reads anything",
            "this counts every neuron that reads anything: two features are needed",
        ),
        Wrong(
            "with the dead",
            _with_the_dead,
            "a dead neuron",
            "a dead neuron counts here: where all weights are 0, each is as large as the largest",
        ),
        Wrong(
            "weights",
            _pairs,
            "counts weights",
            "this counts weights: count the neurons that have two or more of them",
        ),
    ),
    hints=(
        "A neuron reads a feature if that weight's size is at least `least` times the neuron's "
        "largest. Count its features, then the neurons that have two or more.",
        "`size = W.abs()`, `size.amax(dim=1, keepdim=True)` is each neuron's largest; a neuron "
        "without any weight reads nothing, so ask for `size > 0` too.",
        "`reads` has axes `instance n_features neuron`; summed over features `instance neuron`; "
        "compared and summed again `instance`.",
    ),
    groups={"random": 1, "property": 1, "truth": 1},
    axes="instance",
)
