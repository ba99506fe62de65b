"""Exercise 01.7: pictures that are to differ from each other."""

import torch
from einops import einsum
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cosine_similarity, normalize

from mi_course.exercises.core import Case, Exercise, Wrong

Maps = Float[Tensor, "image channel height width"]
Values = Float[Tensor, " image"]


def diversity_term(acts: Maps) -> Values:
    """Return minus the mean cosine of each image's Gram matrix with those of the others."""
    flat = acts.flatten(2)
    grams = normalize((flat @ flat.mT).flatten(1), dim=1)
    cosines = grams @ grams.T
    return -(cosines.sum(dim=1) - cosines.diagonal()) / (len(acts) - 1)


def _pair_by_pair(acts: Maps) -> Values:
    flat = acts.flatten(2)
    grams = einsum(flat, flat, "image one place, image other place -> image one other")
    values = []
    for i, own in enumerate(grams):
        others = torch.cat([grams[:i], grams[i + 1 :]]).flatten(1)
        values.append(-cosine_similarity(own.flatten()[None], others).mean())
    return torch.stack(values)


def _grams(acts: Maps) -> Float[Tensor, "image entry"]:
    flat = acts.flatten(2)
    return (flat @ flat.mT).flatten(1)


def _others(similar: Float[Tensor, "image other"]) -> Values:
    return -(similar.sum(dim=1) - similar.diagonal()) / (len(similar) - 1)


def _cosines(rows: Float[Tensor, "image entry"]) -> Float[Tensor, "image other"]:
    unit = normalize(rows, dim=1)
    return unit @ unit.T


def _alike(acts: Maps) -> Values:
    return -diversity_term(acts)


def _with_itself(acts: Maps) -> Values:
    return -_cosines(_grams(acts)).mean(dim=1)


def _too_many(acts: Maps) -> Values:
    return diversity_term(acts) * (len(acts) - 1) / len(acts)


def _summed(acts: Maps) -> Values:
    return diversity_term(acts) * (len(acts) - 1)


def _activations(acts: Maps) -> Values:
    return _others(_cosines(acts.flatten(1)))


def _means(acts: Maps) -> Values:
    return _others(_cosines(acts.mean(dim=(2, 3))))


def _no_lengths(acts: Maps) -> Values:
    grams = _grams(acts)
    return _others(grams @ grams.T)


def _places(acts: Maps) -> Values:
    flat = acts.flatten(2)
    return _others(_cosines((flat.mT @ flat).flatten(1)))


def _one_number(acts: Maps) -> Tensor:
    return diversity_term(acts).mean()


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(image: int, channel: int, height: int, width: int) -> Maps:
        acts = torch.randn(image, channel, height, width, generator=generator).relu()
        return acts * (0.3 + 2 * torch.rand(image, 1, 1, 1, generator=generator))

    hand = torch.tensor(
        [
            [[[1.0, 0.0]], [[0.0, 1.0]]],
            [[[2.0, 0.0]], [[2.0, 0.0]]],
            [[[0.0, 3.0]], [[0.0, 0.0]]],
        ]
    )
    # The same texture elsewhere, and brighter, is no other texture.
    acts = drawn(1, 4, 3, 5)
    order = torch.randperm(15, generator=generator)
    shuffled = acts.flatten(2)[:, :, order].view_as(acts)
    alike = torch.cat([acts, 3 * shuffled, drawn(1, 4, 3, 5)])
    # No channel is active in two images: nothing is shared, but with the last one.
    apart = drawn(3, 3, 4, 2) * torch.eye(3)[:, :, None, None]
    apart = torch.cat([apart, drawn(1, 3, 4, 2)])
    return [
        Case("three images, two channels, two places", (hand,), "hand"),
        Case("4 images, 5 channels, maps of 3x6", (drawn(4, 5, 3, 6),)),
        Case("6 images, 3 channels, maps of 4x4", (drawn(6, 3, 4, 4),)),
        Case("the same texture in other places", (alike,), "property"),
        Case("channels of their own", (apart,), "truth"),
    ]


DIVERSITY_TERM = Exercise(
    id="01.7",
    function="diversity_term",
    title="Several pictures that differ",
    points=3,
    stars=2,
    minutes=15,
    reference=diversity_term,
    cases=_cases,
    alternatives=(_pair_by_pair,),
    wrong=(
        Wrong(
            "likeness",
            _alike,
            "how alike",
            "this grows the more how alike the pictures are: it is to be raised, so a minus is "
            "missing",
        ),
        Wrong(
            "with itself",
            _with_itself,
            "with itself",
            "each image is compared with itself too, which is always 1: leave the diagonal out",
        ),
        Wrong(
            "divided by all",
            _too_many,
            "divided by the number of images",
            "the sum is divided by the number of images: there is one less to compare with",
        ),
        Wrong(
            "a sum over the others",
            _summed,
            "sum over the others",
            "this is the sum over the others: take the mean",
        ),
        Wrong(
            "activations in place of textures",
            _activations,
            "place by place",
            "activations are compared place by place: compare Gram matrices, which forget places",
        ),
        Wrong(
            "means of channels",
            _means,
            "the channels' means",
            "the channels' means are compared: the Gram matrix holds products of channels",
        ),
        Wrong(
            "no lengths",
            _no_lengths,
            "is not a cosine",
            "this is not a cosine: divide each Gram matrix by its norm",
        ),
        Wrong(
            "places by places",
            _places,
            "products of places",
            "these are products of places, summed over channels: sum over places, keep channels",
        ),
        Wrong(
            "one number",
            _one_number,
            "one number for each image",
            "this is the mean over the set: return one number for each image",
        ),
    ),
    hints=(
        "An image's Gram matrix holds, for each pair of channels, their product summed over "
        "places. Compare it with the other images' by cosine, take the mean, change the sign.",
        "With `flat = acts.flatten(2)`, `flat @ flat.mT` are the Gram matrices; `normalize` their "
        "rows of entries, and `grams @ grams.T` are all cosines at once.",
        "`image channel (height width)` -> `image channel channel` -> `image (channel channel)` "
        "-> `image image` -> `image`.",
    ),
    groups={"random": 1, "property": 1, "truth": 1},
    axes="image",
)
