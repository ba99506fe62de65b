"""Is a circuit the whole story? Faithfulness, completeness and minimality.

F(X) is the mean logit difference when all heads outside X are replaced by their mean over prompts
of the same template that have nothing to tell (ABC); M is the whole model, C the circuit.

    faithful    F(C) is near F(M)
    complete    F(C without K) is near F(M without K) for every K inside C
    minimal     for every head v of C there is a K for which F(C without K and v) differs from
                F(C without K)

A circuit can be faithful and not complete: heads that take over when others are gone are then
missing from it. Source: [Wang22], section 4. In go a bridge, pairs with an ABC corruption and
heads; out come `CircuitTest`s and `Minimality`.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product

import torch
from jaxtyping import Float
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.activations import Head
from mi_course.methods.patching.ablation import ablate
from mi_course.methods.patching.prompts import patch_prompts
from mi_course.methods.patching.sites import Given
from mi_course.results import head_name
from mi_course.results.heads import known_heads
from mi_course.results.ioi import CircuitTest, Minimality

__all__ = [
    "completeness",
    "faithfulness",
    "greedy_set",
    "minimality",
    "random_sets",
    "score_of",
]


def score_of(
    model: TransformerBridge, prompts: Given, removed: Sequence[Iterable[Head]]
) -> Float[Tensor, " set"]:
    """Return the mean logit difference of the clean prompts without each set of heads.

    Args:
        model: any bridge.
        prompts: pairs whose corrupted prompts give the means that stand in, such as
            `ioi(tokenizer, 60, 0, corruption="abc")`.
        removed: sets of heads.
    """
    sets = [tuple(head_name(*head) for head in sorted(set(heads))) for heads in removed]
    return ablate(model, prompts, sets, mode="group_mean").values


def faithfulness(model: TransformerBridge, prompts: Given, circuit: Iterable[Head]) -> CircuitTest:
    """Return the logit difference of a circuit alone beside that of the whole model.

    Args:
        model: any bridge.
        prompts: as in `score_of`.
        circuit: its heads; MLPs and embeddings are never removed.

    Raises:
        ValueError: no head, or one that the model does not have.
    """
    return _compared(model, prompts, circuit, {"nothing": ()}, "faithfulness")


def completeness(
    model: TransformerBridge,
    prompts: Given,
    circuit: Iterable[Head],
    sets: Mapping[str, Iterable[Head]],
) -> CircuitTest:
    """Return circuit and model side by side when both lose the same heads.

    Args:
        model: any bridge.
        prompts: as in `score_of`.
        circuit: its heads.
        sets: name -> heads of the circuit, such as its classes, or `random_sets`.

    Raises:
        ValueError: no head, no sets, or a set that reaches outside the circuit.
    """
    inside, taken = _some(circuit), {name: tuple(heads) for name, heads in sets.items()}
    stray = {name: heads for name, heads in taken.items() if not set(heads) <= set(inside)}
    if stray or not taken:
        raise ValueError(f"expected sets of the circuit's heads, got {stray or 'none'}")
    return _compared(model, prompts, inside, {"nothing": (), **taken}, "completeness")


def random_sets(circuit: Iterable[Head], n: int, seed: int = 0) -> dict[str, tuple[Head, ...]]:
    """Return n sets of a circuit's heads, each head in each set with probability one half."""
    heads = sorted(set(circuit))
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.rand(n, len(heads), generator=generator) < 0.5
    rows = [tuple(h for h, yes in zip(heads, row, strict=True) if yes) for row in drawn.tolist()]
    return {f"random set {i}": row for i, row in enumerate(rows)}


def greedy_set(
    model: TransformerBridge, prompts: Given, circuit: Iterable[Head]
) -> tuple[Head, ...]:
    """Return heads whose loss drives circuit and model furthest apart, taken one at a time.

    It ends when no further head widens the gap. Source: [Wang22], appendix on greedy sets.
    """
    heads, chosen, best = sorted(set(circuit)), (), 0.0
    while left := [head for head in heads if head not in chosen]:
        tried = {head_name(*head): (*chosen, head) for head in left}
        test = _compared(model, prompts, heads, tried, "completeness")
        name, gap = test.worst()
        if gap <= best + 1e-6:
            break
        chosen, best = tried[name], gap
    return chosen


def minimality(
    model: TransformerBridge,
    prompts: Given,
    circuit: Iterable[Head],
    classes: Mapping[str, Iterable[Head]],
) -> Minimality:
    """Return what each head adds to the circuit, in the company in which it adds most.

    The companies tried for a head are nobody, and the others of its classes: where several heads do
    the same, one of them is missed only when the others are gone.

    Args:
        model: any bridge.
        prompts: as in `score_of`.
        circuit: its heads.
        classes: name -> heads.

    Raises:
        ValueError: no head.
    """
    heads = _some(circuit)
    outside = _outside(model, prompts, heads)
    groups = [sorted(set(members) & set(heads)) for members in classes.values()]
    tried = [
        (head, company)
        for head in heads
        for company in dict.fromkeys(((), *_companies(head, groups)))
    ]
    without = score_of(model, prompts, [(*outside, *company) for _, company in tried])
    alone = score_of(model, prompts, [(*outside, *company, head) for head, company in tried])
    whole = score_of(model, prompts, [()])[0].abs()
    change = ((without - alone).abs() / whole).tolist()
    order = sorted(range(len(tried)), key=lambda i: change[i])
    best = {tried[i][0]: i for i in order}  # the last entry of a head is its largest
    values = torch.tensor([change[best[head]] for head in heads])
    return Minimality(values, heads, tuple(tried[best[head]][1] for head in heads))


def _companies(head: Head, groups: Sequence[Sequence[Head]]) -> list[tuple[Head, ...]]:
    return [tuple(h for h in members if h != head) for members in groups if head in members]


def _compared(
    model: TransformerBridge,
    prompts: Given,
    circuit: Iterable[Head],
    sets: Mapping[str, Iterable[Head]],
    what: str,
) -> CircuitTest:
    heads = _some(circuit)
    outside = _outside(model, prompts, heads)
    taken = tuple(tuple(sorted(set(each))) for each in sets.values())
    scores = score_of(model, prompts, [*((*outside, *each) for each in taken), *taken])
    n = len(taken)
    return CircuitTest(scores[:n], scores[n:], tuple(sets), taken, what)


def _some(circuit: Iterable[Head]) -> tuple[Head, ...]:
    heads = tuple(sorted(set(circuit)))
    if not heads:
        raise ValueError(
            "expected a circuit of at least one head, got none, try (layer, head) pairs"
        )
    return heads


def _outside(model: TransformerBridge, prompts: Given, heads: Sequence[Head]) -> tuple[Head, ...]:
    inside = set(known_heads(heads, model.cfg))
    patch_prompts(model, prompts)  # bad prompts are refused before anything runs
    every = product(range(model.cfg.n_layers), range(model.cfg.n_heads))
    return tuple(head for head in every if head not in inside)
