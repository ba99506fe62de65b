"""Features that come in pairs: the company they keep decides with whom they share a dimension.

Partners that are always active together disturb each other at every chance, so rare ones are put
at right angles, and frequent ones are merged into one direction, as principal components would.
Partners that are never active together do not disturb each other at all: they become antipodal.
Source: [Elhage22], "Correlated or anti-correlated features". In go densities, out comes
`PairedFeatures`.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from mi_course.methods.superposition.features import PAIRINGS
from mi_course.methods.superposition.geometry import geometry
from mi_course.methods.superposition.training import toy_loss, train_toy_models
from mi_course.results.superposition_pairs import PairedFeatures

__all__ = ["pair_cosines", "paired_features"]


def pair_cosines(
    W: Float[Tensor, "instance n_features d_hidden"],
) -> tuple[Float[Tensor, "instance pair"], Float[Tensor, " instance"]]:
    """Return cosines between partners, and the mean size of those between other features.

    Args:
        W: directions; features 2i and 2i + 1 are partners.

    Returns:
        Cosine of each pair, and mean absolute cosine of all features that are not partners; NaN
        if there is but one pair.

    Raises:
        ValueError: an odd number of features.
    """
    n = W.shape[1]
    if n % 2:
        raise ValueError(f"expected an even number of features, got {n}")
    unit = torch.nn.functional.normalize(W, dim=-1)
    cosines = unit @ unit.mT
    even = torch.arange(0, n, 2, device=W.device)
    pair = torch.arange(n, device=W.device) // 2
    others = pair[:, None] != pair
    return cosines[:, even, even + 1], cosines[:, others].abs().mean(dim=1)


def paired_features(
    pairing: str,
    density: Float[Tensor, " density"] | None = None,
    *,
    n_pairs: int = 2,
    d_hidden: int = 2,
    n_seeds: int = 12,
    steps: int = 1000,
    seed: int = 0,
) -> PairedFeatures:
    """Return how toy models arrange pairs of features, by density.

    Args:
        pairing: "correlated" or "anticorrelated", as in `sample_features`.
        density: of each feature; six from 0.5 to 0.03 when None.
        n_pairs: pairs of features.
        d_hidden: hidden dimensions.
        n_seeds: models at each density; the one with the least loss is kept,
            since about half get stuck.
        steps: of training.
        seed: of weights and inputs.

    Returns:
        Geometry and cosines of the kept models.

    Raises:
        ValueError: no such pairing, or densities that it cannot have.

    Source: [Elhage22], "Correlated or anti-correlated features".
    """
    if pairing not in PAIRINGS:
        raise ValueError(f"expected a pairing of {PAIRINGS}, got {pairing!r}")
    density = torch.logspace(-0.302, -1.5, 6) if density is None else density
    model = train_toy_models(
        2 * n_pairs, d_hidden, density.repeat(n_seeds), steps=steps, seed=seed, pairing=pairing
    ).model
    losses = toy_loss(model, pairing=pairing).view(n_seeds, -1)
    at = losses.argmin(dim=0) * len(density) + torch.arange(len(density), device=density.device)
    W = model.chosen(at).W
    within, across = pair_cosines(W)
    return PairedFeatures(
        geometry=geometry(W, density), within=within, across=across, pairing=pairing
    )
