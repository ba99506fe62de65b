"""Numbers about one latent: where it speaks, what it writes, which labels it tells."""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from mi_course.results.checks import finite, labelled, within
from mi_course.results.neurons import LogitEffect


@dataclass(frozen=True, eq=False)
class LatentExample:
    """A stretch of text with what a latent says at each of its tokens.

    Attributes:
        tokens: texts of the tokens.
        activations: of the latent, 0 where it is silent.
        peak: index of the token that the example is about.
        document: number of the document.
    """

    tokens: tuple[str, ...]
    activations: Float[Tensor, " pos"]
    peak: int
    document: int

    def __post_init__(self) -> None:
        finite("activations", self.activations)
        labelled("position", len(self.activations), self.tokens)
        if not 0 <= self.peak < len(self.tokens):
            raise ValueError(f"expected a peak below {len(self.tokens)}, got {self.peak}")

    @property
    def value(self) -> float:
        """The activation at the peak."""
        return self.activations[self.peak].item()

    def text(self) -> str:
        """Return the example with its peak in brackets."""
        said = list(self.tokens)
        said[self.peak] = f"[{said[self.peak]}]"
        return "".join(said)


@dataclass(frozen=True, eq=False)
class LatentLabels:
    """The labels of the world that a latent tells best, chosen on some documents, judged on others.

    Attributes:
        labels: such as "natural_language: ru", the best first.
        f1: held out, at the threshold that was best where the labels were chosen.
        precision: held out.
        recall: held out.
        thresholds: activations above which the latent says yes.
    """

    labels: tuple[str, ...]
    f1: Float[Tensor, " label"]
    precision: Float[Tensor, " label"]
    recall: Float[Tensor, " label"]
    thresholds: Float[Tensor, " label"]

    def __post_init__(self) -> None:
        for name in ("f1", "precision", "recall"):
            within(name, getattr(self, name), 0, 1)
            labelled("label", len(getattr(self, name)), self.labels)
        labelled("label", len(self.thresholds), self.labels)


@dataclass(frozen=True, eq=False)
class TokenHistogram:
    """The tokens at which a latent is active.

    Attributes:
        tokens: texts, the most frequent first.
        active: how often the latent is active at each.
        total: how often each occurs at all.
        n_active: how often the latent is active at any token, also at those not listed.
    """

    tokens: tuple[str, ...]
    active: Int[Tensor, " token"]
    total: Int[Tensor, " token"]
    n_active: int

    def __post_init__(self) -> None:
        labelled("token", len(self.active), self.tokens)
        labelled("token", len(self.total), self.tokens)
        if (self.active > self.total).any() or self.active.sum() > self.n_active:
            raise ValueError("expected no more active tokens than there are, got more")


@dataclass(frozen=True, eq=False)
class ActivationHistogram:
    """How strongly a latent is active, and how often its best label holds at each strength.

    Attributes:
        edges: of the bins, from 0 to the largest activation.
        counts: active tokens in each bin.
        with_label: those of them that carry the label.
        label: which label.
        quantiles: fractions of the active tokens.
        at_quantiles: the activations below which they lie.
    """

    edges: Float[Tensor, " edge"]
    counts: Int[Tensor, " bin"]
    with_label: Int[Tensor, " bin"]
    label: str
    quantiles: tuple[float, ...]
    at_quantiles: Float[Tensor, " quantile"]

    def __post_init__(self) -> None:
        finite("edges", self.edges)
        labelled("edge", len(self.edges) - 1, tuple(self.counts))
        labelled("quantile", len(self.at_quantiles), self.quantiles)
        if (self.with_label > self.counts).any():
            raise ValueError("expected no more tokens with the label than in the bin, got more")

    def shares(self) -> Float[Tensor, " bin"]:
        """Return the fraction of each bin's tokens that carry the label; 0 for an empty bin."""
        return self.with_label / self.counts.clamp(min=1)


@dataclass(frozen=True, eq=False)
class FeaturePage:
    """All that is told of one latent at a glance.

    Attributes:
        latent: its number.
        dictionary: its dictionary's name.
        hook: where the dictionary reads.
        density: fraction of the tokens at which it is active.
        n_tokens: how many tokens were read.
        examples: the strongest ones, at most one from a document.
        by_quantile: weaker ones: for each band of activations, from high to low, a name such as
            "90-99 %" and examples from it.
        tokens: at which tokens it is active.
        activations: how strongly.
        logits: what one unit of its activation adds to each logit, before the final LayerNorm's
            scale.
        labels: which labels it tells.
    """

    latent: int
    dictionary: str
    hook: str
    density: float
    n_tokens: int
    examples: tuple[LatentExample, ...]
    by_quantile: tuple[tuple[str, tuple[LatentExample, ...]], ...]
    tokens: TokenHistogram
    activations: ActivationHistogram
    logits: LogitEffect
    labels: LatentLabels

    def __post_init__(self) -> None:
        if not self.examples:
            raise ValueError("expected examples of the feature, got none, try one that is active")

    def summary(self) -> str:
        """Return two sentences: how often it is active and on what, and what it writes."""
        label, f1 = self.labels.labels[0], self.labels.f1[0]
        on = ", ".join(map(repr, self.tokens.tokens[:4]))
        up, down = (
            ", ".join(repr(token) for token, _ in side(4))
            for side in (self.logits.top, self.logits.bottom)
        )
        return (
            f"Feature {self.latent} of {self.dictionary} is active at {self.density:.2%} of the "
            f"tokens, most often at {on}; its best label is {label} (held-out F1 {f1:.2f}). It "
            f"raises {up} and lowers {down}. Strongest example: {self.examples[0].text()!r}."
        )
