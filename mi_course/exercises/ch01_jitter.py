"""Exercise 01.4: pictures that are moved before they are looked at."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import pad

from mi_course.exercises.core import Case, Exercise, Wrong

Images = Float[Tensor, "batch rgb height width"]
Moves = Int[Tensor, "batch 2"]


def jitter(images: Images, moves: Moves, fill: float) -> Images:
    """Return each image moved down and right by its own move, with `fill` where nothing was."""
    height, width = images.shape[2:]
    most = int(moves.abs().max())
    wide = pad(images, [most] * 4, value=fill)
    moved = [
        image[:, most - down :, most - right :][:, :height, :width]
        for image, (down, right) in zip(wide, moves.tolist(), strict=True)
    ]
    return torch.stack(moved)


def _by_index(images: Images, moves: Moves, fill: float) -> Images:
    """Ask for every pixel where it came from."""
    height, width = images.shape[2:]
    rows = torch.arange(height) - moves[:, :1]
    columns = torch.arange(width) - moves[:, 1:]
    inside = ((rows >= 0) & (rows < height))[:, :, None]
    inside = inside & ((columns >= 0) & (columns < width))[:, None]
    at = torch.arange(len(images))[:, None, None]
    rows, columns = rows.clamp(0, height - 1), columns.clamp(0, width - 1)
    found = images.movedim(1, -1)[at, rows[:, :, None], columns[:, None]]
    return torch.where(inside[..., None], found, fill).movedim(-1, 1)


def _other_way(images: Images, moves: Moves, fill: float) -> Images:
    return jitter(images, -moves, fill)


def _swapped(images: Images, moves: Moves, fill: float) -> Images:
    return jitter(images, moves.flip(1), fill)


def _round(images: Images, moves: Moves, fill: float) -> Images:
    moved = [torch.roll(i, tuple(m), (1, 2)) for i, m in zip(images, moves.tolist(), strict=True)]
    return torch.stack(moved)


def _together(images: Images, moves: Moves, fill: float) -> Images:
    return jitter(images, moves[:1].expand(len(images), 2), fill)


def _black(images: Images, moves: Moves, fill: float) -> Images:
    return jitter(images, moves, 0.0)


def _borders_repeated(images: Images, moves: Moves, fill: float) -> Images:
    most = int(moves.abs().max())
    wide = pad(images, [most] * 4, mode="replicate")
    return jitter(wide, moves, fill)[:, :, most:-most, most:-most]


def _still_there(images: Images, moves: Moves, fill: float) -> Images:
    moved = jitter(images, moves, torch.inf)
    return torch.where(moved.isinf(), images, moved)


def _larger(images: Images, moves: Moves, fill: float) -> Tensor:
    most = int(moves.abs().max())
    return jitter(pad(images, [most] * 4, value=fill), moves, fill)


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(batch: int, size: tuple[int, int], most: int) -> tuple[Images, Moves, float]:
        images = torch.rand(batch, 3, *size, generator=generator)
        moves = torch.randint(-most, most + 1, (batch, 2), generator=generator)
        moves[0] = torch.tensor([1, -most])  # so that no draw leaves all images where they are
        return images, moves, 0.1 + 0.8 * float(torch.rand((), generator=generator))

    nine = torch.arange(1.0, 10).view(1, 1, 3, 3)
    hand = torch.cat([nine, 10 * nine]), torch.tensor([[1, 0], [-1, 2]]), 0.5
    images, _, fill = drawn(4, (5, 6), 2)
    once = torch.tensor([[0, 0], [5, 0], [0, -6], [0, 1]])
    return [
        Case("two images of 3x3", hand, "hand"),
        Case("4 images of 6x5, up to 2 pixels", drawn(4, (6, 5), 2)),
        Case("5 images of 4x9, up to 3 pixels", drawn(5, (4, 9), 3)),
        Case("images that stay, and that leave altogether", (images, once, fill), "property"),
    ]


JITTER = Exercise(
    id="01.4",
    function="jitter",
    title="Move the picture before looking",
    points=2,
    stars=1,
    minutes=10,
    reference=jitter,
    cases=_cases,
    alternatives=(_by_index,),
    wrong=(
        Wrong(
            "the other way",
            _other_way,
            "the other way",
            "images move the other way: a move of (1, 0) puts row 0 in row 1",
        ),
        Wrong(
            "right and down swapped",
            _swapped,
            "down and right are swapped",
            "down and right are swapped: the first number of a move goes down the rows",
        ),
        Wrong(
            "round the edge",
            _round,
            "comes in at the other side",
            "what leaves comes in at the other side, as `torch.roll` has it: put `fill` there",
        ),
        Wrong(
            "all together",
            _together,
            "by the first move",
            "all images move by the first move: each has its own, or the batch hangs together",
        ),
        Wrong(
            "black outside",
            _black,
            "black where nothing was",
            "it is black where nothing was: use `fill`",
        ),
        Wrong(
            "borders repeated",
            _borders_repeated,
            "the border is repeated",
            "the border is repeated where nothing was: use `fill`",
        ),
        Wrong(
            "the old pixels stay",
            _still_there,
            "the old pixels",
            "the old pixels are still there where nothing was moved to: use `fill`",
        ),
        Wrong(
            "a larger picture",
            _larger,
            "as large as before",
            "the picture has grown: cut it, it stays as large as before",
        ),
    ),
    hints=(
        "A pixel at row y and column x goes to row y + down and column x + right. What comes in "
        "from outside is `fill`.",
        "`torch.nn.functional.pad(images, [most] * 4, value=fill)` adds a frame as wide as the "
        "largest move; then cut a window out of each, one that begins at `most - down`.",
        "Each window is `rgb height width`; `torch.stack` makes `batch rgb height width`.",
    ),
    groups={"random": 1, "property": 1},
    axes="batch rgb height width",
)
