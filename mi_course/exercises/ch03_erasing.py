"""Exercise 03.7: take a direction away from activations and put that of the mean in its place."""

import torch
from jaxtyping import Float
from torch import Tensor

from mi_course.exercises.core import Case, Exercise, Wrong

X = Float[Tensor, "batch pos d_model"]
Direction = Float[Tensor, " d_model"]


def erase_direction(x: X, direction: Direction, mean: Direction) -> X:
    """Return x with its component along the direction replaced by that of `mean`."""
    unit = direction / direction.norm()
    along = (x - mean) @ unit
    return x - along[..., None] * unit


def _by_projection(x: X, direction: Direction, mean: Direction) -> X:
    projection = torch.outer(direction, direction) / direction.square().sum()
    return x - x @ projection + projection @ mean


def _not_normalised(x: X, direction: Direction, mean: Direction) -> X:
    return x - ((x - mean) @ direction)[..., None] * direction


def _normalised_once(x: X, direction: Direction, mean: Direction) -> X:
    return x - ((x - mean) @ direction)[..., None] * direction / direction.norm()


def _to_zero(x: X, direction: Direction, mean: Direction) -> X:
    return erase_direction(x, direction, torch.zeros_like(mean))


def _kept_alone(x: X, direction: Direction, mean: Direction) -> X:
    return x - erase_direction(x, direction, torch.zeros_like(mean))


def _subtracted(x: X, direction: Direction, mean: Direction) -> X:
    return x - direction / direction.norm()


def _turned_round(x: X, direction: Direction, mean: Direction) -> X:
    return 2 * erase_direction(x, direction, mean) - x


def _centred(x: X, direction: Direction, mean: Direction) -> X:
    return erase_direction(x, direction, mean) - mean


def _erase_cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape: int) -> tuple[X, Direction, Direction]:
        noise = [torch.randn(size, generator=generator) for size in (shape, shape[-1:], shape[-1:])]
        return 2 * noise[0], 3 * noise[1], 1.5 * noise[2]

    hand = (
        torch.tensor([[[4.0, 1.0], [0.0, 2.0]]]),
        torch.tensor([3.0, 0.0]),
        torch.tensor([1, 9.0]),
    )
    x, direction, mean = drawn(2, 3, 6)
    orthogonal = x - (x @ direction)[..., None] * direction / direction.square().sum()
    level = mean - (mean @ direction) * direction / direction.square().sum()
    return [
        Case("two numbers, the first is erased", hand, "hand"),
        Case("3 texts of 4 tokens, width 7", drawn(3, 4, 7)),
        Case("2 texts of 5 tokens, width 11", drawn(2, 5, 11)),
        Case("nothing lies along the direction", (orthogonal, direction, level), "property"),
        Case("a short direction", (x, 0.01 * direction, mean), "property"),
    ]


ERASE_DIRECTION = Exercise(
    id="03.7",
    function="erase_direction",
    title="Erase a direction",
    points=2,
    stars=2,
    minutes=10,
    reference=erase_direction,
    cases=_erase_cases,
    alternatives=(_by_projection,),
    wrong=(
        Wrong(
            "a direction of any length",
            _not_normalised,
            "a direction has a length",
            "a direction has a length: divide it by its norm before anything else",
        ),
        Wrong(
            "divided once",
            _normalised_once,
            "enters twice",
            "the direction enters twice, so its norm must be divided out twice",
        ),
        Wrong(
            "zero in its place",
            _to_zero,
            "the component of the mean",
            "the component is set to 0: the model never sees that, put the component of the mean "
            "there",
        ),
        Wrong(
            "the component alone",
            _kept_alone,
            "what was to be taken away",
            "this is what was to be taken away: subtract it from x",
        ),
        Wrong(
            "one step along it",
            _subtracted,
            "the same step",
            "the same step is taken everywhere: how far depends on how much of it x has",
        ),
        Wrong(
            "reflected",
            _turned_round,
            "taken away twice",
            "the component is taken away twice: it comes out with its sign turned",
        ),
        Wrong(
            "centred",
            _centred,
            "the other directions",
            "the mean is missing in the other directions: they are to stay as they are",
        ),
    ),
    hints=(
        "How far does x lie from the mean along the direction? Go back by just that much.",
        "With `unit = direction / direction.norm()`, `(x - mean) @ unit` is how far; subtract that "
        "many units from x.",
        "`along` has axes `batch pos`; `along[..., None] * unit` has `batch pos d_model`.",
    ),
    groups={"random": 1, "property": 1},
    axes="batch pos d_model",
)
