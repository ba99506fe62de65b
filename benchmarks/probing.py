"""Dense probes against scikit-learn on the same activations of `town`, in seconds.

Parts of speech in the residual stream and in neurons, all layers and features in one call, against
a loop over probes with each of scikit-learn's solvers; and 2,048 probes of one neuron each. All
minimise the same objective but `saga`, which stands with the settings of the sparse-probing
paper's code (balanced classes, 200 passes, default tolerance of 1e-4) and so gets our time at
those weights: once at a tolerance of 1e-8 as the others, once at 1e-4. Where a loop would take
minutes some probes stand for all, and the line says how many.
`excess` is by how much the peer's objective lies above ours, in nats a probe. On a GPU, where
scikit-learn does not run, the rival is a loop over our own probes.
"""

import warnings
from collections.abc import Callable, Iterable
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from benchmarks._figure import asked_device, fastest, now, report
from mi_course import models
from mi_course.methods import probing

EXAMPLES, FEATURES, NEURONS, PENALTY = 4000, 8, 2048, 1.0
EXACT = {"tol": 1e-8, "max_iter": 100_000}
SAGA = {"solver": "saga", "class_weight": "balanced", "max_iter": 200}
# Settings, every how many-th probe is fitted, and our tolerance.
SOLVERS: dict[str, tuple[dict[str, Any], int, float]] = {
    "lbfgs_1e-8": ({"solver": "lbfgs", **EXACT}, 2, 1e-8),
    "newton_cholesky": ({"solver": "newton-cholesky", **EXACT}, 4, 1e-8),
    "saga_of_the_paper": (SAGA, 16, 1e-8),
    "saga_of_the_paper_ours_1e-4": (SAGA, 16, 1e-4),
}

# End of a figure's name -> the ratio asked for; the first that fits counts.
TARGETS = {
    "one_neuron_2048x4000_lbfgs_1e-8": 10.0,
    "one_neuron_2048x4000_saga_of_the_paper": 10.0,
    "lbfgs_1e-8": 3.0,
    "saga_of_the_paper": 50.0,
    "saga_of_the_paper_ours_1e-4": 50.0,
}


def activations(hook: str) -> tuple[Tensor, Tensor]:
    """Return activations [layer example d_in] and the most frequent parts of speech."""
    model = models.load("town", device="cpu")
    data = probing.collect(
        model, "part_of_speech", hook=hook, n_documents=250, per_label=420, seed=0
    )
    chosen = torch.randperm(len(data.labels), generator=torch.Generator().manual_seed(0))
    data = data.take(chosen[:EXAMPLES])
    frequent = data.labels.sum(0).argsort(descending=True, stable=True)[:FEATURES]
    return data.activations, data.labels[:, frequent]


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the CPU seconds of one run, and what it returned."""
    start = now()
    found = work()
    return now() - start, found


def objective(x: Tensor, y: Tensor, model: LogisticRegression, share: Tensor) -> float:
    """Return what a fitted model of scikit-learn reached, in double precision."""
    weight = torch.from_numpy(model.coef_[0].astype(np.float64))
    z = x.double() @ weight + float(model.intercept_[0])
    losses = share * (torch.nn.functional.softplus(z) - y.double() * z)
    return (losses.sum() + PENALTY / 2 * weight @ weight).item()


def loop(
    probes: Iterable[tuple[Tensor, Tensor]], settings: dict[str, Any]
) -> list[LogisticRegression]:
    """Return scikit-learn's probes, fitted one by one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return [
            LogisticRegression(C=1 / PENALTY, **settings).fit(x.double().numpy(), y.numpy())
            for x, y in probes
        ]


def told(name: str, ours: float, peer: float, fitted: str, above: list[float]) -> None:
    """Print one figure of ours against scikit-learn's."""
    excess = float(np.mean(above))
    unit = f"CPU seconds, one thread; peer fitted {fitted}, its objective {excess:.2g} above ours"
    tool = f"scikit-learn {version('scikit-learn')}"
    target = next((TARGETS[solver] for solver in TARGETS if name.endswith(solver)), None)
    report(f"probing/{name}", ours, peer, unit, tool, target=target, excess=excess)


def dense(hook: str, solvers: list[str], every: int = 1) -> None:
    """Compare all layers and features at once with loops over scikit-learn's solvers."""
    x, y = activations(hook)
    n_probes = len(x) * FEATURES
    places = [(layer, feature) for feature in range(FEATURES) for layer in range(len(x))]
    for name in solvers:
        settings, step, tolerance = SOLVERS[name]
        balance = "class_weight" in settings
        ours, found = timed(
            lambda balance=balance, tolerance=tolerance: probing.fit_probes(
                x, y, penalty=PENALTY, class_balance=balance, tolerance=tolerance
            )
        )
        some = places[:: step * every]
        peer, fitted = timed(
            lambda some=some, settings=settings: loop(((x[i], y[:, f]) for i, f in some), settings)
        )
        shares = probing.example_weights(y, class_balance=balance)
        above = [
            objective(x[i], y[:, f], model, shares[:, f]) - found.objective[i, f].item()
            for (i, f), model in zip(some, fitted, strict=True)
        ]
        title = f"{hook}_{n_probes}x{EXAMPLES}x{x.shape[-1]}_{name}"
        scaled = peer * n_probes / len(some)
        told(title, ours, scaled, f"{len(some)} of {n_probes} probes", above)


def single() -> None:
    """Compare probes of one neuron each."""
    x, y = activations("mlp_post")
    neurons, truth = torch.cat(list(x), dim=1)[:, :NEURONS], y[:, :1]
    for name in ("lbfgs_1e-8", "saga_of_the_paper"):
        settings, step, _ = SOLVERS[name]
        balance = "class_weight" in settings
        ours, found = timed(
            lambda balance=balance: probing.fit_neuron_probes(
                neurons, truth, penalty=PENALTY, class_balance=balance
            )
        )
        some = list(range(0, NEURONS, 2 * step))
        peer, fitted = timed(
            lambda some=some, settings=settings: loop(
                ((neurons[:, [n]], truth[:, 0]) for n in some), settings
            )
        )
        shares = probing.example_weights(truth, class_balance=balance)[:, 0]
        above = [
            objective(neurons[:, [n]], truth[:, 0], model, shares) - found.objective[0, n].item()
            for n, model in zip(some, fitted, strict=True)
        ]
        scaled = peer * NEURONS / len(some)
        title = f"one_neuron_{NEURONS}x{EXAMPLES}_{name}"
        told(title, ours, scaled, f"{len(some)} of {NEURONS} probes", above)


def one_at_a_time(hook: str, device: str) -> None:
    """Compare all probes at once with a loop over them on the same GPU: no peer runs there."""
    x, y = (part.to(device) for part in activations(hook))
    layers, features = range(len(x)), range(FEATURES)

    def each() -> None:
        for i in layers:
            for f in features:
                probing.fit_probes(x[i : i + 1], y[:, f : f + 1], penalty=PENALTY)

    ways = {"ours": lambda: probing.fit_probes(x, y, penalty=PENALTY), "peer": each}
    taken = fastest(ways, 2, device)
    n_probes = len(x) * FEATURES
    title = f"probing/{hook}_{n_probes}x{EXAMPLES}x{x.shape[-1]}_lbfgs_1e-8"
    unit = f"seconds for {n_probes} probes"
    report(title, taken["ours"], taken["peer"], unit, "ours, one probe at a time", device=device)


def main() -> None:
    """Print all figures."""
    device = asked_device()
    if device == "cuda":
        for hook in ("resid_post", "mlp_post"):
            one_at_a_time(hook, device)
        return
    generator = torch.Generator().manual_seed(0)
    warm = torch.randn(1, 200, 8, generator=generator)
    probing.fit_probes(warm, warm[0, :, :2] > 0)
    loop([(warm[0], warm[0, :, 0] > 0)], EXACT)
    dense("resid_post", list(SOLVERS))
    dense("mlp_post", ["lbfgs_1e-8"], every=4)
    single()


if __name__ == "__main__":
    main()
