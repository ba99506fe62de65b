"""Directions that nobody trained to be sparse: what a sparse autoencoder must beat.

A linear dictionary reads coefficients with one matrix and writes with another. Each direction
counts twice, once for either sign, so that codes are at least 0 as those of an autoencoder are:

    c = (x - mean) read^T      codes = [relu(c), relu(-c)]      recon = c write + mean

Neurons read and write the standard basis, PCA the axes of largest variance, ICA the axes along
which activations are least like a bell curve, and random directions nothing in particular.
Sources: [Cunningham23], section 3; Hyvarinen and Oja (2000) for FastICA, the symmetric form.
In go activations `[token d_in]`; out come dictionaries.
"""

from dataclasses import dataclass, replace

import torch
from einops import einsum
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from mi_course.methods.sae.dictionary import Dictionary

__all__ = ["LinearDictionary", "TopCodes", "ica", "neurons", "pca", "random_directions"]

TOLERANCE = 1e-4
RANDOM = 1_000_003


@dataclass(frozen=True, eq=False)
class LinearDictionary:
    """Directions that are read and written linearly, each with both signs.

    Attributes:
        name: of the kind, such as "PCA".
        read: one row for each direction, whose product with an activation is its coefficient.
        write: one row for each direction, which its coefficient multiplies.
        mean: what is taken away before reading and added after writing.
    """

    name: str
    read: Float[Tensor, "direction d_in"]
    write: Float[Tensor, "direction d_in"]
    mean: Float[Tensor, " d_in"]

    @property
    def d_in(self) -> int:
        """Return the width of an activation."""
        return self.read.shape[1]

    @property
    def n_features(self) -> int:
        """Return the number of features: two for each direction, the positive ones first."""
        return 2 * self.read.shape[0]

    @property
    def directions(self) -> Float[Tensor, "n_features d_in"]:
        """Return what each feature writes, at length 1."""
        unit = normalize(self.write, dim=1)
        return torch.cat([unit, -unit])

    def encode(self, x: Float[Tensor, "*batch d_in"]) -> Float[Tensor, "*batch n_features"]:
        """Return how far an activation reaches along each direction and against it."""
        coefficients = (x - self.mean) @ self.read.T
        return torch.cat([coefficients.relu(), (-coefficients).relu()], dim=-1)

    def decode(
        self, feature_acts: Float[Tensor, "*batch n_features"]
    ) -> Float[Tensor, "*batch d_in"]:
        """Return the activation that some codes stand for."""
        forward, backward = feature_acts.chunk(2, dim=-1)
        return (forward - backward) @ self.write + self.mean

    def to(self, device: torch.device | str) -> "LinearDictionary":
        """Return the same dictionary on a device."""
        moved = {name: getattr(self, name).to(device) for name in ("read", "write", "mean")}
        return replace(self, **moved)


@dataclass(frozen=True, eq=False)
class TopCodes:
    """A dictionary of which only the k largest codes of each token are kept.

    Attributes:
        dictionary: any dictionary.
        k: codes kept.
    """

    dictionary: Dictionary
    k: int

    def __post_init__(self) -> None:
        if not 1 <= self.k <= self.dictionary.n_features:
            raise ValueError(f"expected k from 1 to {self.dictionary.n_features}, got {self.k}")

    @property
    def name(self) -> str:
        """Return the dictionary's name and k."""
        return f"{self.dictionary.name}, top {self.k}"

    @property
    def d_in(self) -> int:
        """Return the width of an activation."""
        return self.dictionary.d_in

    @property
    def n_features(self) -> int:
        """Return the number of features."""
        return self.dictionary.n_features

    @property
    def directions(self) -> Float[Tensor, "n_features d_in"]:
        """Return what each feature writes, at length 1."""
        return self.dictionary.directions

    def encode(self, x: Float[Tensor, "*batch d_in"]) -> Float[Tensor, "*batch n_features"]:
        """Return the k largest codes, the others as 0."""
        codes = self.dictionary.encode(x)
        kept = codes.topk(self.k, dim=-1)
        return torch.zeros_like(codes).scatter(-1, kept.indices, kept.values)

    def decode(
        self, feature_acts: Float[Tensor, "*batch n_features"]
    ) -> Float[Tensor, "*batch d_in"]:
        """Return the activation that some codes stand for."""
        return self.dictionary.decode(feature_acts)


def neurons(x: Float[Tensor, "token d_in"]) -> LinearDictionary:
    """Return the standard basis as a dictionary: each entry of an activation by itself.

    Args:
        x: activations, for their width and device; nothing is taken from their values.

    Returns:
        A dictionary that reconstructs everything.
    """
    basis = torch.eye(x.shape[1], device=x.device, dtype=x.dtype)
    return LinearDictionary("neurons", basis, basis, torch.zeros_like(basis[0]))


def random_directions(
    x: Float[Tensor, "token d_in"], n_directions: int | None = None, seed: int = 0
) -> LinearDictionary:
    """Return random directions: orthogonal ones, or more of them than x is wide, evenly spread.

    Args:
        x: activations, for their mean, width and device.
        n_directions: how many; as many as x is wide when None.
        seed: of the directions.

    Returns:
        A dictionary; from as many directions as x is wide it reconstructs everything.

    Raises:
        ValueError: no direction asked for.
    """
    n = x.shape[1] if n_directions is None else n_directions
    if n < 1:
        raise ValueError(f"expected at least 1 direction, got {n}")
    # Planted features with the same seed must not be the same draw.
    generator = torch.Generator().manual_seed(RANDOM + seed)
    rows = _orthogonal(torch.randn(n, x.shape[1], generator=generator)).to(x)
    return LinearDictionary("random", rows, rows, x.mean(0))


def pca(x: Float[Tensor, "token d_in"], n_directions: int | None = None) -> LinearDictionary:
    """Return the axes of largest variance, the largest first.

    Args:
        x: activations.
        n_directions: how many; as many as x is wide when None.

    Returns:
        A dictionary with orthonormal directions.

    Raises:
        ValueError: fewer than two tokens, or NaNs.
    """
    mean, axes, _ = _principal(x, n_directions)
    return LinearDictionary("PCA", axes, axes, mean)


def ica(
    x: Float[Tensor, "token d_in"],
    n_directions: int | None = None,
    *,
    steps: int = 200,
    seed: int = 0,
) -> LinearDictionary:
    """Return the axes along which whitened activations are least like a bell curve.

    Args:
        x: activations.
        n_directions: how many; as many as x is wide when None.
        steps: at most so many fixed-point steps.
        seed: of the rotation that the search starts from.

    Returns:
        A dictionary whose coefficients are uncorrelated and have variance 1.

    Raises:
        ValueError: fewer than two tokens, or NaNs.
    """
    mean, axes, variances = _principal(x, n_directions)
    # Directions without variance have nothing to be whitened.
    alive = variances > 1e-6 * variances[0]
    axes, spread = axes[alive], variances[alive].sqrt()[:, None]
    rotation = _least_gaussian((x - mean) @ (axes / spread).T, steps, seed)
    return LinearDictionary("ICA", rotation @ (axes / spread), rotation @ (axes * spread), mean)


def _principal(
    x: Float[Tensor, "token d_in"], n_directions: int | None
) -> tuple[Float[Tensor, " d_in"], Float[Tensor, "direction d_in"], Float[Tensor, " direction"]]:
    """Return the mean, the principal axes and the variances along them."""
    if len(x) < 2 or not x.isfinite().all():
        raise ValueError(f"expected at least 2 tokens and no NaN, got {len(x)} tokens, or NaNs")
    n = x.shape[1] if n_directions is None else n_directions
    if not 1 <= n <= x.shape[1]:
        raise ValueError(f"expected 1 to {x.shape[1]} directions, got {n}, try None for all")
    mean = x.mean(0)
    centred = x - mean
    variances, axes = torch.linalg.eigh(centred.T @ centred / (len(x) - 1))
    return mean, axes.T.flip(0)[:n].contiguous(), variances.flip(0)[:n]


def _least_gaussian(
    white: Float[Tensor, "token direction"], steps: int, seed: int
) -> Float[Tensor, "direction direction"]:
    """Return FastICA's rotation of whitened activations, all directions at once."""
    width = white.shape[1]
    generator = torch.Generator().manual_seed(seed)
    rotation = _orthogonal(torch.randn(width, width, generator=generator).to(white))
    for _ in range(steps):
        bent = (white @ rotation.T).tanh_()
        slope = 1 - bent.square().mean(0)
        pulled = einsum(bent, white, "token row, token column -> row column") / len(white)
        new = _orthogonal(pulled - slope[:, None] * rotation)
        turned = (einsum(new, rotation, "row column, row column -> row").abs() - 1).abs().max()
        rotation = new
        if turned < TOLERANCE:
            break
    return rotation


def _orthogonal(matrix: Float[Tensor, "row column"]) -> Float[Tensor, "row column"]:
    """Return the nearest matrix whose rows, or columns if these are fewer, are orthonormal."""
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    return left @ right
