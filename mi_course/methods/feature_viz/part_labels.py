"""What a channel means, measured: which part lies where it responds most.

For each image and channel take the place of the channel's peak and look up the map of parts there.
If high peaks have a part under them and low peaks have not, the channel tells that part:

    AUC = P(peak with the part under it > peak without)      precision = share of the top images

A part far from the peak does not count, so a channel for wheels is not taken for one for cars.
In go a `VisionModel` and `Scenes`; out come `PartScores`.
"""

from typing import NamedTuple

import torch
from einops import einsum, rearrange
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from mi_course.models.staged import ReceptiveField
from mi_course.models.vision import VisionModel
from mi_course.results.part_labels import PartScores, TwoParts
from mi_course.worlds.shapes import PARTS, PARTS_OF, Scenes

__all__ = ["Peaks", "part_scores", "parts_under_peaks", "two_parts"]

SIDE = 17  # pixels; about a wheel, or a quarter of a scene
LEAST = 10  # images with and without, for an area to mean something


class Peaks(NamedTuple):
    """Where and how much each channel responds most in each image.

    Attributes:
        values: activation at the peak.
        under: whether a part lies in the window around the middle of what the peak's unit sees.
        window: side of that window, in pixels.
    """

    values: Float[Tensor, "image channel"]
    under: Bool[Tensor, "image channel part"]
    window: int


@torch.no_grad()
def parts_under_peaks(
    model: VisionModel,
    layer: str,
    scenes: Scenes,
    *,
    window: int | None = None,
    least_pixels: int = 6,
    chunk: int = 128,
) -> Peaks:
    """Return every channel's peak in every scene, with the parts that lie under it.

    Args:
        model: a model of the shapes.
        layer: one of its layers.
        scenes: of the world of shapes.
        window: odd side of the square that counts as under a peak, in pixels; 17, or the receptive
            field where that is smaller, when None.
        least_pixels: pixels in the window from which on a part counts.
        chunk: scenes at a time.

    Raises:
        ValueError: unknown layer, or a window that is not odd.
    """
    field = model.receptive_field(layer)
    window = min(SIDE, field.size) if window is None else window
    if window < 1 or window % 2 == 0:
        raise ValueError(f"expected an odd window, got {window}, try {SIDE}")
    images = rearrange(
        torch.from_numpy(scenes.images), "image height width rgb -> image rgb height width"
    )
    maps = torch.from_numpy(scenes.part_map)
    values, under = [], []
    for some, parts in zip(images.split(chunk), maps.split(chunk), strict=True):
        acts = model.activations(some.to(model.device), layer)
        counts = _counts(parts.to(model.device), field, window, acts.shape[2:])
        peak, place = rearrange(acts, "image channel h w -> image channel (h w)").max(dim=2)
        there = rearrange(counts, "image part h w -> image (h w) part")
        here = there.gather(1, place[..., None].expand(-1, -1, len(PARTS)))
        values.append(peak.cpu())
        under.append((here >= least_pixels).cpu())
    return Peaks(torch.cat(values), torch.cat(under), window)


def _counts(
    parts: Tensor, field: ReceptiveField, window: int, size: torch.Size
) -> Float[Tensor, "image part layer_height layer_width"]:
    """Return how many pixels of each part lie in the window around each unit's middle."""
    numbers = torch.arange(1, len(PARTS) + 1, device=parts.device, dtype=parts.dtype)
    masks = (parts[:, None] == numbers[:, None, None]).float()
    before = window // 2 - round(field.start)
    after = [
        (n - 1) * field.stride + round(field.start) + window // 2 + 1 - side
        for n, side in zip(size, parts.shape[1:], strict=True)
    ]
    padded = pad(masks, (before, after[1], before, after[0]))
    return (avg_pool2d(padded, window, field.stride) * window**2).round()


def part_scores(
    model: VisionModel,
    layer: str,
    scenes: Scenes,
    *,
    top: int = 100,
    window: int | None = None,
    chunk: int = 128,
) -> PartScores:
    """Return for each channel and part how well the channel's peak tells the part.

    Args:
        model: a model of the shapes.
        layer: one of its layers.
        scenes: held-out scenes; jumbles belong among them, so that a part is not its class.
        top: how many of the images with the highest peaks the precision looks at.
        window: as in `parts_under_peaks`.
        chunk: scenes at a time.

    Raises:
        ValueError: unknown layer, fewer scenes than `top`, or a window that is not odd.
    """
    if not 1 <= top <= len(scenes):
        raise ValueError(f"expected top from 1 to {len(scenes)} scenes, got {top}")
    peaks = parts_under_peaks(model, layer, scenes, window=window, chunk=chunk)
    highest = peaks.values.topk(top, dim=0).indices
    found = peaks.under.gather(0, highest[..., None].expand(-1, -1, len(PARTS)))
    # A channel that is silent in an image has not found anything there.
    awake = (peaks.values.gather(0, highest) > 0)[..., None]
    return PartScores(
        auc=areas(peaks.values, peaks.under),
        precision=(found & awake).float().mean(dim=0),
        counts=peaks.under.sum(dim=0),
        layer=layer,
        parts=PARTS,
        n_images=len(scenes),
        top=top,
        window=peaks.window,
    )


def areas(
    values: Float[Tensor, "image channel"], labels: Bool[Tensor, "image channel part"]
) -> Float[Tensor, "channel part"]:
    """Return the area under the ROC curve of each channel for each of its own labels.

    Args:
        values: scores; ties count half.
        labels: what is true of each image; each channel has labels of its own.

    Returns:
        Areas; 0.5 where fewer than ten images have the label, or lack it.
    """
    columns = values.T.contiguous()
    ordered = columns.sort(dim=1).values
    below = torch.searchsorted(ordered, columns)
    upto = torch.searchsorted(ordered, columns, right=True)
    ranks = (below + upto + 1).double() / 2
    total = einsum(ranks, labels.double(), "channel image, image channel part -> channel part")
    true = labels.sum(dim=0).double()
    false = len(labels) - true
    known = (true >= LEAST) & (false >= LEAST)
    area = (total - true * (true + 1) / 2) / (true * false).clamp(min=1)
    return torch.where(known, area, 0.5).float()


def two_parts(scores: PartScores, *, at_least: float = 0.75) -> tuple[TwoParts, ...]:
    """Return the channels that tell two parts which no class has together.

    Args:
        scores: from `part_scores`.
        at_least: area that both parts must have.

    Returns:
        For each such channel its best pair, the pair whose weaker part is in most of the
        highest images first.
    """
    found = []
    for channel, (auc, share) in enumerate(zip(scores.auc, scores.precision, strict=True)):
        good = [i for i in auc.argsort(descending=True).tolist() if auc[i] >= at_least]
        pairs = [(i, j) for n, i in enumerate(good) for j in good[n + 1 :] if _strangers(i, j)]
        if pairs:
            i, j = max(pairs, key=lambda pair: min(float(share[k]) for k in pair))
            names, (a, b), (x, y) = (
                (scores.parts[i], scores.parts[j]),
                auc[[i, j]].tolist(),
                share[[i, j]].tolist(),
            )
            found.append(TwoParts(channel, names, (a, b), (x, y)))
    return tuple(sorted(found, key=lambda pair: -min(pair.shares)))


def _strangers(first: int, second: int) -> bool:
    """Return whether no class has both parts."""
    return not any({PARTS[first], PARTS[second]} <= set(parts) for parts in PARTS_OF.values())
