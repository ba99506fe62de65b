"""A ReLU that lets a dead channel learn.

Where ReLU's input is negative its gradient is 0, and noise may leave a channel silent everywhere:
then nothing tells the picture where to go. For an image whose gradient would be lost altogether,
the redirected ReLU passes it on where it pushes the input up. Only the backward pass changes, and
only for the first steps. Source: [Olah17], appendix; the idea is that of the Lucid library.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["redirected_relu"]


def redirected_relu(x: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch ..."]:
    """Return max(x, 0); the gradient of a loss to be minimised is never lost for a whole image.

    Args:
        x: what enters the ReLU.
    """
    return _Redirected.apply(x)


class _Redirected(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        through = torch.ops.aten.threshold_backward(grad, x, 0.0)
        lost = through.flatten(1).any(dim=1).logical_not()
        # What is minimised is the negative objective: a negative gradient pushes upwards.
        upwards = grad.clamp(max=0)
        return torch.where(lost.view(-1, *[1] * (x.ndim - 1)), upwards, through)
