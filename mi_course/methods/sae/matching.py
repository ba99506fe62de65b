"""Are these the same features? Directions of two dictionaries, matched by their cosine.

    MMCS(a, b) = mean over directions of a of the largest cosine with a direction of b

With planted features as a and learned ones as b it tells how much of the truth was found; between
two seeds, how much of what was found is due to the data and not to the seed. A pair is matched when
each is the other's nearest, so no feature is counted twice. Sources: Sharkey et al. (2022), taking
features out of superposition; [Cunningham23], section 3. In go directions or dictionaries; out come
a fraction, a `Matching` or a `Stability`.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from mi_course.methods.sae.dictionary import Dictionary
from mi_course.results import Matching, Stability

__all__ = ["matched_features", "mmcs", "stability"]


def mmcs(
    a: Float[Tensor, "first d_in"], b: Float[Tensor, "second width"], *, chunk: int = 4096
) -> float:
    """Return the mean over a's directions of the largest cosine with one of b's, at most 1.

    Args:
        a: directions of any length, such as planted features.
        b: directions among which they are looked for.
        chunk: directions of a compared at a time.

    Returns:
        A mean of cosines; it changes when a and b are swapped.

    Raises:
        ValueError: no direction, another width, or NaNs.
    """
    return _nearest(a, b, chunk)[0].mean().item()


def matched_features(a: Dictionary, b: Dictionary, *, chunk: int = 4096) -> Matching:
    """Return each feature's nearest feature in another dictionary, and whether that is mutual.

    Args:
        a: any dictionary.
        b: another one of the same width.
        chunk: directions compared at a time.

    Returns:
        A cosine and a partner for each feature of a, on the CPU.

    Raises:
        ValueError: another width, or NaNs.
    """
    cosines, partner = _nearest(a.directions, b.directions, chunk)
    back = _nearest(b.directions, a.directions, chunk)[1]
    mutual = back[partner] == torch.arange(len(partner), device=partner.device)
    return Matching(cosines.cpu(), partner.cpu(), mutual.cpu(), (a.name, b.name))


def stability(
    dictionaries: Sequence[Dictionary],
    *,
    threshold: float = 0.7,
    names: Sequence[str] | None = None,
    chunk: int = 4096,
) -> Stability:
    """Return how many features each pair of dictionaries shares.

    Args:
        dictionaries: two or more of one width, such as of several seeds.
        threshold: cosine from which a mutually nearest pair counts as one feature.
        names: what to call them; their own names when None.
        chunk: directions compared at a time.

    Returns:
        For each pair the fraction of the first one's features that the second has too, and MMCS.

    Raises:
        ValueError: fewer than two dictionaries, another width, or names that are not one for each.
    """
    if len(dictionaries) < 2:
        raise ValueError(f"expected at least 2 dictionaries, got {len(dictionaries)}")
    pairs = [[matched_features(a, b, chunk=chunk) for b in dictionaries] for a in dictionaries]
    return Stability(
        fractions=torch.tensor([[pair.fraction(threshold) for pair in row] for row in pairs]),
        mmcs=torch.tensor([[pair.mmcs for pair in row] for row in pairs]),
        threshold=threshold,
        names=tuple(names or (dictionary.name for dictionary in dictionaries)),
    )


def _nearest(
    a: Float[Tensor, "first d_in"], b: Float[Tensor, "second width"], chunk: int
) -> tuple[Float[Tensor, " first"], Int[Tensor, " first"]]:
    """Return for each row of a the largest cosine with a row of b, and which row that is."""
    if not len(a) or not len(b) or a.shape[1] != b.shape[1]:
        raise ValueError(
            f"expected directions of one width, got {list(a.shape)} and {list(b.shape)}"
        )
    if not (a.isfinite().all() and b.isfinite().all()):
        raise ValueError("expected finite directions, got some NaN or infinite")
    a, b = normalize(a.float(), dim=1), normalize(b.to(a.device).float(), dim=1)
    found = [(some @ b.T).max(dim=1) for some in a.split(chunk)]
    return torch.cat([part.values for part in found]), torch.cat([part.indices for part in found])
