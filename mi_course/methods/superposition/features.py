"""Features that are mostly zero: the inputs of toy models.

A feature is active with probability p, its density, and then has a value that is uniform on
(0, 1]. One uniform number u decides both: ReLU(1 - u / p) is zero unless u < p, and uniform given
that it is not. Source: [Elhage22], "Experiment Setup" and "Correlated features". In go densities,
out come features `[instance batch n_features]`.
"""

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["PAIRINGS", "sample_features"]

PAIRINGS = ("correlated", "anticorrelated")


def sample_features(
    batch: int,
    density: Float[Tensor, " instance"],
    n_features: int,
    generator: torch.Generator,
    *,
    pairing: str | None = None,
    binary: bool = False,
) -> Float[Tensor, "instance batch n_features"]:
    """Return features between 0 and 1, each active with its instance's density.

    Args:
        batch: examples for each instance.
        density: probability that a feature is active, above 0 and at most 1.
        n_features: how many.
        generator: on the device of `density`.
        pairing: None for independent features. "correlated": features 2i and 2i + 1 are active
            together or not at all, with values of their own. "anticorrelated": never together.
        binary: whether an active feature is always 1.

    Returns:
        Features.

    Raises:
        ValueError: a density, a size or a pairing that makes no sense.

    Source: [Elhage22], "Experiment Setup".
    """
    checked(density, n_features, pairing)
    shape = (len(density), batch, n_features if pairing is None else n_features // 2)
    u = torch.rand(shape, generator=generator, device=density.device, dtype=density.dtype)
    x = shaped_(u, density)
    if pairing is not None:
        x = _paired(x, density, generator, pairing)
    return (x > 0).to(x) if binary else x


def shaped_(u: Tensor, density: Tensor) -> Tensor:
    """Turn uniform numbers in place into features of the given densities and return them."""
    one = u.new_ones(())
    return torch.addcmul(one, u, -1 / density[:, None, None], out=u).relu_()


def _paired(first: Tensor, density: Tensor, generator: torch.Generator, pairing: str) -> Tensor:
    if pairing == "correlated":
        own = 1 - torch.rand(
            first.shape, generator=generator, device=first.device, dtype=first.dtype
        )
        second = own * (first > 0)
    else:
        # Among the examples without the first, the second has density p / (1 - p).
        rest = (density / (1 - density)).clamp(max=1)
        u = torch.rand(first.shape, generator=generator, device=first.device, dtype=first.dtype)
        second = shaped_(u, rest) * (first == 0)
    return torch.stack([first, second], dim=-1).flatten(-2)


def checked(density: Tensor, n_features: int, pairing: str | None) -> None:
    """Raise ValueError unless such features exist."""
    if n_features < 1:
        raise ValueError(f"expected 1 or more features, got {n_features}")
    if len(density) == 0 or not (density.gt(0) & density.le(1)).all():
        raise ValueError(f"expected densities above 0 and at most 1, got {density.tolist()}")
    if pairing is None:
        return
    if pairing not in PAIRINGS:
        raise ValueError(f"expected pairing None or one of {PAIRINGS}, got {pairing!r}")
    if n_features % 2:
        raise ValueError(f"expected an even number of features in pairs, got {n_features}")
    if pairing == "anticorrelated" and (density > 0.5).any():
        raise ValueError(
            f"expected densities up to 0.5, got {density.max():.3g}: of two features that are "
            "never active together, both cannot be active more than half of the time"
        )
