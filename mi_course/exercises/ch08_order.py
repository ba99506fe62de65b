"""Exercise 08.2: an order in which every node is visited after all that read it.

Graphs are drawn with paths of several lengths and listed in a shuffled order, so that neither
distance nor the order of the list gives the answer.
"""

import random
from graphlib import TopologicalSorter
from typing import Any

from mi_course.exercises.core import Case, Exercise, Wrong
from mi_course.results.circuit_graph import CircuitGraph

Parents = dict[str, list[str]]


def reverse_topological_order(parents: Parents) -> list[str]:
    """Return all nodes so that each comes before every node that it reads."""
    order: list[str] = []

    def visit(node: str) -> None:
        if node not in order:
            for parent in parents[node]:
                visit(parent)
            order.append(node)

    for node in parents:
        visit(node)
    return order[::-1]


def _by_counting(parents: Parents) -> list[str]:
    """Take, again and again, a node that nobody left reads."""
    left, order = dict(parents), []
    while left:
        read = {parent for node in left for parent in parents[node]}
        free = next(node for node in left if node not in read)
        order.append(free)
        del left[free]
    return order


def _by_the_library(parents: Parents) -> list[str]:
    return list(TopologicalSorter(parents).static_order())[::-1]


def _forwards(parents: Parents) -> list[str]:
    return reverse_topological_order(parents)[::-1]


def _by_distance(parents: Parents) -> list[str]:
    read = {parent for found in parents.values() for parent in found}
    order = [node for node in parents if node not in read]
    for node in order:
        order += [parent for parent in parents[node] if parent not in order]
    return order


def _as_listed(parents: Parents) -> list[str]:
    return list(parents)[::-1]


def _by_number(parents: Parents) -> list[str]:
    return sorted(parents, key=lambda node: -len(parents[node]))


def _first_found(parents: Parents) -> list[str]:
    order: list[str] = []

    def visit(node: str) -> None:
        if node not in order:
            order.append(node)
            for parent in parents[node]:
                visit(parent)

    for node in parents:
        visit(node)
    return order


def _right_order(case: Case, got: Any, expected: Any) -> str | None:
    """What is wrong with an order: somebody missing, or somebody before a reader."""
    reads: Parents = case.args[0]
    if missing := [node for node in expected if node not in got]:
        return f"{missing[0]} is missing: every node has one place"
    place = {node: i for i, node in enumerate(got)}
    for node, found in reads.items():
        for parent in found:
            if place[parent] < place[node]:
                return f"{parent} comes before {node}, which reads it"
    return None


def _drawn_graph(rng: random.Random, n: int) -> Parents:
    """A chain through all nodes' order, with short cuts, its nodes listed in another order."""
    names = [f"n{i}" for i in rng.sample(range(100), n)]
    reads: Parents = {names[0]: []}
    for i in range(1, n):
        some = rng.sample(names[:i], min(i, rng.randint(1, 2)))
        reads[names[i]] = list(dict.fromkeys([*some, names[i - 1]]))
        rng.shuffle(reads[names[i]])
    listed = rng.sample(names, n)
    return {name: reads[name] for name in listed}


def _order_cases(seed: int) -> list[Case]:
    rng = random.Random(seed)
    small = {
        "L0H0": ["embed"],
        "logits": ["L0H0", "MLP1"],
        "MLP1": ["MLP0"],
        "embed": [],
        "MLP0": ["L0H0"],
    }
    graph = CircuitGraph(3, 2, split=False)
    nodes = rng.sample([*graph.writers[1:], "logits"], len(graph.writers))
    whole = {"embed": [], **{node: list(graph.parents(node)) for node in nodes}}
    apart: Parents = {f"a{rng.randrange(99)}": [], "b": []}
    return [
        Case("five nodes", (small,), "hand"),
        Case("a graph of 7 nodes", (_drawn_graph(rng, 7),)),
        Case("a graph of 12 nodes", (_drawn_graph(rng, 12),)),
        Case("a transformer of 3 layers", (whole,), "property"),
        Case("two nodes that nobody connects", (apart,), "property"),
    ]  # fmt: skip


REVERSE_TOPOLOGICAL_ORDER = Exercise(
    id="08.2",
    function="reverse_topological_order",
    title="Readers first",
    points=3,
    stars=2,
    minutes=20,
    reference=reverse_topological_order,
    cases=_order_cases,
    alternatives=(_by_counting, _by_the_library),
    wrong=(
        Wrong(
            "forwards",
            _forwards,
            "the right way round",
            "each node comes after what it reads: this is the right way round for computing, "
            "ACDC goes the other way",
        ),
        Wrong(
            "by distance from the end",
            _by_distance,
            "not by distance",
            "not by distance from the end: a node can be read both directly and on a long way, and "
            "has to wait for its last reader",
        ),
        Wrong(
            "the list backwards",
            _as_listed,
            "in any order",
            "the dictionary lists its nodes in any order, so turning it round is not enough",
        ),
        Wrong(
            "by the number of parents",
            _by_number,
            "how many nodes a node reads",
            "how many nodes a node reads does not say how late it is",
        ),
        Wrong(
            "noted before what it reads",
            _first_found,
            "when it is first met",
            "a node is noted when it is first met, although another of its readers may come later",
        ),
    ),
    hints=(
        "A node may be visited when all that read it have been. Equally good: order the nodes so "
        "that each follows what it reads, and turn the list round.",
        "A function that visits a node: first visit all its parents, then append the node; skip "
        "what is in the list already. At the end return the list backwards.",
        "Every node of the dictionary appears exactly once; where nobody reads anybody, any order "
        "is right.",
    ),
    judge=_right_order,
)
