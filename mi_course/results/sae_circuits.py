"""Numbers about latents in a computation: what patching them carries over, what causes one."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from mi_course.results.checks import finite, labelled, within


@dataclass(frozen=True, eq=False)
class PatchingCurve:
    """How close a run comes to another one when more and more features are copied from it.

    Means over prompts; where they share one order of features, they had no say in it.

    Attributes:
        kl: KL(target run || patched run) in nats at the prompt's end.
        magnitude: length of the edit, all its positions together.
        flipped: fraction of prompts in which the target run's answer beats the other one.
        numbers: how many features were copied.
        features: all features that differ, in the order in which they are copied; empty where
            each prompt has an order of its own.
        dictionary: their dictionary's name.
        hook: where they were copied.
        order: by what they were ordered, such as "effect".
    """

    kl: Float[Tensor, " number"]
    magnitude: Float[Tensor, " number"]
    flipped: Float[Tensor, " number"]
    numbers: tuple[int, ...]
    features: tuple[int, ...]
    dictionary: str
    hook: str
    order: str

    def __post_init__(self) -> None:
        finite("KL", self.kl)
        finite("magnitudes", self.magnitude)
        within("flipped", self.flipped, 0, 1)
        for name in ("kl", "magnitude", "flipped"):
            labelled("number", len(getattr(self, name)), self.numbers)
        if list(self.numbers) != sorted(set(self.numbers)):
            raise ValueError(f"expected numbers from low to high, got {self.numbers}")

    def needed(self, kl: float) -> int | None:
        """Return the least tried number of features that brings KL down to `kl`; None if none."""
        below = (self.kl <= kl).nonzero().flatten().tolist()
        return self.numbers[below[0]] if below else None

    def area(self) -> float:
        """Return the mean KL over all tried numbers of features but 0, in nats: lower is better."""
        some = [value for k, value in zip(self.numbers, self.kl.tolist(), strict=True) if k]
        return sum(some) / len(some) if some else float("nan")

    def summary(self) -> str:
        """Return one sentence: KL and size of the edit at some numbers of features."""
        places = sorted({0, len(self.numbers) // 3, 2 * len(self.numbers) // 3, len(self.kl) - 1})
        told = ", ".join(
            f"{self.kl[i]:.2f} with {self.numbers[i]} (edit of length {self.magnitude[i]:.1f})"
            for i in places
        )
        return f"{self.dictionary}, ordered by {self.order}: KL in nats {told}."


@dataclass(frozen=True, eq=False)
class Cause:
    """An earlier latent, and what another one loses without it.

    Attributes:
        hook: where the latent's dictionary reads.
        latent: its number.
        dictionary: its dictionary's name.
        drop: fall of the target's activation when this latent alone is ablated, mean over
            examples; below 0 where the target rises.
        activation: of this latent, at its strongest position up to the target's, mean over
            examples.
        cosine: between the two latents' directions; NaN where these have different widths.
    """

    hook: str
    latent: int
    dictionary: str
    drop: float
    activation: float
    cosine: float

    @property
    def key(self) -> tuple[str, int]:
        """Return what tells latents of several layers apart."""
        return self.hook, self.latent


@dataclass(frozen=True, eq=False)
class FeatureCauses:
    """Which earlier latents a latent depends on, in some examples.

    Attributes:
        hook: where the target's dictionary reads.
        latent: the target.
        dictionary: its dictionary's name.
        activation: of the target, mean over examples.
        causes: those ablated, the largest drop first.
        n_active: how many earlier latents are active in the examples at all.
        n_examples: how many examples.
    """

    hook: str
    latent: int
    dictionary: str
    activation: float
    causes: tuple[Cause, ...]
    n_active: int
    n_examples: int

    def __post_init__(self) -> None:
        drops = [cause.drop for cause in self.causes]
        if drops != sorted(drops, reverse=True):
            raise ValueError("expected causes with the largest drop first, got another order")

    def share(self, cause: Cause) -> float:
        """Return the fraction of the target's activation that is lost without a cause."""
        return cause.drop / self.activation if self.activation else float("nan")

    def summary(self) -> str:
        """Return one sentence: the strongest causes."""
        told = ", ".join(
            f"{cause.hook} {cause.latent} ({self.share(cause):z.0%}, cosine {cause.cosine:z.2f})"
            for cause in self.causes[:4]
        )
        return (
            f"Feature {self.latent} at {self.hook} is at {self.activation:.2f} in "
            f"{self.n_examples} examples; of {self.n_active} earlier features it loses most "
            f"without {told or 'none'}."
        )


@dataclass(frozen=True, eq=False)
class FeatureTree:
    """A latent, the latents that cause it, those that cause these, and so on down.

    Attributes:
        nodes: the target first; each with its own strongest causes as far as they were looked for.
        hooks: from the target's down.
    """

    nodes: tuple[FeatureCauses, ...]
    hooks: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.nodes or self.nodes[0].hook != self.hooks[0]:
            raise ValueError("expected the target first, got another node or none")

    def edges(self) -> list[tuple[tuple[str, int], tuple[str, int], float, float]]:
        """Return (cause, effect, fraction of the effect's activation lost, cosine) of all edges."""
        return [
            (cause.key, (node.hook, node.latent), node.share(cause), cause.cosine)
            for node in self.nodes
            for cause in node.causes
        ]

    def layer(self, hook: str) -> tuple[int, ...]:
        """Return the latents at one hook, in the order in which they were found."""
        found = [node.latent for node in self.nodes if node.hook == hook]
        found += [latent for (where, latent), *_ in self.edges() if where == hook]
        return tuple(dict.fromkeys(found))

    def summary(self) -> str:
        """Return one sentence for the target, and how large the tree is."""
        sizes = ", ".join(f"{len(self.layer(hook))} at {hook}" for hook in self.hooks)
        return f"{self.nodes[0].summary()} The tree holds {sizes}."
