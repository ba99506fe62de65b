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
        favourite: the label chosen for each feature, by its place in `labels`.
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
    counts: Int[Tensor, " label"]
    labels: tuple[str, ...]
    name: str = ""

    def __post_init__(self) -> None:
        for name in ("matrix", "f1", "precision", "recall"):
            within(name, getattr(self, name), 0, 1)
        for name in ("best", "thresholds", "f1", "precision", "recall", "counts"):
            labelled("label", len(getattr(self, name)), self.labels)
        labelled("label", self.matrix.shape[1], self.labels)

    @property
    def latent_f1(self) -> Float[Tensor, " latent"]:
        """Return the F1 of each feature for the label chosen for it."""
        return self.matrix.gather(1, self.favourite[:, None])[:, 0]

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
