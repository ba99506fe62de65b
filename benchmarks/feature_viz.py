"""Pictures for all channels of a layer, in one batch, against one picture at a time.

The peers (Lucent, captum's optim, Horama) optimise one picture in one loop: each step moves it by
several operations one after the other, runs the whole network, and computes gradients of the
weights, too. We write such a loop with the same parametrisation, objective and amounts of movement,
so that only the way of working differs. Lucent also enlarges every picture to 224 pixels unless it
is told not to; that is a line of its own. Both run in the same process, one after the other, on one
thread, and CPU time counts, the best of several rounds; on a GPU (`feature_viz.py cuda`) wall time.
"""

import json
import platform
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate, pad

from mi_course.methods.feature_viz import Fourier, Recipe, Robustness, render_channels
from mi_course.models.cnn import ShapesCNN
from mi_course.models.vision import VisionModel, load_vision, shapes_model

MOVES = Robustness()
SIZES, LAYERS = (64, 128), ("conv1", "conv3", "conv5")
STEPS, ROUNDS, LONE_STEPS = 8, 3, 24
ENLARGED = 224  # pixels, Lucent's default


def report(name: str, ours: float, peer: float, peer_version: str, device: str) -> None:
    """Print one line; rates, so more is better."""
    line = {
        "benchmark": f"feature_viz/{name}",
        "ours": round(ours, 1),
        "peer": round(peer, 1),
        "ratio": round(ours / peer, 2),
        "unit": f"channel-steps per {'second' if device == 'cuda' else 'CPU second, one thread'}",
        "peer_version": peer_version,
        "machine": f"{platform.machine()} {platform.system()} Python {platform.python_version()}"
        f", {device}",
    }
    print(json.dumps(line), flush=True)


def network(device: str) -> VisionModel:
    """Return the trained network, or one of its layout: what it has learned costs no time."""
    try:
        return load_vision("shapes-a", device=device)
    except (ValueError, OSError):
        torch.manual_seed(0)
        model = shapes_model(ShapesCNN(12), "random", *[(0.5, 0.5, 0.5)] * 2)
        model.module.to(device)
        return model


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


def fastest(run: Callable[[], object], device: str) -> float:
    """Return the seconds of the fastest of several rounds; a first one makes room."""
    clock = time.perf_counter if device == "cuda" else time.process_time
    taken = []
    for _ in range(1 + ROUNDS):
        begun = clock()
        run()
        if device == "cuda":
            torch.cuda.synchronize()
        taken.append(clock() - begun)
    return min(taken[1:])


def measure(model: VisionModel, layer: str, size: int, device: str) -> None:
    """Report one layer at one size."""
    recipe = Recipe(steps=STEPS, size=size, redirect=0, robustness=MOVES)
    seconds = fastest(lambda: render_channels(model, layer, recipe=recipe), device)
    ours = STEPS * model.channels(layer) / seconds
    version = f"torch {torch.__version__}, one picture at a time"
    ways = {"": (None, version), "/enlarged": (ENLARGED, f"{version}, enlarged to {ENLARGED}")}
    for suffix, (enlarge, told) in ways.items():
        steps = LONE_STEPS // (4 if enlarge else 1)
        peer = steps / fastest(one_at_a_time(model, layer, 0, size, steps, enlarge), device)
        report(f"{layer}_{size}{suffix}", ours, peer, told, device)


def main(device: str) -> None:
    """Print all figures."""
    torch.set_num_threads(1)
    model = network(device)
    for size in SIZES:
        for layer in LAYERS:
            measure(model, layer, size, device)


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else "cpu")
