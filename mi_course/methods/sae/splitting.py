"""One feature in a small dictionary, several in a wide one.

A latent of the wide dictionary is a child of the nearest latent of the small one, if their
directions agree and the parent is active on most tokens on which the child is. Source: [Bricken23],
feature splitting. In go two dictionaries and activations; out comes a `Splitting`.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from mi_course.methods.sae.dictionary import Dictionary, check_width
from mi_course.methods.sae.matching import matched_features
from mi_course.results import Splitting

__all__ = ["feature_splitting"]


@torch.no_grad()
def feature_splitting(
    small: Dictionary,
    wide: Dictionary,
    x: Float[Tensor, "token d_in"],
    *,
    cosine: float = 0.5,
    inside: float = 0.5,
    chunk: int = 4096,
) -> Splitting:
    """Return which latents of a wide dictionary are children of which of a small one.

    Args:
        small: the dictionary of parents.
        wide: the dictionary of children.
        x: activations on which both are compared.
        cosine: that a child's direction has at least with its parent's.
        inside: fraction of the child's active tokens on which the parent is active, at least.
        chunk: tokens that are encoded at a time.

    Returns:
        A parent for each latent of the wide dictionary, and whether it is one, on the CPU.

    Raises:
        ValueError: widths that differ.
    """
    check_width(x, small.d_in)
    nearest = matched_features(wide, small)
    parent = nearest.partner.to(x.device)
    both, children, parents = (torch.zeros(wide.n_features, device=x.device) for _ in range(3))
    for some in x.split(chunk):
        active = wide.encode(some) > 0
        above = (small.encode(some) > 0)[:, parent]
        both += (active & above).sum(0)
        children += active.sum(0)
        parents += above.sum(0)
    return Splitting(
        parent=nearest.partner,
        cosines=nearest.cosines,
        inside=(both / children.clamp(min=1)).cpu(),
        covered=(both / parents.clamp(min=1)).cpu(),
        n_parents=small.n_features,
        least_cosine=cosine,
        least_inside=inside,
        names=(small.name, wide.name),
    )
