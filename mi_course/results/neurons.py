"""Numbers about single neurons: what they tell, what they write, and what is lost without them."""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from mi_course.results.checks import finite, labelled, within

Neuron = tuple[int, int]


def neuron_name(neuron: Neuron) -> str:
    """Return the name of a neuron, such as "L2N751"."""
    return f"L{neuron[0]}N{neuron[1]}"


@dataclass(frozen=True, eq=False)
class BestNeurons:
    """For each feature the neuron that tells it best by itself.

    The neuron and its threshold were chosen on some examples, the scores are of others.

    Attributes:
        neurons: one `(layer, neuron)` for each feature.
        thresholds: of the activation, or of minus the activation where `signs` is -1.
        signs: 1 where a high activation says yes, -1 where a low one does.
        f1: held out.
        precision: held out.
        recall: held out.
        random_f1: held-out F1 of neurons drawn by chance, each with its own best threshold.
        features: their names.
    """

    neurons: tuple[Neuron, ...]
    thresholds: Float[Tensor, " feature"]
    signs: Int[Tensor, " feature"]
    f1: Float[Tensor, " feature"]
    precision: Float[Tensor, " feature"]
    recall: Float[Tensor, " feature"]
    random_f1: Float[Tensor, "feature draw"]
    features: tuple[str, ...]

    def __post_init__(self) -> None:
        for name in ("f1", "precision", "recall", "random_f1"):
            within(name, getattr(self, name), 0, 1)
            labelled("feature", len(getattr(self, name)), self.features)
        labelled("feature", len(self.neurons), self.features)

    def of(self, feature: str) -> Neuron:
        """Return the neuron of a feature.

        Raises:
            ValueError: there is no such feature.
        """
        if feature not in self.features:
            raise ValueError(f"expected one of {list(self.features)}, got {feature!r}")
        return self.neurons[self.features.index(feature)]

    def summary(self) -> str:
        """Return one sentence: the neurons with their F1, the best first, and what chance gives."""
        order = self.f1.argsort(descending=True).tolist()
        told = ", ".join(
            f"{self.features[i]} {neuron_name(self.neurons[i])} {self.f1[i]:.2f}" for i in order[:6]
        )
        return (
            f"Best single neuron, held-out F1: {told}; mean over {len(self.features)} features "
            f"{self.f1.mean():.2f}, random neurons {self.random_f1.mean():.2f}."
        )


@dataclass(frozen=True, eq=False)
class ContextAblation:
    """What the loss does, inside and outside a context, when neurons are silenced.

    Attributes:
        inside: rise in mean loss in nats on tokens of the context, for each group of neurons.
        outside: the same on all other tokens.
        random_inside: the same for random groups of as many neurons in the same layers.
        random_outside: the same outside.
        groups: names of the groups of neurons.
        context: what the context is, such as "code_language: html".
        losses: mean loss in nats of the whole model, inside and outside.
        mode: what a neuron was set to.
    """

    inside: Float[Tensor, " group"]
    outside: Float[Tensor, " group"]
    random_inside: Float[Tensor, "group draw"]
    random_outside: Float[Tensor, "group draw"]
    groups: tuple[str, ...]
    context: str
    losses: tuple[float, float]
    mode: str = "mean"

    def __post_init__(self) -> None:
        for name in ("inside", "outside"):
            finite(name, getattr(self, name))
            labelled("group", len(getattr(self, name)), self.groups)

    def summary(self) -> str:
        """Return one sentence: each group's effect inside and outside, beside chance."""
        told = "; ".join(
            f"{group}: {inside:+z.4f} inside, {outside:+z.4f} outside (random neurons "
            f"{control:+z.4f} inside)"
            for group, inside, outside, control in zip(
                self.groups,
                self.inside.tolist(),
                self.outside.tolist(),
                self.random_inside.mean(1).tolist(),
                strict=True,
            )
        )
        return (
            f"Loss added in nats when neurons are set to {self.mode}, {self.context} (loss "
            f"{self.losses[0]:.2f} inside, {self.losses[1]:.2f} outside): {told}."
        )


@dataclass(frozen=True, eq=False)
class LogitEffect:
    """What one unit of a neuron's activation adds to each token's logit.

    Attributes:
        values: logits, their mean over the vocabulary taken away; times 1 / scale of the final
            LayerNorm this is the direct effect.
        neuron: which neuron.
        tokens: the vocabulary's texts; empty where the model has no tokenizer.
    """

    values: Float[Tensor, " d_vocab"]
    neuron: Neuron
    tokens: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        finite("logits", self.values)
        if self.tokens:
            labelled("token", len(self.values), self.tokens)

    def top(self, k: int = 10) -> list[tuple[str, float]]:
        """Return the tokens that the neuron promotes most, with their logits."""
        return self._named(self.values.topk(min(k, len(self.values))).indices.tolist())

    def bottom(self, k: int = 10) -> list[tuple[str, float]]:
        """Return the tokens that the neuron suppresses most, with their logits."""
        chosen = (-self.values).topk(min(k, len(self.values))).indices
        return self._named(chosen.tolist())

    def _named(self, tokens: list[int]) -> list[tuple[str, float]]:
        names = self.tokens or tuple(map(str, range(len(self.values))))
        return [(names[token], self.values[token].item()) for token in tokens]

    def kurtosis(self) -> float:
        """Return the excess kurtosis: 0 for a bell curve, large where few tokens stand out."""
        centred = self.values.double() - self.values.double().mean()
        return (centred.pow(4).mean() / centred.square().mean().square() - 3).item()

    def skew(self) -> float:
        """Return the skewness: above 0 where few tokens are promoted, below 0 where suppressed."""
        centred = self.values.double() - self.values.double().mean()
        return (centred.pow(3).mean() / centred.square().mean().pow(1.5)).item()

    def summary(self) -> str:
        """Return one sentence: the tokens most promoted and suppressed."""
        up, down = (", ".join(repr(t) for t, _ in side(5)) for side in (self.top, self.bottom))
        return (
            f"{neuron_name(self.neuron)} promotes {up} and suppresses {down}; excess kurtosis "
            f"{self.kurtosis():z.1f}, skew {self.skew():+z.1f}."
        )


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """Length of each neuron's input weights, and its bias, LayerNorm folded into both.

    Attributes:
        norms: |w_in|.
        biases: b_in; below 0 a neuron is silent unless its input speaks up.
    """

    norms: Float[Tensor, "layer d_mlp"]
    biases: Float[Tensor, "layer d_mlp"]

    def __post_init__(self) -> None:
        finite("norms", self.norms)
        finite("biases", self.biases)

    @property
    def products(self) -> Float[Tensor, "layer d_mlp"]:
        """Return |w_in| b_in: far below 0 for neurons that share a direction with many others."""
        return self.norms * self.biases

    def summary(self) -> str:
        """Return one sentence: the mean product by layer."""
        means = ", ".join(f"{value:z.2f}" for value in self.products.mean(1).tolist())
        shares = ", ".join(f"{s:.0%}" for s in (self.biases < 0).float().mean(1).tolist())
        return f"Mean |w_in| b_in by layer: {means}; biases below 0: {shares}."
