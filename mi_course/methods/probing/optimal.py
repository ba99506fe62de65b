"""The best probe on k neurons, with a proof: optimal sparse probing by branch and bound.

Of all choices of k neurons, which one has the ridge-logistic probe of least loss? A node of the
search has some neurons fixed in and others still free. The perspective relaxation bounds it
(`relaxation`); where two neurons or fewer are missing, all ways to add them are bounded or fitted
(`completion`). Nodes whose bound is not below the best probe found so far are closed. When none is
open, that probe is optimal; when time runs out, the least bound of the open ones tells how far
from optimal it can be at most. The first probe to beat comes from mean differences, improved by
swapping one neuron at a time; leaving a neuron out for good is allowed only where the bound says
that it costs too much, so the proof covers all neurons.

Sources: [Gurnee23], optimal sparse probing, there by cutting planes of Bertsimas, Pauphilet and
Van Parys (2021); the search is ours. In go activations and labels; out comes an `OptimalProbe`.
"""

import heapq
import itertools
import math
import time
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mi_course.methods.probing.completion import complete
from mi_course.methods.probing.relaxation import Relaxed, relax
from mi_course.methods.probing.subsets import Examples, examples, fit_subsets, silent
from mi_course.results import OptimalProbe

__all__ = ["optimal_sparse_probe", "swap_search"]

TOLERANCE = 1e-7  # gap, as a share of the loss, at which a probe counts as optimal
PAIRS_UP_TO = 200  # free neurons of which all pairs are looked at


def optimal_sparse_probe(
    x: Float[Tensor, "example neuron"],
    y: Bool[Tensor, " labelled"],
    k: int,
    *,
    penalty: float | int = 1.0,
    seconds: float | int = 60.0,
    class_balance: bool = False,
) -> OptimalProbe:
    """Return the probe of least loss on at most k neurons, or the best one found in time.

    Args:
        x: activations.
        y: whether the feature holds.
        k: neurons that the probe may read.
        penalty: ridge strength on the sum of losses; the bias is free.
        seconds: when to stop, in work of this thread; waiting for a busy machine does not count.
        class_balance: both classes weigh alike.

    Returns:
        The probe, with a lower bound on the loss of every other.

    Raises:
        ValueError: lengths differ, NaNs, one class only, k not between 1 and the number of
            neurons, or a penalty or time that is not above 0.
    """
    started = time.thread_time()
    data = examples(x, y, class_balance=class_balance)
    if not 1 <= k <= x.shape[1]:
        raise ValueError(f"expected k from 1 to {x.shape[1]} neurons, got {k}, try 1")
    if not (penalty > 0 and seconds > 0):
        raise ValueError(
            f"expected a penalty and seconds above 0, got {penalty} and {seconds}, try 1.0 and 60"
        )
    search = _Search(data, k, penalty, started + seconds)
    search.run()
    search.neurons = search.neurons.sort().values
    fit = fit_subsets(data, search.neurons[None], penalty=penalty)
    loss = float(fit.loss)
    bound = min(loss, search.bound())
    return OptimalProbe(
        neurons=search.neurons,
        weight=fit.weight[0],
        bias=float(fit.bias),
        loss=loss,
        bound=bound,
        proven=loss - bound <= 2 * TOLERANCE * loss,
        n_neurons=x.shape[1],
        nodes=search.nodes,
        fitted=search.fitted,
        seconds=time.thread_time() - started,
        penalty=penalty,
    )


def swap_search(
    data: Examples,
    neurons: Int[Tensor, " k"],
    *,
    penalty: float | int = 1.0,
    until: float = math.inf,
) -> tuple[Int[Tensor, " k"], float]:
    """Return a choice of neurons that no exchange of one for another improves, and its loss.

    Args:
        data: see `examples`.
        neurons: where to start.
        penalty: ridge strength.
        until: when to stop, by `time.thread_time`.

    Returns:
        The choice and its loss in nats.
    """
    best = float(fit_subsets(data, neurons[None], penalty=penalty).loss)
    everything = torch.arange(len(data.rows) - 1, device=neurons.device)
    stale = 0
    while stale < len(neurons) and time.thread_time() < until:
        # The neuron that has stood longest is tried first.
        kept, stale = neurons[1:], stale + 1
        free = everything[~torch.isin(everything, neurons)]
        limit = best * (1 - TOLERANCE)
        found = complete(data, kept, free, 1, penalty=penalty, limit=limit) if len(free) else None
        if found is not None and found.loss < limit:
            neurons, best, stale = found.neurons, found.loss, 0
        else:
            neurons = neurons.roll(-1)
    return neurons, best


@dataclass(order=True)
class _Node:
    bound: float
    place: int
    inside: Tensor = field(compare=False)
    free: Tensor = field(compare=False)  # most wanted first
    start: Tensor = field(compare=False)  # relaxed weights of the node above


class _Search:
    """Branch and bound: open nodes, the one of least bound first, and the best probe so far."""

    def __init__(self, data: Examples, k: int, penalty: float, until: float) -> None:
        self.data, self.k, self.penalty, self.until = data, k, penalty, until
        self.nodes = self.fitted = 0
        self.offered = self.spared = 0.0  # relaxations before completions, and what they saved
        self.count = itertools.count()
        everything = torch.arange(len(data.rows) - 1, device=data.rows.device)
        # At weights 0 the slope is the mean difference, but for its scale.
        difference = (data.rows[:-1] @ data.weighed(torch.ones_like(data.rows[0]))).abs()
        order = difference.argsort(descending=True)
        self.neurons, self.loss = swap_search(data, order[:k], penalty=penalty, until=until)
        none = everything[:0]
        self.open = [_Node(-math.inf, next(self.count), none, order, silent(data))]

    @property
    def limit(self) -> float:
        """What a loss must be below to be worth finding."""
        return self.loss * (1 - TOLERANCE)

    def bound(self) -> float:
        """Return what no probe on k neurons can be below."""
        # Whatever was closed had a bound of at least the limit of its time.
        return min([self.limit, *(node.bound for node in self.open)])

    def run(self) -> None:
        """Close nodes until none is open or time is over."""
        while self.open and time.thread_time() < self.until:
            node = heapq.heappop(self.open)
            if node.bound >= self.limit:
                self.open.append(node)  # the least bound of all: the others are no better
                return
            self.nodes += 1
            missing = min(self.k - len(node.inside), len(node.free))
            if missing == 1 or (missing == 2 and len(node.free) <= PAIRS_UP_TO):
                self._complete(node, missing)
            else:
                self._branch(node, missing)

    def _complete(self, node: _Node, missing: int) -> None:
        """Find the best probe of a node that lacks one or two neurons."""
        squares = None
        # A relaxation first, unless those before ruled out too little to be worth their time.
        if missing == 2 and len(node.free) > 20 and self.spared >= 0.1 * (self.offered - 8):
            relaxed = self._relaxed(node, missing)
            if relaxed.bound >= self.limit:
                self.offered, self.spared = self.offered + 1, self.spared + 1
                return
            most = relaxed.squares.topk(2).values.sum()
            squares = relaxed.squares, float(most - 2 * self.penalty * (self.limit - relaxed.bound))
        found = complete(
            self.data,
            node.inside,
            node.free,
            missing,
            penalty=self.penalty,
            limit=self.limit,
            squares=squares,
        )
        self.fitted += found.fitted
        if squares is not None:
            self.offered += 1
            self.spared += max(0.0, 1 - found.fitted / math.comb(len(node.free), 2))
        if found.loss < self.limit:
            self._improve(found.neurons)

    def _relaxed(self, node: _Node, missing: int) -> Relaxed:
        return relax(
            self.data,
            node.inside,
            node.free,
            missing,
            penalty=self.penalty,
            limit=self.limit,
            start=node.start,
        )

    def _improve(self, neurons: Int[Tensor, " k"]) -> None:
        """Search around some neurons and keep what is better than the best so far."""
        neurons, loss = swap_search(self.data, neurons, penalty=self.penalty, until=self.until)
        if loss < self.loss:
            self.neurons, self.loss = neurons, loss

    def _branch(self, node: _Node, missing: int) -> None:
        """Bound a node, leave out neurons that are too dear, and open one node for each other."""
        relaxed = self._relaxed(node, missing)
        bound = max(node.bound, relaxed.bound)
        if bound >= self.limit:
            return
        if not len(node.inside):
            self._improve(node.free[relaxed.weight[node.free].abs().topk(missing).indices])
        order = relaxed.squares.argsort(descending=True)
        free, squares = node.free[order], relaxed.squares[order] / (2 * self.penalty)
        # The bound with p kept: node j has j in and those before it out, so that its largest
        # squares are that of j and the next ones.
        spent = relaxed.bound + squares[:missing].sum()
        for j in range(len(free) - missing + 1):
            below = float(spent - squares[j : j + missing].sum())
            if below >= self.limit:
                return  # later nodes have smaller squares still
            last = spent - squares[j : j + missing - 1].sum() - squares[j + 1 :]
            rest = free[j + 1 :][(last < self.limit) | (last <= last[missing - 2])]
            start = relaxed.weight.index_fill(0, free[: j + 1], 0.0)
            start[free[j]] = relaxed.weight[free[j]]
            inside = torch.cat([node.inside, free[j : j + 1]])
            child = _Node(max(bound, below), next(self.count), inside, rest, start)
            heapq.heappush(self.open, child)
