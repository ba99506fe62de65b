"""A dictionary of features: codes for an activation, and the activation that codes stand for.

A sparse autoencoder reads an activation with one matrix, keeps few of the numbers that it reads,
and writes the activation again from those. Six architectures differ in what they keep:

    pre          = (x / scale - b_dec) W_enc + b_enc
    feature_acts = relu(pre)                        tied_l1 (W_enc = W_dec^T), l1
                 = pre where pre > threshold        jumprelu, batchtopk, matryoshka
                 = the k largest of relu(pre)       topk, and a matryoshka without a threshold
    recon        = scale (feature_acts W_dec + b_dec)

Sources: [Cunningham23] section 2, [Bricken23], [Gao24] section 2, [Rajamanoharan24] section 3,
[Bussmann24] section 3. In go activations as the model has them; out come codes, and activations.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

__all__ = ["ARCHITECTURES", "SAE", "Dictionary", "check_width", "top_k"]

Activation = Callable[["SAE", Tensor], Tensor]


@runtime_checkable
class Dictionary(Protocol):
    """Anything that turns activations into codes of features and back."""

    @property
    def name(self) -> str:
        """What it is called in tables and figures."""
        ...

    @property
    def d_in(self) -> int:
        """The width of an activation."""
        ...

    @property
    def n_features(self) -> int:
        """The number of features."""
        ...

    @property
    def directions(self) -> Float[Tensor, "n_features d_in"]:
        """What each feature writes, at length 1."""
        ...

    def encode(self, x: Float[Tensor, "*batch d_in"]) -> Float[Tensor, "*batch n_features"]:
        """Return the codes of activations."""
        ...

    def decode(
        self, feature_acts: Float[Tensor, "*batch n_features"]
    ) -> Float[Tensor, "*batch d_in"]:
        """Return the activations that some codes stand for."""
        ...


def top_k(pre: Float[Tensor, "*batch d_sae"], k: int) -> Float[Tensor, "*batch d_sae"]:
    """Return the k largest entries of each row where they are positive, and 0 elsewhere."""
    kept = pre.topk(k, dim=-1, sorted=False)
    return torch.zeros_like(pre).scatter_(-1, kept.indices, kept.values.relu_())


def _relu(sae: "SAE", pre: Tensor) -> Tensor:
    return pre.relu()


def _largest(sae: "SAE", pre: Tensor) -> Tensor:
    return top_k(pre, sae.k)


def _above(sae: "SAE", pre: Tensor) -> Tensor:
    return torch.where(pre > sae.threshold, pre, 0)


def _above_or_largest(sae: "SAE", pre: Tensor) -> Tensor:
    return _largest(sae, pre) if sae.threshold is None else _above(sae, pre)


ARCHITECTURES: dict[str, Activation] = {
    "tied_l1": _relu,
    "l1": _relu,
    "topk": _largest,
    "jumprelu": _above,
    "batchtopk": _above,
    "matryoshka": _above_or_largest,
}


@dataclass(frozen=True, eq=False)
class SAE:
    """A sparse autoencoder: weights and the rule that keeps codes sparse.

    Attributes:
        W_enc: what each latent reads.
        b_enc: added to what it reads.
        W_dec: what each latent writes.
        b_dec: what the reconstruction starts from.
        architecture: a key of ARCHITECTURES.
        k: latents kept on an activation (topk), or on average in a training batch.
        threshold: below which a latent is silent: one for each (jumprelu) or one for all
            (batchtopk, matryoshka); in units of activation / scale.
        prefixes: widths of the nested dictionaries of a matryoshka, the last one d_sae.
        scale: activations are divided by it before encoding and multiplied after decoding.
        hook: where it was trained, "" if nowhere.
    """

    W_enc: Float[Tensor, "d_in d_sae"]
    b_enc: Float[Tensor, " d_sae"]
    W_dec: Float[Tensor, "d_sae d_in"]
    b_dec: Float[Tensor, " d_in"]
    architecture: str
    k: int | None = None
    threshold: Float[Tensor, "..."] | None = None
    prefixes: tuple[int, ...] | None = None
    scale: float | int = 1.0
    hook: str = ""

    def __post_init__(self) -> None:
        if self.architecture not in ARCHITECTURES:
            raise ValueError(
                f"expected an architecture of {list(ARCHITECTURES)}, got {self.architecture!r}"
            )
        _check_shapes(self)
        _check_rule(self)
        if not 0 < self.scale < float("inf"):
            raise ValueError(f"expected a positive finite scale, got {self.scale}, try 1.0")

    @property
    def d_in(self) -> int:
        """Return the width of an activation."""
        return self.W_enc.shape[0]

    @property
    def d_sae(self) -> int:
        """Return the number of latents."""
        return self.W_enc.shape[1]

    @property
    def n_features(self) -> int:
        """Return the number of latents."""
        return self.W_enc.shape[1]

    @property
    def name(self) -> str:
        """Return the architecture and the width, and k where there is one."""
        k = "" if self.k is None else f", k={self.k}"
        return f"{self.architecture} SAE ({self.d_sae}{k})"

    @property
    def directions(self) -> Float[Tensor, "d_sae d_in"]:
        """Return what each latent writes, at length 1."""
        return normalize(self.W_dec, dim=1)

    def encode(self, x: Float[Tensor, "*batch d_in"]) -> Float[Tensor, "*batch d_sae"]:
        """Return how strongly each latent is active, at least 0.

        Raises:
            ValueError: activations of another width.
        """
        return ARCHITECTURES[self.architecture](self, self.pre(x))

    def pre(self, x: Float[Tensor, "*batch d_in"]) -> Float[Tensor, "*batch d_sae"]:
        """Return what each latent reads, before the architecture's rule.

        Raises:
            ValueError: activations of another width.
        """
        check_width(x, self.d_in)
        return (x.to(self.b_dec.dtype) / self.scale - self.b_dec) @ self.W_enc + self.b_enc

    def decode(self, feature_acts: Float[Tensor, "*batch d_sae"]) -> Float[Tensor, "*batch d_in"]:
        """Return the activation that codes stand for, on the scale of the model."""
        return (feature_acts @ self.W_dec + self.b_dec) * self.scale

    def __call__(self, x: Float[Tensor, "*batch d_in"]) -> Float[Tensor, "*batch d_in"]:
        """Return the reconstruction of activations."""
        return self.decode(self.encode(x))

    def to(self, to: torch.device | str | torch.dtype) -> "SAE":
        """Return the same autoencoder on a device, or in another precision."""
        moved = {
            each.name: value.to(to)
            for each in fields(self)
            if isinstance(value := getattr(self, each.name), Tensor)
        }
        return replace(self, **moved)


def check_width(x: Float[Tensor, "*batch d_in"], d_in: int) -> None:
    """Raise ValueError unless activations are as wide as the dictionary reads them."""
    if x.ndim == 0 or x.shape[-1] != d_in:
        raise ValueError(
            f"expected activations of width d_in = {d_in}, got shape {tuple(x.shape)}, "
            "try the hook that the autoencoder was trained on"
        )


def _check_shapes(sae: SAE) -> None:
    d_in, d_sae = sae.W_enc.shape
    wanted = {"b_enc": (d_sae,), "W_dec": (d_sae, d_in), "b_dec": (d_in,)}
    for name, shape in wanted.items():
        if (got := tuple(getattr(sae, name).shape)) != shape:
            raise ValueError(
                f"expected {name} of shape {shape} beside W_enc {(d_in, d_sae)}, got {got}"
            )


def _check_rule(sae: SAE) -> None:
    """Raise ValueError unless the architecture has the numbers that its rule needs."""
    architecture, d_sae = sae.architecture, sae.d_sae
    per_latent = architecture == "jumprelu"
    thresholded = per_latent or architecture == "batchtopk"
    shape = None if sae.threshold is None else tuple(sae.threshold.shape)
    if (thresholded and shape is None) or shape not in {None, (d_sae,) if per_latent else ()}:
        raise ValueError(
            f"expected a threshold of shape {(d_sae,) if per_latent else ()} for {architecture}, "
            f"got {shape or sae.threshold}"
        )
    needs_k = architecture == "topk" or (architecture == "matryoshka" and shape is None)
    if (needs_k and sae.k is None) or not 1 <= (sae.k or 1) <= d_sae:
        raise ValueError(f"expected k from 1 to d_sae = {d_sae}, got {sae.k}")
    prefixes = sae.prefixes or (d_sae,)
    if list(prefixes) != sorted(set(prefixes)) or prefixes[0] < 1 or prefixes[-1] != d_sae:
        raise ValueError(f"expected rising prefixes up to d_sae = {d_sae}, got {sae.prefixes}")
