"""Change what one latent says and leave all else: ablate it, clamp it, push along its direction.

With f_i the activation of latent i and v_i what one unit of it adds to the reconstruction,

    ablate  x - f_i(x) v_i      clamp  x + (value - f_i(x)) v_i      push  x + coefficient v_i

The reconstruction itself is never put in: what the dictionary misses stays as it was. An ablation
is "less than rank one": where a latent is silent nothing changes, while projecting its direction
out changes every activation. Source: [Cunningham23], section 5; [Templeton24], "Feature steering".
In go a dictionary and latents; out come edits for `activations.edit` and `activations.record`.
"""

from collections.abc import Sequence

import torch
from einops import einsum
from jaxtyping import Float
from torch import Tensor

from mi_course.activations import Edit
from mi_course.methods.sae.dictionary import Dictionary

__all__ = ["ablated", "clamped", "known_latents", "latent_vectors", "projected_out", "pushed"]

CHUNK = 512  # latents that are decoded at once


@torch.no_grad()
def latent_vectors(
    dictionary: Dictionary, latents: Sequence[int] | None = None
) -> Float[Tensor, "latent d_in"]:
    """Return what one unit of each latent adds to the reconstruction.

    Args:
        dictionary: whose `decode` is linear but for a bias, as that of all of ours is.
        latents: which ones; all when None.

    Returns:
        Vectors in units of the activation: the directions, times the decoder's norm and scale.

    Raises:
        ValueError: a latent that the dictionary does not have.
    """
    chosen = range(dictionary.n_features) if latents is None else latents
    known_latents(dictionary, chosen)
    like = dictionary.directions
    zero = dictionary.decode(like.new_zeros(1, dictionary.n_features))
    parts = []
    for some in torch.tensor(list(chosen), device=like.device).split(CHUNK):
        one_hot = like.new_zeros(len(some), dictionary.n_features)
        one_hot[torch.arange(len(some), device=like.device), some] = 1
        parts.append(dictionary.decode(one_hot) - zero)
    return torch.cat(parts)


def known_latents(dictionary: Dictionary, latents: Sequence[int]) -> None:
    """Raise ValueError unless there are latents and the dictionary has all of them."""
    n = dictionary.n_features
    unknown = [latent for latent in latents if not 0 <= latent < n]
    if unknown or not len(latents):
        raise ValueError(
            f"expected features from 0 to {n - 1} of {dictionary.name}, got "
            f"{unknown[:5] or 'none'}, try one that is active somewhere"
        )


def clamped(dictionary: Dictionary, latents: Sequence[int], values: Sequence[float | int]) -> Edit:
    """Return the edit that has latents say given values: x + sum_i (value_i - f_i(x)) v_i.

    Args:
        dictionary: that reads the activations which are edited.
        latents: which ones.
        values: what each is set to, in units of its activation.

    Returns:
        An edit; `probing.where` restricts it to positions.

    Raises:
        ValueError: an unknown latent, or not one value for each.
    """
    if len(latents) != len(values):
        raise ValueError(f"expected a value for each of {len(latents)} features, got {len(values)}")
    vectors, chosen, wanted = latent_vectors(dictionary, latents), list(latents), list(values)

    def change(x: Float[Tensor, "*batch d_in"]) -> Float[Tensor, "*batch d_in"]:
        acts = dictionary.encode(x)[..., chosen]
        moved = acts.new_tensor(wanted) - acts
        return x + einsum(moved, vectors, "... latent, latent d_in -> ... d_in").to(x.dtype)

    return change


def ablated(dictionary: Dictionary, latents: Sequence[int]) -> Edit:
    """Return the edit that takes away what latents say: x - sum_i f_i(x) v_i.

    Raises:
        ValueError: an unknown latent.
    """
    return clamped(dictionary, latents, [0] * len(latents))


def projected_out(dictionary: Dictionary, latent: int) -> Edit:
    """Return the edit that erases a latent's whole direction, also where the latent is silent.

    This is what less-than-rank-one ablation is compared with: x - (d_i x) d_i.

    Raises:
        ValueError: an unknown latent.
    """
    known_latents(dictionary, [latent])
    direction = dictionary.directions[latent]

    def change(x: Float[Tensor, "*batch d_in"]) -> Float[Tensor, "*batch d_in"]:
        along = direction.to(x.dtype)
        return x - einsum(x, along, "... d_in, d_in -> ...")[..., None] * along

    return change


def pushed(vector: Float[Tensor, " d_in"], coefficient: float | int) -> Edit:
    """Return the edit that adds a vector: x + coefficient * vector."""
    return lambda x: x + (coefficient * vector).to(x.device, x.dtype)
