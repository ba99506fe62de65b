"""Which places are patched: sites, layers, heads or neurons, and positions.

A cell is one patched place; a sweep is many cells of one site. In go a bridge and prompts; out come
`Cells`, which the engines run.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.methods.lens.reading import hooks_of
from mi_course.methods.patching.prompts import PatchPrompts, is_causal

__all__ = ["HEAD_SITES", "STREAM_SITES", "Cells", "known_site", "layers_of", "place_masks"]

STREAM_SITES = ("resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out")
HEAD_SITES = ("z", "q", "k", "v", "pattern")
NEURON = "neuron"


@dataclass(frozen=True, eq=False)
class Cells:
    """Patched places of one site.

    Attributes:
        site: one of the sites, or "neuron".
        layer: of each cell.
        unit: head or neuron of each cell; 0 for sites of the whole stream.
        place: of each cell a row of `where`.
        where: for each place which positions of each prompt are patched.
    """

    site: str
    layer: Int[Tensor, " cell"]
    unit: Int[Tensor, " cell"]
    place: Int[Tensor, " cell"]
    where: Bool[Tensor, "place prompt pos"]

    def __len__(self) -> int:
        """Return the number of cells."""
        return len(self.layer)

    @staticmethod
    def grid(
        site: str, layers: Sequence[int], n_units: int, where: Bool[Tensor, "place prompt pos"]
    ) -> "Cells":
        """Return all cells of some layers: by layer, then unit, then place."""
        device = where.device
        axes = (layers, range(n_units), range(len(where)))
        made = torch.cartesian_prod(*(torch.tensor(list(axis), device=device) for axis in axes))
        return Cells(site, *made.T, where)


def known_site(model: TransformerBridge, site: str, among: tuple[str, ...]) -> str:
    """Return the site without "hook_".

    Raises:
        ValueError: an unknown site, or one that this model does not have.
    """
    name = site.removeprefix("hook_")
    has = [known for known in among if known in HEAD_SITES or known in hooks_of(model)]
    if name not in has:
        raise ValueError(f"expected a site of this model among {has}, got {site!r}")
    return name


def layers_of(model: TransformerBridge, layers: Sequence[int] | None) -> list[int]:
    """Return the layers to patch; all of them for None.

    Raises:
        ValueError: a layer that the model does not have, or none.
    """
    chosen = list(range(model.cfg.n_layers) if layers is None else layers)
    if not chosen or not all(0 <= layer < model.cfg.n_layers for layer in chosen):
        raise ValueError(f"expected layers from 0 to {model.cfg.n_layers - 1}, got {chosen}")
    return chosen


def everywhere(model: TransformerBridge, prompts: PatchPrompts) -> Bool[Tensor, "1 prompt pos"]:
    """Return all positions at which the two runs can differ, as one place."""
    inside = prompts.inside()
    if not is_causal(model):
        return inside[None]
    at = torch.arange(inside.shape[1], device=inside.device)
    return (inside & (at >= prompts.first_difference()[:, None]))[None]


def place_masks(
    model: TransformerBridge, prompts: PatchPrompts, places: Sequence[str] | None
) -> tuple[tuple[str, ...], Bool[Tensor, "place prompt pos"]]:
    """Return names of places and their positions in each prompt.

    Args:
        model: any bridge.
        prompts: some prompts.
        places: names that all prompts have; every position, named by the first prompt's tokens,
            when None.

    Raises:
        ValueError: no names for prompts of several lengths, or an unknown name.
    """
    n_pos = prompts.clean.shape[1]
    if places is None:
        if not prompts.one_length:
            raise ValueError(
                f"expected prompts of one length, got {sorted(set((prompts.ends + 1).tolist()))} "
                f"tokens, try places={list(prompts.places)} or one entry of Task.groups()"
            )
        names = tuple(f"{i} {word}" for i, word in enumerate(prompts.words))
        where = torch.eye(n_pos, dtype=torch.bool, device=prompts.ends.device)
        where = where[:, None].expand(-1, len(prompts), -1)
    else:
        unknown = [name for name in places if name not in prompts.places]
        if unknown or not places:
            raise ValueError(
                f"expected places among {list(prompts.places)}, got {unknown or 'none'}"
            )
        names = tuple(places)
        at = torch.stack([prompts.places[name] for name in names])
        where = torch.arange(n_pos, device=at.device) == at[..., None]
    return names, where & everywhere(model, prompts)
