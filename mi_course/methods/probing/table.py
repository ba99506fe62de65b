"""Which way of choosing neurons is best: F1 by collection, method and k, as in the paper's table.

Every feature of every collection is told from the other features of its collection by probes on k
neurons, chosen by each method on some documents and judged on others. Both classes of a feature
weigh alike, in the fit and in F1, which is then 2/3 for always saying yes. "optimal" is the probe
of least loss among the neurons of highest F-statistic (`optimal`), proven where time allowed.

Source: [Gurnee23], the appendix's table of methods. In go activations with labels; out comes a
`SparseTable`. `ten_collections` gathers those of the paper.
"""

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mi_course.methods.probing.optimal import optimal_sparse_probe
from mi_course.methods.probing.rankings import RANKINGS, f_statistic
from mi_course.methods.probing.scores import classification_scores
from mi_course.methods.probing.splits import split
from mi_course.methods.probing.subsets import examples, fit_subsets
from mi_course.results import ProbeData, SparseTable

__all__ = ["METHODS", "sparse_table"]

OPTIMAL = "optimal"
METHODS = (
    "random",
    "mean difference",
    "F-statistic",
    "logistic regression",
    "mutual information",
    OPTIMAL,
)


def sparse_table(
    data: Mapping[str, ProbeData | Sequence[ProbeData]],
    *,
    ks: Sequence[int] = range(1, 9),
    methods: Sequence[str] = METHODS,
    penalty: float | int = 1.0,
    candidates: int = 50,
    seconds: float | int = 1.0,
    seed: int = 0,
) -> SparseTable:
    """Return the held-out F1 of probes on k neurons, by collection, method and k.

    Args:
        data: activations with labels, by collection; several where features of one collection
            have examples of their own.
        ks: how many neurons.
        methods: keys of `RANKINGS`, and "optimal".
        penalty: ridge strength on the sum of losses.
        candidates: neurons of highest F-statistic among which "optimal" searches.
        seconds: limit of each such search.
        seed: of the division into examples to fit and to judge by.

    Returns:
        The table.

    Raises:
        ValueError: no data, an unknown method, a feature that cannot be held out, or k out of
            range.
    """
    if not data or (unknown := set(methods) - {*RANKINGS, OPTIMAL}):
        wrong = sorted(unknown) if data else "no data"
        raise ValueError(f"expected data and methods of {[*RANKINGS, OPTIMAL]}, got {wrong}")
    plan = _Plan(tuple(ks), tuple(methods), penalty, candidates, seconds)
    spent = torch.zeros(len(methods))
    f1, proven = [], []
    counts = []
    for probed in data.values():
        cells = []
        for part in (probed,) if isinstance(probed, ProbeData) else probed:
            train, test = split(part, seed=seed)
            sides = part.take(train), part.take(test)
            cells += [plan.layer(*sides, layer, spent) for layer in range(len(part.layers))]
        f1.append(torch.cat([cell[0] for cell in cells]).mean(0))
        proven.append(torch.cat([cell[1] for cell in cells]).mean(0))
        counts.append(sum(len(cell[0]) for cell in cells))
    return SparseTable(
        f1=torch.stack(f1),
        collections=tuple(data),
        methods=plan.methods,
        ks=plan.ks,
        n_probes=tuple(counts),
        seconds=spent / sum(counts),
        proven=torch.stack(proven),
        candidates=candidates,
    )


class _Plan(NamedTuple):
    """What is measured for each feature and layer."""

    ks: tuple[int, ...]
    methods: tuple[str, ...]
    penalty: float | int
    candidates: int
    seconds: float | int

    def layer(
        self, train: ProbeData, test: ProbeData, layer: int, spent: Float[Tensor, " method"]
    ) -> tuple[Float[Tensor, "feature method k"], Float[Tensor, "feature k"]]:
        """Return F1 and whether "optimal" is proven; add the seconds to those spent."""
        x, y = train.activations[layer], train.labels
        k_most = max(self.ks)
        if not 1 <= min(self.ks) <= k_most <= x.shape[1]:
            raise ValueError(f"expected ks from 1 to {x.shape[1]} neurons, got {self.ks}, try 1")
        chosen = torch.zeros(len(self.methods), y.shape[1], len(self.ks), k_most, dtype=torch.long)
        proven = torch.full((y.shape[1], len(self.ks)), float("nan"))
        for at, method in enumerate(self.methods):
            start = time.thread_time()
            if method == OPTIMAL:
                chosen[at], proven = self._optimal(x, y, k_most)
            else:
                order = RANKINGS[method](x, y).topk(k_most, dim=1).indices
                chosen[at] = order[:, None].cpu()
            share = len(self.ks) if method == OPTIMAL else 1
            spent[at] += (time.thread_time() - start) / share
        sides = (x, test.activations[layer])
        f1 = [
            self._f1(sides, y[:, f], test.labels[:, f], chosen[:, f].to(x.device))
            for f in range(y.shape[1])
        ]
        return torch.stack(f1), proven

    def _optimal(
        self, x: Float[Tensor, "example neuron"], y: Bool[Tensor, "example feature"], k_most: int
    ) -> tuple[Int[Tensor, "feature k most"], Float[Tensor, "feature k"]]:
        chosen = torch.zeros(y.shape[1], len(self.ks), k_most, dtype=torch.long)
        proven = torch.zeros(y.shape[1], len(self.ks))
        few = f_statistic(x, y).topk(min(max(self.candidates, k_most), x.shape[1]), dim=1).indices
        for f, neurons in enumerate(few):
            for at, k in enumerate(self.ks):
                found = optimal_sparse_probe(
                    x[:, neurons],
                    y[:, f],
                    k,
                    penalty=self.penalty,
                    seconds=self.seconds,
                    class_balance=True,
                )
                chosen[f, at, :k] = neurons[found.neurons].cpu()
                proven[f, at] = found.proven
        return chosen, proven

    def _f1(
        self,
        sides: tuple[Float[Tensor, "_train neuron"], Float[Tensor, "_test neuron"]],
        y_train: Bool[Tensor, " _train"],
        y_test: Bool[Tensor, " _test"],
        chosen: Int[Tensor, "method k most"],
    ) -> Float[Tensor, "method k"]:
        """Return the F1 of every method's probes for one feature, both classes weighing alike."""
        used, places = chosen.unique(return_inverse=True)
        data = examples(sides[0][:, used], y_train, class_balance=True)
        counted = torch.where(y_test, 1 / y_test.sum(), 1 / (~y_test).sum())
        scores = []
        for at, k in enumerate(self.ks):
            fit = fit_subsets(data, places[:, at, :k], penalty=self.penalty)
            read = sides[1][:, chosen[:, at, :k]].double()
            said = (read * fit.weight).sum(2).T + fit.bias[:, None] > 0
            scores.append(classification_scores(said, y_test, counted=counted).f1)
        return torch.stack(scores, dim=1).cpu()
