"""The illusion of maximum-activating examples: the top of a neuron's range is not its range.

The twenty tokens that activate a neuron most may share one property while most of its activation is
about something else. So the share of a label is measured over the whole range of activations:
in bins of the maximum, by activation mass, and at the threshold of best F1.

Source: Gurnee et al. (2023); Bolukbasi et al. (2021), "An Interpretability Illusion for BERT".
In go activations and labels of all tokens; out come `TopExamples`.
"""

import itertools
from collections.abc import Mapping

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mi_course.methods.probing.scores import best_thresholds, classification_scores
from mi_course.results import TopExamples
from mi_course.results.checks import boolean

__all__ = ["illusions", "top_examples"]

EDGES = (1.0, 0.8, 0.6, 0.4, 0.2, 0.0)


def top_examples(
    values: Float[Tensor, " token"],
    labelled: Bool[Tensor, " label"],
    *,
    k: int = 20,
    neuron: tuple[int, int] = (0, 0),
    label: str = "label",
) -> TopExamples:
    """Return what a neuron's top examples say, beside what it does over its whole range.

    Args:
        values: its activation at every token.
        labelled: which tokens have the label.
        k: top examples.
        neuron: which neuron it is.
        label: what the label is called.

    Returns:
        Shares of the label at the top, by range of activation, and by mass.

    Raises:
        ValueError: lengths differ, fewer tokens than k, a neuron that is never above 0, or labels
            that are not boolean.
    """
    boolean("labels", labelled)
    if len(values) != len(labelled) or len(values) < k:
        raise ValueError(
            f"expected labels for at least {k} tokens, got {len(values)} activations and "
            f"{len(labelled)} labels"
        )
    if not (values > 0).any():
        raise ValueError("expected a neuron that is above 0 somewhere, got none, try another")
    part = values / values.max()
    bins = [(part > low) & (part <= high) for high, low in itertools.pairwise(EDGES)]
    counts = torch.stack([b.sum() for b in bins]).float()
    hits = torch.stack([(b & labelled).sum() for b in bins]).float()
    mass = values.clamp(min=0)
    threshold = best_thresholds(values, labelled)
    scores = classification_scores(values > threshold, labelled)
    return TopExamples(
        neuron=neuron,
        label=label,
        k=k,
        top_precision=labelled[values.topk(k).indices].float().mean().item(),
        shares=(hits / counts.clamp(min=1)).cpu(),
        edges=EDGES,
        counts=counts.cpu(),
        mass=(mass[labelled].sum() / mass.sum()).item(),
        best_f1=scores.f1.item(),
        best_precision=scores.precision.item(),
        best_recall=scores.recall.item(),
    )


def illusions(
    x: Float[Tensor, "token neuron"],
    numbers: Mapping[str, Int[Tensor, " token"]],
    names: Mapping[str, tuple[str, ...]],
    *,
    k: int = 20,
    layer: int = 0,
    documents: Int[Tensor, " token"] | None = None,
    n: int = 5,
) -> list[TopExamples]:
    """Return the neurons whose top examples mislead most: all of one label, little of the mass.

    Args:
        x: activations of one layer at every token.
        numbers: collection -> each token's label as a number, -1 without one.
        names: collection -> its labels.
        k: top examples.
        layer: the layer's number.
        documents: each token's document; top examples must be from at least k / 2 documents, so
            that one text is not taken for a label. Not asked for when None.
        n: how many neurons.

    Returns:
        Neurons with the label that all their top examples share, least mass first.
    """
    by_neuron = rearrange(x, "token neuron -> neuron token").contiguous()
    top = by_neuron.topk(k, dim=1).indices
    fires = by_neuron.amax(1) > 0
    if documents is not None:
        ordered = documents[top].sort(dim=1).values
        n_documents = (ordered.diff(dim=1) > 0).sum(1) + 1
        fires &= n_documents >= k / 2
    found: list[tuple[float, int, str, int]] = []
    for name, labels in numbers.items():
        best = labels[top]
        same = fires & (best == best[:, :1]).all(1) & (best[:, 0] >= 0)
        for neuron in same.nonzero().flatten().tolist():
            number, mass = int(best[neuron, 0]), by_neuron[neuron].clamp(min=0)
            share = (mass[labels == number].sum() / mass.sum()).item()
            found.append((share, neuron, name, number))
    return [
        top_examples(
            by_neuron[neuron],
            numbers[name] == number,
            k=k,
            neuron=(layer, neuron),
            label=f"{name}: {names[name][number]}",
        )
        for _, neuron, name, number in sorted(found)[:n]
    ]
