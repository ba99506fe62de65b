"""Exercise 04.2: the toy model, from features to hidden dimensions and back."""

import torch
from einops import einsum
from jaxtyping import Float
from torch import Tensor

from mi_course.exercises.core import Case, Exercise, Wrong

Features = Float[Tensor, "instance batch n_features"]
Weights = Float[Tensor, "instance n_features d_hidden"]
Biases = Float[Tensor, "instance n_features"]


def toy_forward(x: Features, W: Weights, b: Biases) -> Features:
    """Return ReLU(x W W^T + b), each instance with its own W and b."""
    hidden = x @ W
    return (hidden @ W.mT + b[:, None]).relu()


def _by_gram(x: Features, W: Weights, b: Biases) -> Features:
    gram = einsum(W, W, "instance i d_hidden, instance j d_hidden -> instance i j")
    out = einsum(x, gram, "instance batch i, instance i j -> instance batch j")
    return torch.stack([torch.clamp(o + c, min=0) for o, c in zip(out, b, strict=True)])


def _linear(x: Features, W: Weights, b: Biases) -> Features:
    return x @ W @ W.mT + b[:, None]


def _no_bias(x: Features, W: Weights, b: Biases) -> Features:
    return (x @ W @ W.mT).relu()


def _bias_after(x: Features, W: Weights, b: Biases) -> Features:
    return (x @ W @ W.mT).relu() + b[:, None]


def _hidden_relu(x: Features, W: Weights, b: Biases) -> Features:
    return ((x @ W).relu() @ W.mT + b[:, None]).relu()


def _hidden_relu_alone(x: Features, W: Weights, b: Biases) -> Features:
    return (x @ W).relu() @ W.mT + b[:, None]


def _first_weights(x: Features, W: Weights, b: Biases) -> Features:
    return (x @ W[0] @ W[0].mT + b[:, None]).relu()


def _subtracted(x: Features, W: Weights, b: Biases) -> Features:
    return (x @ W @ W.mT - b[:, None]).relu()


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(instance: int, batch: int, n: int, d: int) -> tuple[Features, Weights, Biases]:
        x = torch.rand(instance, batch, n, generator=generator)
        x = x * (torch.rand(x.shape, generator=generator) < 0.6)
        W = torch.randn(instance, n, d, generator=generator)
        return x, W, 0.7 * torch.randn(instance, n, generator=generator)

    hand = (
        torch.tensor([[[1.0, 0.0, 0.0], [0.0, 0.5, 0.0], [1.0, 1.0, 1.0]]]),
        torch.tensor([[[1.0, 0.0], [-1.0, 0.0], [0.0, 2.0]]]),
        torch.tensor([[0.0, 0.25, -1.0]]),
    )
    # As many dimensions as features, at right angles and without bias: all of it comes back.
    x, noise, _ = drawn(2, 6, 5, 5)
    rotation = torch.linalg.qr(noise).Q
    return [
        Case("three features in two dimensions", hand, "hand"),
        Case("3 instances, 7 features in 4 dimensions", drawn(3, 5, 7, 4)),
        Case("2 instances, 6 features in 2 dimensions", drawn(2, 9, 6, 2)),
        Case("nothing is active", (0 * x, noise, x[:, 0] - 0.4), "property"),
        Case("a dimension for each feature", (x, rotation, torch.zeros(2, 5)), "truth"),
    ]


TOY_FORWARD = Exercise(
    id="04.2",
    function="toy_forward",
    title="Squeeze and read back",
    points=2,
    stars=1,
    minutes=10,
    reference=toy_forward,
    cases=_cases,
    alternatives=(_by_gram,),
    wrong=(
        Wrong(
            "no ReLU",
            _linear,
            "the ReLU is missing",
            "the ReLU is missing: what is below 0 comes out as 0",
        ),
        Wrong(
            "no bias",
            _no_bias,
            "the bias is missing",
            "the bias is missing: it comes before the ReLU",
        ),
        Wrong(
            "bias after the ReLU",
            _bias_after,
            "inside the ReLU",
            "the bias is added last: it belongs inside the ReLU, where it filters small values",
        ),
        Wrong(
            "ReLU in the hidden dimensions too",
            _hidden_relu,
            "one ReLU too many",
            "one ReLU too many: the hidden dimensions have none, only the output has",
        ),
        Wrong(
            "ReLU in the hidden dimensions alone",
            _hidden_relu_alone,
            "the ReLU is in the wrong place",
            "the ReLU is in the wrong place: it acts on the output, not in the hidden dimensions",
        ),
        Wrong(
            "one model for all instances",
            _first_weights,
            "its own weights",
            "the first instance's W is used for all: each instance has its own weights",
        ),
        Wrong(
            "bias subtracted",
            _subtracted,
            "the bias is subtracted",
            "the bias is subtracted: add it, the model makes it negative by itself",
        ),
    ),
    hints=(
        "Multiply by W into the hidden dimensions, by its transpose back to the features, add the "
        "bias, and set what is negative to 0.",
        "`@` multiplies each instance's matrices; `W.mT` swaps the last two axes; `.relu()` at the "
        "end.",
        "`x @ W` has axes `instance batch d_hidden`; `b[:, None]` has `instance 1 n_features` and "
        "lines up with the output.",
    ),
    groups={"random": 1, "truth": 1},
    axes="instance batch n_features",
)
