"""Exercise 03.1: a ridge-logistic probe, by whatever way.

The objective is strictly convex, so it has one minimum and many ways to it. An answer is judged by
how far its objective lies above that minimum, whichever solver it used and however exactly.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import softplus

from mi_course.exercises.core import Case, Exercise, Wrong

X = Float[Tensor, "example d_in"]
Y = Bool[Tensor, " example"]
Weight = Float[Tensor, " d_in"]
Probe = tuple[Weight, Float[Tensor, ""]]

# Nats above the minimum for each example: a solver that stops early is a hundred times closer,
# a wrong objective ten times farther.
CLOSE = 1e-4


def _objective(x: X, y: Y, penalty: float, weight: Weight, bias: Tensor) -> float:
    z = x.double() @ weight.double() + bias.double()
    losses = softplus(z) - y.double() * z
    return float(losses.sum() + penalty / 2 * weight.double().square().sum())


def judge_minimum(x: X, y: Y, penalty: float, got: Probe, best: Probe) -> str | None:
    """Say how far above the minimum a probe's objective lies, or None where it is close."""
    excess = _objective(x, y, penalty, *got) - _objective(x, y, penalty, *best)
    if excess <= CLOSE * len(x):
        return None
    weight, bias = (part.double() for part in got)
    wrong = (x.double() @ weight + bias).sigmoid() - y.double()
    along, level = (x.double().T @ wrong + penalty * weight).abs().max(), wrong.sum().abs()
    return (
        f"the objective is {excess:.2g} nats above its minimum: more steps, or another slope?\n"
        f"got a slope of {along:.2g} in the weights and {level:.2g} in the bias, expected 0"
    )


def fit_probe(x: X, y: Y, penalty: float) -> Probe:
    """Return weights and bias that minimise sum of log losses + penalty / 2 |weight|^2."""
    x1 = torch.cat([x, torch.ones(len(x), 1)], dim=1).double()
    ridge = torch.full((x1.shape[1],), penalty).double()
    ridge[-1] = 0
    w = torch.zeros_like(ridge)
    for _ in range(25):
        p = (x1 @ w).sigmoid()
        gradient = x1.T @ (p - y.double()) + ridge * w
        hessian = x1.T @ (x1 * (p * (1 - p))[:, None]) + ridge.diag()
        w = w - torch.linalg.solve(hessian, gradient)
    return w[:-1].float(), w[-1].float()


def by_lbfgs(x: X, y: Y, penalty: float) -> Probe:
    """Return the probe that a general minimiser finds."""
    weight = torch.zeros(x.shape[1], requires_grad=True)
    bias = torch.zeros((), requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        z = x @ weight + bias
        nats = torch.nn.functional.binary_cross_entropy_with_logits(z, y.float(), reduction="sum")
        loss = nats + penalty / 2 * weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return weight.detach(), bias.detach()


def _by_gradient_descent(x: X, y: Y, penalty: float) -> Probe:
    weight, bias = torch.zeros(x.shape[1]), torch.zeros(())
    # The logistic loss bends by at most 1/4, so this step never overshoots.
    step = 1 / (penalty + (x.square().sum() + len(x)) / 4)
    for _ in range(3000):
        wrong = (x @ weight + bias).sigmoid() - y.float()
        weight = weight - step * (x.T @ wrong + penalty * weight)
        bias = bias - step * wrong.sum()
    return weight, bias


def _bias_penalised(x: X, y: Y, penalty: float) -> Probe:
    x1 = torch.cat([x, torch.ones(len(x), 1)], dim=1)
    w = _newton(x1.double(), y.double(), torch.full((x1.shape[1],), penalty))
    return w[:-1].float(), w[-1].float()


def _newton(x: Tensor, target: Tensor, ridge: Tensor, steps: int = 25) -> Tensor:
    w = torch.zeros(x.shape[1]).double()
    for _ in range(steps):
        p = (x @ w).sigmoid()
        hessian = x.T @ (x * (p * (1 - p))[:, None]) + ridge.double().diag()
        w = w - torch.linalg.solve(hessian, x.T @ (p - target) + ridge * w)
    return w


def _no_bias(x: X, y: Y, penalty: float) -> Probe:
    w = _newton(x.double(), y.double(), torch.full((x.shape[1],), penalty))
    return w.float(), torch.zeros(())


def _least_squares(x: X, y: Y, penalty: float) -> Probe:
    x1 = torch.cat([x, torch.ones(len(x), 1)], dim=1).double()
    ridge = torch.full((x1.shape[1],), penalty).double()
    ridge[-1] = 0
    w = torch.linalg.solve(x1.T @ x1 + ridge.diag(), x1.T @ (2 * y.double() - 1))
    return w[:-1].float(), w[-1].float()


def _difference_of_means(x: X, y: Y, penalty: float) -> Probe:
    difference = x[y].mean(0) - x[~y].mean(0)
    return difference, -(x[y].mean(0) + x[~y].mean(0)) @ difference / 2


def drawn(
    generator: torch.Generator, n: int, d_in: int, level: float, *, scale: float = 1.0
) -> tuple[X, Y]:
    """Examples far from 0 of which more have the label when `level` is high."""
    towards = torch.randn(d_in, generator=generator)
    x = scale * torch.randn(n, d_in, generator=generator) + torch.rand(d_in, generator=generator)
    noise = 2 * torch.randn(n, generator=generator)
    y = (x - x.mean(0)) @ towards / scale + noise + level > 0
    y[:2] = torch.tensor([True, False])
    return x, y


def _fit_cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)
    # At a weight of ln 3 each probability is 1/4 off, and penalty * ln 3 = 4 / 4.
    x, y = torch.tensor([[-1.0], [-1.0], [1.0], [1.0]]), torch.tensor([False, False, True, True])
    return [
        Case("four examples, weight ln 3", (x, y, 1 / math.log(3)), "hand"),
        # Where the label is rare the curvature is small: a step with too large a one falls short.
        Case("40 examples, a rare label", (*drawn(generator, 40, 3, -5.0), 1.0)),
        Case("60 examples, a strong penalty", (*drawn(generator, 60, 5, 2.0), 12.0)),
        Case("25 examples, a weak penalty", (*drawn(generator, 25, 4, 1.0, scale=3.0), 0.3)),
        Case("more numbers than examples", (*drawn(generator, 12, 20, -1.0), 2.0), "property"),
    ]


FIT_PROBE = Exercise(
    id="03.1",
    function="fit_probe",
    title="Fit a probe",
    points=4,
    stars=3,
    minutes=25,
    reference=fit_probe,
    cases=_fit_cases,
    alternatives=(by_lbfgs, _by_gradient_descent),
    wrong=(
        Wrong(
            "penalty on the bias",
            _bias_penalised,
            "the bias is free",
            "the bias is penalised as well: the bias is free, only the weights are held small",
        ),
        Wrong(
            "no bias",
            _no_bias,
            "the bias is 0",
            "the bias is 0: a probe must also learn how common the label is",
        ),
        Wrong(
            "twice the penalty",
            lambda x, y, penalty: fit_probe(x, y, 2 * penalty),
            "is penalty * |w|^2",
            "what was minimised is penalty * |w|^2: the penalty is half of that",
        ),
        Wrong(
            "mean of the losses",
            lambda x, y, penalty: fit_probe(x, y, penalty * len(x)),
            "the losses are averaged",
            "the losses are averaged: sum them, or the penalty weighs too much",
        ),
        Wrong(
            "the penalty alone is a mean",
            lambda x, y, penalty: fit_probe(x, y, penalty / len(x)),
            "divided by the number of examples",
            "the penalty is divided by the number of examples: it is not an average",
        ),
        Wrong(
            "least squares",
            _least_squares,
            "least squares",
            "this is least squares: minimise the log losses, whose errors saturate",
        ),
        Wrong(
            "labels turned round",
            lambda x, y, penalty: fit_probe(x, ~y, penalty),
            "points away from the label",
            "the probe points away from the label: its logit is to be high where y is true",
        ),
        Wrong("difference of means", _difference_of_means, "above its minimum"),
    ),
    hints=(
        "Start from zeros and go downhill until the slope vanishes. With p = sigmoid(x w + b) the "
        "slope is x^T (p - y) + penalty * w for the weights, and the sum of p - y for the bias.",
        "A column of ones makes the bias a weight that has no penalty. Newton's step is "
        "`torch.linalg.solve(hessian, gradient)`, and 25 of them are plenty; plain gradient steps "
        "or `torch.optim.LBFGS` do as well.",
        "With x1 `[example d_in+1]` the gradient is `x1.T @ (p - y) + ridge * w`, `[d_in+1]`, and "
        "the Hessian `x1.T @ (x1 * (p * (1 - p))[:, None]) + ridge.diag()`, `[d_in+1 d_in+1]`.",
    ),
    judge=lambda case, got, best: judge_minimum(*case.args, got, best),
    groups={"hand": 1, "random": 2, "property": 1},
)
