"""Exercise 02.6: a translator trained by plain gradient descent.

It starts from zero and takes a given number of steps, so that a right answer has one value.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from mi_course.exercises.ch02_translators import (
    D_MODEL,
    Matrix,
    Number,
    Resid,
    Vector,
    tuned_lens_loss,
)
from mi_course.exercises.core import Case, Exercise, ModelRef, Wrong

Translator = tuple[Matrix, Vector]


def train_translator(model: Any, resid: Resid, final: Resid, steps: int, lr: float) -> Translator:
    """Return A and b after gradient descent from zero on the tuned lens loss."""
    d_model = resid.shape[-1]
    A = torch.zeros(d_model, d_model, requires_grad=True)
    b = torch.zeros(d_model, requires_grad=True)
    for _ in range(steps):
        loss = tuned_lens_loss(model, resid, A, b, final)
        grad_A, grad_b = torch.autograd.grad(loss, [A, b])
        A = (A - lr * grad_A).detach().requires_grad_()
        b = (b - lr * grad_b).detach().requires_grad_()
    return A.detach(), b.detach()


def _with_sgd(model: Any, resid: Resid, final: Resid, steps: int, lr: float) -> Translator:
    """The same with an optimiser and the cross-entropy, whose gradient is that of KL."""
    translator = torch.nn.Linear(resid.shape[-1], resid.shape[-1])
    for parameter in translator.parameters():
        torch.nn.init.zeros_(parameter)
    optimiser = torch.optim.SGD(translator.parameters(), lr=lr)
    goal = model.unembed(model.ln_final(final[None]))[0].softmax(dim=-1).detach()
    for _ in range(steps):
        optimiser.zero_grad()
        moved = resid + translator(resid)
        logits = model.unembed(model.ln_final(moved[None]))[0]
        functional.cross_entropy(logits, goal).backward()
        optimiser.step()
    return translator.weight.detach().T, translator.bias.detach()


def _descent(
    *,
    loss: Callable[..., Number] = tuned_lens_loss,
    sign: float = 1.0,
    summed: bool = False,
    frozen: tuple[str, ...] = (),
    identity: bool = False,
) -> Callable[..., Translator]:
    """An answer that differs in one decision."""

    def answer(model: Any, resid: Resid, final: Resid, steps: int, lr: float) -> Translator:
        size = resid.shape[-1]
        values = {"A": torch.eye(size) if identity else torch.zeros(size, size)}
        values["b"] = torch.zeros(size)
        kept = {name: torch.zeros_like(value) for name, value in values.items()}
        for _ in range(steps):
            leaves = {name: value.clone().requires_grad_() for name, value in values.items()}
            lost = loss(model, resid, leaves["A"], leaves["b"], final)
            grads = torch.autograd.grad(lost, list(leaves.values()))
            for (name, value), grad in zip(values.items(), grads, strict=True):
                kept[name] = grad + (kept[name] if summed else 0)
                step = 0.0 if name in frozen else sign * lr
                values[name] = value - step * kept[name]
        return values["A"], values["b"]

    return answer


def _first_step(model: Any, resid: Resid, final: Resid, steps: int, lr: float) -> Translator:
    return train_translator(model, resid, final, min(steps, 1), lr)


def _adam(model: Any, resid: Resid, final: Resid, steps: int, lr: float) -> Translator:
    A = torch.zeros(resid.shape[-1], resid.shape[-1], requires_grad=True)
    b = torch.zeros(resid.shape[-1], requires_grad=True)
    optimiser = torch.optim.Adam([A, b], lr=lr)
    for _ in range(steps):
        optimiser.zero_grad()
        tuned_lens_loss(model, resid, A, b, final).backward(inputs=[A, b])
        optimiser.step()
    return A.detach(), b.detach()


def _train_cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(n_pos: int) -> Tensor:
        return torch.randn(n_pos, D_MODEL, generator=generator)

    one, two = ModelRef("tiny-1"), ModelRef("tiny-2")
    return [
        Case("one step", (one, drawn(7), drawn(7), 1, 0.3)),
        Case("three steps", (two, drawn(5), drawn(5), 3, 0.2)),
        Case("five small steps", (one, drawn(9), drawn(9), 5, 0.05)),
        Case(
            "one position: A is that activation times b",
            (two, drawn(1), drawn(1), 2, 0.1),
            "property",
        ),
    ]


TRAIN_TRANSLATOR = Exercise(
    id="02.6",
    function="train_translator",
    title="Train a translator",
    points=4,
    stars=3,
    minutes=25,
    reference=train_translator,
    cases=_train_cases,
    alternatives=(_with_sgd,),
    wrong=(
        Wrong(
            "uphill",
            _descent(sign=-1.0),
            "climbs",
            "this climbs: subtract lr times the gradient, so that the loss falls",
        ),
        Wrong(
            "gradients add up",
            _descent(summed=True),
            "gradients of earlier steps",
            "gradients of earlier steps are still in: take a fresh gradient for each step",
        ),
        Wrong(
            "b stays zero",
            _descent(frozen=("b",)),
            "b was not trained",
            "b was not trained: both A and b take a step",
        ),
        Wrong(
            "A stays zero",
            _descent(frozen=("A",)),
            "A was not trained",
            "A was not trained: both A and b take a step",
        ),
        Wrong(
            "starts from the identity",
            _descent(identity=True),
            "starts from the identity",
            "A starts from the identity here: the skip x + ... is there already, start from zero",
        ),
        Wrong(
            "one step only",
            _first_step,
            "only the first step",
            "only the first step was taken: the parameters must move `steps` times",
        ),
        Wrong(
            "Adam",
            _adam,
            "Adam's steps",
            "these are Adam's steps: asked is plain gradient descent, -lr * gradient",
        ),
        Wrong(
            "A transposed",
            lambda *args: (train_translator(*args)[0].T, train_translator(*args)[1]),
            "item 0",
        ),
    ),
    hints=(
        "Start A and b at zero. In each step compute the loss, its gradients for A and b, and "
        "subtract lr times the gradient from each.",
        "`tuned_lens_loss` is your loss (`cross_entropy(logits, final_probs)` from "
        "`torch.nn.functional` has the same gradient); `torch.autograd.grad(loss, [A, b])`.",
        "A has axes `d_model d_model`, b `d_model`; both need `requires_grad_()` again after a "
        "`detach()`.",
    ),
    groups={"random": 3, "property": 1},
    # Errors of 1e-6 in a gradient grow a little from step to step.
    rtol=1e-3,
    atol=1e-5,
)
