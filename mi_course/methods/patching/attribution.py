"""Attribution patching: all patches at once, to first order.

    effect of a patch ~ (source activation - base activation) . d metric / d activation

One forward and one backward pass of the base run, and one forward pass of the source run, stand for
a run for each place. It is exact where the metric is linear in the activation, and worst where a
large change meets a curved function: the early residual stream, a saturated attention pattern. KL
to the clean run has no slope at the clean run, so with noising it finds nothing. Source: [Nanda23].
In go a bridge and pairs; out come `PatchGrid`s and, beside the truth, a `PatchScatter`.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.methods.patching.cells import (
    HEAD_SITES,
    NEURON,
    STREAM_SITES,
    everywhere,
    known_site,
    layers_of,
    place_masks,
)
from mi_course.methods.patching.metrics import PatchMetric, chosen_metric
from mi_course.methods.patching.prompts import PatchPrompts, patch_prompts
from mi_course.methods.patching.sites import CHUNK, Given, axes_of, with_mlps
from mi_course.methods.patching.slopes import products
from mi_course.methods.patching.sweep import Way, baselines, engine_of, grid_of
from mi_course.results.patching import PatchGrid, PatchScatter

__all__ = [
    "attribution_by_position",
    "attribution_heads",
    "attribution_neurons",
    "compare_with_truth",
]


def attribution_by_position(
    model: TransformerBridge,
    prompts: Given,
    site: str = "resid_pre",
    *,
    direction: str = "denoising",
    metric: str | PatchMetric = "logit_diff",
    places: Sequence[str] | None = None,
    layers: Sequence[int] | None = None,
) -> PatchGrid:
    """Return to first order what `patch_by_position` gives for the same arguments.

    Args:
        model: any bridge.
        prompts: a task, pairs, or `PatchPrompts`.
        site: of the stream, as there.
        direction: "denoising" or "noising".
        metric: as there; any that has a gradient.
        places: as there.
        layers: which layers; all when None.

    Raises:
        ValueError: as there; or noise in the base run of a model whose weights cannot be read.
    """
    batch = patch_prompts(model, prompts)
    site = known_site(model, site, STREAM_SITES)
    names, where = place_masks(model, batch, places)
    way = Way(direction, chosen_metric(metric), CHUNK)
    return _grid(
        model, batch, site, layers_of(model, layers), where, way=way, positions={"position": names}
    )


def attribution_heads(
    model: TransformerBridge,
    prompts: Given,
    site: str = "z",
    *,
    direction: str = "denoising",
    metric: str | PatchMetric = "logit_diff",
    layers: Sequence[int] | None = None,
) -> PatchGrid:
    """Return to first order what `patch_heads` gives for the same arguments.

    Args:
        model: any bridge.
        prompts: a task, pairs, or `PatchPrompts`.
        site: of heads, as there.
        direction: "denoising" or "noising".
        metric: as there; any that has a gradient.
        layers: which layers; all when None.

    Raises:
        ValueError: as `attribution_by_position`.
    """
    batch = patch_prompts(model, prompts)
    site = known_site(model, site, HEAD_SITES)
    way = Way(direction, chosen_metric(metric), CHUNK)
    where = everywhere(model, batch)
    return _grid(model, batch, site, layers_of(model, layers), where, way=way, positions={})


def attribution_neurons(
    model: TransformerBridge,
    prompts: Given,
    layers: Sequence[int],
    *,
    direction: str = "denoising",
    metric: str | PatchMetric = "logit_diff",
) -> PatchGrid:
    """Return to first order what `patch_neurons` gives for the same arguments.

    Args:
        model: any bridge with MLPs.
        prompts: a task, pairs, or `PatchPrompts`.
        layers: whose neurons.
        direction: "denoising" or "noising".
        metric: as there; any that has a gradient.

    Raises:
        ValueError: as `attribution_by_position`, or a model without MLPs.
    """
    with_mlps(model)
    batch = patch_prompts(model, prompts)
    way = Way(direction, chosen_metric(metric), CHUNK)
    where = everywhere(model, batch)
    return _grid(model, batch, NEURON, layers_of(model, layers), where, way=way, positions={})


def compare_with_truth(approximate: PatchGrid, true: PatchGrid) -> PatchScatter:
    """Return both grids cell by cell, as distances from a patch without effect.

    Args:
        approximate: such as one of `attribution_heads`.
        true: the grid that it stands for.

    Raises:
        ValueError: grids of other sites, labels, metrics or directions.
    """
    same = ("site", "axes", "labels", "metric", "direction", "unit")
    differ = [name for name in same if getattr(approximate, name) != getattr(true, name)]
    if differ:
        raise ValueError(f"expected two grids of the same cells, got other {', '.join(differ)}")
    return PatchScatter(
        approximate.change().flatten(),
        true.change().flatten(),
        names=true.names,
        site=true.site,
        unit=true.unit,
    )


def _grid(
    model: TransformerBridge,
    prompts: PatchPrompts,
    site: str,
    layers: list[int],
    where: Bool[Tensor, "place prompt pos"],
    *,
    way: Way,
    positions: dict[str, tuple[str, ...]],
) -> PatchGrid:
    engine = engine_of(model, prompts, way.direction, way.chunk, site)
    runs = baselines(engine, way.metric, way.direction)
    found = products(engine, site, layers, way)
    by_place: Float[Tensor, "layer unit place prompt"] = torch.einsum(
        "lupt,cpt->lucp", found, where.to(found.dtype)
    )
    base = runs[1 if way.direction == "denoising" else 0]
    axes = axes_of(site, layers, found.shape[1], positions)
    given = {"axes": axes, "site": site, "direction": way.direction}
    return grid_of(by_place + base, runs, way.metric, **given, method="attribution patching")
