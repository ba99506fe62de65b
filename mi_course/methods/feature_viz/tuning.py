"""How a channel answers when one property of a simple stimulus varies: its tuning curve.

A channel that is tuned to edges at one angle answers there and is silent elsewhere; a curve
detector prefers curves to straight edges; a high-low frequency detector wants fine grain on one
side and none on the other. With responses r over angles,

    selectivity = max(|sum r exp(i angle)|, |sum r exp(2 i angle)|) / sum r       (0 flat, 1 sharp)
    preference  = (peak - reference) / (peak + reference)

where the reference is the answer to the stimulus that lacks the property. Sources: [Cammarata20]
Curve Detectors; [Schubert21] High-Low Frequency Detectors. In go a `VisionModel` and stimuli of the
world of shapes; out come `TuningCurves`.
"""

from collections.abc import Sequence

import numpy as np
import torch
from einops import rearrange, reduce
from jaxtyping import Float
from torch import Tensor

from mi_course.methods.feature_viz.objectives import checked_channels
from mi_course.models.vision import VisionModel
from mi_course.results.channels import TuningCurves
from mi_course.worlds.shapes import curves, edges, high_low
from mi_course.worlds.shapes.stimuli import Stimuli

__all__ = [
    "curvature_tuning",
    "high_low_tuning",
    "orientation_tuning",
    "responses",
    "tuning_curve",
]

ALONE = (-64.0, 64.0)  # the border is outside of the picture: one side alone is seen


def tuning_curve(
    values: Float[Tensor, "stimulus channel"], angles: Float[Tensor, " stimulus"]
) -> tuple[Float[Tensor, "channel angle"], Float[Tensor, " angle"]]:
    """Return each channel's largest response at each angle, and the angles in order.

    Args:
        values: responses.
        angles: of the stimuli; several may have the same.
    """
    found, at = angles.unique(sorted=True, return_inverse=True)
    start = values.new_full((len(found), values.shape[1]), -torch.inf)
    index = at[:, None].expand_as(values).to(values.device)
    largest = start.scatter_reduce(0, index, values, "amax")
    return rearrange(largest, "angle channel -> channel angle"), found


@torch.no_grad()
def responses(
    model: VisionModel, layer: str, stimuli: Stimuli, channels: Sequence[int], *, chunk: int = 128
) -> Float[Tensor, "stimulus channel"]:
    """Return what the unit in the middle of the map answers to each stimulus, on the CPU.

    Args:
        model: any.
        layer: where.
        stimuli: of the world of shapes.
        channels: which.
        chunk: stimuli in one forward pass.
    """
    images = rearrange(torch.from_numpy(stimuli.images), "image h w rgb -> image rgb h w")
    found = []
    for some in images.split(chunk):
        acts = model.activations(some.to(model.device), layer)
        height, width = acts.shape[2:]
        found.append(acts[:, list(channels), height // 2, width // 2].cpu())
    return torch.cat(found)


def orientation_tuning(
    model: VisionModel, layer: str, channels: Sequence[int] | None = None, *, n_angles: int = 24
) -> TuningCurves:
    """Return responses to straight edges by angle; the reference is an even grey picture.

    Args:
        model: any.
        layer: where.
        channels: which; all when None.
        n_angles: around the full turn; half a turn apart, light and dark swap.

    Raises:
        ValueError: an unknown layer or channel.
    """
    wanted = checked_channels(model, layer, channels)
    shown = edges(n_angles)
    curve, angles = tuning_curve(
        responses(model, layer, shown, wanted), torch.from_numpy(shown.angles)
    )
    even = Stimuli(np.full_like(shown.images[:1], 0.5), *[np.zeros(1)] * 3)
    return TuningCurves(
        values=curve[:, None],
        angles=angles,
        rows=("edge",),
        reference=responses(model, layer, even, wanted)[0],
        property="an edge",
        layer=layer,
        channels=wanted,
    )


def curvature_tuning(
    model: VisionModel,
    layer: str,
    channels: Sequence[int] | None = None,
    *,
    radii: Sequence[float] = (6.0, 9.0, 13.0, 20.0),
    n_angles: int = 24,
) -> TuningCurves:
    """Return responses to curves by radius and angle; the reference is the best straight edge.

    Args:
        model: any.
        layer: where.
        channels: which; all when None.
        radii: in pixels.
        n_angles: around the full turn.

    Raises:
        ValueError: an unknown layer or channel, or no radius.

    Source: [Cammarata20] Curve Detectors.
    """
    wanted = checked_channels(model, layer, channels)
    shown = curves(radii, n_angles)
    found = responses(model, layer, shown, wanted)
    by_radius = []
    for radius in radii:
        of_it = torch.from_numpy(shown.radii == radius)
        curve, angles = tuning_curve(found[of_it], torch.from_numpy(shown.angles)[of_it])
        by_radius.append(curve)
    straight = responses(model, layer, edges(n_angles), wanted)
    return TuningCurves(
        values=rearrange(by_radius, "radius channel angle -> channel radius angle"),
        angles=angles,
        rows=tuple(f"radius {radius:g}" for radius in radii),
        reference=reduce(straight, "stimulus channel -> channel", "max"),
        property="a curve",
        layer=layer,
        channels=wanted,
    )


def high_low_tuning(
    model: VisionModel, layer: str, channels: Sequence[int] | None = None, *, n_angles: int = 24
) -> TuningCurves:
    """Return responses to borders of grain; the reference is the better of grain and grey alone.

    Args:
        model: any.
        layer: where.
        channels: which; all when None.
        n_angles: around the full turn.

    Raises:
        ValueError: an unknown layer or channel.

    Source: [Schubert21] High-Low Frequency Detectors.
    """
    wanted = checked_channels(model, layer, channels)
    shown = high_low(n_angles)
    curve, angles = tuning_curve(
        responses(model, layer, shown, wanted), torch.from_numpy(shown.angles)
    )
    alone = responses(model, layer, high_low(1, offsets=ALONE), wanted)
    return TuningCurves(
        values=curve[:, None],
        angles=angles,
        rows=("border of grain",),
        reference=reduce(alone, "stimulus channel -> channel", "max"),
        property="a border of grain",
        layer=layer,
        channels=wanted,
    )
