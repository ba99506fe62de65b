"""Toy models: a few features that come and go, squeezed through fewer dimensions and read back.

    hidden = x W        out = ReLU(hidden W^T + b)

Many models that share nothing but their sizes stand side by side along a first axis, `instance`,
so that a sweep over sparsity, importance or seeds is one tensor. Source: [Elhage22], "Demonstrating
Superposition". In go features `[instance batch n_features]`, out comes their reconstruction.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["KINDS", "AbsoluteValueModel", "ToyModel", "ToyTraining"]

KINDS = ("relu", "linear")


@dataclass(frozen=True, eq=False)
class ToyModel:
    """Trained toy models, one for each instance, and what they were trained on.

    Attributes:
        W: direction of each feature in the hidden space.
        b: bias of each output.
        density: probability that a feature is active (1 minus the sparsity).
        importance: weight of each feature in the loss.
        kind: "relu", or "linear" for a model without ReLU.
    """

    W: Float[Tensor, "instance n_features d_hidden"]
    b: Float[Tensor, "instance n_features"]
    density: Float[Tensor, " instance"]
    importance: Float[Tensor, "instance n_features"]
    kind: str = "relu"

    def __post_init__(self) -> None:
        sizes = self.b.shape, self.importance.shape, (len(self.density), self.n_features)
        if any(tuple(size) != tuple(self.W.shape[:2]) for size in sizes):
            raise ValueError(
                f"expected b, density and importance for {tuple(self.W.shape[:2])} instances and "
                f"features, got {[tuple(size) for size in sizes]}"
            )
        if self.kind not in KINDS:
            raise ValueError(f"expected kind {' or '.join(KINDS)}, got {self.kind!r}")

    @property
    def n_features(self) -> int:
        """Number of features."""
        return self.W.shape[1]

    @property
    def d_hidden(self) -> int:
        """Number of hidden dimensions."""
        return self.W.shape[2]

    def __len__(self) -> int:
        return len(self.W)

    def __call__(
        self, x: Float[Tensor, "instance batch n_features"]
    ) -> Float[Tensor, "instance batch n_features"]:
        """Return the reconstruction of features, one batch for each instance."""
        if x.ndim != 3 or x.shape[::2] != self.W.shape[:2]:
            raise ValueError(
                f"expected features [{len(self)} batch {self.n_features}], got {tuple(x.shape)}, "
                "try one batch for each instance"
            )
        pre = x @ self.W @ self.W.mT + self.b[:, None]
        return pre.relu() if self.kind == "relu" else pre

    def instance(self, i: int) -> "ToyModel":
        """Return one of the models alone; its tensors keep an instance axis of size 1.

        Raises:
            ValueError: there is no such instance.
        """
        if not -len(self) <= i < len(self):
            raise ValueError(f"expected an instance from 0 to {len(self) - 1}, got {i}")
        return self.chosen(torch.tensor([i % len(self)]))

    def chosen(self, instances: Int[Tensor, " chosen"]) -> "ToyModel":
        """Return some of the models, in the order asked for."""
        at = instances.to(self.W.device)
        tensors = (self.W, self.b, self.density, self.importance)
        return ToyModel(*(tensor[at] for tensor in tensors), kind=self.kind)


@dataclass(frozen=True, eq=False)
class ToyTraining:
    """Toy models and how they came to be.

    Attributes:
        model: after the last step.
        steps: steps taken when each record was made; the first is 0, the last is the end.
        losses: mean over batch and features of importance times squared error, on one batch.
        W_over_time: directions at each record.
        b_over_time: biases at each record.
    """

    model: ToyModel
    steps: Int[Tensor, " record"]
    losses: Float[Tensor, "record instance"]
    W_over_time: Float[Tensor, "record instance n_features d_hidden"]
    b_over_time: Float[Tensor, "record instance n_features"]

    def __post_init__(self) -> None:
        sizes = [len(part) for part in (self.losses, self.W_over_time, self.b_over_time)]
        if set(sizes) != {len(self.steps)}:
            raise ValueError(
                f"expected a loss, W and b for each of {len(self.steps)} records, got {sizes}"
            )
        if not self.losses.isfinite().all():
            raise ValueError("expected finite losses, got NaN or infinity, try a smaller lr")

    def at(self, record: int) -> ToyModel:
        """Return the models as they were at a record.

        Raises:
            ValueError: there is no such record.
        """
        if not -len(self.steps) <= record < len(self.steps):
            raise ValueError(f"expected a record from 0 to {len(self.steps) - 1}, got {record}")
        weights = self.W_over_time[record], self.b_over_time[record]
        return ToyModel(*weights, self.model.density, self.model.importance, self.model.kind)


@dataclass(frozen=True, eq=False)
class AbsoluteValueModel:
    """Layers of ReLU neurons that compute the absolute value of each feature, if they can.

    Attributes:
        W_in: weight from each feature to each neuron.
        W_out: weight from each neuron to each output.
        b: bias of each output.
        density: probability that a feature is active.
    """

    W_in: Float[Tensor, "instance n_features neuron"]
    W_out: Float[Tensor, "instance neuron n_features"]
    b: Float[Tensor, "instance n_features"]
    density: Float[Tensor, " instance"]

    def __call__(
        self, x: Float[Tensor, "instance batch n_features"]
    ) -> Float[Tensor, "instance batch n_features"]:
        """Return the outputs for signed features, one batch for each instance."""
        return ((x @ self.W_in).relu() @ self.W_out + self.b[:, None]).relu()
