"""Exercises 03.2 and 03.3: a control task, and how far a probe does better on the real one."""

from itertools import pairwise

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mi_course.exercises.core import Case, Exercise, GeneratorRef, Wrong

Labels = Int[Tensor, " example"]
Logits = Float[Tensor, "example feature"]
Truth = Bool[Tensor, "example feature"]
OtherLogits = Float[Tensor, "control_example feature"]
OtherTruth = Bool[Tensor, "control_example feature"]

# Of 400 types with 4 labels each label gets about 100 +- 9.
FEWEST, MOST = 50, 150
MANY = 400


# --- 03.2 -----------------------------------------------------------------------------------------


def control_labels(types: Labels, n_labels: int, generator: torch.Generator) -> Labels:
    """Return a random label for each type: the draws of the generator, types in rising order."""
    distinct, which = types.unique(return_inverse=True)
    return torch.randint(n_labels, (len(distinct),), generator=generator)[which]


def _by_dictionary(types: Labels, n_labels: int, generator: torch.Generator) -> Labels:
    distinct = sorted(set(types.tolist()))
    drawn = torch.randint(n_labels, (len(distinct),), generator=generator)
    label = dict(zip(distinct, drawn.tolist(), strict=True))
    return torch.tensor([label[each] for each in types.tolist()])


def _judge_labels(case: Case, got: Labels, expected: Labels) -> str | None:
    types, n_labels, _ = case.args
    if ((got < 0) | (got >= n_labels)).any():
        low, high = int(got.min()), int(got.max())
        return f"labels run from 0 to {n_labels - 1}\ngot {low} to {high}"
    label: dict[int, int] = {}
    for kind, said in zip(types.tolist(), got.tolist(), strict=True):
        if label.setdefault(kind, said) != said:
            return (
                "one type has two labels: draw once for each type\n"
                f"type {kind} has both {label[kind]} and {said}"
            )
    fault = _judge_spread([label[kind] for kind in sorted(label)], n_labels)
    if fault is None and not torch.equal(got, expected):
        return "random labels, but others than the generator's: one draw, types in rising order"
    return fault


def _judge_spread(labels: list[int], n_labels: int) -> str | None:
    """Judge the labels of all types, in the order of their numbers."""
    if len(labels) < MANY:
        return None
    if len(set(labels)) == 1:
        return f"all types have one label: draw anew for each type\ngot {labels[0]} for all"
    # With independent draws every label comes before every other one somewhere.
    if len(set(pairwise(labels))) < n_labels**2:
        return "the labels follow from the types' numbers: they are to be random"
    for each in range(n_labels):
        if not FEWEST <= labels.count(each) <= MOST:
            return (
                "not every label is as likely\n"
                f"label {each} went to {labels.count(each)} of {len(labels)} types"
            )
    return None


def _label_cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(n: int, least: int, most: int) -> Labels:
        return torch.randint(least, most, (n,), generator=generator)

    many = torch.arange(MANY)[torch.randperm(MANY, generator=generator)]
    again = torch.cat([many, drawn(200, 0, MANY)])
    return [
        Case("one label is possible", (torch.tensor([5, 2, 5]), 1, GeneratorRef(seed)), "hand"),
        Case("600 examples of 400 types", (again, 4, GeneratorRef(seed + 3))),
        Case("60 examples of 9 types", (drawn(60, 0, 9), 50, GeneratorRef(seed + 1)), "property"),
        Case(
            "90 examples of types far apart",
            (3 * drawn(90, 500, 520), 97, GeneratorRef(seed + 2)),
            "property",
        ),
    ]


CONTROL_LABELS = Exercise(
    id="03.2",
    function="control_labels",
    title="Labels that mean nothing",
    points=2,
    stars=2,
    minutes=10,
    reference=control_labels,
    cases=_label_cases,
    alternatives=(_by_dictionary,),
    wrong=(
        Wrong(
            "a label for each example",
            lambda types, n, generator: torch.randint(n, types.shape, generator=generator),
            "draw once for each type",
        ),
        Wrong(
            "remainders",
            lambda types, n, generator: types % n,
            "follow from the types' numbers",
        ),
        Wrong(
            "one label for all",
            lambda types, n, generator: torch.randint(n, (1,), generator=generator).expand(
                len(types)
            ),
            "all types have one label",
        ),
        Wrong(
            "another generator",
            lambda types, n, generator: control_labels(types, n, torch.Generator().manual_seed(7)),
            "others than the generator's",
        ),
        Wrong(
            "labels from 1",
            lambda types, n, generator: 1 + control_labels(types, n, generator),
            "labels run from 0",
        ),
        Wrong(
            "the lower of two draws",
            lambda types, n, generator: torch.minimum(
                control_labels(types, n, generator), control_labels(types, n, generator)
            ),
            "not every label is as likely",
        ),
    ),
    hints=(
        "Draw one label for each distinct type, then give every example the label of its type.",
        "`distinct, which = types.unique(return_inverse=True)` numbers the types; draw with "
        "`torch.randint(n_labels, (len(distinct),), generator=generator)`.",
        "The drawn labels have the axis `type`, in rising order as `unique` returns them; indexed "
        "by `which` they have the axis `example`.",
    ),
    judge=_judge_labels,
    groups={"random": 1, "property": 1},
    axes="example",
)


# --- 03.3 -----------------------------------------------------------------------------------------


def selectivity(
    task_logits: Logits, task: Truth, control_logits: OtherLogits, control: OtherTruth
) -> Float[Tensor, " feature"]:
    """Return accuracy on the task minus accuracy on the control task, for each feature."""
    right = ((task_logits > 0) == task).float().mean(dim=0)
    remembered = ((control_logits > 0) == control).float().mean(dim=0)
    return right - remembered


def _by_counting(
    task_logits: Logits, task: Truth, control_logits: OtherLogits, control: OtherTruth
) -> Float[Tensor, " feature"]:
    shares = []
    for logits, truth in ((task_logits, task), (control_logits, control)):
        hits = torch.zeros(logits.shape[1])
        for said, true in zip(logits, truth, strict=True):
            hits += torch.where(true, said > 0, said <= 0)
        shares.append(hits / len(truth))
    return shares[0] - shares[1]


def _against_the_task(
    task_logits: Logits, task: Truth, control_logits: OtherLogits, control: OtherTruth
) -> Float[Tensor, " feature"]:
    return selectivity(task_logits, task, control_logits, task)


def _probabilities(
    task_logits: Logits, task: Truth, control_logits: OtherLogits, control: OtherTruth
) -> Float[Tensor, " feature"]:
    return selectivity(task_logits - 0.5, task, control_logits - 0.5, control)


def _share_of_yes(
    task_logits: Logits, task: Truth, control_logits: OtherLogits, control: OtherTruth
) -> Float[Tensor, " feature"]:
    return (task_logits > 0).float().mean(0) - (control_logits > 0).float().mean(0)


def _recall(
    task_logits: Logits, task: Truth, control_logits: OtherLogits, control: OtherTruth
) -> Float[Tensor, " feature"]:
    found = ((task_logits > 0) & task).sum(0) / task.sum(0)
    return found - ((control_logits > 0) & control).sum(0) / control.sum(0)


def _selectivity_cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(n: int, d: int, noise: float) -> tuple[Logits, Truth]:
        truth = torch.rand(n, d, generator=generator) < 0.4
        logits = 2.0 * truth - 1 + noise * torch.randn(n, d, generator=generator)
        return logits, truth

    hand = (
        torch.tensor([[-1.0, 2.0], [-2.0, 0.3], [1.0, 0.3], [-1.0, -2.0]]),
        torch.tensor([[False, False], [True, False], [True, True], [False, False]]),
        torch.tensor([[1.0, -2.0], [1.0, -1.0], [1.0, 0.3], [1.0, 2.0]]),
        torch.tensor([[False, True], [True, True], [True, False], [False, True]]),
    )
    # A probe that is always right, and one that says the same whatever comes.
    logits, truth = drawn(10, 3, 0.0)
    blank = torch.full((10, 3), -0.7)
    some = torch.rand(10, 3, generator=generator) < 0.5
    return [
        Case("four examples, two features", hand, "hand"),
        Case("30 examples, 4 features", (*drawn(30, 4, 1.0), *drawn(30, 4, 2.0))),
        Case("other examples for the control", (*drawn(41, 3, 1.5), *drawn(23, 3, 1.0))),
        Case("a perfect probe and a constant one", (logits, truth, blank, some), "truth"),
        Case(
            "probes without an opinion, which say no",
            (torch.zeros(7, 2), drawn(7, 2, 1.0)[1], torch.zeros(9, 2), drawn(9, 2, 1.0)[1]),
            "truth",
        ),
    ]


SELECTIVITY = Exercise(
    id="03.3",
    function="selectivity",
    title="Score selectivity",
    points=2,
    stars=1,
    minutes=10,
    reference=selectivity,
    cases=_selectivity_cases,
    alternatives=(_by_counting,),
    wrong=(
        Wrong(
            "control minus task",
            lambda a, b, c, d: selectivity(c, d, a, b),
            "the sign is turned",
            "the sign is turned: a selective probe is better on the task, and scores above 0",
        ),
        Wrong(
            "the control against the task's labels",
            _against_the_task,
            "against its own labels",
            "the control's logits are compared with the task's labels: judge each against its own "
            "labels",
        ),
        Wrong(
            "threshold of a half",
            _probabilities,
            "these are logits",
            "the threshold is 0.5, but these are logits: a probability of 0.5 is a logit of 0",
        ),
        Wrong(
            "counts how often yes is said",
            _share_of_yes,
            "how often it was right",
            "this counts how often the probe says yes: count how often it was right",
        ),
        Wrong(
            "accuracy on the task",
            lambda a, b, c, d: ((a > 0) == b).float().mean(0),
            "the task's accuracy alone",
            "this is the task's accuracy alone: subtract the control's",
        ),
        Wrong(
            "recall",
            _recall,
            "the true ones only",
            "this looks at the true ones only: a right no counts as well",
        ),
    ),
    hints=(
        "For each feature, the fraction of examples in which the probe is right on the task, minus "
        "the same on the control task.",
        "`(logits > 0) == truth` is true where a probe is right; `.float().mean(dim=0)` makes a "
        "fraction of it.",
        "Means over the axis `example` of `example feature` leave `feature`.",
    ),
    groups={"random": 1, "truth": 1},
    axes="feature",
)
