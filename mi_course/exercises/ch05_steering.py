"""Exercise 05.10: the logits of a model that is pushed along a feature's direction."""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mi_course.exercises.core import Case, Exercise, ModelRef, Wrong

Tokens = Int[Tensor, "batch pos"]
Direction = Float[Tensor, " d_in"]
X = Float[Tensor, "batch pos d_in"]
Logits = Float[Tensor, "batch pos d_vocab"]


def steer(
    model: Any, tokens: Tokens, hook_name: str, direction: Direction, amount: float
) -> Logits:
    """Return the logits with amount times the direction added, at all positions but the first."""

    def push(x: X, hook: Any) -> X:
        x[:, 1:] += amount * direction
        return x

    return model.run_with_hooks(tokens, fwd_hooks=[(hook_name, push)])


def _by_mask(
    model: Any, tokens: Tokens, hook_name: str, direction: Direction, amount: float
) -> Logits:
    def push(x: X, hook: Any) -> X:
        after = (torch.arange(x.shape[1]) > 0).float()
        return x + after[:, None] * amount * direction

    with model.hooks(fwd_hooks=[(hook_name, push)]):
        return model(tokens)


Change = Callable[[X, Direction, float], X]


def _with(change: Change) -> Callable[..., Logits]:
    """An answer that replaces the activation by `change(x, direction, amount)`."""

    def answer(
        model: Any, tokens: Tokens, hook_name: str, direction: Direction, amount: float
    ) -> Logits:
        def push(x: X, hook: Any) -> X:
            return change(x.clone(), direction, amount)

        return model.run_with_hooks(tokens, fwd_hooks=[(hook_name, push)])

    return answer


def _at(x: X, places: slice, step: Tensor) -> X:
    x[:, places] += step
    return x


def _set(x: X, direction: Direction, amount: float) -> X:
    x[:, 1:] = amount * direction
    return x


def _scaled_along(x: X, direction: Direction, amount: float) -> X:
    along = x[:, 1:] @ direction
    return _at(x, slice(1, None), amount * along[..., None] * direction)


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)
    two, one = ModelRef("tiny-2-mlp"), ModelRef("tiny-1-mlp")

    def case(
        name: str, model: ModelRef, shape: tuple[int, int], hook: str, amount: float, group: str
    ) -> Case:
        tokens = torch.randint(50, shape, generator=generator)
        width = 64 if hook.endswith("mlp.hook_post") else 16
        direction = torch.randn(width, generator=generator)
        direction *= 1.7 / direction.norm()
        return Case(name, (model, tokens, hook, direction, amount), group)

    between, neurons = "blocks.0.hook_resid_post", "blocks.1.mlp.hook_post"
    return [
        case("between two layers", two, (3, 7), between, 2.5, "random"),
        case("neurons of the second layer", two, (2, 10), neurons, 4.0, "random"),
        case("a model of one layer, pushed back", one, (4, 6), between, -1.5, "random"),
        case("no push at all", two, (2, 8), between, 0.0, "property"),
        case("the first position alone", one, (5, 1), between, 3.0, "property"),
    ]


STEER = Exercise(
    id="05.10",
    function="steer",
    title="Push along a feature",
    points=3,
    stars=2,
    minutes=15,
    reference=steer,
    cases=_cases,
    alternatives=(_by_mask,),
    wrong=(
        Wrong(
            "nothing is changed",
            _with(lambda x, direction, amount: x),
            "nothing was pushed",
            "these are the model's own logits, nothing was pushed: does the hook return the "
            "activation?",
        ),
        Wrong(
            "the first position too",
            _with(lambda x, direction, amount: x + amount * direction),
            "the first position is pushed too",
            "the first position is pushed too: it is the BOS token and stays as it is",
        ),
        Wrong(
            "the last position alone",
            _with(lambda x, d, amount: _at(x, slice(max(1, x.shape[1] - 1), None), amount * d)),
            "only the last position",
            "only the last position is pushed: push all of them but the first",
        ),
        Wrong(
            "a direction of length 1",
            _with(lambda x, d, amount: _at(x, slice(1, None), amount * d / d.norm())),
            "made to have length 1",
            "the direction is made to have length 1: add amount times the direction as it is",
        ),
        Wrong(
            "set, not added",
            _with(_set),
            "in place of the activation",
            "the direction stands in place of the activation: add it",
        ),
        Wrong(
            "without the amount",
            _with(lambda x, direction, amount: _at(x, slice(1, None), direction)),
            "the amount is missing",
            "the amount is missing: it multiplies the direction",
        ),
        Wrong(
            "subtracted",
            _with(lambda x, direction, amount: _at(x, slice(1, None), -amount * direction)),
            "in the opposite direction",
            "this pushes in the opposite direction: add, do not subtract",
        ),
        Wrong(
            "the part along it made larger",
            _with(_scaled_along),
            "part of the activation along",
            "this multiplies the part of the activation along the direction: add the same step "
            "everywhere",
        ),
        Wrong(
            "probabilities",
            lambda *args: steer(*args).softmax(dim=-1),
            "probabilities",
            "these are probabilities: return the logits",
        ),
    ),
    hints=(
        "Run the model with a hook that adds amount times the direction to the activation at every "
        "position but the first, and return its logits.",
        "`model.run_with_hooks(tokens, fwd_hooks=[(hook_name, function)])`; the function gets "
        "`(x, hook)` and returns x.",
        "x has axes `batch pos d_in`: `x[:, 1:]` is all but the first; the direction has `d_in`.",
    ),
    groups={"random": 2, "property": 1},
    axes="batch pos d_vocab",
    # Logits of the small models are of size 10; two layers in another order differ by 1e-5.
    rtol=1e-3,
    atol=1e-3,
)
