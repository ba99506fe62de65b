"""Short pieces of text on which a feature is explained, and others on which that is tested.

Documents are cut into fragments of one length. For each feature the fragments with the highest
activation are taken, and random ones beside them: the top tells what a feature responds to, the
random ones whether it responds to nothing else. Source: Bills et al. (2023), "Language models can
explain neurons in language models"; [Cunningham23], section 4. In go a dictionary and
`LabelledActivations`; out come `Fragments` of every feature.
"""

from dataclasses import dataclass

import torch
from einops import rearrange, reduce
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mi_course.methods.sae.dictionary import Dictionary
from mi_course.methods.sae.labelled import LabelledActivations

__all__ = ["Fragments", "cut_documents", "top_and_random"]


@dataclass(frozen=True, eq=False)
class Fragments:
    """For each of some features its fragments, those with the highest activation first.

    Attributes:
        tokens: places of the fragments' tokens among the activations.
        acts: the feature's activation at each.
        latents: which features.
        n_top: how many of the fragments are top ones, the rest are random.
    """

    tokens: Int[Tensor, "latent fragment pos"]
    acts: Float[Tensor, "latent fragment pos"]
    latents: Int[Tensor, " latent"]
    n_top: int


def cut_documents(
    data: LabelledActivations, half: Bool[Tensor, " token"], length: int
) -> Int[Tensor, "fragment pos"]:
    """Return the tokens of one half of the documents in pieces that overlap nowhere.

    Args:
        data: activations, document after document.
        half: which tokens: all of a document's or none.
        length: tokens in a fragment; a document's last tokens are left out where they do not
            fill one.

    Returns:
        Places among the activations.

    Raises:
        ValueError: no document is so long.
    """
    _, size = data.document.unique_consecutive(return_counts=True)
    first = (size.cumsum(0) - size).repeat_interleave(size)
    place = torch.arange(len(first), device=first.device) - first
    full = (place - place % length + length) <= size.repeat_interleave(size)
    kept = (half & full).nonzero()[:, 0]
    if not len(kept):
        longest = max(size.repeat_interleave(size)[half].tolist(), default=0)
        raise ValueError(
            f"expected documents of at least {length} tokens, got at most {longest}, try shorter "
            "fragments"
        )
    return rearrange(kept, "(fragment pos) -> fragment pos", pos=length)


@torch.no_grad()
def top_and_random(
    dictionary: Dictionary,
    data: LabelledActivations,
    fragments: Int[Tensor, "fragment pos"],
    latents: Int[Tensor, " latent"],
    *,
    n_top: int = 5,
    n_random: int = 5,
    seed: int = 0,
    chunk: int = 4096,
) -> Fragments:
    """Return for each feature the fragments with its highest activations, then random others.

    Args:
        dictionary: any dictionary.
        data: activations.
        fragments: to choose from, from `cut_documents`.
        latents: which features.
        n_top: fragments with the highest activations.
        n_random: fragments drawn from the rest, whatever the activation.
        seed: of the draw.
        chunk: tokens that are encoded at a time.

    Returns:
        Fragments with their activations.

    Raises:
        ValueError: fewer fragments than asked for.
    """
    if n_top + n_random > len(fragments) or n_top < 1 or n_random < 0:
        raise ValueError(
            f"expected at least {n_top} + {n_random} fragments and one top one, got "
            f"{len(fragments)}, try more documents"
        )
    latents = latents.to(data.x.device)
    rows = max(1, chunk // fragments.shape[1])
    peaks = torch.cat(
        [
            reduce(dictionary.encode(data.x[some])[..., latents], "f pos latent -> latent f", "max")
            for some in fragments.split(rows)
        ],
        dim=1,
    )
    top = peaks.topk(n_top, dim=1).indices
    generator = torch.Generator().manual_seed(seed)
    lots = torch.rand(peaks.shape, generator=generator).to(peaks.device)
    others = lots.scatter(1, top, -1).topk(n_random, dim=1).indices
    chosen = torch.cat([top, others], dim=1)
    acts = _activations_of(dictionary, data, fragments, latents, chosen, rows)
    return Fragments(fragments[chosen], acts, latents, n_top)


def _activations_of(
    dictionary: Dictionary,
    data: LabelledActivations,
    fragments: Int[Tensor, "fragment pos"],
    latents: Int[Tensor, " latent"],
    chosen: Int[Tensor, "latent shown"],
    rows: int,
) -> Float[Tensor, "latent shown pos"]:
    """Return each feature's activations on its own fragments; each fragment is encoded once."""
    acts = torch.zeros(*chosen.shape, fragments.shape[1], device=data.x.device)
    for start in range(0, len(fragments), rows):
        codes = dictionary.encode(data.x[fragments[start : start + rows]])
        row, shown = ((chosen >= start) & (chosen < start + rows)).nonzero(as_tuple=True)
        acts[row, shown] = codes[chosen[row, shown] - start, :, latents[row]].to(acts.dtype)
    return acts
