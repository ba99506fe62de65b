"""Exercise 01.2: one step of gradient ascent on pictures.

The network is one convolution and a ReLU, so that the gradient can also be written down.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d, normalize, one_hot

from mi_course.exercises.core import Case, Exercise, Wrong

Images = Float[Tensor, "batch rgb height width"]
Kernels = Float[Tensor, "channel rgb kernel_height kernel_width"]
Channels = Int[Tensor, " batch"]


def gradient_ascent_step(images: Images, kernels: Kernels, channels: Channels, lr: float) -> Images:
    """Return the images, each moved by a step of length lr up the mean of its own channel."""
    images = images.detach().requires_grad_()
    acts = conv2d(images, kernels).relu()
    value = acts[torch.arange(len(acts)), channels].mean(dim=(1, 2)).sum()
    (grad,) = torch.autograd.grad(value, images)
    return images.detach() + lr * normalize(grad.flatten(1), dim=1).view_as(grad)


def _by_hand(images: Images, kernels: Kernels, channels: Channels, lr: float) -> Images:
    """The gradient is the kernel, laid down wherever the channel is active."""
    own = one_hot(channels, len(kernels))[:, :, None, None]
    grad = conv_transpose2d((conv2d(images, kernels) > 0) * own.to(images), kernels)
    length = grad.square().sum(dim=(1, 2, 3), keepdim=True).sqrt()
    return images + lr * torch.where(length > 0, grad / length, 0)


def _gradient(images: Images, kernels: Kernels, channels: Channels, *, relu: bool = True) -> Images:
    images = images.detach().requires_grad_()
    acts = conv2d(images, kernels)
    acts = acts.relu() if relu else acts
    value = acts[torch.arange(len(acts)), channels].mean(dim=(1, 2)).sum()
    return torch.autograd.grad(value, images)[0]


def _unit(grad: Images) -> Images:
    return normalize(grad.flatten(1), dim=1).view_as(grad)


def _descent(images: Images, kernels: Kernels, channels: Channels, lr: float) -> Images:
    return gradient_ascent_step(images, kernels, channels, -lr)


def _raw(images: Images, kernels: Kernels, channels: Channels, lr: float) -> Images:
    return images + lr * _gradient(images, kernels, channels)


def _one_length(images: Images, kernels: Kernels, channels: Channels, lr: float) -> Images:
    grad = _gradient(images, kernels, channels)
    return images + lr * grad / grad.norm()


def _signs(images: Images, kernels: Kernels, channels: Channels, lr: float) -> Images:
    return images + lr * _gradient(images, kernels, channels).sign()


def _step_alone(images: Images, kernels: Kernels, channels: Channels, lr: float) -> Images:
    return lr * _unit(_gradient(images, kernels, channels))


def _nothing_by_nothing(images: Images, kernels: Kernels, channels: Channels, lr: float) -> Images:
    grad = _gradient(images, kernels, channels)
    return images + lr * grad / grad.flatten(1).norm(dim=1)[:, None, None, None]


def _largest_entry(images: Images, kernels: Kernels, channels: Channels, lr: float) -> Images:
    grad = _gradient(images, kernels, channels)
    return images + lr * grad / grad.abs().amax(dim=(1, 2, 3), keepdim=True).clamp(min=1e-12)


def _no_relu(images: Images, kernels: Kernels, channels: Channels, lr: float) -> Images:
    return images + lr * _unit(_gradient(images, kernels, channels, relu=False))


def _first_for_all(images: Images, kernels: Kernels, channels: Channels, lr: float) -> Images:
    return gradient_ascent_step(images, kernels, channels[:1].expand(len(images)), lr)


def _cases(seed: int) -> list[Case]:
    generator = torch.Generator().manual_seed(seed)

    def drawn(batch: int, channel: int, size: tuple[int, int], kernel: tuple[int, int]) -> tuple:
        images = torch.rand(batch, 3, *size, generator=generator)
        kernels = torch.randn(channel, 3, *kernel, generator=generator)
        # Kernels of very different sizes have gradients of very different lengths.
        kernels *= 0.2 + 3 * torch.rand(channel, 1, 1, 1, generator=generator)
        channels = torch.randint(channel, (batch,), generator=generator)
        return images, kernels, channels, 0.1 + float(torch.rand((), generator=generator))

    # Two pixels and kernels as large as the image; the third image leaves its channel silent.
    hand = (
        torch.tensor([[[[1.0, 0.0]]], [[[0.0, 1.0]]], [[[1.0, 0.0]]]]),
        torch.tensor([[[[3.0, 4.0]]], [[[-5.0, 12.0]]]]),
        torch.tensor([0, 1, 1]),
        0.5,
    )
    images, kernels, channels, lr = drawn(5, 4, (6, 5), (3, 3))
    silent = -kernels.abs()  # pixels from 0 to 1 cannot make these positive
    mixed = torch.cat([kernels.abs(), silent])
    turns = channels + 4 * (torch.arange(5) % 2)
    seen, large, own, step = drawn(4, 3, (5, 4), (5, 4))
    return [
        Case("two pixels, two channels", hand, "hand"),
        Case("4 images of 9x8, 5 channels", drawn(4, 5, (9, 8), (3, 4))),
        Case("3 images of 7x10, 2 channels", drawn(3, 2, (7, 10), (5, 2))),
        Case("every other channel is silent", (images, mixed, turns, lr), "property"),
        Case("a kernel as large as the image", (seen, large.abs(), own, step), "truth"),
    ]


GRADIENT_ASCENT_STEP = Exercise(
    id="01.2",
    function="gradient_ascent_step",
    title="One step up",
    points=3,
    stars=2,
    minutes=15,
    reference=gradient_ascent_step,
    cases=_cases,
    alternatives=(_by_hand,),
    wrong=(
        Wrong(
            "goes down",
            _descent,
            "goes down",
            "this goes down the gradient, as training does: a picture goes up",
        ),
        Wrong(
            "no length of its own",
            _raw,
            "has the length of its gradient",
            "the step has the length of its gradient: divide each image's gradient by its norm",
        ),
        Wrong(
            "one length for the batch",
            _one_length,
            "share one length",
            "all images share one length here: each image's gradient is divided by its own norm",
        ),
        Wrong(
            "signs alone",
            _signs,
            "signs of the gradient",
            "this moves by the signs of the gradient: keep its direction, divide by its norm",
        ),
        Wrong(
            "divided by the largest entry",
            _largest_entry,
            "largest entry",
            "the gradient is divided by its largest entry: its norm is the root of the sum of "
            "squares",
        ),
        Wrong(
            "the step without the image",
            _step_alone,
            "the step alone",
            "this is the step alone: add it to the images",
        ),
        Wrong(
            "0/0 where a channel is silent",
            _nothing_by_nothing,
            "a silent channel",
            "a silent channel has a gradient of 0, whose norm is 0: leave that image as it is",
        ),
        Wrong(
            "no ReLU",
            _no_relu,
            "the ReLU is missing",
            "the ReLU is missing: where a channel is silent it gives no gradient",
        ),
        Wrong(
            "the first image's channel for all",
            _first_for_all,
            "the first image's channel",
            "all images climb the first image's channel: each has its own",
        ),
    ),
    hints=(
        "Run the convolution and the ReLU on images that require a gradient, take your objective, "
        "ask for its gradient, divide each image's gradient by its norm, add lr times that.",
        "The objectives of the batch may be summed, since no image touches another: "
        "`(grad,) = torch.autograd.grad(values.sum(), images)`. `normalize` leaves zeros alone.",
        "`grad.flatten(1)` is `batch (rgb height width)`; its norm over dim 1 is `batch`.",
    ),
    groups={"random": 1, "property": 1, "truth": 1},
    axes="batch rgb height width",
)
