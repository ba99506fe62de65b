"""Exercise 08.6: a score for every edge at once: differences of writers times slopes of readers."""

import torch
from einops import einsum
from jaxtyping import Float
from torch import Tensor

from mi_course.exercises.core import Case, Exercise, Wrong

Outputs = Float[Tensor, "writer batch pos d_model"]
Slopes = Float[Tensor, "reader batch pos d_model"]
Edges = Float[Tensor, "writer reader"]


def edge_attribution(written: Outputs, corrupted: Outputs, slopes: Slopes) -> Edges:
    """Return the estimated rise of the loss without each edge."""
    n_prompts = written.shape[1]
    axes = "writer batch pos d_model, reader batch pos d_model -> writer reader"
    return einsum(corrupted - written, slopes, axes) / n_prompts


def _edge_by_edge(written: Outputs, corrupted: Outputs, slopes: Slopes) -> Edges:
    rows = [
        [(change * slope).flatten(1).sum(dim=1).mean() for slope in slopes]
        for change in corrupted - written
    ]
    return torch.tensor(rows)


def _clean_minus(written: Outputs, corrupted: Outputs, slopes: Slopes) -> Edges:
    return -edge_attribution(written, corrupted, slopes)


def _summed(written: Outputs, corrupted: Outputs, slopes: Slopes) -> Edges:
    return written.shape[1] * edge_attribution(written, corrupted, slopes)


def _all_averaged(written: Outputs, corrupted: Outputs, slopes: Slopes) -> Edges:
    return edge_attribution(written, corrupted, slopes) / written.shape[2]


def _means_first(written: Outputs, corrupted: Outputs, slopes: Slopes) -> Edges:
    change, slope = (corrupted - written).mean(dim=1), slopes.mean(dim=1)
    return einsum(change, slope, "writer pos d_model, reader pos d_model -> writer reader")


def _only_clean(written: Outputs, corrupted: Outputs, slopes: Slopes) -> Edges:
    return edge_attribution(torch.zeros_like(corrupted), written, slopes)


def _sizes(written: Outputs, corrupted: Outputs, slopes: Slopes) -> Edges:
    return edge_attribution(written, corrupted, slopes).abs()


def _by_reader(written: Outputs, corrupted: Outputs, slopes: Slopes) -> Float[Tensor, "r w"]:
    return edge_attribution(written, corrupted, slopes).T


def _attribution_cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(n_writers: int, n_readers: int, *shape: int) -> tuple[Tensor, Tensor, Tensor]:
        written, corrupted = torch.randn(2, n_writers, *shape, generator=generator)
        return written, corrupted, torch.randn(n_readers, *shape, generator=generator)

    # Two writers, two prompts of one token: only the first component changes.
    written = torch.tensor([[[[1.0, 0.0]], [[3.0, 0.0]]], [[[0.0, 1.0]], [[0.0, 1.0]]]])
    corrupted = torch.tensor([[[[2.0, 0.0]], [[1.0, 0.0]]], [[[0.0, 1.0]], [[0.0, 1.0]]]])
    slopes = torch.tensor([[[[2.0, 5.0]], [[-1.0, 5.0]]], [[[0.0, 1.0]], [[4.0, 0.0]]]])
    same, read = drawn(4, 3, 3, 2, 5), drawn(3, 4, 2, 5, 3)
    same[1][2] = same[0][2]
    read[2][1] = 0
    return [
        Case("two writers, two readers", (written, corrupted, slopes), "hand"),
        Case("five writers, three readers", drawn(5, 3, 4, 6, 7)),
        Case("three writers, six readers", drawn(3, 6, 2, 5, 8)),
        Case("a writer that writes the same on both prompts", same, "property"),
        Case("a reader on which nothing depends", read, "property"),
    ]


EDGE_ATTRIBUTION = Exercise(
    id="08.6",
    function="edge_attribution",
    title="All edges at once",
    points=3,
    stars=2,
    minutes=15,
    reference=edge_attribution,
    cases=_attribution_cases,
    alternatives=(_edge_by_edge,),
    wrong=(
        Wrong("clean minus corrupted", _clean_minus, "corrupted minus",
              "the sign is wrong: removing an edge puts corrupted minus clean into the reader"),
        Wrong("summed over prompts", _summed, "mean over the prompts",
              "a sum in place of a mean over the prompts"),
        Wrong("averaged over positions", _all_averaged, "positions add up",
              "positions add up: an edge is removed at all of them; only prompts are averaged"),
        Wrong("means first", _means_first, "prompt by prompt",
              "change and slope belong together prompt by prompt: multiply first, average then"),
        Wrong("the clean output alone", _only_clean, "the difference between",
              "the slope is for the difference between corrupted and clean outputs"),
        Wrong("sizes", _sizes, "signs are lost",
              "the signs are lost: a negative score marks an edge that works against the task"),
        Wrong("readers first", _by_reader, "swapped",
              "the axes are swapped: writers come first, then readers"),
    ),
    hints=(
        "A straight line: how far the reader's input moves, times how steep the loss is there. "
        "Both are vectors at each position, so it is a dot product, added up over positions.",
        "`corrupted - written` is how far it moves; one `einsum` does all pairs of writers and "
        "readers; divide by the number of prompts.",
        '`"writer batch pos d_model, reader batch pos d_model -> writer reader"`.',
    ),
    axes="writer reader",
)  # fmt: skip
