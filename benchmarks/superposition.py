"""Toy models of superposition against two usual loops, in instances times steps per CPU second.

1. The published notebook's way, written again plainly: one batched model of layout
   `[batch instance n_features]`, features and masks drawn apart, two einsums, autograd, AdamW.
2. One model at a time with the same loop.

Equal work: the same sizes, examples and number of steps for all, one thread, one run, turn by turn,
so that other work on the machine meets each alike. Last, the loss that the published schedule and
the course's reach in equal time.
"""

from functools import partial

import torch
from torch import Tensor

from benchmarks._figure import asked_device, clock_of, fastest, report, seconds, threads_of
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
BATCHED_TARGET, SINGLE_TARGET = 2.5, 10.0


def settings(n_features: int, instances: int, device: str) -> tuple[Tensor, Tensor]:
    """Return densities from 1 to 1/20 and falling importances."""
    density = 20 ** -torch.linspace(0, 1, instances, device=device)
    importance = 0.01 ** torch.linspace(0, 1, n_features, device=device)
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
    device = density.device
    W = torch.nn.init.xavier_normal_(torch.empty(instances, n_features, d_hidden, device=device))
    b = torch.zeros(instances, n_features, device=device)
    W, b = torch.nn.Parameter(W), torch.nn.Parameter(b)
    optimiser = torch.optim.AdamW([W, b], lr=RATE)
    for _ in range(steps):
        shape = (batch, instances, n_features)
        present = torch.rand(shape, device=device) <= density[:, None]
        features = torch.where(present, torch.rand(shape, device=device), 0.0)
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


def speed(size: str, device: str) -> None:
    """Report instances times steps per second, ours against both loops."""
    n_features, d_hidden, instances, batch, steps = SIZES[size]
    density, importance = settings(n_features, instances, device)
    work = (n_features, d_hidden, density, importance, batch, steps)
    loops = {"ours": ours, "batched": usual_loop, "single": one_at_a_time}
    taken = fastest({name: partial(loop, *work) for name, loop in loops.items()}, TURNS, device)
    rate = {name: instances * steps / each for name, each in taken.items()}
    unit = f"instances x steps per {clock_of(device)}, batch {batch}{threads_of(device)}"
    more = {"device": device, "more_is_better": True}
    name = "published notebook's batched loop, written again plainly"
    report(
        f"superposition/{size}/batched_loop",
        rate["ours"],
        rate["batched"],
        unit,
        name,
        target=BATCHED_TARGET,
        **more,
    )
    name = "the same loop, one model"
    one = f"superposition/{size}/one_at_a_time"
    report(one, rate["ours"], rate["single"], unit, name, target=SINGLE_TARGET, **more)


def reached(device: str) -> None:
    """Report the loss after as long, the published schedule against the course's."""
    density = torch.full((10,), 0.05, device=device)
    importance = 0.9 ** torch.arange(5, device=device)
    trained = []

    def course() -> None:
        trained.append(train_toy_models(5, 2, density, importance, steps=2000).model)

    allowed = seconds(course, device)
    torch.manual_seed(0)
    probe, work = 200, (5, 2, density, importance, BATCH)
    steps = max(1, round(probe * allowed / seconds(lambda: usual_loop(*work, probe), device)))
    trained.append(usual_loop(*work, steps))
    losses = [toy_loss(model).mean().item() for model in trained]
    unit = f"mean loss of ten seeds at density 0.05 after {allowed:.1f} {clock_of(device)}s"
    name = f"published schedule (AdamW 1e-3, batch {BATCH}), {steps} steps"
    report("superposition/5_in_2/equal_time", *losses, unit, name, device=device)


def main() -> None:
    """Print all figures."""
    device = asked_device()
    for size in SIZES:
        speed(size, device)
    reached(device)


if __name__ == "__main__":
    main()
