"""Numbers about probes: the fitted directions, how well they judge, and against which control."""

from dataclasses import dataclass

from einops import einsum
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mi_course.results.checks import finite, labelled, within

MEASURES = ("f1", "precision", "recall", "mcc", "accuracy", "balanced_accuracy")


@dataclass(frozen=True, eq=False)
class Probes:
    """Linear probes, one for each layer and feature: logit of a feature = weight x + bias.

    Attributes:
        weight: the directions.
        bias: logits at x = 0.
        objective: what was minimised, in nats: sum of log losses + penalty / 2 |weight|^2.
        gradient: largest entry of its gradient, divided by the number of examples.
        penalty: strength of the ridge penalty; the bias is free.
    """

    weight: Float[Tensor, "layer feature d_in"]
    bias: Float[Tensor, "layer feature"]
    objective: Float[Tensor, "layer feature"]
    gradient: Float[Tensor, "layer feature"]
    penalty: float

    def __post_init__(self) -> None:
        finite("weights", self.weight)
        finite("biases", self.bias)

    def logits(
        self, x: Float[Tensor, "layer example d_in"]
    ) -> Float[Tensor, "layer example feature"]:
        """Return each probe's logit for each example; above 0 it says yes."""
        products = einsum(
            x.to(self.weight),  # its device too: activations may have been brought to the CPU
            self.weight,
            "layer example d_in, layer feature d_in -> layer example feature",
        )
        return products + self.bias[:, None]

    def summary(self) -> str:
        """Return one sentence: how many probes, and how close to their optimum."""
        n_layers, n_features, d_in = self.weight.shape
        return (
            f"{n_layers * n_features} probes ({n_layers} layers, {n_features} features, {d_in} "
            f"wide) at penalty {self.penalty:g}; largest gradient {self.gradient.max():.0e} a "
            "example."
        )


@dataclass(frozen=True, eq=False)
class NeuronProbes:
    """Probes that see one neuron each: logit of a feature = weight * activation + bias.

    Attributes:
        weight: one number for each feature and neuron.
        bias: logits of a silent neuron.
        objective: sum of log losses + penalty / 2 weight^2, in nats.
        penalty: strength of the ridge penalty.
    """

    weight: Float[Tensor, "feature neuron"]
    bias: Float[Tensor, "feature neuron"]
    objective: Float[Tensor, "feature neuron"]
    penalty: float

    def __post_init__(self) -> None:
        finite("weights", self.weight)
        finite("biases", self.bias)

    def predicted(
        self, x: Float[Tensor, "example neuron"]
    ) -> Bool[Tensor, "feature neuron example"]:
        """Return whether each neuron's probe says yes to each example."""
        return self.weight[..., None] * x.T + self.bias[..., None] > 0

    def summary(self) -> str:
        """Return one sentence: how many probes, and the neuron of least loss for some features."""
        n_features, n_neurons = self.weight.shape
        best = self.objective.argmin(dim=1).tolist()
        told = ", ".join(f"feature {f} neuron {n}" for f, n in list(enumerate(best))[:3])
        return f"{n_features * n_neurons} probes of one neuron; least loss: {told}."


@dataclass(frozen=True, eq=False)
class ProbeScores:
    """How well predictions agree with the truth, for any number of probes.

    Attributes:
        f1: harmonic mean of precision and recall.
        precision: fraction of the yes that were right; 0 without a yes.
        recall: fraction of the true that were found; 0 without a true one.
        mcc: Matthews correlation from -1 to 1; 0 where either side has one class.
        accuracy: fraction right.
        balanced_accuracy: mean of the fractions right within each class that occurs.
        layers: numbers of the first axis, where it is layers.
        features: names of the last axis, where it is features.
    """

    f1: Float[Tensor, "*probes"]
    precision: Float[Tensor, "*probes"]
    recall: Float[Tensor, "*probes"]
    mcc: Float[Tensor, "*probes"]
    accuracy: Float[Tensor, "*probes"]
    balanced_accuracy: Float[Tensor, "*probes"]
    layers: tuple[int, ...] = ()
    features: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in MEASURES:
            within(name, getattr(self, name), -1 if name == "mcc" else 0, 1)
        if self.layers or self.features:
            labelled("layer", len(self.f1), self.layers)
            labelled("feature", self.f1.shape[-1], self.features)

    def summary(self) -> str:
        """Return one sentence: the mean F1, and the best layer for each of some features."""
        mean = f"mean F1 {self.f1.mean():.2f}, mean accuracy {self.accuracy.mean():.2f}"
        if not self.features:
            return f"{self.f1.numel()} probes: {mean}."
        best = self.f1.max(dim=0)
        told = ", ".join(
            f"{name} {value:.2f} (layer {self.layers[at]})"
            for name, value, at in list(
                zip(self.features, best.values.tolist(), best.indices.tolist(), strict=True)
            )[:5]
        )
        return f"{self.f1.numel()} probes: {mean}; best F1 {told}."


@dataclass(frozen=True, eq=False)
class Selectivity:
    """Accuracy on a task and on a control task that only memory can solve.

    Attributes:
        task: held-out accuracy on the true labels, a fraction.
        control: held-out accuracy on random labels of token types, a fraction.
        layers: the layers' numbers.
        features: the features' names.
    """

    task: Float[Tensor, "layer feature"]
    control: Float[Tensor, "control_layer control_feature"]
    layers: tuple[int, ...]
    features: tuple[str, ...]

    def __post_init__(self) -> None:
        within("task accuracy", self.task, 0, 1)
        within("control accuracy", self.control, 0, 1)
        if self.task.shape != self.control.shape:
            raise ValueError(
                f"expected one control for each task, got {tuple(self.task.shape)} and "
                f"{tuple(self.control.shape)}"
            )
        labelled("layer", len(self.task), self.layers)
        labelled("feature", self.task.shape[1], self.features)

    @property
    def values(self) -> Float[Tensor, "layer feature"]:
        """Task accuracy minus control accuracy; large where the probe reads, not remembers."""
        return self.task - self.control

    def summary(self) -> str:
        """Return one sentence: mean accuracy on both, and the most selective layer."""
        by_layer = self.values.mean(dim=1)
        best = int(by_layer.argmax())
        return (
            f"Task accuracy {self.task.mean():.2f}, control {self.control.mean():.2f}: selectivity "
            f"{self.values.mean():z.2f}, highest in layer {self.layers[best]} "
            f"({by_layer[best]:z.2f})."
        )


@dataclass(frozen=True, eq=False)
class LayersByTraining:
    """How well each layer tells a label at each moment of training.

    Attributes:
        values: the held-out score of a probe.
        steps: optimiser steps of each checkpoint.
        layers: the layers' numbers.
        label: what the probe reads, such as "part_of_speech: VERB".
        name: of the score, such as "F1".
    """

    values: Float[Tensor, "checkpoint layer"]
    steps: Int[Tensor, " checkpoint"]
    layers: tuple[int, ...]
    label: str
    name: str = "F1"

    def __post_init__(self) -> None:
        within(self.name, self.values, -1, 1)
        labelled("layer", self.values.shape[1], self.layers)
        if len(self.steps) != len(self.values) or (self.steps.diff() <= 0).any():
            raise ValueError(
                f"expected rising steps for {len(self.values)} checkpoints, got "
                f"{self.steps.tolist()}"
            )

    def summary(self) -> str:
        """Return one sentence: the best layer before and after training, and the largest rise."""
        first, last = (self.values[at].max(dim=0) for at in (0, -1))
        told = (
            f"{self.label}: {self.name} of the best layer {first.values:.2f} (layer "
            f"{self.layers[int(first.indices)]}) at step {int(self.steps[0])}, {last.values:.2f} "
            f"(layer {self.layers[int(last.indices)]}) at step {int(self.steps[-1])}"
        )
        if len(self.steps) == 1:
            return told + "."
        rise = self.values.max(dim=1).values.diff()
        at = int(rise.argmax())
        return f"{told}; it rises most ({rise[at]:+z.2f}) before step {int(self.steps[at + 1])}."
