"""Which channels of an earlier layer a channel is built from, and where they must be.

Between two adjacent layers the kernel says it: a positive weight below the middle means "more of
this channel, further down". Between layers that are not adjacent the kernels in between are
multiplied out, with every ReLU taken as open and every max pooling as a mean:

    expanded[out, in, y, x] = d target[out, middle] / d source[in, y, x]    of that network

Sources: [Olah20], "Circuit 3: car"; Voss et al. (2021), Visualizing Weights. In
go a `VisionModel` and two layers, out come `ExpandedKernels`.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.nn.functional import avg_pool2d, max_pool2d
from torch.overrides import TorchFunctionMode

from mi_course.methods.feature_viz.objectives import checked_channels
from mi_course.models.vision import VisionModel
from mi_course.results.channels import ExpandedKernels

__all__ = ["expanded_kernels"]


@torch.enable_grad()
def expanded_kernels(
    model: VisionModel, source: str, target: str, channels: Sequence[int] | None = None
) -> ExpandedKernels:
    """Return the linear effect of each source channel at each place on target channels.

    Args:
        model: any.
        source: the earlier layer.
        target: the later layer.
        channels: of the target; all when None.

    Returns:
        Kernels; between adjacent layers of a plain network they are its own.

    Raises:
        ValueError: an unknown layer or channel, or a source that is not before the target.

    Source: [Olah20]; Voss et al. (2021), Visualizing Weights.
    """
    wanted = checked_channels(model, target, channels)
    n_sources = model.channels(source)
    path = model.module.path(target)
    if source not in path[:-1]:
        raise ValueError(
            f"expected a source on the way to {target}: {', '.join(path[:-1]) or 'none'}, got "
            f"{source!r}"
        )
    stages = path[path.index(source) + 1 :]
    size, stride, corner = _window(model, stages)
    # Far enough from the border for the whole window to lie inside.
    at = -(corner // stride)
    side = at * stride + corner + size + stride
    first = corner + at * stride
    x = torch.zeros(len(wanted), n_sources, side, side, device=model.device, requires_grad=True)
    with _MeanPooling():
        out = x
        for stage in stages:
            out = model.module.stage(stage, out, lambda value: value)
    goals = out[torch.arange(len(wanted)), list(wanted), at, at]
    (grad,) = torch.autograd.grad(goals.sum(), [x])
    return ExpandedKernels(
        values=grad[:, :, first : first + size, first : first + size].contiguous(),
        source=source,
        target=target,
        channels=wanted,
        adjacent=len(stages) == 1,
    )


def _window(model: VisionModel, stages: Sequence[str]) -> tuple[int, int, int]:
    """Return size, stride and first row of what the target's first unit sees of the source."""
    size, stride, corner = 1, 1, 0
    for stage in stages:
        for kernel, step, padding in model.module.windows[stage]:
            size += (kernel - 1) * stride
            corner -= padding * stride
            stride *= step
    return size, stride, corner


class _MeanPooling(TorchFunctionMode):
    """Within this context a max pooling takes means: then what lies between layers is linear."""

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is max_pool2d:
            x, kernel, stride, padding, ceil = _pooling(*args, **kwargs)
            return avg_pool2d(x, kernel, stride, padding, ceil, count_include_pad=False)
        return func(*args, **kwargs)


def _pooling(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple:
    """Return what a mean pooling needs of the arguments of a max pooling."""
    assert dilation == 1 and not return_indices
    return x, kernel_size, stride or kernel_size, padding, ceil_mode
