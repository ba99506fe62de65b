"""When is a label learned, and in which layer: one probe for each layer of each checkpoint.

The same documents are read at every moment of training, and the same examples are held out, so
that only the model differs. Source: [McGrath22] "Acquisition of Chess Knowledge in AlphaZero",
figure 2 (what-when-where plots).
"""

from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm.auto import tqdm
from transformer_lens.model_bridge import TransformerBridge

from mi_course.methods.probing.dataset import collect
from mi_course.methods.probing.linear import fit_probes
from mi_course.methods.probing.scores import probe_scores
from mi_course.methods.probing.splits import balanced, scaled, split
from mi_course.results import LayersByTraining, ProbeData
from mi_course.results.probing import MEASURES

__all__ = ["layers_by_training"]


def layers_by_training(
    checkpoints: Iterable[tuple[int, TransformerBridge]],
    collection: str,
    label: str,
    *,
    measure: str = "f1",
    penalty: float = 1.0,
    fraction: float = 0.25,
    seed: int = 0,
    hook: str = "resid_post",
    aggregation: str = "token",
    n_documents: int = 200,
    per_label: int = 300,
) -> LayersByTraining:
    """Return the held-out score of a probe for a label, in every layer at every checkpoint.

    Args:
        checkpoints: (step, bridge) in rising order; a generator that loads one model at a time
            keeps the memory small.
        collection: a key of `COLLECTIONS`.
        label: one of its labels, told from the others.
        measure: "f1", "precision", "recall", "mcc", "accuracy" or "balanced_accuracy", on equally
            many examples with and without the label.
        penalty: ridge strength, for activations scaled to variance 1 in each layer.
        fraction: share of the examples that is held out, in whole groups.
        seed: of documents, split and balance.
        hook: as in `collect`.
        aggregation: as in `collect`.
        n_documents: documents read.
        per_label: most examples of each label.

    Returns:
        One row for each checkpoint.

    Raises:
        ValueError: there is no checkpoint; an unknown measure, collection, label or hook; too few
            examples of the label.
    """
    if measure not in MEASURES:
        raise ValueError(f"expected a measure of {MEASURES}, got {measure!r}, try 'f1'")
    settings: dict[str, Any] = {
        "hook": hook,
        "aggregation": aggregation,
        "n_documents": n_documents,
        "per_label": per_label,
        "seed": seed,
    }
    steps, values, layers = [], [], ()
    for step, model in tqdm(checkpoints, desc=f"{collection}: {label}", leave=False):
        data = collect(model, collection, **settings)
        steps.append(step)
        values.append(_held_out(data, label, measure, penalty, fraction, seed))
        layers = data.layers
    if not steps:
        raise ValueError("expected at least one checkpoint, got none, try models.checkpoints")
    name = {"f1": "F1", "mcc": "MCC"}.get(measure, measure.replace("_", " "))
    return LayersByTraining(
        torch.stack(values), torch.tensor(steps), layers, f"{collection}: {label}", name
    )


def _held_out(
    data: ProbeData, label: str, measure: str, penalty: float, fraction: float, seed: int
) -> Float[Tensor, " layer"]:
    data = data.only(label)
    train, test = split(data, fraction, seed)
    data = scaled(data, train)
    fitted, judged = data.take(train), data.take(test)
    probes = fit_probes(
        fitted.activations,
        fitted.labels,
        penalty=penalty,
        weights=balanced(fitted.labels, seed),
    )
    scores = probe_scores(probes, judged, counted=balanced(judged.labels, seed))
    return getattr(scores, measure)[:, 0].cpu()
