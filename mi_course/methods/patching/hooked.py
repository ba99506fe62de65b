"""Patched runs of any bridge: rows of many places share one forward pass with hooks.

Each row of the batch is one prompt with its own place patched. The whole model runs for each row,
so this is the slower engine, for bridges whose weights `plain` cannot read. `hook_resid_mid` of a
bridge reaches the MLP but not the stream around it, so the stream between attention and MLP is
patched through what attention writes. In go a bridge, prompts and `Cells`; out come the ends of
residual streams.
"""

from functools import partial

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.activations import Edit, record
from mi_course.methods.lens.reading import final_point, hooks_of
from mi_course.methods.patching.cells import HEAD_SITES, NEURON, Cells
from mi_course.methods.patching.metrics import Readout
from mi_course.methods.patching.prompts import PatchPrompts

__all__ = ["HookedEngine", "hook_name", "noisy"]

Edits = dict[str, Edit]
FIRST = "blocks.0.hook_resid_pre"


def hook_name(model: TransformerBridge, site: str, layer: int) -> str:
    """Return the name of the hook at which a site is recorded."""
    if site in HEAD_SITES:
        return f"blocks.{layer}.attn.hook_{site}"
    return f"blocks.{layer}.{'mlp.hook_post' if site == NEURON else hooks_of(model)[site]}"


def noisy(edits: Edits, noise: Float[Tensor, "row pos d_model"] | None) -> Edits:
    """Return the edits behind one that adds a corrupted run's noise; the edits without noise."""
    if noise is None:
        return edits
    then = edits.get(FIRST, lambda resid: resid)
    return {**edits, FIRST: lambda resid: then(resid + noise.to(resid.dtype))}


class HookedEngine:
    """Clean and corrupted runs of some prompts, and patched ones.

    Args:
        model: any bridge.
        prompts: which prompts.
        direction: "denoising": the corrupted run is patched; "noising": the clean run.
        chunk: rows in one forward pass.
    """

    def __init__(
        self, model: TransformerBridge, prompts: PatchPrompts, direction: str, chunk: int
    ) -> None:
        self.model, self.prompts, self._chunk = model, prompts, chunk
        runs = [(prompts.corrupted, prompts.noise), (prompts.clean, None)]
        self.runs = runs if direction == "denoising" else runs[::-1]
        self.readout = Readout(model, prompts)
        (end,) = self._recorded([final_point(model)], self.runs[0])
        (other,) = self._recorded([final_point(model)], self.runs[1])
        rows = torch.arange(len(prompts), device=prompts.ends.device)
        self.base_resid, self.source_resid = (t[rows, prompts.ends] for t in (end, other))
        self._seen: dict[tuple[str, bool], Tensor] = {}

    def n_units(self, site: str, layer: int) -> int:
        """Return how many heads (or neurons) a site has."""
        if site in HEAD_SITES:
            return self.activation(site, layer, source=True).shape[1 if site == "pattern" else 2]
        return self.activation(site, layer, source=True).shape[-1] if site == NEURON else 1

    @torch.no_grad()
    def ends(
        self, cells: Cells, cell: Int[Tensor, " row"], prompt: Int[Tensor, " row"]
    ) -> Float[Tensor, "row d_model"]:
        """Return the end of the residual stream of each row's prompt with its cell patched."""
        edits: Edits = {}
        layers = cells.layer[cell]
        for layer in layers.unique().tolist():
            here = layers == layer
            where = cells.where[cells.place[cell], prompt] & here[:, None]
            name, change = self._edit(cells.site, layer, where, cells.unit[cell], prompt)
            edits[name] = change
        tokens, noise = self.runs[0]
        edits = noisy(edits, None if noise is None else noise[prompt])
        final = final_point(self.model)
        resid = record(self.model, tokens[prompt], final, edits=edits)[final]
        return resid[torch.arange(len(cell), device=resid.device), self.prompts.ends[prompt]]

    def _edit(
        self, site: str, layer: int, where: Bool[Tensor, "row pos"], unit: Tensor, prompt: Tensor
    ) -> tuple[str, Edit]:
        new = self.activation(site, layer, source=True)
        if site == "resid_mid":
            shift = (new - self.activation(site, layer, source=False))[prompt] * where[..., None]
            return hook_name(self.model, "attn_out", layer), lambda out: out + shift
        mask = where[..., None]
        if site in HEAD_SITES or site == NEURON:
            n = self.n_units(site, layer)
            own = torch.arange(n, device=unit.device) == unit[:, None]  # [row unit]
            mask = where[:, :, None] & own[:, None, :]
            if site in HEAD_SITES:
                mask = mask.transpose(1, 2)[..., None] if site == "pattern" else mask[..., None]
        return hook_name(self.model, site, layer), partial(_put, mask=mask, new=new, of=prompt)

    def activation(self, site: str, layer: int, *, source: bool) -> Float[Tensor, "prompt ..."]:
        """Return a site's activations in the source run, or else in the base run."""
        name = hook_name(self.model, site, layer)
        if (name, source) not in self._seen:
            (self._seen[name, source],) = self._recorded([name], self.runs[source])
        return self._seen[name, source]

    def _recorded(self, names: list[str], run: tuple) -> list[Tensor]:
        tokens, noise = run
        parts = [slice(i, i + self._chunk) for i in range(0, len(tokens), self._chunk)]
        found = [
            record(
                self.model,
                tokens[part],
                names,
                edits=noisy({}, None if noise is None else noise[part]),
            )
            for part in parts
        ]
        return [torch.cat([one[name] for one in found]) for name in names]


def _put(old: Tensor, mask: Tensor, new: Tensor, of: Tensor) -> Tensor:
    return torch.where(mask, new[of].to(old.dtype), old)
