"""Many linear probes at once: ridge-logistic regression by Newton's method, batched.

Each probe minimises, over its weight w and bias b,

    sum_i s_i log(1 + exp(-y_i (w x_i + b))) + penalty / 2 |w|^2,     y_i = 1 or -1,

with example weights s_i; scikit-learn's C is 1 / penalty. How the optimum is found is told in
`newton`. In go activations by layer and labels; out come `Probes`.

Source: [Belinkov22] "Probing Classifiers: Promises, Shortcomings, and Advances".
"""

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from mi_course.methods.probing.newton import exact_dtype, fit_layer
from mi_course.results import Probes
from mi_course.results.checks import boolean

__all__ = ["check_examples", "example_weights", "fit_probes"]


def fit_probes(
    x: Float[Tensor, "layer example d_in"],
    y: Bool[Tensor, "truths feature"],
    *,
    penalty: float = 1.0,
    weights: Shaped[Tensor, "rows columns"] | None = None,
    class_balance: bool = False,
    tolerance: float = 1e-8,
    max_steps: int = 100,
) -> Probes:
    """Return the ridge-logistic probe of every layer and feature, at its optimum.

    Seeds are more features: put the choices of `balanced` for several seeds side by side.

    Args:
        x: activations.
        y: whether each feature holds.
        penalty: ridge strength on the sum of losses, 1 / C of scikit-learn; the bias is free.
        weights: how much each example counts for each feature; a mask from `balanced` does.
        class_balance: both classes of a feature count alike, as scikit-learn's
            `class_weight="balanced"`.
        tolerance: stop when no entry of the gradient, divided by the sum of weights, is larger.
        max_steps: Newton steps at most.

    Returns:
        Probes on the device of x, in double precision where the device has it.

    Raises:
        ValueError: lengths differ, NaNs, a feature of one class, or a penalty that is not above 0.
    """
    check_examples(x, y, penalty)
    counted = example_weights(y, weights, class_balance=class_balance)
    fits = [fit_layer(layer, y.T, counted.T, penalty, tolerance, max_steps) for layer in x]
    weight, bias, objective, gradient = (torch.stack(part) for part in zip(*fits, strict=True))
    return Probes(weight, bias, objective, gradient, penalty)


def check_examples(
    x: Float[Tensor, "*layer rows d_in"], y: Bool[Tensor, "example feature"], penalty: float
) -> None:
    """Raise ValueError unless activations and labels fit together and can be fitted."""
    boolean("labels", y)
    if x.shape[-2] != len(y) or y.ndim != 2:
        raise ValueError(
            f"expected a label for each of {x.shape[-2]} examples, got {list(y.shape)}, "
            "try y [example feature]"
        )
    if not x.isfinite().all():
        raise ValueError("expected finite activations, got NaN or infinity, try nan_to_num")
    if not penalty > 0:
        raise ValueError(f"expected a penalty above 0, got {penalty}, try 1.0")


def example_weights(
    y: Bool[Tensor, "truths feature"],
    weights: Shaped[Tensor, "rows columns"] | None = None,
    *,
    class_balance: bool = False,
) -> Float[Tensor, "example feature"]:
    """Return how much each example counts for each feature, in double precision where there is.

    Raises:
        ValueError: weights of another shape, below 0 or not finite; a feature of which no
            example, or every one, counts as true.
    """
    exact = exact_dtype(y)
    counted = torch.ones(y.shape, dtype=exact, device=y.device)
    if weights is not None:
        if weights.shape != y.shape:
            raise ValueError(
                f"expected weights {tuple(y.shape)}, got {tuple(weights.shape)}, try one for each "
                "example and feature"
            )
        counted = weights.to(y.device, exact)
    if not counted.isfinite().all() or (counted < 0).any():
        raise ValueError("expected finite weights from 0 on, got others, try a mask")
    total, true = counted.sum(0), (counted * y).sum(0)
    if ((true <= 0) | (true >= total)).any():
        one = ((true <= 0) | (true >= total)).nonzero().flatten().tolist()
        raise ValueError(
            f"expected examples of both classes for every feature, got one class for {one}, try "
            "more examples or fewer features"
        )
    if class_balance:
        counted = counted * torch.where(y, total / (2 * true), total / (2 * (total - true)))
    return counted
