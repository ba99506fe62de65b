"""Exercise 01.5: what a channel answers to each angle."""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from mi_course.exercises.core import Case, Exercise, Wrong

Responses = Float[Tensor, "stimulus channel"]
Angles = Float[Tensor, " stimulus"]
Curve = tuple[Float[Tensor, "channel angle"], Float[Tensor, " angle"]]


def tuning_curve(responses: Responses, angles: Angles) -> Curve:
    """Return each channel's largest response at each angle, and the angles from low to high."""
    found = angles.unique()
    curve = torch.stack([responses[angles == angle].amax(dim=0) for angle in found], dim=1)
    return curve, found


def _by_scatter(responses: Responses, angles: Angles) -> Curve:
    found, at = angles.unique(return_inverse=True)
    curve = torch.full((len(found), responses.shape[1]), -torch.inf)
    index = at[:, None].expand_as(responses)
    return curve.scatter_reduce(0, index, responses, "amax").T, found


def _by_masks(responses: Responses, angles: Angles) -> Curve:
    found = torch.tensor(sorted(set(angles.tolist())))
    same = found[:, None] == angles
    at_each = torch.where(same, rearrange(responses, "stimulus channel -> channel 1 stimulus"),
                          -torch.inf)  # fmt: skip
    return at_each.max(dim=2).values, found


def _mean(responses: Responses, angles: Angles) -> Curve:
    found = angles.unique()
    return torch.stack([responses[angles == a].mean(dim=0) for a in found], dim=1), found


def _sum(responses: Responses, angles: Angles) -> Curve:
    found = angles.unique()
    return torch.stack([responses[angles == a].sum(dim=0) for a in found], dim=1), found


def _last(responses: Responses, angles: Angles) -> Curve:
    found = angles.unique()
    return torch.stack([responses[angles == a][-1] for a in found], dim=1), found


def _as_they_come(responses: Responses, angles: Angles) -> Curve:
    found = torch.tensor(list(dict.fromkeys(angles.tolist())))
    return torch.stack([responses[angles == a].amax(dim=0) for a in found], dim=1), found


def _unlike_each_other(responses: Responses, angles: Angles) -> Curve:
    curve, _ = _as_they_come(responses, angles)
    return curve, angles.unique()


def _size(responses: Responses, angles: Angles) -> Curve:
    return tuning_curve(responses.abs(), angles)


def _from_zero(responses: Responses, angles: Angles) -> Curve:
    curve, found = tuning_curve(responses, angles)
    return curve.clamp(min=0), found


def _turned(responses: Responses, angles: Angles) -> tuple:
    curve, found = tuning_curve(responses, angles)
    return curve.T, found


def _best_channel(responses: Responses, angles: Angles) -> Curve:
    curve, found = tuning_curve(responses, angles)
    return curve.amax(dim=0, keepdim=True).expand_as(curve), found


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def shown(n_angles: int, each: int) -> Angles:
        start = torch.rand((), generator=generator)
        angles = (start + torch.arange(n_angles) * 6 / n_angles).repeat(each)
        return angles[torch.randperm(len(angles), generator=generator)]

    def drawn(n_angles: int, each: int, channel: int) -> tuple[Responses, Angles]:
        angles = shown(n_angles, each)
        return torch.randn(len(angles), channel, generator=generator), angles

    hand = (
        torch.tensor([[1.0, -4.0], [0.0, 2.0], [3.0, -2.0], [5.0, 1.0], [4.0, 6.0]]),
        torch.tensor([2.0, 1.0, 2.0, 1.0, 0.0]),
    )
    # Each channel answers to one angle and one phase; all else is silence.
    angles = shown(9, 4)
    wanted = angles.unique()[torch.randperm(9, generator=generator)[:5]]
    size = 0.5 + torch.rand(5, generator=generator)
    planted = torch.zeros(36, 5)
    for channel, angle in enumerate(wanted):
        at = (angles == angle).nonzero()[:, 0]
        pick = torch.randint(len(at), (), generator=generator)
        planted[at[pick], channel] = size[channel]
    return [
        Case("five stimuli, three angles", hand, "hand"),
        Case("8 angles, 3 phases, 6 channels", drawn(8, 3, 6)),
        Case("5 angles, 4 phases, 2 channels", drawn(5, 4, 2)),
        Case("each channel answers to one stimulus", (planted, angles), "truth"),
    ]


TUNING_CURVE = Exercise(
    id="01.5",
    function="tuning_curve",
    title="What a channel answers to each angle",
    points=2,
    stars=1,
    minutes=10,
    reference=tuning_curve,
    cases=_cases,
    alternatives=(_by_scatter, _by_masks),
    wrong=(
        Wrong(
            "a mean over phases",
            _mean,
            "a mean over the stimuli",
            "this is a mean over the stimuli of an angle: an edge off the unit's place would drag "
            "it down, so take the largest",
        ),
        Wrong(
            "a sum over phases",
            _sum,
            "a sum over the stimuli",
            "this is a sum over the stimuli of an angle: take the largest",
        ),
        Wrong(
            "the last of each angle",
            _last,
            "overwrites those before",
            "the last stimulus of an angle overwrites those before: take the largest",
        ),
        Wrong(
            "in the order of the stimuli",
            _as_they_come,
            "as the stimuli come",
            "the angles are in the order as the stimuli come: sort them from low to high",
        ),
        Wrong(
            "curve and angles in different orders",
            _unlike_each_other,
            "in another order than the angles",
            "the curve is in another order than the angles that go with it",
        ),
        Wrong(
            "sizes",
            _size,
            "an absolute value",
            "this takes an absolute value first: a strong negative answer is not a large one",
        ),
        Wrong(
            "at least zero",
            _from_zero,
            "starts at 0",
            "the search for the largest starts at 0: before the ReLU all of them may be negative",
        ),
        Wrong("turned round", _turned, "the axes are in another order"),
        Wrong(
            "one curve for all",
            _best_channel,
            "one curve for all channels",
            "this is one curve for all channels: each has its own",
        ),
    ),
    hints=(
        "For each angle that occurs take the stimuli that have it, and each channel's largest "
        "response among them.",
        "`angles.unique()` is sorted; `responses[angles == angle].amax(dim=0)` is one angle's "
        "column of the curve.",
        "`stimulus channel` -> for each angle `channel`, stacked on the right: `channel angle`.",
    ),
    groups={"random": 1, "truth": 1},
    axes="channel angle",
)
