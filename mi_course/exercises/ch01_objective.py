"""Exercise 01.1: the number that a picture is to raise."""

import torch
from einops import einsum, reduce
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import one_hot

from mi_course.exercises.core import Case, Exercise, Wrong

Maps = Float[Tensor, "batch channel height width"]
Channels = Int[Tensor, " batch"]
Values = Float[Tensor, " batch"]


def channel_objective(acts: Maps, channels: Channels) -> Values:
    """Return the mean activation over space of each image's own channel."""
    own = acts[torch.arange(len(acts)), channels]
    return own.mean(dim=(1, 2))


def _by_switches(acts: Maps, channels: Channels) -> Values:
    means = reduce(acts, "batch channel height width -> batch channel", "mean")
    chosen = one_hot(channels, acts.shape[1]).to(acts)
    return einsum(means, chosen, "batch channel, batch channel -> batch")


def _by_gather(acts: Maps, channels: Channels) -> Values:
    return acts.flatten(2).mean(dim=2).gather(1, channels[:, None])[:, 0]


def _own(acts: Maps, channels: Channels) -> Float[Tensor, "batch height width"]:
    return acts[torch.arange(len(acts)), channels]


def _all_pairs(acts: Maps, channels: Channels) -> Tensor:
    return acts[:, channels].mean(dim=(2, 3))


def _one_number(acts: Maps, channels: Channels) -> Tensor:
    return channel_objective(acts, channels).mean()


def _summed(acts: Maps, channels: Channels) -> Values:
    return _own(acts, channels).sum(dim=(1, 2))


def _peak(acts: Maps, channels: Channels) -> Values:
    return _own(acts, channels).amax(dim=(1, 2))


def _centre(acts: Maps, channels: Channels) -> Values:
    return _own(acts, channels)[:, acts.shape[2] // 2, acts.shape[3] // 2]


def _first_for_all(acts: Maps, channels: Channels) -> Values:
    return acts[:, channels[0]].mean(dim=(1, 2))


def _whole_layer(acts: Maps, channels: Channels) -> Values:
    return acts.mean(dim=(1, 2, 3))


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(batch: int, channel: int, height: int, width: int) -> tuple[Maps, Channels]:
        acts = torch.randn(batch, channel, height, width, generator=generator)
        return acts, torch.randint(channel, (batch,), generator=generator)

    hand = torch.arange(24.0).view(2, 2, 2, 3), torch.tensor([1, 0])
    acts, channels = drawn(4, 5, 3, 6)
    # Each image's own map is even, and the values are known.
    acts[torch.arange(4), channels] = torch.rand(4, 1, 1, generator=generator)
    return [
        Case("two images, two channels", hand, "hand"),
        Case("4 images, 6 channels, maps of 5x4", drawn(4, 6, 5, 4)),
        Case("7 images, 3 channels, maps of 3x8", drawn(7, 3, 3, 8)),
        Case("each image's own map has one value everywhere", (acts, channels), "truth"),
    ]


CHANNEL_OBJECTIVE = Exercise(
    id="01.1",
    function="channel_objective",
    title="A goal for each picture",
    points=2,
    stars=1,
    minutes=10,
    reference=channel_objective,
    cases=_cases,
    alternatives=(_by_switches, _by_gather),
    wrong=(
        Wrong(
            "every channel for every image",
            _all_pairs,
            "gives every image all",
            "`acts[:, channels]` gives every image all the channels: pair them with "
            "`torch.arange(batch)`",
        ),
        Wrong(
            "one number for the batch",
            _one_number,
            "one number for each image",
            "this is the mean over the batch: return one number for each image",
        ),
        Wrong("a sum", _summed, "a sum in place of a mean"),
        Wrong(
            "the peak",
            _peak,
            "the largest activation",
            "this is the largest activation of the map: take the mean over height and width",
        ),
        Wrong(
            "the unit in the middle",
            _centre,
            "the neuron in the middle",
            "this is the neuron in the middle of the map: the channel's goal is its mean",
        ),
        Wrong(
            "the first image's channel for all",
            _first_for_all,
            "the first image's channel",
            "all images get the first image's channel: each has its own",
        ),
        Wrong(
            "the whole layer",
            _whole_layer,
            "the mean of all channels",
            "this is the mean of all channels: `channels` says which one each image is to raise",
        ),
    ),
    hints=(
        "From image i take the map of channel `channels[i]`, and the mean of that map.",
        "Two lists of indices go together, entry by entry: `acts[torch.arange(len(acts)), "
        "channels]` is one map for each image.",
        "`batch channel height width` -> `batch height width` -> `batch`.",
    ),
    groups={"random": 1, "truth": 1},
    axes="batch",
)
