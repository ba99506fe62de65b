"""Examples for a probe: activations of every layer beside what is true of each example."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mi_course.results.checks import finite, labelled


@dataclass(frozen=True, eq=False)
class ProbeData:
    """Activations with labels.

    Attributes:
        activations: what flows through one hook of each layer, in the model's own unit.
        labels: for each feature whether it holds of the example.
        features: the features' names.
        groups: examples with one number share an entity or a template; a split keeps them
            together.
        documents: the document that each example is from.
        tokens: the token (its id) at each example's last position.
        layers: the layers' numbers.
        hook: where in a layer, such as "resid_post".
        collection: the question that the labels answer.
    """

    activations: Float[Tensor, "layer example d_in"]
    # Lengths are compared below, with words; so no two of these axes share a name.
    labels: Bool[Tensor, "labelled feature"]
    features: tuple[str, ...]
    groups: Int[Tensor, " grouped"]
    documents: Int[Tensor, " sourced"]
    tokens: Int[Tensor, " placed"]
    layers: tuple[int, ...]
    hook: str = "activations"
    collection: str = "labels"

    def __post_init__(self) -> None:
        finite("activations", self.activations)
        labelled("layer", len(self.activations), self.layers)
        labelled("feature", self.labels.shape[1], self.features)
        counts = {
            name: len(getattr(self, name)) for name in ("labels", "groups", "documents", "tokens")
        }
        if set(counts.values()) != {self.activations.shape[1]}:
            raise ValueError(
                f"expected one entry for each of {self.activations.shape[1]} examples, got "
                f"{counts}, try activations [layer example d_in] and labels [example feature]"
            )

    @classmethod
    def from_tensors(
        cls,
        activations: Float[Tensor, "layer example d_in"],
        labels: Bool[Tensor, "labelled feature"],
        *,
        features: tuple[str, ...] | None = None,
        groups: Int[Tensor, " grouped"] | None = None,
    ) -> "ProbeData":
        """Return your own activations and labels as data for a probe.

        Args:
            activations: one matrix for each layer.
            labels: one column for each feature.
            features: names of the columns; "feature 0", ... when None.
            groups: examples with the same number stay on one side of a split; each example
                stands for itself when None.

        Returns:
            The data, with zeros for tokens.

        Raises:
            ValueError: lengths differ, or an activation is not finite.
        """
        n_examples, device = len(labels), labels.device
        groups = torch.arange(n_examples, device=device) if groups is None else groups
        return cls(
            activations=activations,
            labels=labels,
            features=features or tuple(f"feature {i}" for i in range(labels.shape[1])),
            groups=groups,
            documents=groups,
            tokens=torch.zeros(n_examples, dtype=torch.long, device=device),
            layers=tuple(range(len(activations))),
        )

    def feature(self, name: str) -> int:
        """Return the column of a feature.

        Raises:
            ValueError: there is no feature of this name.
        """
        if name not in self.features:
            raise ValueError(f"expected one of {list(self.features)}, got {name!r}")
        return self.features.index(name)

    def only(self, *names: str) -> "ProbeData":
        """Return the same examples with some of the features.

        Raises:
            ValueError: there is no feature of a name.
        """
        columns = [self.feature(name) for name in names]
        return replace(self, labels=self.labels[:, columns], features=names)

    def take(self, examples: Int[Tensor, " chosen"]) -> "ProbeData":
        """Return some of the examples, in the order asked for."""
        rows = ("labels", "groups", "documents", "tokens")
        chosen = {name: getattr(self, name)[examples] for name in rows}
        return replace(self, activations=self.activations[:, examples], **chosen)

    def summary(self) -> str:
        """Return one sentence: how many examples of what, and how many of each label."""
        n_layers, n_examples, d_in = self.activations.shape
        counts = self.labels.sum(dim=0).tolist()
        told = ", ".join(f"{n} {c}" for n, c in zip(self.features[:6], counts, strict=False))
        more = "" if len(counts) <= 6 else f" and {len(counts) - 6} more features"
        return (
            f"{n_examples} examples of {self.collection} from {len(self.documents.unique())} "
            f"documents in {len(self.groups.unique())} groups, {self.hook} of {n_layers} layers "
            f"({d_in} wide): {told}{more}."
        )
