"""Numbers about neurons that answer to several things: alone, together, and at their maximum."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from mi_course.results.checks import labelled, within
from mi_course.results.neurons import Neuron, neuron_name


@dataclass(frozen=True, eq=False)
class Conjunction:
    """How precise several neurons are together: yes where every one is above its threshold.

    Attributes:
        neurons: in the order in which they were added.
        alone: precision of each neuron by itself against all other tokens, held out.
        against: precision of the first neuron against the nearest rivals only, held out.
        precision: of the first k neurons together against all other tokens, held out.
        recall: of the first k together, held out.
        best_alone: held-out F1, against all other tokens, of the single neuron that was best at
            that where thresholds were chosen; any candidate may be it.
        label: what they tell, such as "compound: social_security".
    """

    neurons: tuple[Neuron, ...]
    alone: Float[Tensor, " k"]
    against: float
    precision: Float[Tensor, " k"]
    recall: Float[Tensor, " k"]
    best_alone: float
    label: str

    def __post_init__(self) -> None:
        for name in ("alone", "precision", "recall"):
            within(name, getattr(self, name), 0, 1)
            labelled("neuron", len(getattr(self, name)), self.neurons)

    def f1(self) -> Float[Tensor, " k"]:
        """Return the held-out F1 of the first k neurons together."""
        total = self.precision + self.recall
        return (2 * self.precision * self.recall / total).where(total > 0, total)

    def summary(self) -> str:
        """Return one sentence: the first neuron alone, and all of them together."""
        first, *_ = names = list(map(neuron_name, self.neurons))
        return (
            f"{self.label}: {first} has precision {self.against:.2f} against its rivals and "
            f"{self.alone[0]:.2f} against all tokens; {len(names)} neurons together "
            f"({', '.join(names)}) {self.precision[-1]:.2f} at recall {self.recall[-1]:.2f}; the "
            f"best single neuron has F1 {self.best_alone:.2f} against all tokens."
        )


@dataclass(frozen=True, eq=False)
class TopExamples:
    """What a neuron seems to mean by its highest activations, and what it does over its range.

    Attributes:
        neuron: which neuron.
        label: what most of its top examples have, such as "kind: dna".
        k: how many top examples there are.
        top_precision: fraction of them with the label.
        shares: fraction with the label among tokens whose activation is between two edges.
        edges: fractions of the largest activation, falling; one more than there are shares.
        counts: tokens between two edges.
        mass: fraction of the neuron's positive activation that falls on tokens with the label.
        best_f1: best F1 of any threshold.
        best_precision: precision at that threshold.
        best_recall: recall at that threshold.
    """

    neuron: Neuron
    label: str
    k: int
    top_precision: float
    shares: Float[Tensor, " bin"]
    edges: tuple[float, ...]
    counts: Float[Tensor, " bin"]
    mass: float
    best_f1: float
    best_precision: float
    best_recall: float

    def __post_init__(self) -> None:
        within("shares", self.shares, 0, 1)
        labelled("bin", len(self.shares) + 1, self.edges)
        labelled("bin", len(self.counts), tuple(self.shares))

    def summary(self) -> str:
        """Return one sentence: the top examples beside the rest."""
        return (
            f"{neuron_name(self.neuron)}: {self.top_precision:.0%} of the top {self.k} tokens are "
            f"{self.label}, but only {self.mass:.0%} of its activation is on such tokens; the best "
            f"threshold has F1 {self.best_f1:.2f} (precision {self.best_precision:.2f}, recall "
            f"{self.best_recall:.2f})."
        )
