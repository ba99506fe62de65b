"""Numbers about probes that read few neurons: which ones, how well, and how far from the best."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mi_course.results.checks import finite, labelled, within

# Mean F1 over all features at k = 1, 4, 8 and mean seconds of a ranking, as published.
PUBLISHED_F1: dict[str, dict[int, float]] = {
    "random": {1: 0.573, 4: 0.690, 8: 0.755},
    "mean difference": {1: 0.832, 4: 0.874, 8: 0.890},
    "F-statistic": {1: 0.832, 4: 0.874, 8: 0.890},
    "logistic regression": {1: 0.818, 4: 0.882, 8: 0.906},
    "mutual information": {1: 0.831, 4: 0.869, 8: 0.886},
    "optimal": {1: 0.831, 4: 0.884, 8: 0.902},
}
PUBLISHED_SECONDS: dict[str, float] = {
    "random": 0.257,
    "mean difference": 0.292,
    "F-statistic": 0.303,
    "logistic regression": 7.8,
    "mutual information": 32.2,
    "optimal": 53.0,
}
PUBLISHED_SOURCE = "Gurnee et al. (2023), Finding Neurons in a Haystack, appendix"


@dataclass(frozen=True, eq=False)
class SparseProbe:
    """A linear probe on a few neurons: logit = weight x[neurons] + bias.

    Attributes:
        neurons: which ones, best first where they come from a ranking.
        weight: one for each of them.
        bias: the logit at activations 0.
        threshold: the logit above which it says yes.
        loss: sum of log losses + penalty / 2 |weight|^2 on the examples of the fit, in nats.
        penalty: strength of the ridge penalty; the bias is free.
    """

    neurons: Int[Tensor, " k"]
    weight: Float[Tensor, " k"]
    bias: float
    threshold: float
    loss: float
    penalty: float

    def __post_init__(self) -> None:
        finite("weights", self.weight)
        labelled("weight", len(self.weight), self.neurons.tolist())

    def logits(self, x: Float[Tensor, "example neuron"]) -> Float[Tensor, " example"]:
        """Return the probe's logit for each example."""
        return x[:, self.neurons].to(self.weight.dtype) @ self.weight + self.bias

    def predicted(self, x: Float[Tensor, "example neuron"]) -> Bool[Tensor, " example"]:
        """Return whether the probe says yes to each example."""
        return self.logits(x) > self.threshold

    def summary(self) -> str:
        """Return one sentence: the neurons with their weights."""
        pairs = zip(self.neurons.tolist(), self.weight.tolist(), strict=True)
        told = ", ".join(f"{neuron} ({weight:+z.2f})" for neuron, weight in pairs)
        return f"Probe on {len(self.neurons)} neurons, with weights: {told}."


@dataclass(frozen=True, eq=False)
class OptimalProbe:
    """The probe of least loss on at most k neurons, with what is known of all others.

    Attributes:
        neurons: which ones, in rising order.
        weight: one for each of them.
        bias: the logit at activations 0.
        loss: sum of log losses + penalty / 2 |weight|^2, in nats.
        bound: no probe on as many of the neurons has a smaller loss.
        proven: whether loss and bound agree, up to rounding.
        n_neurons: among how many neurons the probe is optimal.
        nodes: parts of the search that were looked at.
        fitted: probes that were fitted because no bound ruled them out.
        seconds: of work of the thread that searched; waiting for a busy machine does not count.
        penalty: strength of the ridge penalty; the bias is free.
    """

    neurons: Int[Tensor, " k"]
    weight: Float[Tensor, " k"]
    bias: float
    loss: float
    bound: float
    proven: bool
    n_neurons: int
    nodes: int
    fitted: int
    seconds: float
    penalty: float

    def __post_init__(self) -> None:
        finite("weights", self.weight)
        labelled("weight", len(self.weight), self.neurons.tolist())
        if self.bound > self.loss:
            raise ValueError(f"expected a bound of at most the loss {self.loss}, got {self.bound}")

    @property
    def gap(self) -> float:
        """By what fraction of the loss the optimum can be below it at most."""
        # Losses and entropies are never below zero, so neither is the optimum.
        return (self.loss - max(self.bound, 0.0)) / self.loss

    def logits(self, x: Float[Tensor, "example neuron"]) -> Float[Tensor, " example"]:
        """Return the probe's logit for each example."""
        return x[:, self.neurons].to(self.weight.dtype) @ self.weight + self.bias

    def summary(self) -> str:
        """Return one sentence: the neurons, the loss, and whether it is proven optimal."""
        chosen = ", ".join(map(str, self.neurons.tolist()))
        told = f"Probe on neurons {chosen}: loss {self.loss:.4g} nats"
        work = f"{self.nodes} nodes, {self.fitted} fits, {self.seconds:.2g} s"
        if self.proven:
            return f"{told}, proven optimal among {self.n_neurons} neurons ({work})."
        return (
            f"{told}; stopped after {self.seconds:.2g} s: at most "
            f"{self.loss - max(self.bound, 0.0):.3g} nats ({self.gap:.1%} of the loss) above the "
            f"optimum among {self.n_neurons} neurons ({work})."
        )


@dataclass(frozen=True, eq=False)
class SparseTable:
    """How well probes on k neurons do, by collection, method and k.

    Attributes:
        f1: held-out F1 with both classes weighing alike (2/3 for always saying yes), the mean over
            a collection's features and layers.
        collections: names of the first axis.
        methods: names of the second axis: how neurons were chosen.
        ks: numbers of neurons.
        n_probes: features times layers, by collection.
        seconds: of work to choose neurons for one feature and layer, the mean, by method; for one
            k where each k is a search of its own.
        proven: share of the "optimal" probes that are, by collection and k; NaN without them.
        candidates: neurons of highest F-statistic among which they are.
    """

    f1: Float[Tensor, "collection method k"]
    collections: tuple[str, ...]
    methods: tuple[str, ...]
    ks: tuple[int, ...]
    n_probes: tuple[int, ...]
    seconds: Float[Tensor, " method"]
    proven: Float[Tensor, "collection k"]
    candidates: int

    def __post_init__(self) -> None:
        within("F1", self.f1, 0, 1)
        for axis, size, names in zip(
            ("collection", "method", "k"),
            self.f1.shape,
            (self.collections, self.methods, self.ks),
            strict=True,
        ):
            labelled(axis, size, names)

    @property
    def mean(self) -> Float[Tensor, "method k"]:
        """F1 over all features, each counting alike."""
        share = torch.tensor(self.n_probes, dtype=self.f1.dtype)
        return (self.f1 * (share / share.sum())[:, None, None]).sum(dim=0)

    def rows(self) -> list[dict[str, object]]:
        """Return one row for each method: its mean F1 at each k, the published ones, seconds."""
        return [
            {"method": method}
            | {f"k = {k}": round(float(f1), 3) for k, f1 in zip(self.ks, values, strict=True)}
            | {f"paper, k = {k}": f1 for k, f1 in PUBLISHED_F1.get(method, {}).items()}
            | {"seconds": float(f"{seconds:.2g}"), "paper, seconds": PUBLISHED_SECONDS.get(method)}
            for method, values, seconds in zip(self.methods, self.mean, self.seconds, strict=True)
        ]

    def summary(self) -> str:
        """Return one sentence: each method's mean F1 at the least and the largest k."""
        told = ", ".join(
            f"{method} {values[0]:.3f} and {values[-1]:.3f}"
            for method, values in zip(self.methods, self.mean, strict=True)
        )
        return (
            f"Mean F1 of {sum(self.n_probes)} probes in {len(self.collections)} collections at "
            f"k = {self.ks[0]} and {self.ks[-1]}: {told}."
        )
