"""Pictures for all channels of a layer, in one batch, against one picture at a time.

The peers (Lucent, captum's optim, Horama) optimise one picture in one loop: each step moves it by
several operations one after the other, runs the whole network, and computes gradients of the
weights, too. We write such a loop with the same parametrisation, objective and amounts of movement,
so that only the way of working differs. Lucent also enlarges every picture to 224 pixels unless it
is told not to; that is a line of its own. Both run in the same process, in turn, and the best of
several rounds counts.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate, pad

from benchmarks._figure import asked_device, fastest, report
from mi_course.methods.feature_viz import Fourier, Recipe, Robustness, render_channels
from mi_course.models.vision import VisionModel, load_vision

MOVES = Robustness()
SIZES, LAYERS = (64, 128), ("conv1", "conv3", "conv5")
STEPS, ROUNDS, LONE_STEPS = 8, 5, 24
ENLARGED = 224  # pixels, Lucent's default
TARGET = 5.0  # times a peer's rate
THREADS = 2


def moved(image: Tensor, fill: float = 0.5) -> Tensor:
    """Return a picture after padding, jitter, scaling and rotation, one after the other."""
    image = pad(image, (MOVES.pad + 3,) * 4, value=fill)
    down, right = torch.randint(7, (2,)).tolist()
    side = image.shape[-1] - 6
    image = image[..., down : down + side, right : right + side]
    scale = torch.empty(()).uniform_(1 / (1 + MOVES.scale), 1 + MOVES.scale).item()
    image = interpolate(image, scale_factor=scale, mode="bilinear", align_corners=False)
    angle = torch.deg2rad(torch.empty(()).uniform_(-MOVES.rotation, MOVES.rotation))
    cos, sin, none = angle.cos(), angle.sin(), torch.zeros(())
    theta = torch.stack([torch.stack([cos, -sin, none]), torch.stack([sin, cos, none])])
    grid = affine_grid(theta[None].to(image), list(image.shape), align_corners=False)
    return grid_sample(image, grid, align_corners=False)


def one_at_a_time(
    model: VisionModel, layer: str, channel: int, size: int, steps: int, enlarge: int | None = None
) -> Callable[[], None]:
    """Return a loop of so many steps for one channel, as the peers write it."""
    fourier = Fourier()
    parameters = fourier.start(size, [channel], 0).to(model.device).requires_grad_()
    adam = torch.optim.Adam([parameters], lr=0.1)
    kept: dict[str, Tensor] = {}

    def run() -> None:
        model.module.requires_grad_(True)
        stage = getattr(model.module, layer)
        hook = stage.register_forward_hook(lambda _module, _x, out: kept.update(out=out.relu()))
        for _ in range(steps):
            image = moved(fourier.images(parameters, size))
            if enlarge:
                image = interpolate(image, size=enlarge, mode="bilinear", align_corners=True)
            model.logits(image)
            adam.zero_grad()
            (-kept["out"][0, channel].mean()).backward()
            adam.step()
        hook.remove()
        model.module.requires_grad_(False)

    return run


def measure(model: VisionModel, layer: str, size: int, device: str) -> None:
    """Report one layer at one size."""
    recipe = Recipe(steps=STEPS, size=size, redirect=0, robustness=MOVES)
    ours = {"ours": lambda: render_channels(model, layer, recipe=recipe)}
    version = f"torch {torch.__version__}, one picture at a time"
    steps = {"": LONE_STEPS, "/enlarged": LONE_STEPS // 4}
    theirs = {
        suffix: one_at_a_time(model, layer, 0, size, each, ENLARGED if suffix else None)
        for suffix, each in steps.items()
    }
    taken = fastest(ours | theirs, ROUNDS, device, wall=True)
    rate = STEPS * model.channels(layer) / taken["ours"]
    unit = "channel-steps per second" + (f", {THREADS} threads" if device == "cpu" else "")
    for suffix, each in steps.items():
        report(
            f"feature_viz/{layer}_{size}{suffix}",
            rate,
            each / taken[suffix],
            unit,
            version + (f", enlarged to {ENLARGED}" if suffix else ""),
            device=device,
            more_is_better=True,
            target=None if suffix else TARGET,
        )


def main() -> None:
    """Print all figures."""
    device = asked_device()
    torch.set_num_threads(THREADS)
    model = load_vision("shapes-a", device=device)
    for size in SIZES:
        for layer in LAYERS:
            measure(model, layer, size, device)


if __name__ == "__main__":
    main()
