"""Sparse probing against scikit-learn, brute force and the published times, in CPU seconds.

Mutual information of neurons against `mutual_info_classif`; probes on two neurons against loops
over `LogisticRegression` with lbfgs and, as published, saga; the optimal probe against brute force
(every choice fitted by our batched Newton, from the time of a sample) and against the mean of the
published table (53 s, at a limit of 60 s). The neurons are correlated; in "easy" three tell the
label clearly, in "hard" ten weakly, in "flat" all 50 alike, so that no choice is far from the
best. Last the table of methods on four collections of the town, beside the published one, which
is of other models and texts.
"""

import math
import warnings
from importlib.metadata import version

import torch
from jaxtyping import Bool, Float
from sklearn.feature_selection import mutual_info_classif
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits
from torch import Tensor

from benchmarks._figure import now, report, seconds
from mi_course.methods.probing.information import mutual_information
from mi_course.methods.probing.optimal import optimal_sparse_probe
from mi_course.methods.probing.subsets import examples, fit_subsets
from mi_course.methods.probing.ten_collections import collection_table
from mi_course.models import load
from mi_course.results.sparse_probing import PUBLISHED_F1, PUBLISHED_SECONDS

LIMIT = 20.0  # seconds of one search
UNIT = "CPU seconds, one thread"
SAMPLE = 64  # of the peer's fits; all of them would take minutes


def problem(
    n: int, d: int, sort: str = "hard", seed: int = 0
) -> tuple[Float[Tensor, "example neuron"], Bool[Tensor, " example"]]:
    """Return correlated neurons and a label that some of them tell."""
    generator = torch.Generator().manual_seed(seed)
    shared = torch.randn(n, 1, generator=generator)
    x = 0.5**0.5 * (torch.randn(n, d, generator=generator) + shared)
    weight = torch.full((d,), 0.1)
    if sort != "flat":
        true, size = {"easy": (3, 2.0), "hard": (10, 0.5)}[sort]
        weight = torch.zeros(d)
        weight[:true] = torch.randn(true, generator=generator) * size
    return x, torch.rand(n, generator=generator) < (x @ weight).sigmoid()


def told(
    name: str, mine: float, theirs: float, peer: str, unit: str = UNIT, **more: float | bool
) -> None:
    """Print one figure."""
    report(f"probing_sparse/{name}", mine, theirs, unit, peer, **more)


def information() -> None:
    """Mutual information of 512 neurons."""
    x, y = problem(4000, 512)
    sample = x[:, :SAMPLE].numpy()
    peer = seconds(lambda: mutual_info_classif(sample, y.numpy(), random_state=0))
    mine = min(seconds(lambda: mutual_information(x, y)) for _ in range(2))
    scaled = peer * x.shape[1] / SAMPLE
    tool = f"scikit-learn {version('scikit-learn')}"
    told("mutual_information_512x4000", mine, scaled, tool, target=8)


def two_neurons() -> None:
    """Probes on each pair of 50 neurons; those on one neuron are in `probing.py`."""
    x, y = problem(2000, 50)
    subsets = torch.combinations(torch.arange(50), 2)
    some = subsets[:: len(subsets) // SAMPLE][:SAMPLE]
    mine = min(seconds(lambda: fit_subsets(examples(x, y), subsets)) for _ in range(2))
    for solver, tolerance in (("lbfgs", 1e-8), ("saga", 1e-4)):
        peer = LogisticRegression(solver=solver, tol=tolerance)

        def loop(peer: LogisticRegression = peer) -> None:
            for chosen in some:
                peer.fit(x[:, chosen].numpy(), y.numpy())

        theirs = seconds(loop) * len(subsets) / len(some)
        tool = f"scikit-learn {version('scikit-learn')} {solver}"
        told(f"two_neurons_1225_probes_{solver}", mine, theirs, tool)


def optimal() -> None:
    """The proven optimum against fitting every choice, and against the published mean time."""
    searches = [("easy", k, 1.0) for k in (1, 3, 5)]
    searches += [("hard", k, 1.0) for k in (1, 2, 3, 4)] + [("hard", 4, 0.01)]
    searches += [("flat", 2, 1.0), ("flat", 3, 1.0)]
    for name, k, penalty in searches:
        x, y = problem(2000, 50, name)
        start = now()
        found = optimal_sparse_probe(x, y, k, penalty=penalty, seconds=LIMIT)
        mine = now() - start
        word = "proven" if found.proven else f"stopped at a gap of {found.gap:.1e}"
        unit = f"CPU seconds, one thread; {word}"
        label = f"optimal_{name}_k{k}_penalty{penalty:g}"
        told(label, mine, brute_force(x, y, k, penalty), "brute force, batched Newton", unit)
        published = PUBLISHED_SECONDS["optimal"]
        told(f"{label}_published", mine, published, "Gurnee et al. 2023, Gurobi", unit)


def brute_force(
    x: Float[Tensor, "example neuron"], y: Bool[Tensor, " example"], k: int, penalty: float
) -> float:
    """Return the time to fit every choice, from that of a sample."""
    data, d = examples(x, y), x.shape[1]
    generator = torch.Generator().manual_seed(0)
    some = torch.stack([torch.randperm(d, generator=generator)[:k] for _ in range(400)])
    return seconds(lambda: fit_subsets(data, some, penalty=penalty)) * math.comb(d, k) / len(some)


def table() -> None:
    """F1 by method and k beside the published one, and the time to choose neurons."""
    found = collection_table(
        load("town"),
        collections=("natural_language", "code_language", "latex", "person_gender"),
        layers=[2],
        n_documents=150,
        per_label=50,
        ks=(1, 4, 8),
        seconds=0.5,
    )
    source = "Gurnee et al. 2023, Pythia"
    for method, values, spent in zip(found.methods, found.mean, found.seconds, strict=True):
        for k, f1 in zip(found.ks, values.tolist(), strict=True):
            published = PUBLISHED_F1[method][k]
            line = (f"f1_{method.replace(' ', '_')}_k{k}", f1, published)
            told(
                *line,
                source,
                "mean F1 over four of ten collections, held out; theirs as published, of others",
                more_is_better=True,
            )
        name = f"choosing_{method.replace(' ', '_')}"
        told(
            name,
            float(spent),
            PUBLISHED_SECONDS[method],
            source,
            "seconds a feature; theirs as published, of other models and another machine",
        )


def main() -> None:
    """Print all figures."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")  # saga says that it has not converged
    with threadpool_limits(1):
        information()
        two_neurons()
        optimal()
        table()


if __name__ == "__main__":
    main()
