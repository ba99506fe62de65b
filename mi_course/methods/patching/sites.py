"""Patch one kind of site everywhere: by layer and position, by head, by neuron.

    denoising   the corrupted run with one clean activation   0 nothing, 1 the clean answer is back
    noising     the clean run with one corrupted activation   1 nothing, 0 the clean answer is lost

Denoising finds places that suffice, noising places that are needed. Sources: [Wang22], [Zhang23].
In go a bridge and prompt pairs; out come `PatchGrid`s.
"""

from collections.abc import Sequence

from jaxtyping import Bool
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.methods.patching.cells import (
    HEAD_SITES,
    NEURON,
    STREAM_SITES,
    Cells,
    everywhere,
    known_site,
    layers_of,
    place_masks,
)
from mi_course.methods.patching.metrics import PatchMetric, chosen_metric
from mi_course.methods.patching.prompts import PatchPrompts, patch_prompts
from mi_course.methods.patching.sweep import Way, baselines, engine_of, grid_of, swept
from mi_course.results.patching import PatchGrid
from mi_course.worlds.tasks import PromptPair, Task

__all__ = ["CHUNK", "patch_by_position", "patch_heads", "patch_heads_by_position", "patch_neurons"]

CHUNK = 64  # enough for full matrix products on a CPU, and little memory
Given = PatchPrompts | Task | Sequence[PromptPair]


def patch_by_position(
    model: TransformerBridge,
    prompts: Given,
    site: str = "resid_pre",
    *,
    direction: str = "denoising",
    metric: str | PatchMetric = "logit_diff",
    places: Sequence[str] | None = None,
    layers: Sequence[int] | None = None,
    chunk: int = CHUNK,
) -> PatchGrid:
    """Return the effect of patching a site of the stream, by layer and position.

    Args:
        model: any bridge.
        prompts: a task, pairs, or `PatchPrompts`.
        site: "resid_pre", "resid_mid", "resid_post", "attn_out" or "mlp_out".
        direction: "denoising" or "noising".
        metric: "logit_diff" (normalised), "raw_logit_diff", "probability", "kl", or your own.
        places: names of positions, such as ("s1", "s2", "end"); every position when None, for
            prompts of one length.
        layers: which layers; all when None.
        chunk: rows (one place in one prompt) in one forward pass, which bounds the memory of
            patched runs; the clean and the corrupted run of all prompts are held beside them.

    Returns:
        Axes "layer" and "position".

    Raises:
        ValueError: an unknown site, direction, metric, place or layer; prompts of several lengths
            without places; a metric that is NaN or the same in both runs.
    """
    batch = patch_prompts(model, prompts)
    site = known_site(model, site, STREAM_SITES)
    names, where = place_masks(model, batch, places)
    way = Way(direction, chosen_metric(metric), chunk)
    found = layers_of(model, layers)
    return _grid(model, batch, site, found, where, way=way, positions={"position": names})


def patch_heads(
    model: TransformerBridge,
    prompts: Given,
    site: str = "z",
    *,
    direction: str = "denoising",
    metric: str | PatchMetric = "logit_diff",
    layers: Sequence[int] | None = None,
    chunk: int = CHUNK,
) -> PatchGrid:
    """Return the effect of patching each head at all positions at once.

    Args:
        model: any bridge.
        prompts: as in `patch_by_position`; of any lengths.
        site: "z" (what the head outputs, before W_O), "q", "k", "v", or "pattern".
        direction: "denoising" or "noising".
        metric: as in `patch_by_position`.
        layers: which layers; all when None.
        chunk: rows in one forward pass.

    Returns:
        Axes "layer" and "head". Where heads share keys and values, "k" and "v" have one head for
        each group.

    Raises:
        ValueError: as `patch_by_position`.
    """
    batch = patch_prompts(model, prompts)
    site = known_site(model, site, HEAD_SITES)
    way = Way(direction, chosen_metric(metric), chunk)
    found = layers_of(model, layers)
    return _grid(model, batch, site, found, everywhere(model, batch), way=way, positions={})


def patch_heads_by_position(
    model: TransformerBridge,
    prompts: Given,
    site: str = "z",
    *,
    direction: str = "denoising",
    metric: str | PatchMetric = "logit_diff",
    places: Sequence[str] | None = None,
    layers: Sequence[int] | None = None,
    chunk: int = CHUNK,
) -> PatchGrid:
    """Return the effect of patching each head at one position (a query's, for "pattern").

    Args:
        model: any bridge.
        prompts: as in `patch_by_position`.
        site: as in `patch_heads`.
        direction: "denoising" or "noising".
        metric: as in `patch_by_position`.
        places: as in `patch_by_position`.
        layers: which layers; all when None.
        chunk: rows in one forward pass.

    Returns:
        Axes "layer", "head" and "position".

    Raises:
        ValueError: as `patch_by_position`.
    """
    batch = patch_prompts(model, prompts)
    site = known_site(model, site, HEAD_SITES)
    names, where = place_masks(model, batch, places)
    way = Way(direction, chosen_metric(metric), chunk)
    found = layers_of(model, layers)
    return _grid(model, batch, site, found, where, way=way, positions={"position": names})


def patch_neurons(
    model: TransformerBridge,
    prompts: Given,
    layers: Sequence[int],
    *,
    direction: str = "denoising",
    metric: str | PatchMetric = "logit_diff",
    chunk: int = CHUNK,
) -> PatchGrid:
    """Return the effect of patching each neuron of some MLPs at all positions.

    Args:
        model: any bridge with MLPs.
        prompts: as in `patch_by_position`; of any lengths.
        layers: whose neurons.
        direction: "denoising" or "noising".
        metric: as in `patch_by_position`.
        chunk: rows in one forward pass.

    Returns:
        Axes "layer" and "neuron".

    Raises:
        ValueError: a model without MLPs, or as `patch_by_position`.
    """
    with_mlps(model)
    batch = patch_prompts(model, prompts)
    way = Way(direction, chosen_metric(metric), chunk)
    found = layers_of(model, layers)
    return _grid(model, batch, NEURON, found, everywhere(model, batch), way=way, positions={})


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
    n_units = engine.n_units(site, layers[0])
    cells = Cells.grid(site, layers, n_units, where)
    values = swept(engine, cells, way)
    axes = axes_of(site, layers, n_units, positions)
    return grid_of(values, runs, way.metric, axes=axes, site=site, direction=way.direction)


def axes_of(
    site: str, layers: list[int], n_units: int, positions: dict[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    """Return names and labels of a grid's axes: layer, then head or neuron, then position."""
    axes = {"layer": tuple(map(str, layers))}
    if site not in STREAM_SITES:
        axes[NEURON if site == NEURON else "head"] = tuple(map(str, range(n_units)))
    return axes | positions


def with_mlps(model: TransformerBridge) -> None:
    """Raise ValueError for a model without MLPs."""
    if not any(name.endswith("mlp.hook_post") for name in model.hook_dict):
        raise ValueError("expected a model with MLPs, got one of attention only, try patch_heads")
