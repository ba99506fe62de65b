"""Exercise 04.7: a model that computes |x| in hidden neurons."""

import torch
from einops import einsum
from jaxtyping import Float
from torch import Tensor

from mi_course.exercises.core import Case, Exercise, Wrong

Features = Float[Tensor, "instance batch n_features"]
WIn = Float[Tensor, "instance n_features d_hidden"]
WOut = Float[Tensor, "instance d_hidden n_features"]
Biases = Float[Tensor, "instance n_features"]


def absolute_value_model(x: Features, W_in: WIn, W_out: WOut, b: Biases) -> Features:
    """Return ReLU(ReLU(x W_in) W_out + b), each instance with its own weights."""
    neurons = (x @ W_in).relu()
    return (neurons @ W_out + b[:, None]).relu()


def _by_einsum(x: Features, W_in: WIn, W_out: WOut, b: Biases) -> Features:
    pre = einsum(x, W_in, "instance batch n, instance n d_hidden -> instance batch d_hidden")
    post = pre * (pre > 0)
    out = einsum(post, W_out, "instance batch d_hidden, instance d_hidden n -> instance batch n")
    return torch.maximum(out + b.unsqueeze(1), torch.zeros(()))


def _linear_inside(x: Features, W_in: WIn, W_out: WOut, b: Biases) -> Features:
    return (x @ W_in @ W_out + b[:, None]).relu()


def _linear_outside(x: Features, W_in: WIn, W_out: WOut, b: Biases) -> Features:
    return (x @ W_in).relu() @ W_out + b[:, None]


def _no_bias(x: Features, W_in: WIn, W_out: WOut, b: Biases) -> Features:
    return ((x @ W_in).relu() @ W_out).relu()


def _tied(x: Features, W_in: WIn, W_out: WOut, b: Biases) -> Features:
    return ((x @ W_in).relu() @ W_in.mT + b[:, None]).relu()


def _absolute_inside(x: Features, W_in: WIn, W_out: WOut, b: Biases) -> Features:
    return ((x @ W_in).abs() @ W_out + b[:, None]).relu()


def _the_goal(x: Features, W_in: WIn, W_out: WOut, b: Biases) -> Features:
    return x.abs()


def _first_weights(x: Features, W_in: WIn, W_out: WOut, b: Biases) -> Features:
    return ((x @ W_in[0]).relu() @ W_out[0] + b[:, None]).relu()


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(instance: int, batch: int, n: int, d: int) -> tuple[Features, WIn, WOut, Biases]:
        x = 2 * torch.rand(instance, batch, n, generator=generator) - 1
        shapes = (instance, n, d), (instance, d, n), (instance, n)
        return x, *(torch.randn(shape, generator=generator) for shape in shapes)

    hand = (
        torch.tensor([[[1.0, -2.0], [-1.0, 2.0]]]),
        torch.tensor([[[1.0, -1.0, 0.0], [0.0, 0.0, 1.0]]]),
        torch.tensor([[[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]]]),
        torch.tensor([[0.5, -0.5]]),
    )
    x, _, _, b = drawn(2, 9, 4, 1)
    # Two neurons for each feature, one for either sign: this is |x|.
    plus = torch.eye(4).expand(2, 4, 4)
    size = 0.5 + torch.rand(2, 1, 8, generator=generator)
    W_in = torch.cat([plus, -plus], dim=2) * size
    W_out = torch.cat([plus, plus], dim=1) / size.mT
    return [
        Case("two features, three neurons", hand, "hand"),
        Case("3 instances, 5 features, 7 neurons", drawn(3, 6, 5, 7)),
        Case("2 instances, 8 features, 3 neurons", drawn(2, 7, 8, 3)),
        Case("nothing is active", (0 * x, W_in, W_out, b), "property"),
        Case("two neurons for each feature", (x, W_in, W_out, 0 * b), "truth"),
    ]


ABSOLUTE_VALUE_MODEL = Exercise(
    id="04.7",
    function="absolute_value_model",
    title="A model that computes",
    points=2,
    stars=1,
    minutes=10,
    reference=absolute_value_model,
    cases=_cases,
    alternatives=(_by_einsum,),
    wrong=(
        Wrong(
            "no ReLU in the neurons",
            _linear_inside,
            "the neurons have no ReLU",
            "the neurons have no ReLU: without it the model is one matrix and cannot tell signs",
        ),
        Wrong(
            "no ReLU at the output",
            _linear_outside,
            "the output has no ReLU",
            "the output has no ReLU: there are two, one in the neurons and one at the end",
        ),
        Wrong(
            "no bias",
            _no_bias,
            "the bias is missing",
            "the bias is missing: it comes before the second ReLU",
        ),
        Wrong(
            "an absolute value in the neurons",
            _absolute_inside,
            "the neurons take the absolute value",
            "the neurons take the absolute value: they only have a ReLU, the weights must do it",
        ),
        Wrong(
            "the goal itself",
            _the_goal,
            "what the model should say",
            "this is |x|, what the model should say: return what its weights make of x",
        ),
        Wrong(
            "one model for all instances",
            _first_weights,
            "its own weights",
            "the first instance's weights are used for all: each instance has its own weights",
        ),
        Wrong(
            "tied weights",
            _tied,
            "the transpose of W_in",
            "the transpose of W_in reads the neurons: this model has a matrix of its own for that",
        ),
    ),
    hints=(
        "Multiply by W_in, set what is negative to 0, multiply by W_out, add the bias, and set "
        "what is negative to 0 again.",
        "`(x @ W_in).relu()` are the neurons; `b[:, None]` lines the bias up with the output.",
        "The neurons have axes `instance batch d_hidden`, the output `instance batch n_features`.",
    ),
    groups={"random": 1, "truth": 1},
    axes="instance batch n_features",
)
