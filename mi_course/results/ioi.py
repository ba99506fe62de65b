"""What was measured about heads on indirect object identification, and the classes that follow.

Places in "When Mary and John went to the shop, John gave a drink to": IO is Mary, S1 and S2 are the
first and the second John, END is the last token.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from jaxtyping import Float
from torch import Tensor

from mi_course.results.heads import HeadScores, head_name, known_heads

Head = tuple[int, int]
PROBABILITIES = (
    "previous_token",
    "duplicate_token",
    "s2_to_io",
    "induction",
    "current_token",
    "to_io",
    "to_s2",
)
FRACTIONS = ("copying", "anti_copying")
EFFECTS = (
    "at_s1_next",
    "at_s2",
    "direct",
    "after_ablation",
    "through_queries",
    "on_names",
    "total",
)


@dataclass(frozen=True, eq=False)
class HeadEvidence:
    """Numbers about each head; NaN where something was not measured.

    Attention is a probability, copying a fraction of names, and effects are fractions of the way
    from the corrupted to the clean logit difference: 1 for a head that carries all of it, negative
    for one that works against the answer.

    Attributes:
        previous_token: attention from the token after S1 to S1.
        duplicate_token: attention from S2 to S1.
        s2_to_io: attention from S2 to IO, which a detector of duplicates does not have.
        induction: attention from S2 to the token after S1.
        current_token: attention from S2 to itself.
        to_io: attention from END to IO.
        to_s2: attention from END to S2.
        copying: names that are among the five tokens that the head writes most when it looks there.
        anti_copying: names that are among the five that it writes against most.
        at_s1_next: effect of what it writes at the token after S1.
        at_s2: effect of what it writes at S2.
        direct: effect of what it writes into the end of the stream, and of nothing else.
        after_ablation: the same while the heads that copy names are silent.
        through_queries: effect through the queries of the heads that copy names.
        on_names: share of the head in how far the two names stand above other names at the end.
        total: effect through everything.
    """

    previous_token: Float[Tensor, "layer head_index"]
    duplicate_token: Float[Tensor, "layer head_index"]
    s2_to_io: Float[Tensor, "layer head_index"]
    induction: Float[Tensor, "layer head_index"]
    current_token: Float[Tensor, "layer head_index"]
    to_io: Float[Tensor, "layer head_index"]
    to_s2: Float[Tensor, "layer head_index"]
    copying: Float[Tensor, "layer head_index"]
    anti_copying: Float[Tensor, "layer head_index"]
    at_s1_next: Float[Tensor, "layer head_index"]
    at_s2: Float[Tensor, "layer head_index"]
    direct: Float[Tensor, "layer head_index"]
    after_ablation: Float[Tensor, "layer head_index"]
    through_queries: Float[Tensor, "layer head_index"]
    on_names: Float[Tensor, "layer head_index"]
    total: Float[Tensor, "layer head_index"]

    def __post_init__(self) -> None:
        for name in (*PROBABILITIES, *FRACTIONS):
            known = getattr(self, name).nan_to_num(0)
            if known.min() < -1e-4 or known.max() > 1 + 1e-4:
                raise ValueError(f"expected {name} from 0 to 1, got {known.min()} to {known.max()}")
        if any(getattr(self, name).isinf().any() for name in EFFECTS):
            raise ValueError("expected finite effects or NaN, got infinity, try another metric")

    @property
    def shape(self) -> tuple[int, int]:
        """Return the number of layers and of heads in each."""
        n_layers, n_heads = self.total.shape
        return n_layers, n_heads

    def of(self, layer: int, head: int) -> dict[str, float]:
        """Return all that was measured about one head."""
        values = {each.name: getattr(self, each.name)[layer, head].item() for each in fields(self)}
        return {name: value for name, value in values.items() if value == value}

    def scores(self, name: str) -> HeadScores:
        """Return one measurement of all heads, to be drawn with `plot_head_scores`.

        Raises:
            ValueError: an unknown name, or a measurement that some head lacks.
        """
        names = [each.name for each in fields(self)]
        if name not in names:
            raise ValueError(f"expected one of {names}, got {name!r}")
        unit = "probability" if name in PROBABILITIES else "fraction"
        return HeadScores(getattr(self, name), name, unit, signed=name in EFFECTS)


@dataclass(frozen=True)
class HeadClasses:
    """Which heads play which part.

    Attributes:
        classes: name of a class -> its heads, from the input up; a class may be empty.
        idle: the same for heads that look like the class although nothing is lost without them.
        n_layers: of the model.
        n_heads: in each layer.
    """

    classes: Mapping[str, tuple[Head, ...]]
    idle: Mapping[str, tuple[Head, ...]]
    n_layers: int
    n_heads: int

    def __post_init__(self) -> None:
        both = [*self.classes.values(), *self.idle.values()]
        known_heads([head for heads in both for head in heads], self)

    @property
    def circuit(self) -> tuple[Head, ...]:
        """Return the heads that have a class, from the input up."""
        return tuple(sorted({head for heads in self.classes.values() for head in heads}))

    def of(self, layer: int, head: int) -> tuple[str, ...]:
        """Return the classes of one head."""
        return tuple(name for name, heads in self.classes.items() if (layer, head) in heads)

    def summary(self) -> str:
        """Return one sentence: the heads of each class, and the classes that are empty."""
        told = [
            f"{name} {', '.join(head_name(*head) for head in heads)}"
            for name, heads in self.classes.items()
            if heads
        ]
        empty = [name for name, heads in self.classes.items() if not heads]
        none = f" No head is a {', '.join(empty)}." if empty else ""
        return f"{'; '.join(told) or 'No head has a class'}.{none}"


@dataclass(frozen=True, eq=False)
class CircuitTest:
    """A circuit and the whole model, both with some heads taken away.

    Attributes:
        circuit: mean logit difference of the circuit without each set.
        model: mean logit difference of the whole model without each set.
        names: what was taken away, such as "nothing", "name mover" or "L2H4 L2H5".
        heads: the heads of each set.
        what: "faithfulness", "completeness" or "minimality".
    """

    circuit: Float[Tensor, " set"]
    model: Float[Tensor, " set"]
    names: tuple[str, ...]
    heads: tuple[tuple[Head, ...], ...]
    what: str

    def __post_init__(self) -> None:
        if not (len(self.circuit) == len(self.model) == len(self.names) == len(self.heads) > 0):
            raise ValueError(
                f"expected a value, a name and heads for each set, got {len(self.circuit)}, "
                f"{len(self.model)}, {len(self.names)} and {len(self.heads)}"
            )
        if not (self.circuit.isfinite().all() and self.model.isfinite().all()):
            raise ValueError("expected finite logit differences, got NaN or infinity")

    def gap(self) -> Float[Tensor, " set"]:
        """Return how far circuit and model are apart for each set, logits."""
        return (self.circuit - self.model).abs()

    def worst(self) -> tuple[str, float]:
        """Return the set for which they differ most, and by how much."""
        at = int(self.gap().argmax())
        return self.names[at], self.gap()[at].item()

    def summary(self) -> str:
        """Return one sentence: how many sets, the mean and the largest difference."""
        name, most = self.worst()
        return (
            f"{self.what.capitalize()} over {len(self.names)} sets of heads taken from both: with "
            f"{self.names[0]} taken, circuit {self.circuit[0]:z.2f} and model "
            f"{self.model[0]:z.2f}; mean difference {self.gap().mean():z.2f} logits, largest "
            f"{most:z.2f} ({name})."
        )


@dataclass(frozen=True, eq=False)
class Minimality:
    """What each head of a circuit adds, in the company in which it adds most.

    Attributes:
        values: change of the circuit's logit difference when the head goes too, as a fraction of
            the whole model's logit difference.
        heads: one for each value.
        company: the heads that were taken away first.
    """

    values: Float[Tensor, " head"]
    heads: tuple[Head, ...]
    company: tuple[tuple[Head, ...], ...]

    def __post_init__(self) -> None:
        if not (len(self.values) == len(self.heads) == len(self.company) > 0):
            raise ValueError(
                f"expected a value and a company for each of {len(self.heads)} heads, got "
                f"{len(self.values)} and {len(self.company)}"
            )
        if not self.values.isfinite().all():
            raise ValueError("expected finite changes, got NaN or infinity")

    def summary(self) -> str:
        """Return one sentence: the head that adds least and the one that adds most."""
        low, high = int(self.values.argmin()), int(self.values.argmax())
        return (
            f"Minimality of {len(self.heads)} heads: least {head_name(*self.heads[low])} "
            f"{self.values[low]:.2f}, most {head_name(*self.heads[high])} {self.values[high]:.2f} "
            "of the model's logit difference."
        )
