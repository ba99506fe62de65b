"""Path patching: what a head tells some receivers directly, by no way through other heads.

    1. base run with the sender's z from the other run, all other heads held at the base run: the
       receivers' queries, keys or values that this would give are kept;
    2. base run with the receivers so, and everything behind them free.

For the receiver "logits" the first step is all. MLPs between sender and receiver are recomputed, as
by [Wang22], so that a path through MLPs counts as direct; or held at the base run as well. In the
stream the first step is a sum of changes, so no attention is computed in it. Source: [Wang22],
section 3.1. In go a bridge, pairs and receivers such as "L2H1.q"; out comes a `PatchGrid` of
senders.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.activations import Edit, record
from mi_course.methods.lens.reading import final_point, hooks_of
from mi_course.methods.patching.cells import Cells, everywhere, place_masks
from mi_course.methods.patching.hooked import HookedEngine, hook_name, noisy
from mi_course.methods.patching.live import LiveEngine
from mi_course.methods.patching.metrics import PatchMetric, chosen_metric
from mi_course.methods.patching.prompts import patch_prompts
from mi_course.methods.patching.receivers import Receiver, receivers_of
from mi_course.methods.patching.running import run_on
from mi_course.methods.patching.sites import CHUNK, Given, axes_of
from mi_course.methods.patching.sweep import Way, baselines, engine_of, grid_of, swept
from mi_course.results.patching import PatchGrid

__all__ = ["path_patch"]

MLPS = ("recomputed", "frozen")


def path_patch(
    model: TransformerBridge,
    prompts: Given,
    receivers: Sequence[str] = ("logits",),
    *,
    direction: str = "noising",
    mlps: str = "recomputed",
    metric: str | PatchMetric = "logit_diff",
    place: str | None = None,
    chunk: int = CHUNK,
) -> PatchGrid:
    """Return the effect of each head on the metric through some receivers only.

    Args:
        model: any bridge.
        prompts: a task, pairs, or `PatchPrompts`, of any lengths.
        receivers: inputs of heads, such as ("L2H1.q",), patched together; or ("logits",).
        direction: "noising" (as [Wang22]) or "denoising".
        mlps: "recomputed" or "frozen" between sender and receiver.
        metric: as in `patch_by_position`.
        place: the name of the only position at which senders are patched; all when None.
        chunk: rows (one sender in one prompt) in one forward pass.

    Returns:
        Axes "layer" and "head" of the sender; those at or behind all receivers have no effect.

    Raises:
        ValueError: unknown receivers, MLPs, place, direction or metric, or a metric that is NaN or
            the same in both runs.
    """
    if mlps not in MLPS:
        raise ValueError(f"expected MLPs among {MLPS}, got {mlps!r}")
    batch, found = patch_prompts(model, prompts), receivers_of(model, receivers)
    way = Way(direction, chosen_metric(metric), chunk)
    read = {receiver.which for receiver in found}
    # Keys and values may be shared, queries never are.
    engine = engine_of(model, batch, direction, chunk, min(read - {"q"}, default=""))
    _not_shared(engine, found)
    runs = baselines(engine, way.metric, direction)
    where = everywhere(model, batch) if place is None else place_masks(model, batch, [place])[1]
    layers, n_heads = list(range(model.cfg.n_layers)), model.cfg.n_heads
    cells = Cells.grid("z", layers, n_heads, where)
    kind = _LivePaths if isinstance(engine, LiveEngine) else _HookedPaths
    values = swept(kind(engine, found, frozen=mlps == "frozen"), cells, way)
    return grid_of(
        values,
        runs,
        way.metric,
        axes=axes_of("z", layers, n_heads, {}),
        site="z",
        direction=direction,
        method=f"path patching to {' '.join(receivers)} (MLPs {mlps})",
    )


def _not_shared(engine: LiveEngine | HookedEngine, receivers: tuple[Receiver, ...]) -> None:
    """Raise ValueError where the keys or values of a receiver belong to several heads."""
    for layer, head, which in receivers:
        if engine.n_units(which, layer) != engine.n_units("z", layer):
            raise ValueError(
                f"expected receivers with {which} of their own, got L{layer}H{head}.{which} of a "
                "model whose heads share it, try queries"
            )


class _Paths:
    """An engine whose patches reach only some receivers."""

    def __init__(
        self, engine: LiveEngine | HookedEngine, receivers: tuple[Receiver, ...], *, frozen: bool
    ) -> None:
        self._engine, self._receivers, self._frozen = engine, receivers, frozen
        self.prompts, self.readout = engine.prompts, engine.readout
        self.base_resid, self.source_resid = engine.base_resid, engine.source_resid


class _LivePaths(_Paths):
    """Paths on plain weights."""

    @torch.no_grad()
    def ends(
        self, cells: Cells, cell: Int[Tensor, " row"], prompt: Int[Tensor, " row"]
    ) -> Float[Tensor, "row d_model"]:
        """Return the end of each row's stream."""
        engine, ends = self._engine, self.prompts.ends[prompt]
        where = cells.where[cells.place[cell], prompt]
        start = int(where.any(0).int().argmax()) if engine.twin.causal else 0
        at = torch.arange(start, int(ends.max()) + 1, device=prompt.device)
        changes = self._changes(cells, cell, prompt, at)
        if not self._receivers:
            rows = torch.arange(len(cell), device=prompt.device)
            return self.base_resid[prompt] + changes[-1][rows, ends - start]
        fixed: dict[int, list[tuple[str, int, Tensor]]] = {}
        for layer, head, which in self._receivers:
            x = self._base(layer, prompt, at) + changes[layer]
            value = engine.twin.project(layer, which, x, at=at, heads=[head])[:, :, 0]
            fixed.setdefault(layer, []).append((which, head, value))
        first = min(fixed)
        entering = {2 * first: self._base(first, prompt, at)}
        return run_on(engine.twin, engine.base, entering, prompt, ends, start=start, fixed=fixed)

    def _base(self, layer: int, prompt: Tensor, at: Tensor) -> Float[Tensor, "row pos d_model"]:
        return self._engine.base.resid_pre[layer][prompt[:, None], at]

    def _changes(
        self, cells: Cells, cell: Tensor, prompt: Tensor, at: Int[Tensor, " pos"]
    ) -> list[Float[Tensor, "row pos d_model"]]:
        """Return how far each row's stream is from the base run's before each layer, and behind."""
        model, base = self._engine.twin, self._engine.base
        senders = cells.layer[cell]
        x = self._base(0, prompt, at) * 0
        found = [x]
        for layer in range(model.n_layers):
            before, x = x, x.clone()
            if (rows := senders == layer).any():
                x[rows] += self._engine.delta(cells, cell[rows], prompt[rows], at)
            if not self._frozen and not model.attn_only:
                read = before if model.parallel else x
                site = "resid_pre" if model.parallel else "resid_mid"
                old = base.stream(site, layer)[prompt[:, None], at]
                x = x + model.mlp(layer, old + read) - model.mlp(layer, old)
            found.append(x)
        return found


class _HookedPaths(_Paths):
    """Paths with hooks, for any bridge."""

    @torch.no_grad()
    def ends(
        self, cells: Cells, cell: Int[Tensor, " row"], prompt: Int[Tensor, " row"]
    ) -> Float[Tensor, "row d_model"]:
        """Return the end of each row's stream."""
        engine, rows = self._engine, torch.arange(len(cell), device=cell.device)
        tokens, noise = engine.runs[0]
        tokens, noise = tokens[prompt], None if noise is None else noise[prompt]
        final = final_point(engine.model)
        names = [hook_name(engine.model, r.which, r.layer) for r in self._receivers]
        held = noisy(self._held(cells, cell, prompt), noise)
        seen = record(engine.model, tokens, names or [final], edits=held)
        if self._receivers:
            edits: dict[str, Edit] = {}
            for name in dict.fromkeys(names):
                heads = [r.head for r, n in zip(self._receivers, names, strict=True) if n == name]
                edits[name] = _with_heads(seen[name], heads)
            seen = record(engine.model, tokens, final, edits=noisy(edits, noise))
        return seen[final][rows, self.prompts.ends[prompt]]

    def _held(self, cells: Cells, cell: Tensor, prompt: Tensor) -> dict[str, Edit]:
        """Return edits that hold all heads (and MLPs) at the base run but each row's sender."""
        engine = self._engine
        where = cells.where[cells.place[cell], prompt]
        edits: dict[str, Edit] = {}
        for layer in range(engine.model.cfg.n_layers):
            old, new = (engine.activation("z", layer, source=s)[prompt] for s in (False, True))
            own = torch.arange(old.shape[2], device=cell.device) == cells.unit[cell][:, None]
            own = own & (cells.layer[cell] == layer)[:, None]
            mask = (where[:, :, None] & own[:, None])[..., None]
            edits[hook_name(engine.model, "z", layer)] = _given(torch.where(mask, new, old))
            if self._frozen and "mlp_out" in hooks_of(engine.model):
                out = engine.activation("mlp_out", layer, source=False)[prompt]
                edits[hook_name(engine.model, "mlp_out", layer)] = _given(out)
        return edits


def _given(value: Tensor) -> Edit:
    return lambda old: value.to(old.dtype)


def _with_heads(value: Float[Tensor, "row pos head_index d_head"], heads: list[int]) -> Edit:
    def put(old: Tensor) -> Tensor:
        old = old.clone()
        old[:, :, heads] = value[:, :, heads]
        return old

    return put
