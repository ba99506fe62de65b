"""One probe on k neurons for each feature of a collection, judged on examples held out.

The plain use of `k_sparse_probe`: one layer, one way to choose neurons, one k; the classes of a
feature count as they come, so that F1 has the rarity of the feature in it. In go `ProbeData`; out
come the probes with their scores. Source: [Gurnee23], section 3.
"""

from typing import NamedTuple

import torch

from mi_course.methods.probing.rankings import RANKINGS
from mi_course.methods.probing.scores import classification_scores
from mi_course.methods.probing.sparse import k_sparse_probe
from mi_course.methods.probing.splits import split
from mi_course.results import ProbeData, ProbeScores, SparseProbe

__all__ = ["FeatureProbes", "k_sparse_probes"]


class FeatureProbes(NamedTuple):
    """A probe for each feature.

    Attributes:
        probes: fitted ones.
        scores: by feature, held out.
    """

    probes: tuple[SparseProbe, ...]
    scores: ProbeScores


def k_sparse_probes(
    data: ProbeData,
    layer: int,
    k: int,
    *,
    ranking: str = "F-statistic",
    penalty: float = 1.0,
    fraction: float = 0.25,
    seed: int = 0,
) -> FeatureProbes:
    """Return each feature's probe on k neurons of one layer.

    Args:
        data: activations of neurons with labels.
        layer: one of `data.layers`.
        k: neurons that each probe reads.
        ranking: a key of `RANKINGS`: how they are chosen.
        penalty: ridge strength on the sum of losses.
        fraction: share of the examples that is held out, in whole groups.
        seed: of the split.

    Returns:
        Probes and held-out scores, in the order of `data.features`.

    Raises:
        ValueError: an unknown layer or ranking, or k out of range.
    """
    if layer not in data.layers:
        raise ValueError(f"expected a layer of {list(data.layers)}, got {layer}")
    if ranking not in RANKINGS:
        raise ValueError(f"expected a ranking of {list(RANKINGS)}, got {ranking!r}")
    train, test = split(data, fraction, seed)
    x = data.activations[data.layers.index(layer)]
    order = RANKINGS[ranking](x[train], data.labels[train])
    probes = tuple(
        k_sparse_probe(x[train], truth, scores, k, penalty=penalty)
        for truth, scores in zip(data.labels[train].T, order, strict=True)
    )
    said = torch.stack([probe.predicted(x[test]) for probe in probes])
    scores = classification_scores(said, data.labels[test].T)
    return FeatureProbes(probes, _named(scores, layer, data.features))


def _named(scores: ProbeScores, layer: int, features: tuple[str, ...]) -> ProbeScores:
    values = {
        name: getattr(scores, name)[None]
        for name in ("f1", "precision", "recall", "mcc", "accuracy", "balanced_accuracy")
    }
    return ProbeScores(**values, layers=(layer,), features=features)
