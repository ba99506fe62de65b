"""Exercise 01.6: the kernel between layers that do not touch."""

import torch
from einops import einsum
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d, pad

from mi_course.exercises.core import Case, Exercise, Wrong

First = Float[Tensor, "middle source height width"]
Second = Float[Tensor, "target middle rows columns"]
Expanded = Float[Tensor, "target source y x"]


def kernel_between_channels(first: First, second: Second) -> Expanded:
    """Return the one kernel that does what first and then second do, with open ReLUs."""
    _, source, height, width = first.shape
    target, _, rows, columns = second.shape
    both = torch.zeros(target, source, rows + height - 1, columns + width - 1)
    for row in range(rows):
        for column in range(columns):
            step = torch.einsum("tm,mshw->tshw", second[:, :, row, column], first)
            both[:, :, row : row + height, column : column + width] += step
    return both


def _by_transposed_convolution(first: First, second: Second) -> Expanded:
    return conv_transpose2d(second, first)


def _by_probing(first: First, second: Second) -> Expanded:
    """Show single pixels: what comes out is the kernel, turned by half a turn."""
    source = first.shape[1]
    y, x = (first.shape[i] + second.shape[i] - 2 for i in (2, 3))
    pixels = pad(torch.eye(source)[:, :, None, None], (x, x, y, y))
    answers = conv2d(conv2d(pixels, first), second)
    return answers.transpose(0, 1).flip(2, 3)


def _mirrored(first: First, second: Second) -> Expanded:
    return conv_transpose2d(second, first.flip(2, 3))


def _turned(first: First, second: Second) -> Expanded:
    return conv_transpose2d(second, first).flip(2, 3)


def _excitation_alone(first: First, second: Second) -> Expanded:
    return conv_transpose2d(second.relu(), first.relu())


def _strongest_path(first: First, second: Second) -> Expanded:
    paths = [conv_transpose2d(second[:, [m]], first[[m]]) for m in range(len(first))]
    stacked = torch.stack(paths)
    best = stacked.abs().argmax(dim=0, keepdim=True)
    return stacked.gather(0, best)[0]


def _averaged(first: First, second: Second) -> Expanded:
    return conv_transpose2d(second, first) / len(first)


def _sizes(first: First, second: Second) -> Expanded:
    return conv_transpose2d(second.abs(), first.abs())


def _no_space(first: First, second: Second) -> Tensor:
    return second.sum(dim=(2, 3)) @ first.sum(dim=(2, 3))


def _middle_alone(first: First, second: Second) -> Tensor:
    at = second[:, :, second.shape[2] // 2, second.shape[3] // 2]
    return einsum(at, first, "target middle, middle source h w -> target source h w")


def _source_first(first: First, second: Second) -> Tensor:
    return conv_transpose2d(second, first).transpose(0, 1)


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(source: int, middle: int, target: int, *sizes: int) -> tuple[First, Second]:
        first = torch.randn(middle, source, *sizes[:2], generator=generator)
        return first, torch.randn(target, middle, *sizes[2:], generator=generator)

    hand = (
        torch.tensor([[[[1.0, 2.0]]], [[[4.0, -1.0]]]]),
        torch.tensor([[[[3.0, 5.0]], [[-2.0, 1.0]]]]),
    )
    # One wheel detector, one window detector, and a car that wants them in two places.
    first, second = drawn(4, 3, 2, 3, 3, 5, 3)
    second = torch.zeros_like(second)
    places = torch.randint(0, 3, (2, 2), generator=generator)
    weights = 0.5 + torch.rand(2, 2, generator=generator)
    for target, (above, below) in enumerate(places.tolist()):
        second[target, 0, above // 2, above] = weights[target, 0]
        second[target, 2, 4 - below // 2, below] = -weights[target, 1]
    alone, reads = drawn(3, 5, 4, 2, 3, 1, 1)
    return [
        Case("one row, two channels between", hand, "hand"),
        Case("3 sources, 5 between, 4 targets", drawn(3, 5, 4, 3, 2, 2, 4)),
        Case("2 sources, 6 between, 3 targets", drawn(2, 6, 3, 5, 3, 3, 3)),
        Case("a second kernel of one pixel", (alone, reads), "property"),
        Case("two detectors in two places", (first, second), "truth"),
    ]


KERNEL_BETWEEN_CHANNELS = Exercise(
    id="01.6",
    function="kernel_between_channels",
    title="Multiply kernels out",
    points=3,
    stars=3,
    minutes=20,
    reference=kernel_between_channels,
    cases=_cases,
    alternatives=(_by_transposed_convolution, _by_probing),
    wrong=(
        Wrong(
            "the first kernel mirrored",
            _mirrored,
            "the first kernel is mirrored",
            "the first kernel is mirrored: places add up, row + y and column + x, with no sign "
            "changed",
        ),
        Wrong(
            "half a turn",
            _turned,
            "is turned by half a turn",
            "the kernel is turned by half a turn: above has become below",
        ),
        Wrong(
            "excitation alone",
            _excitation_alone,
            "negative weights are left out",
            "negative weights are left out: what inhibits is part of the circuit",
        ),
        Wrong(
            "the strongest path alone",
            _strongest_path,
            "the strongest path",
            "this is the strongest path: sum over all channels between",
        ),
        Wrong("a mean over channels", _averaged, "a mean in place of a sum"),
        Wrong(
            "sizes of weights",
            _sizes,
            "absolute values",
            "this multiplies absolute values: two inhibitions make an excitation, keep the signs",
        ),
        Wrong(
            "space is summed away",
            _no_space,
            "space is summed away",
            "space is summed away: where a channel is wanted is the point",
        ),
        Wrong(
            "the middle of the second kernel alone",
            _middle_alone,
            "the middle of the second kernel",
            "this uses the middle of the second kernel alone: its other places shift the first one",
        ),
        Wrong("source and target swapped", _source_first, "the axes are in another order"),
    ),
    hints=(
        "A weight of the second kernel at (row, column) adds the whole first kernel, shifted by "
        "(row, column), times that weight; sum over the channels between.",
        "Start with zeros of `rows + height - 1` by `columns + width - 1` and loop over the places "
        "of the second kernel. One call does all of it: `conv_transpose2d`.",
        'In the loop: `"target middle, middle source h w -> target source h w"`.',
    ),
    groups={"random": 1, "property": 1, "truth": 1},
    axes="target source height width",
)
