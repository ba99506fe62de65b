"""Patched runs that compute only what a patch can change.

Every patch, of a head as of the stream, is a change of the residual stream at one half-layer:

    a head's z' enters as (z' - z) W_O behind attention
    a neuron's a' enters as (a' - a) W_out behind the MLP

Before that half-layer nothing differs from the base run, which is kept; in a causal model nothing
differs at earlier positions either. So rows start at their half-layer and position, and rows of
many places run together. In go a bridge with its plain twin, prompts and `Cells`; out come the ends
of residual streams.
"""

from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.activations import record
from mi_course.methods.patching.cells import HEAD_SITES, NEURON, Cells
from mi_course.methods.patching.hooked import hook_name, noisy
from mi_course.methods.patching.metrics import Readout
from mi_course.methods.patching.prompts import PatchPrompts
from mi_course.methods.patching.running import run_on
from mi_course.methods.patching.traces import Trace, trace
from mi_course.models.plain import PlainTransformer

__all__ = ["LiveEngine"]

AFTER_MLP = ("resid_post", "mlp_out", NEURON)


class LiveEngine:
    """Clean and corrupted runs of some prompts, and patched ones.

    Args:
        model: any bridge.
        twin: its plain twin.
        prompts: which prompts.
        direction: "denoising": the corrupted run is patched; "noising": the clean run.
    """

    def __init__(
        self,
        model: TransformerBridge,
        twin: PlainTransformer,
        prompts: PatchPrompts,
        direction: str,
    ) -> None:
        self.model, self.twin, self.prompts = model, twin, prompts
        runs = [(prompts.corrupted, prompts.noise), (prompts.clean, None)]
        self.runs = runs if direction == "denoising" else runs[::-1]
        with torch.no_grad():
            self.base, self.source = (trace(twin, *run) for run in self.runs)
        self.readout = Readout(twin, prompts)
        self._neurons: tuple[int, Tensor] | None = None

    @cached_property
    def base_resid(self) -> Float[Tensor, "prompt d_model"]:
        """The end of the base run's stream."""
        return self._at_end(self.base)

    @cached_property
    def source_resid(self) -> Float[Tensor, "prompt d_model"]:
        """The end of the source run's stream."""
        return self._at_end(self.source)

    def _at_end(self, run: Trace) -> Float[Tensor, "prompt d_model"]:
        rows = torch.arange(len(self.prompts), device=self.prompts.ends.device)
        return run.resid_pre[-1][rows, self.prompts.ends]

    def n_units(self, site: str, layer: int) -> int:
        """Return how many heads (or neurons) a site has; 1 for the whole stream."""
        if site == NEURON:
            return len(self.twin.layers[layer].W_out)
        return self.twin.n_heads if site in HEAD_SITES else 1

    @torch.no_grad()
    def ends(
        self, cells: Cells, cell: Int[Tensor, " row"], prompt: Int[Tensor, " row"]
    ) -> Float[Tensor, "row d_model"]:
        """Return the end of the residual stream of each row's prompt with its cell patched."""
        entry = self.entry(cells.site, cells.layer[cell])
        order = entry.argsort(stable=True)
        cell, prompt, entry = cell[order], prompt[order], entry[order]
        where = cells.where[cells.place[cell], prompt]
        start = int(where.any(0).int().argmax()) if self.twin.causal else 0
        at = torch.arange(start, int(self.prompts.ends[prompt].max()) + 1, device=prompt.device)
        entering = {}
        for half in entry.unique().tolist():
            rows = entry == half
            delta = self.delta(cells, cell[rows], prompt[rows], at)
            entering[half] = self._base_stream(half)[prompt[rows][:, None], at] + delta
        ends = self.prompts.ends[prompt]
        return run_on(self.twin, self.base, entering, prompt, ends, start=start)[order.argsort()]

    def entry(self, site: str, layer: Int[Tensor, " row"]) -> Int[Tensor, " row"]:
        """Return the half-layer at which a patch enters: even before a layer, odd inside it."""
        if site == "resid_pre":
            return 2 * layer
        return 2 * layer + (2 if site in AFTER_MLP or self.twin.parallel else 1)

    def _base_stream(self, half: int) -> Float[Tensor, "prompt pos d_model"]:
        layer, inside = divmod(half, 2)
        return self.base.stream("resid_mid", layer) if inside else self.base.resid_pre[layer]

    def delta(
        self,
        cells: Cells,
        cell: Int[Tensor, " row"],
        prompt: Int[Tensor, " row"],
        at: Int[Tensor, " pos"],
    ) -> Float[Tensor, "row pos d_model"]:
        """Return by how much the stream changes at positions `at`, for rows of one layer."""
        layer, unit = int(cells.layer[cell[0]]), cells.unit[cell]
        where = cells.where[cells.place[cell], prompt]
        weights, mask = self.twin.layers[layer], where[:, at, None]
        if cells.site in HEAD_SITES:
            change = self._z_change(cells.site, layer, unit, prompt, where)[:, at]
            return _by_head(change, weights.W_O, unit)
        if cells.site == NEURON:
            change = self.neuron_change(layer)[prompt[:, None], at, unit[:, None]]
            return change[..., None] * mask * weights.W_out[unit][:, None]
        source, base = (run.stream(cells.site, layer) for run in (self.source, self.base))
        return (source - base)[prompt[:, None], at] * mask

    def _z_change(
        self, site: str, layer: int, unit: Tensor, prompt: Tensor, where: Bool[Tensor, "row pos"]
    ) -> Float[Tensor, "row pos d_head"]:
        """Return by how much each row's head's z changes at all positions."""
        base, source = (
            {name: getattr(run, name)[layer][prompt, :, unit] for name in ("q", "k", "v", "z")}
            for run in (self.base, self.source)
        )
        mask = where[..., None]
        if site == "z":
            return (source["z"] - base["z"]) * mask
        # A pattern is made by queries and keys; its rows are patched, not its columns.
        given = ("q", "k") if site == "pattern" else (site,)
        used = {
            name: torch.where(mask | (site == "pattern"), source[name], base[name])
            if name in given
            else base[name]
            for name in "qkv"
        }
        change = self.twin.attend(*(used[name][:, :, None] for name in "qkv"))[:, :, 0] - base["z"]
        return change * mask if site == "pattern" else change

    def neuron_change(self, layer: int) -> Float[Tensor, "prompt pos d_mlp"]:
        """Return the source run's activations of a layer's neurons minus the base run's."""
        if self._neurons is None or self._neurons[0] != layer:
            name = hook_name(self.model, NEURON, layer)
            base, source = (
                record(self.model, tokens, name, edits=noisy({}, noise))[name]
                for tokens, noise in self.runs
            )
            self._neurons = (layer, source - base)
        return self._neurons[1]


def _by_head(
    z: Float[Tensor, "row pos d_head"],
    W_O: Float[Tensor, "head_index d_head d_model"],
    unit: Int[Tensor, " row"],
) -> Float[Tensor, "row pos d_model"]:
    out = z.new_empty(*z.shape[:2], W_O.shape[-1])
    for head in unit.unique().tolist():
        rows = unit == head
        out[rows] = z[rows] @ W_O[head]
    return out
