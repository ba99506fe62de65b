"""Features and the labels they tell: which feature answers to which label, and where it fails."""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from mi_course.results.checks import labelled, within


@dataclass(frozen=True, eq=False)
class LabelScores:
    """F1 of every feature as a detector of every label.

    A feature says yes above a threshold. Threshold, and the best feature of a label, were chosen on
    one half of the documents; all scores here are of the other half.

    Attributes:
        matrix: F1 of each feature and label, each at its own threshold.
        best: the feature chosen for each label.
        thresholds: of the feature chosen for each label.
        f1: of the feature chosen for each label.
        precision: of the same.
        recall: of the same.
        favourite: the label that each feature told best, beside saying yes always, on the half
            that chooses; by its place in `labels`.
        blind: F1 of saying yes always.
        counts: tokens with each label in the half that judges.
        labels: their names, as "collection: label".
        name: of the dictionary.
    """

    matrix: Float[Tensor, "latent label"]
    best: Int[Tensor, " label"]
    thresholds: Float[Tensor, " label"]
    f1: Float[Tensor, " label"]
    precision: Float[Tensor, " label"]
    recall: Float[Tensor, " label"]
    favourite: Int[Tensor, " latent"]
    blind: Float[Tensor, " label"]
    counts: Int[Tensor, " label"]
    labels: tuple[str, ...]
    name: str = ""

    def __post_init__(self) -> None:
        for name in ("matrix", "f1", "precision", "recall", "blind"):
            within(name, getattr(self, name), 0, 1)
        for name in ("best", "thresholds", "f1", "precision", "recall", "counts"):
            labelled("label", len(getattr(self, name)), self.labels)
        labelled("label", self.matrix.shape[1], self.labels)

    @property
    def latent_f1(self) -> Float[Tensor, " latent"]:
        """Return the F1 of each feature for the label chosen for it."""
        return self.matrix.gather(1, self.favourite[:, None])[:, 0]

    @property
    def latent_gain(self) -> Float[Tensor, " latent"]:
        """Return how much of what saying yes always leaves each feature gains for its label.

        0 is no better than that, 1 is perfect; frequent labels have no advantage.
        """
        blind = self.blind[self.favourite]
        return ((self.latent_f1 - blind) / (1 - blind).clamp(min=1e-6)).clamp(min=0)

    def of(self, label: str) -> int:
        """Return the place of a label.

        Raises:
            ValueError: there is no such label.
        """
        if label not in self.labels:
            raise ValueError(f"expected one of {list(self.labels)}, got {label!r}")
        return self.labels.index(label)

    def above(self, f1: float = 0.8) -> tuple[str, ...]:
        """Return the labels that a feature tells with this F1 or more, the best told first."""
        order = self.f1.argsort(descending=True, stable=True).tolist()
        return tuple(self.labels[i] for i in order if self.f1[i] >= f1)

    def summary(self) -> str:
        """Return one sentence: the mean F1, and the labels that are told best."""
        order = self.f1.argsort(descending=True, stable=True).tolist()[:6]
        told = ", ".join(f"{self.labels[i]} {self.f1[i]:.2f} (#{self.best[i]})" for i in order)
        return (
            f"{self.name or 'The dictionary'}: the best feature of each of {len(self.labels)} "
            f"labels has a held-out F1 of {self.f1.mean():.2f} on average, {len(self.above())} of "
            f"0.8 or more; best {told}."
        )


@dataclass(frozen=True, eq=False)
class Absorption:
    """A label whose best latent is silent on some of its tokens, and the latents active there.

    Attributes:
        label: as "collection: label".
        parent: the label's best latent.
        recall: fraction of the label's tokens on which it is active (above its threshold).
        n_missed: tokens of the label on which it is not.
        latents: that are active only inside the label, and rather where the parent is silent.
        on_missed: fraction of the missed tokens on which each is active.
        on_found: fraction of the label's other tokens on which each is active.
        precision: fraction of each one's active tokens that have the label.
        cosines: of each one's direction with the label's (the difference of means).
        parent_cosine: of the parent's direction with the label's.
        explained: fraction of the missed tokens on which at least one of them is active.
        tokens: of each one the commonest missed tokens, as places in the vocabulary.
        favourites: the label that each one tells best.
    """

    label: str
    parent: int
    recall: float
    n_missed: int
    latents: Int[Tensor, " absorber"]
    on_missed: Float[Tensor, " absorber"]
    on_found: Float[Tensor, " absorber"]
    precision: Float[Tensor, " absorber"]
    cosines: Float[Tensor, " absorber"]
    parent_cosine: float
    explained: float
    tokens: tuple[tuple[int, ...], ...]
    favourites: tuple[str, ...]

    def __post_init__(self) -> None:
        for name in ("on_missed", "on_found", "precision", "cosines", "favourites", "tokens"):
            labelled("absorber", len(getattr(self, name)), self.latents.tolist())
        if not (0 <= self.recall <= 1 and 0 <= self.explained <= 1 + 1e-6):
            raise ValueError(
                f"expected fractions from 0 to 1, got {self.recall} and {self.explained}"
            )

    @property
    def absorbed(self) -> float:
        """Return the fraction of the label's tokens that a special latent has in its place."""
        return (1 - self.recall) * self.explained

    def summary(self) -> str:
        """Return one sentence: what the parent misses and who takes its place."""
        taken = ", ".join(
            f"#{latent} {share:.0%} ({favourite})"
            for latent, share, favourite in zip(
                self.latents[:4].tolist(), self.on_missed.tolist(), self.favourites, strict=False
            )
        )
        return (
            f"{self.label}: feature {self.parent} is active on {self.recall:.0%} of the tokens; on "
            f"{self.explained:.0%} of the {self.n_missed} others a more special feature is: "
            f"{taken or 'none'}."
        )
