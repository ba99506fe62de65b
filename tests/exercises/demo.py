"""A tiny chapter, 99, on which exercises, checks, builds and the grader are tested."""

import torch
from torch import Tensor

from mi_course.exercises import registry
from mi_course.exercises.core import Case, Exercise, GeneratorRef, Wrong

CHAPTER = "99"


def position_means(values: Tensor) -> Tensor:
    """Mean over positions."""
    return values.mean(dim=1)


def _position_means_by_sum(values: Tensor) -> Tensor:
    return values.sum(1) / values.shape[1]


def _position_cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)
    by_hand = torch.tensor([[[1.0, 2.0], [3.0, 6.0]]])
    drawn = [torch.randn(3, 5, 4, generator=generator) * 7 + 2 for _ in range(2)]
    return [
        Case("two positions", (by_hand,), "hand"),
        *(Case(f"batch {i}", (values,), "random", hidden=True) for i, values in enumerate(drawn)),
    ]


def clipped(values: list[float], limit: float) -> list[float]:
    """Each value, moved into [-limit, limit]."""
    return [max(-limit, min(limit, value)) for value in values]


def _clipped_by_cases(values: list[float], limit: float) -> list[float]:
    return [limit if v > limit else -limit if v < -limit else v for v in values]


def _clipped_cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)
    values = (torch.randn(20, generator=generator) * 3).tolist()
    return [Case("three numbers", ([-5.0, 0.5, 5.0], 2.0), "hand"), Case("noise", (values, 1.5))]


def shuffled(tokens: Tensor, generator: torch.Generator) -> Tensor:
    """The tokens in a random order."""
    return tokens[torch.randperm(len(tokens), generator=generator)]


def _shuffled_by_sort(tokens: Tensor, generator: torch.Generator) -> Tensor:
    return tokens[torch.rand(len(tokens), generator=generator).argsort()]


def _judge_shuffled(case: Case, got: Tensor, _expected: Tensor) -> str | None:
    tokens = case.args[0]
    if sorted(got.tolist()) != sorted(tokens.tolist()):
        return "some tokens are lost or repeated: draw an order, do not draw tokens"
    return "the order is unchanged" if torch.equal(got, tokens) else None


def _shuffled_cases(seed: int) -> list[Case]:
    return [Case("thirty tokens", (torch.arange(30) * 3 + 1, GeneratorRef(seed)), "property")]


HINTS = ("Think of what stays.", "Reduce over one axis.", "The axis string is `batch pos d`.")

EXERCISES = (
    Exercise(
        id="99.1",
        function="position_means",
        title="Average over positions",
        points=3,
        stars=1,
        minutes=5,
        reference=position_means,
        cases=_position_cases,
        alternatives=(_position_means_by_sum,),
        wrong=(
            Wrong(
                "sum",
                lambda v: v.sum(1),
                "a sum in place of a mean",
                "divide by the positions: this is a sum in place of a mean",
            ),
            Wrong("wrong axis", lambda v: v.mean(2), "the wrong axis"),
            Wrong("keeps the axis", lambda v: v.mean(1, keepdim=True), "an axis of size 1 is left"),
            Wrong("sign", lambda v: -v.mean(1), "the sign is wrong"),
        ),
        hints=HINTS,
        groups={"shape": 1, "hand": 1, "random": 1},
        axes="batch d",
    ),
    Exercise(
        id="99.2",
        function="clipped",
        title="Clip a list",
        points=1,
        stars=2,
        minutes=5,
        reference=clipped,
        cases=_clipped_cases,
        alternatives=(_clipped_by_cases,),
        wrong=(
            Wrong("above only", lambda v, c: [min(x, c) for x in v], "values are wrong"),
            Wrong("unchanged", lambda v, c: v, "not clipped", "the list came back not clipped"),
            Wrong("absolute", lambda v, c: [abs(max(-c, min(c, x))) for x in v], "signs are lost"),
        ),
        hints=HINTS,
    ),
    Exercise(
        id="99.3",
        function="shuffled",
        title="Shuffle tokens",
        points=2,
        stars=3,
        minutes=5,
        reference=shuffled,
        cases=_shuffled_cases,
        alternatives=(_shuffled_by_sort,),
        wrong=(
            Wrong(
                "with replacement",
                lambda t, g: t[torch.randint(len(t), t.shape, generator=g)],
                "lost or repeated",
            ),
            Wrong("unchanged", lambda t, g: t, "order is unchanged"),
            Wrong("places", lambda t, g: torch.randperm(len(t) - 1, generator=g), "one too few"),
        ),
        hints=HINTS,
        judge=_judge_shuffled,
        axes="pos",
    ),
)

SOURCE = '''# %% [markdown]
# # A tiny chapter
# What is a mean?

# %%
import torch

from mi_course.grading import check
from tests.exercises import demo

demo.install()

# %% [markdown]
# ## Exercise 99.1 · Average over positions  ●○○ · 5 min · 3 points
# <details><summary>Hint</summary>Think of what stays.</details>

# %% exercise="99.1" points=3
def position_means(values):
    """Mean over positions."""
    ### BEGIN SOLUTION
    return values.mean(dim=1)
    ### END SOLUTION

# %% check="99.1"
check(position_means)

# %% exercise="99.2" points=1
def clipped(values, limit):
    """Each value, moved into [-limit, limit]."""
    moved = []
    for value in values:
        ### BEGIN SOLUTION
        moved.append(max(-limit, min(limit, value)))
        ### END SOLUTION
    return moved

# %% check="99.2"
check(clipped)

# %% [markdown] hidden="rubric"
# Full marks for naming the axis.

# %% hidden="numbers"
assert position_means(torch.ones(1, 2, 3)).shape == (1, 3)

# %%
print(f"{torch.linspace(0, 1, 4).mean():.3f}")
'''


def install() -> None:
    """Make chapter 99 known to the registry of this process."""
    registry.register(CHAPTER, EXERCISES)
