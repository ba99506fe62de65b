"""Run every cell of a sweep on every prompt, in batches of bounded size, and judge the runs.

Rows that start at the same position run together. A cell that changes nothing in a prompt (the two
runs agree up to there) costs nothing. In go a bridge, prompts and `Cells`; out comes the metric of
each cell and prompt, and from it a `PatchGrid`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor
from tqdm.auto import tqdm
from transformer_lens.model_bridge import TransformerBridge

from mi_course.methods.patching.cells import Cells
from mi_course.methods.patching.hooked import HookedEngine
from mi_course.methods.patching.intervals import bootstrap_means, bootstrap_ratios
from mi_course.methods.patching.live import LiveEngine
from mi_course.methods.patching.metrics import (
    PatchMetric,
    Predictions,
    Readout,
    metric_values,
    telling,
)
from mi_course.methods.patching.prompts import PatchPrompts
from mi_course.models.plain import plain
from mi_course.results.patching import DIRECTIONS, PatchGrid

__all__ = ["Engine", "Patched", "Way", "baselines", "engine_of", "grid_of", "judged", "swept"]


@dataclass(frozen=True)
class Way:
    """How a sweep is done.

    Attributes:
        direction: "denoising" or "noising".
        metric: what is measured.
        chunk: rows in one forward pass.
    """

    direction: str
    metric: PatchMetric
    chunk: int


@runtime_checkable
class Patched(Protocol):
    """What a sweep asks of an engine: two runs of some prompts, and their patched runs."""

    prompts: PatchPrompts
    readout: Readout
    base_resid: Float[Tensor, "prompt d_model"]
    source_resid: Float[Tensor, "prompt d_model"]

    def ends(
        self, cells: Cells, cell: Int[Tensor, " row"], prompt: Int[Tensor, " row"]
    ) -> Float[Tensor, "row d_model"]:
        """Return the end of the residual stream of each row's prompt with its cell patched."""


Engine = LiveEngine | HookedEngine
QUIET = 5000  # rows without a progress bar


def engine_of(
    model: TransformerBridge, prompts: PatchPrompts, direction: str, chunk: int, site: str = ""
) -> Engine:
    """Return the fast engine, or the one with hooks for a model that `plain` cannot read.

    Args:
        model: any bridge.
        prompts: which prompts.
        direction: "denoising" or "noising".
        chunk: rows in one forward pass.
        site: keys and values that several heads share are patched with hooks.

    Raises:
        ValueError: an unknown direction, or a chunk below 1.
    """
    if direction not in DIRECTIONS or chunk < 1:
        raise ValueError(
            f"expected a direction among {DIRECTIONS} and a chunk of at least 1, got "
            f"{direction!r} and {chunk}"
        )
    shared = getattr(model.cfg, "n_key_value_heads", None) not in (None, model.cfg.n_heads)
    try:
        if shared and site in ("k", "v"):
            raise ValueError
        twin = plain(model)
    except ValueError:
        return HookedEngine(model, prompts, direction, chunk)
    return LiveEngine(model, twin, prompts, direction)


def judged(
    engine: Patched,
    metric: PatchMetric,
    resid: Float[Tensor, "row d_model"],
    prompt: Int[Tensor, " row"],
    direction: str,
) -> Float[Tensor, " row"]:
    """Return the metric of runs from the ends of their streams."""
    clean = engine.source_resid if direction == "denoising" else engine.base_resid
    said = Predictions(resid, prompt, engine.prompts, engine.readout, clean)
    return metric_values(metric, said)


@torch.no_grad()
def baselines(
    engine: Patched, metric: PatchMetric, direction: str
) -> tuple[Float[Tensor, " prompt"], Float[Tensor, " prompt"]]:
    """Return the metric of the clean and of the corrupted runs.

    Raises:
        ValueError: the metric is the same in both.
    """
    every = torch.arange(len(engine.prompts), device=engine.prompts.ends.device)
    base, source = (
        judged(engine, metric, resid, every, direction)
        for resid in (engine.base_resid, engine.source_resid)
    )
    clean, corrupted = (source, base) if direction == "denoising" else (base, source)
    telling(metric, clean, corrupted)
    return clean, corrupted


@torch.no_grad()
def swept(engine: Patched, cells: Cells, way: Way) -> Float[Tensor, "cell prompt"]:
    """Return the metric of every cell and prompt.

    Args:
        engine: of the prompts.
        cells: what is patched.
        way: direction (the engine's), metric and batch size.
    """
    every = torch.arange(len(engine.prompts), device=cells.layer.device)
    base = judged(engine, way.metric, engine.base_resid, every, way.direction)
    values = base.repeat(len(cells), 1)
    batches = list(_batches(cells, way.chunk))
    quiet = sum(len(cell) for cell, _ in batches) < QUIET
    for cell, prompt in tqdm(batches, disable=quiet, desc=f"patching {cells.site}"):
        resid = engine.ends(cells, cell, prompt)
        values[cell, prompt] = judged(engine, way.metric, resid, prompt, way.direction)
    return values


def _batches(cells: Cells, chunk: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield cells and prompts of the rows of each batch: those of one start, then the next."""
    changed = cells.where.any(-1)[cells.place]  # [cell prompt]
    cell, prompt = changed.nonzero().T
    start = cells.where.int().argmax(-1)[cells.place[cell], prompt]
    order = start.argsort(stable=True)
    starts = start[order].tolist()
    begin = 0
    for i in range(1, len(starts) + 1):
        full = i - begin == chunk
        # A few rows of the next position rather join this batch than run alone.
        moved = i < len(starts) and starts[i] != starts[i - 1] and i - begin >= chunk // 4
        if full or moved or i == len(starts):
            rows = order[begin:i]
            yield cell[rows], prompt[rows]
            begin = i


def grid_of(
    by_prompt: Float[Tensor, "*cells prompt"],
    runs: tuple[Float[Tensor, " prompt"], Float[Tensor, " prompt"]],
    metric: PatchMetric,
    *,
    axes: dict[str, tuple[str, ...]],
    site: str,
    direction: str,
    seed: int = 0,
    method: str = "patching",
) -> PatchGrid:
    """Return a result with intervals over prompts.

    Args:
        by_prompt: the metric of each cell and prompt, cells in the order of the axes.
        runs: that of the clean and of the corrupted run.
        metric: which one it is.
        axes: name -> labels of each axis.
        site: what was patched.
        direction: "denoising" or "noising".
        seed: of the draws of prompts.
        method: how it was found.
    """
    clean, corrupted = runs
    by_prompt = by_prompt.reshape(*map(len, axes.values()), len(clean))
    if metric.normalised:
        found = bootstrap_ratios(by_prompt, corrupted, clean, seed=seed)
    else:
        found = bootstrap_means(by_prompt, seed=seed)
    return PatchGrid(
        *(values.cpu() for values in found),
        by_prompt=by_prompt.cpu(),
        axes=tuple(axes),
        labels=tuple(axes.values()),
        site=site,
        metric=metric.name,
        unit="fraction" if metric.normalised else metric.unit,
        raw_unit=metric.unit,
        direction=direction,
        clean=clean.cpu(),
        corrupted=corrupted.cpu(),
        normalised=metric.normalised,
        method=method,
    )
