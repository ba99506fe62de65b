"""Exercise 08.1: the nodes that a head's input, an MLP or the logits read.

Models are drawn with more than ten layers now and then, so that "L1" must not be taken for "L11".
"""

import random

from mi_course.exercises.core import Case, Exercise, Wrong
from mi_course.results.circuit_graph import CircuitGraph


def parents(reader: str, n_layers: int, n_heads: int) -> list[str]:
    """Return the nodes that a reader reads, in the order in which they are computed."""
    found = ["embed"]
    for layer in range(n_layers):
        if reader.startswith(f"L{layer}H"):
            return found
        found += [f"L{layer}H{head}" for head in range(n_heads)]
        if reader == f"MLP{layer}":
            return found
        found.append(f"MLP{layer}")
    return found


def _by_the_graph(reader: str, n_layers: int, n_heads: int) -> list[str]:
    return list(CircuitGraph(n_layers, n_heads).parents(reader))


def _stop(reader: str, n_layers: int, n_heads: int, *, own: bool) -> list[str]:
    """Whole layers up to the reader's; of its own its heads, if it is an MLP and `own`."""
    is_mlp = reader.startswith("MLP")
    layer = n_layers if reader == "logits" else int(reader.strip("LMP").partition("H")[0])
    heads = [[f"L{i}H{head}" for head in range(n_heads)] for i in range(n_layers)]
    found = ["embed"]
    for i in range(layer):
        found += [*heads[i], f"MLP{i}"]
    return found + (heads[layer] if is_mlp and own else [])


def _no_own_heads(reader: str, n_layers: int, n_heads: int) -> list[str]:
    return _stop(reader, n_layers, n_heads, own=False)


def _earlier_heads_too(reader: str, n_layers: int, n_heads: int) -> list[str]:
    found = parents(reader, n_layers, n_heads)
    if reader.startswith("L"):
        layer, _, head = reader.partition(".")[0].partition("H")
        found += [f"{layer}H{i}" for i in range(int(head))]
    return found


def _no_embedding(reader: str, n_layers: int, n_heads: int) -> list[str]:
    return parents(reader, n_layers, n_heads)[1:]


def _no_mlps(reader: str, n_layers: int, n_heads: int) -> list[str]:
    found = parents(reader, n_layers, n_heads)
    return [name for name in found if not name.startswith("MLP")]


def _last_layer_only(reader: str, n_layers: int, n_heads: int) -> list[str]:
    found = parents(reader, n_layers, n_heads)
    return list(dict.fromkeys(["embed", *found[-(n_heads + 1) :]]))


def _parents_cases(seed: int) -> list[Case]:
    rng = random.Random(seed)

    def drawn(kind: str) -> tuple[str, int, int]:
        n_layers, n_heads = rng.randint(3, 13), rng.randint(3, 6)
        layer = rng.randrange(2, n_layers)
        names = {
            "head": f"L{layer}H{rng.randrange(1, n_heads)}.{rng.choice('qkv')}",
            "MLP": f"MLP{layer}",
            "logits": "logits",
        }
        return names[kind], n_layers, n_heads

    return [
        Case("the keys of a head of layer 1", ("L1H1.k", 2, 2), "hand"),
        Case("the MLP of layer 1", ("MLP1", 2, 2), "hand"),
        *(Case(f"a random model: {kind}", drawn(kind)) for kind in ("head", "MLP", "logits")),
        Case("a head of layer 11", (f"L11H{rng.randrange(1, 5)}.v", 12, 5), "property"),
        Case("a head of layer 0", (f"L0H{rng.randrange(1, 5)}.q", 3, 5), "property"),
    ]  # fmt: skip


PARENTS = Exercise(
    id="08.1",
    function="parents",
    title="Who is read?",
    points=2,
    stars=1,
    minutes=10,
    reference=parents,
    cases=_parents_cases,
    alternatives=(_by_the_graph,),
    wrong=(
        Wrong(
            "an MLP without its own layer's heads",
            _no_own_heads,
            "heads of its own layer",
            "an MLP also reads the heads of its own layer: they have written before it runs",
        ),
        Wrong(
            "a head reads its neighbours",
            _earlier_heads_too,
            "run at the same time",
            "the heads of one layer run at the same time: none reads another",
        ),
        Wrong(
            "no embedding",
            _no_embedding,
            "embedding is missing",
            'the embedding is missing: everybody reads "embed", which comes first',
        ),
        Wrong(
            "no MLPs",
            _no_mlps,
            "MLPs are missing",
            "the MLPs are missing: they write to the stream as heads do",
        ),
        Wrong(
            "only the layer before",
            _last_layer_only,
            "all earlier layers",
            "the stream keeps what all earlier layers wrote, not only the last one",
        ),
    ),
    hints=(
        "Walk through the model in the order in which it computes, note who writes, and stop when "
        "the reader's turn comes.",
        'Start with `["embed"]`; for each layer append its heads, then its MLP. '
        '`reader.startswith(f"L{layer}H")` says that a head of this layer is asked for.',
        'Heads "L0H0", "L0H1", ..., then "MLP0", then layer 1. A head stops before its own layer, '
        'an MLP after the heads of its own layer, and "logits" never.',
    ),
)  # fmt: skip
