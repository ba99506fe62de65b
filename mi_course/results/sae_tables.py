"""Several dictionaries of features side by side."""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from mi_course.results.checks import finite, labelled, within


@dataclass(frozen=True, eq=False)
class DictionaryTable:
    """Scores of several dictionaries at one place of a model.

    Attributes:
        names: of the dictionaries.
        n_features: of each.
        l0: mean number of features active on a token.
        fvu: fraction of the variance unexplained.
        dead: fraction of the features that are never active.
        recovered: fraction of the loss recovered; NaN where the place does not matter.
        kl: KL in nats with the reconstruction spliced in.
        perplexity: with the reconstruction spliced in.
        interpretability: mean score of explanations, and its interval over features.
        latent_gain: mean of how much each feature gains over saying yes always in F1 for its best
            label, from 0 to 1, and its interval over features.
        label_f1: mean F1 of the best feature of each label, and its interval over labels.
        told: labels of which a feature has an F1 of 0.8 or more.
        level: fraction of the resampled means that an interval holds.
    """

    names: tuple[str, ...]
    n_features: tuple[int, ...]
    l0: Float[Tensor, " dictionary"]
    fvu: Float[Tensor, " dictionary"]
    dead: Float[Tensor, " dictionary"]
    recovered: Float[Tensor, " dictionary"]
    kl: Float[Tensor, " dictionary"]
    perplexity: Float[Tensor, " dictionary"]
    interpretability: Float[Tensor, "dictionary 3"]
    latent_gain: Float[Tensor, "dictionary 3"]
    label_f1: Float[Tensor, "dictionary 3"]
    told: tuple[int, ...]
    level: float = 0.95

    def __post_init__(self) -> None:
        within("dead fractions", self.dead, 0, 1)
        within("scores of explanations", self.interpretability, -1, 1)
        for name in ("latent_gain", "label_f1"):
            within(name, getattr(self, name), 0, 1)
        for name in ("l0", "fvu", "kl", "perplexity"):
            finite(name, getattr(self, name))
        for name in ("n_features", "l0", "recovered", "interpretability", "label_f1", "told"):
            labelled("dictionary", len(getattr(self, name)), self.names)

    def rows(self) -> list[tuple[str, ...]]:
        """Return the table in words, its head first."""
        head = "dictionary|features|L0|FVU|dead|loss recovered|KL|perplexity|score|gain|F1"
        numbers = zip(
            self.names,
            map(str, self.n_features),
            (f"{x:.1f}" for x in self.l0.tolist()),
            (f"{x:.3f}" for x in self.fvu.tolist()),
            (f"{x:.1%}" for x in self.dead.tolist()),
            (f"{x:.1%}" for x in self.recovered.tolist()),
            (f"{x:.3f}" for x in self.kl.tolist()),
            (f"{x:.2f}" for x in self.perplexity.tolist()),
            *(map(_interval, x.tolist()) for x in self._intervals()),
            strict=True,
        )
        return [tuple(head.split("|")), *numbers]

    def _intervals(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.interpretability, self.latent_gain, self.label_f1

    def summary(self) -> str:
        """Return one sentence: each dictionary's explanations and labels, with intervals."""
        told = "; ".join(
            f"{name}: {_interval(score)} and {_interval(f1)} ({many} labels of 0.8 or more)"
            for name, score, f1, many in zip(
                self.names,
                self.interpretability.tolist(),
                self.label_f1.tolist(),
                self.told,
                strict=True,
            )
        )
        return (
            f"Mean score of explanations, and mean F1 of each label's best feature, with "
            f"{self.level:.0%} intervals: {told}."
        )


@dataclass(frozen=True, eq=False)
class MomentCorrelations:
    """How well features are explained, against the shape of their activations.

    Attributes:
        score: of each feature's explanation, on top and random fragments.
        skew: of its activation over all tokens.
        kurtosis: excess kurtosis of the same.
        dictionary: which dictionary it is from, by its place in `names`.
        with_skew: Pearson's correlation of score and skew over all features.
        with_kurtosis: the same of score and kurtosis.
        ranks_with_skew: Spearman's correlation, which no single far feature decides.
        ranks_with_kurtosis: the same of score and kurtosis.
        names: of the dictionaries.
    """

    score: Float[Tensor, " latent"]
    skew: Float[Tensor, " latent"]
    kurtosis: Float[Tensor, " latent"]
    dictionary: Int[Tensor, " latent"]
    with_skew: float
    with_kurtosis: float
    ranks_with_skew: float
    ranks_with_kurtosis: float
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        within("scores", self.score, -1, 1)
        finite("skew", self.skew)
        finite("kurtosis", self.kurtosis)
        for name in ("with_skew", "with_kurtosis", "ranks_with_skew", "ranks_with_kurtosis"):
            if not -1.001 <= getattr(self, name) <= 1.001:
                raise ValueError(f"expected {name} from -1 to 1, got {getattr(self, name)}")

    def summary(self) -> str:
        """Return one sentence: both correlations, of values and of ranks."""
        return (
            f"Over {len(self.score)} features of {', '.join(self.names)} the score of an "
            f"explanation correlates {self.with_skew:z.2f} with the activation's skew and "
            f"{self.with_kurtosis:z.2f} with its kurtosis (ranks: {self.ranks_with_skew:z.2f} and "
            f"{self.ranks_with_kurtosis:z.2f})."
        )


def _interval(values: list[float]) -> str:
    mean, low, high = values
    return f"{mean:z.2f} [{low:z.2f}, {high:z.2f}]"
