"""What every result asks of its numbers before it is made."""

import torch
from torch import Tensor


def boolean(name: str, values: Tensor) -> None:
    """Raise ValueError unless values are booleans: 0 and 1 would be taken for places."""
    if values.dtype != torch.bool:
        raise ValueError(f"expected boolean {name}, got {values.dtype}, try {name}.bool()")


def finite(name: str, values: Tensor) -> None:
    """Raise ValueError unless there are values and all of them are finite."""
    if values.numel() == 0 or not values.isfinite().all():
        raise ValueError(
            f"expected finite {name}, got {values.numel()} values, some NaN or infinite or none"
        )


def within(name: str, values: Tensor, low: int, high: int) -> None:
    """Raise ValueError unless all values are finite and between low and high, but for rounding."""
    finite(name, values)
    # Softmax in single precision overshoots 1 by rounding.
    if values.min() < low - 1e-4 or values.max() > high + 1e-4:
        raise ValueError(
            f"expected {name} from {low} to {high}, got {values.min():.3g} to {values.max():.3g}"
        )


def labelled(axis: str, size: int, labels: tuple | list) -> None:
    """Raise ValueError unless there is one label for each entry of an axis."""
    if size != len(labels):
        raise ValueError(f"expected one label for each {axis} ({size}), got {len(labels)}")
