import math

import numpy as np
import pytest
import torch

from mi_course.exercises.compare import compare, structure

AXES = "batch pos d"
RIGHT = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(1)) * 3 + 0.7
CHANCE = RIGHT.softmax(-1)


def test_equal_values_within_tolerance_agree():
    assert compare(RIGHT + 1e-6, RIGHT, axes=AXES) is None
    assert compare(RIGHT.double(), RIGHT, axes=AXES) is None
    assert compare(RIGHT.numpy(), RIGHT, axes=AXES) is None
    assert compare(0.5, torch.tensor(0.5)) is None
    assert compare(torch.tensor(2), 2) is None
    assert compare([0.1, 0.2], (0.1, 0.2)) is None
    assert compare({"a": (1, "b")}, {"a": (1, "b")}) is None
    assert compare(torch.tensor([1.0, -math.inf]), torch.tensor([1.0, -math.inf])) is None


def test_a_difference_above_tolerance_is_seen():
    assert compare(RIGHT + 1e-2, RIGHT, axes=AXES) is not None
    assert compare(RIGHT + 1e-2, RIGHT, axes=AXES, atol=0.1) is None
    assert compare(torch.tensor([7, 8]), torch.tensor([7, 9]), atol=5.0) is not None


@pytest.mark.parametrize(
    ("got", "says"),
    [
        (RIGHT.transpose(0, 1), "the axes are in another order, try rearrange to `batch pos d`"),
        (RIGHT.sum(1), "the axis `pos` is missing, did you sum"),
        (RIGHT[None], "an axis of size 1 is left over at place 0"),
        (RIGHT[..., None].expand(3, 4, 5, 6), "one axis too many (place 3, size 6)"),
        (RIGHT[:, 1:], "one too few along `pos`"),
        (torch.zeros(3, 5, 5), "one too many along `pos`"),
        (torch.zeros(3, 9, 5), "did you sum over the wrong axis?"),
        (torch.zeros(3), "wrong axes"),
        (None, "is `return` missing?"),
        ("text", "expected a tensor of shape [3, 4, 5], got a str"),
    ],
)
def test_a_wrong_shape_is_named(got, says):
    fault = structure(got, RIGHT, AXES)
    assert fault.group == "shape"
    assert says in fault.message


def test_a_wrong_dtype_says_what_to_do():
    assert structure(RIGHT.long(), RIGHT, AXES) == (
        "dtype",
        "expected decimals, got whole numbers (int64), try `.float()`",
    )
    assert "comparison" in structure(torch.ones(2), torch.ones(2) > 0).message
    assert structure(1, 1.0) is None
    assert structure(True, 1.0).group == "dtype"


def test_values_that_are_not_finite_are_placed():
    broken = RIGHT.clone()
    broken[1, 2, 3] = math.nan
    fault = structure(broken, RIGHT, AXES)
    assert fault.group == "finite"
    assert "1 of 60" in fault.message
    assert "NaN at [batch 1, pos 2, d 3]" in fault.message
    assert "log of 0" in structure(math.inf, 1.0).message


@pytest.mark.parametrize(
    ("got", "expected", "says"),
    [
        (-RIGHT, RIGHT, "the sign is wrong everywhere"),
        (RIGHT * 4, RIGHT, "constant factor 4: a sum in place of a mean?"),
        (RIGHT / 4, RIGHT, "constant factor 0.25: a mean in place of a sum?"),
        (RIGHT / math.log(2), RIGHT, "bits in place of nats?"),
        (RIGHT * math.log(2), RIGHT, "nats and bits"),
        (RIGHT * 100, RIGHT, "percentage"),
        (RIGHT / math.sqrt(32), RIGHT, "square root of 32"),
        (RIGHT * -2, RIGHT, "and the sign is wrong"),
        (RIGHT + 2.5, RIGHT, "same amount, 2.5, everywhere"),
        (1 - CHANCE, CHANCE, "one minus what was asked"),
        (RIGHT.roll(1, 1), RIGHT, "shifted by one along `pos`: each value sits one place too late"),
        (RIGHT.roll(-1, 2), RIGHT, "along `d`: each value sits one place too early"),
        (RIGHT.flip(1), RIGHT, "the axis `pos` runs backwards"),
        (RIGHT.softmax(1), CHANCE, "softmax over `pos` in place of `d`"),
        (RIGHT, CHANCE, "a softmax over `d` is missing"),
        (CHANCE.sigmoid().log(), CHANCE.sigmoid(), "exp is missing"),
        (RIGHT.exp(), RIGHT, "log is missing"),
        (RIGHT**2, RIGHT.abs(), "a square root is missing"),
        (1 / RIGHT, RIGHT, "one over what was asked"),
        (RIGHT, RIGHT.abs(), "the absolute value is missing"),
        (RIGHT.abs(), RIGHT, "the signs are lost"),
        (RIGHT - RIGHT.mean(-1, keepdim=True), RIGHT, "up to a constant along `d`"),
        (RIGHT / RIGHT.norm(dim=1, keepdim=True), RIGHT, "right up to a factor along `pos`"),
        (torch.full_like(RIGHT, 2), RIGHT, "every entry is 2"),
        (torch.tensor([3, 1, 2]), torch.tensor([2, 3, 1]), "one along `axis 0`"),
        (torch.tensor([4.0, 1, 2, 3]), torch.tensor([1.0, 3, 2, 4]), "in another order"),
        (0.3, 0.7, "one minus what was asked"),
        (6, 5, "one too many"),
        (6, 2, "the value is wrong"),
    ],
)
def test_the_likely_slip_is_named(got, expected, says):
    message = compare(got, expected, axes=AXES)
    assert says in message.splitlines()[0]
    assert len(message.splitlines()) == 2


def test_swapped_axes_of_one_size_are_named():
    square = torch.randn(2, 6, 6, generator=torch.Generator().manual_seed(2))
    message = compare(square.mT, square, axes="head_index query_pos key_pos")
    assert "`query_pos` and `key_pos` are swapped" in message


def test_an_unknown_slip_shows_the_first_wrong_number_rounded():
    got = RIGHT.clone()
    got[2, 3, 4] += 1
    first = f"got {float(got[2, 3, 4]):.4g}, expected {float(RIGHT[2, 3, 4]):.4g}"
    assert compare(got, RIGHT, axes=AXES) == f"1 of 60 values are wrong\n{first} at [2, 3, 4]"


def test_a_short_row_is_shown_whole():
    message = compare(torch.tensor([1.0, 2.5, 9.0]), torch.tensor([1.0, 2.0, 3.0]))
    assert message.splitlines()[1] == "got [1, 2.5, 9], expected [1, 2, 3]"


def test_containers_say_which_item_is_wrong():
    expected = (torch.ones(2), {"k": torch.zeros(2)}, "name")
    assert compare((torch.ones(2), {"k": torch.ones(2)}, "name"), expected).startswith("item 1")
    assert compare((torch.ones(2), {"k": torch.zeros(2)}, "nam"), expected).startswith("item 2")
    assert "expected 3 items, got 2" in compare(expected[:2], expected)
    assert "missing ['k']" in compare((torch.ones(2), {"j": 1}, "name"), expected)


def test_random_noise_is_never_taken_for_a_slip():
    generator = np.random.default_rng(0)
    for _ in range(200):
        got, expected = generator.normal(size=(2, 3, 4))
        assert compare(got, expected).startswith("all values are wrong")


def test_a_complex_value_is_only_different_from_a_matrix():
    number = torch.tensor(0.2 + 0j)
    assert compare(torch.ones(3, 5), number) is not None
    assert compare(number[None], number) is not None
    assert compare(number.clone(), number) is None
