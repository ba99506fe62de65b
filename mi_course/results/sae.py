"""How well a dictionary of features stands for a model's activations."""

from dataclasses import dataclass
from math import exp

from jaxtyping import Float, Int
from torch import Tensor

from mi_course.results.checks import finite, labelled, within
from mi_course.results.sae_labels import LabelScores


@dataclass(frozen=True, eq=False)
class SpliceLosses:
    """What a model's predictions lose when a reconstruction replaces an activation.

    Attributes:
        clean: mean loss of the model itself, in nats.
        spliced: mean loss with the reconstruction in place.
        zeroed: mean loss with the activation set to zero.
        averaged: mean loss with the activation set to its mean over the tokens.
        kl: mean KL(clean || spliced) in nats.
        kl_averaged: mean KL(clean || averaged) in nats.
        n_tokens: predictions that the means are over.
        hook: where the activation is.
    """

    clean: float
    spliced: float
    zeroed: float
    averaged: float
    kl: float
    kl_averaged: float
    n_tokens: int = 0
    hook: str = ""

    def __post_init__(self) -> None:
        numbers = ("clean", "spliced", "zeroed", "averaged", "kl", "kl_averaged")
        wrong = [name for name in numbers if not -1e-4 <= getattr(self, name) < float("inf")]
        if wrong:
            raise ValueError(
                f"expected finite losses and divergences of at least 0 nats, got "
                f"{ {name: getattr(self, name) for name in wrong} }"
            )

    @property
    def recovered(self) -> float:
        """Return the fraction of the loss that the mean costs and the reconstruction saves."""
        return _share(self.averaged - self.spliced, self.averaged - self.clean)

    @property
    def recovered_from_zero(self) -> float:
        """Return the same fraction against zero, a state that the model never meets."""
        return _share(self.zeroed - self.spliced, self.zeroed - self.clean)

    @property
    def perplexities(self) -> tuple[float, float]:
        """Return exp(loss) of the model itself and with the reconstruction."""
        return exp(self.clean), exp(self.spliced)

    def summary(self) -> str:
        """Return one sentence: perplexity before and after, KL and the loss recovered."""
        before, after = self.perplexities
        return (
            f"With the reconstruction spliced in at {self.hook or 'the hook'} the perplexity goes "
            f"from {before:.2f} to {after:.2f} (loss {self.clean:.3f} to {self.spliced:.3f} nats; "
            f"{self.averaged:.3f} with the mean, {self.zeroed:.3f} with zero), KL {self.kl:.3f} "
            f"nats, loss recovered {self.recovered:z.1%}."
        )


@dataclass(frozen=True, eq=False)
class ReconstructionScores:
    """What a dictionary's codes look like, and how much of the activations they miss.

    Attributes:
        l0: mean number of features that are active on a token.
        fvu: fraction of the variance about the mean that is unexplained; 0 is perfect, 1 is no
            better than the mean.
        density: fraction of the tokens on which each feature is active.
        largest: each feature's largest activation.
        skew: of each feature's activation over all tokens; 0 where it never varies.
        kurtosis: excess kurtosis of the same; 0 for a bell curve and where it never varies.
        n_tokens: activations seen.
        name: of the dictionary.
    """

    l0: float
    fvu: float
    density: Float[Tensor, " latent"]
    largest: Float[Tensor, " latent"]
    skew: Float[Tensor, " latent"]
    kurtosis: Float[Tensor, " latent"]
    n_tokens: int
    name: str = ""

    def __post_init__(self) -> None:
        within("densities", self.density, 0, 1)
        for name in ("largest", "skew", "kurtosis"):
            finite(name, getattr(self, name))
        if not (self.l0 >= 0 and 0 <= self.fvu < float("inf")):
            raise ValueError(f"expected L0 and FVU of at least 0, got {self.l0} and {self.fvu}")

    @property
    def dead(self) -> float:
        """Return the fraction of the features that were never active."""
        return (self.density == 0).float().mean().item()

    def summary(self) -> str:
        """Return one sentence: L0, FVU and the fraction of dead features."""
        return (
            f"{self.name or 'The dictionary'}: {len(self.density)} features, of which "
            f"{self.l0:.1f} are active on a token and {self.dead:.1%} never in {self.n_tokens} "
            f"tokens; {self.fvu:.3f} of the variance is unexplained."
        )


@dataclass(frozen=True, eq=False)
class Interpretability:
    """How well explanations of features predict their activations on documents not yet seen.

    Attributes:
        latents: which features.
        top_and_random: correlation over the tokens of each one's top and of random fragments.
        random: correlation over the tokens of the random fragments alone.
        explanations: in words.
        name: of the dictionary.
    """

    latents: Int[Tensor, " latent"]
    top_and_random: Float[Tensor, " latent"]
    random: Float[Tensor, " latent"]
    explanations: tuple[str, ...]
    name: str = ""

    def __post_init__(self) -> None:
        for name in ("top_and_random", "random"):
            within(f"correlations ({name})", getattr(self, name), -1, 1)
            labelled("latent", len(getattr(self, name)), self.explanations)
        labelled("latent", len(self.latents), self.explanations)

    def summary(self) -> str:
        """Return one sentence: the mean score, and the features explained best."""
        order = self.top_and_random.argsort(descending=True, stable=True)[:4].tolist()
        told = "; ".join(
            f"#{self.latents[i]} {self.top_and_random[i]:z.2f} ({self.explanations[i][:60]})"
            for i in order
        )
        return (
            f"{self.name or 'The dictionary'}: explanations of {len(self.latents)} features "
            f"predict activations with a mean correlation of {self.top_and_random.mean():z.2f} on "
            f"top and random fragments, {self.random.mean():z.2f} on random ones; best {told}."
        )


@dataclass(frozen=True, eq=False)
class SAEScores:
    """All that is measured of one dictionary at one place of a model.

    Attributes:
        reconstruction: L0, unexplained variance, dead features, moments.
        splice: losses with the reconstruction in the activation's place.
        labels: F1 of the best feature of each label, and of each feature for its best label.
        interpretability: scores of explanations.
        mmcs: mean cosine of planted directions with the nearest feature; None without any.
    """

    reconstruction: ReconstructionScores
    splice: SpliceLosses
    labels: LabelScores
    interpretability: Interpretability
    mmcs: float | None = None

    @property
    def name(self) -> str:
        """Return the dictionary's name."""
        return self.reconstruction.name

    def summary(self) -> str:
        """Return the summaries of all parts."""
        parts = (self.reconstruction, self.splice, self.labels, self.interpretability)
        planted = "" if self.mmcs is None else f" MMCS of the planted directions {self.mmcs:.3f}."
        return " ".join(part.summary() for part in parts) + planted


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")
