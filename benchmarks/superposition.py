"""Toy models of superposition against two usual loops, in instances times steps per CPU second.

1. The published notebook's way, written again plainly: one batched model of layout
   `[batch instance n_features]`, features and masks drawn apart, two einsums, autograd, AdamW.
2. One model at a time with the same loop.

Equal work: the same sizes, examples and number of steps for all, one thread, one run, turn by turn,
so that other work on the machine meets each alike. The models are also compared at equal numbers
of steps and equal learning rates in the loss that they reach.
"""

import json
import platform
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from mi_course.methods.superposition import toy_loss, train_toy_models
from mi_course.models.toy import ToyModel

BATCH = 1024
# name -> features, hidden dimensions, instances, batch, steps: the published sizes with fewer
# steps, and a phase diagram.
SIZES = {
    "5_in_2": (5, 2, 10, BATCH, 200),
    "2_in_1": (2, 1, 100, 128, 100),
    "100_in_20": (100, 20, 20, BATCH, 30),
    "200_in_20": (200, 20, 20, BATCH, 15),
}
TURNS = 3
RATE = 1e-3


def report(name: str, ours: float, peer: float, unit: str, peer_version: str) -> None:
    """Print one line; more is better for both."""
    line = {
        "benchmark": f"superposition/{name}",
        "ours": round(ours, 6),
        "peer": round(peer, 6),
        "ratio": round(ours / peer, 2),
        "unit": unit,
        "peer_version": peer_version,
        "machine": f"{platform.machine()} {platform.system()} Python {platform.python_version()}",
    }
    print(json.dumps(line), flush=True)


def settings(n_features: int, instances: int) -> tuple[Tensor, Tensor]:
    """Return densities from 1 to 1/20 and falling importances."""
    density = 20 ** -torch.linspace(0, 1, instances)
    importance = 0.01 ** torch.linspace(0, 1, n_features)
    return density, importance


def usual_loop(
    n_features: int,
    d_hidden: int,
    density: Tensor,
    importance: Tensor,
    batch: int,
    steps: int,
) -> ToyModel:
    """Return models trained as the published notebook trains them."""
    instances = len(density)
    W = torch.nn.init.xavier_normal_(torch.empty(instances, n_features, d_hidden))
    W, b = torch.nn.Parameter(W), torch.nn.Parameter(torch.zeros(instances, n_features))
    optimiser = torch.optim.AdamW([W, b], lr=RATE)
    for _ in range(steps):
        shape = (batch, instances, n_features)
        present = torch.rand(shape) <= density[:, None]
        features = torch.where(present, torch.rand(shape), torch.zeros(()))
        optimiser.zero_grad(set_to_none=True)
        hidden = torch.einsum("bif,ifh->bih", features, W)
        out = torch.relu(torch.einsum("bih,ifh->bif", hidden, W) + b)
        error = importance * (features.abs() - out) ** 2
        error.mean(dim=(0, 2)).sum().backward()
        optimiser.step()
    every = importance.expand(instances, -1)
    return ToyModel(W.detach(), b.detach(), density, every)


def one_at_a_time(
    n_features: int,
    d_hidden: int,
    density: Tensor,
    importance: Tensor,
    batch: int,
    steps: int,
) -> None:
    """Train the models one after the other."""
    for p in density:
        usual_loop(n_features, d_hidden, p[None], importance, batch, steps)


def ours(
    n_features: int,
    d_hidden: int,
    density: Tensor,
    importance: Tensor,
    batch: int,
    steps: int,
) -> ToyModel:
    """Return models trained by the course."""
    return train_toy_models(
        n_features,
        d_hidden,
        density,
        importance,
        steps=steps,
        batch_size=batch,
        lr=RATE,
        decay=False,
        record_every=steps,
    ).model


def fastest(ways: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return each way's smallest CPU time over a few turns."""
    times = {name: [] for name in ways}
    for _ in range(TURNS):
        for name, work in ways.items():
            start = time.process_time()
            work()
            times[name].append(time.process_time() - start)
    return {name: min(taken) for name, taken in times.items()}


def speed(size: str) -> None:
    """Instances times steps per second, ours against both loops."""
    n_features, d_hidden, instances, batch, steps = SIZES[size]
    density, importance = settings(n_features, instances)
    work = (n_features, d_hidden, density, importance, batch, steps)
    loops = {"ours": ours, "batched": usual_loop, "single": one_at_a_time}
    taken = fastest({name: partial(loop, *work) for name, loop in loops.items()})
    rate = {name: instances * steps / seconds for name, seconds in taken.items()}
    unit = f"instances x steps per CPU second, batch {batch}, one thread"
    name = "published notebook's batched loop, written again plainly"
    report(f"{size}/batched_loop", rate["ours"], rate["batched"], unit, name)
    report(f"{size}/one_at_a_time", rate["ours"], rate["single"], unit, "the same loop, one model")


def reached() -> None:
    """Loss after as many CPU seconds, the published schedule against the course's."""
    density, importance = torch.full((10,), 0.05), 0.9 ** torch.arange(5)
    start = time.process_time()
    mine = train_toy_models(5, 2, density, importance, steps=2000).model
    allowed = time.process_time() - start
    torch.manual_seed(0)
    steps, probe = 0, 200
    start = time.process_time()
    usual_loop(5, 2, density, importance, BATCH, probe)
    steps = max(1, round(probe * allowed / (time.process_time() - start)))
    theirs = usual_loop(5, 2, density, importance, BATCH, steps)
    losses = [toy_loss(model).mean().item() for model in (mine, theirs)]
    # Less is better: rates of 1 / loss keep "above 1 is better" true of the ratio.
    unit = f"1 / mean loss of ten seeds at density 0.05 after {allowed:.1f} CPU seconds"
    name = f"published schedule (AdamW 1e-3, batch {BATCH}), {steps} steps"
    report("5_in_2/equal_time", 1 / losses[0], 1 / losses[1], unit, name)


def main() -> None:
    """Print all figures."""
    torch.set_num_threads(1)
    for size in SIZES:
        speed(size)
    reached()


if __name__ == "__main__":
    main()
