"""F1, precision, recall, Matthews correlation and accuracy, for many probes at once.

Everything follows from how many examples were rightly and wrongly called true and false; where a
fraction has nothing below its line it is 0, as in scikit-learn with `zero_division=0`. In go
booleans whose last axis is examples (or logits of probes); out come `ProbeScores`.
"""

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from mi_course.results import ProbeData, Probes, ProbeScores
from mi_course.results.checks import boolean

__all__ = ["best_thresholds", "classification_scores", "probe_scores"]


def classification_scores(
    predicted: Bool[Tensor, "*probes example"],
    actual: Bool[Tensor, "*truths truth"],
    *,
    counted: Shaped[Tensor, "*masks example"] | None = None,
    layers: tuple[int, ...] = (),
    features: tuple[str, ...] = (),
) -> ProbeScores:
    """Return how well predictions agree with the truth, one score for each leading index.

    Args:
        predicted: what was said.
        actual: what is true; broadcasts against `predicted`.
        counted: which examples count, or how much; all alike when None.
        layers: numbers of the first axis, where it is layers.
        features: names of the last leading axis, where it is features.

    Returns:
        Scores with the leading axes.

    Raises:
        ValueError: numbers of examples differ, there is none, or values are not boolean.
    """
    boolean("predictions", predicted)
    boolean("labels", actual)
    if predicted.shape[-1] != actual.shape[-1] or not predicted.shape[-1]:
        raise ValueError(
            f"expected the truth of each of {predicted.shape[-1]} predictions (at least one), got "
            f"{actual.shape[-1]}, try examples on the last axis"
        )
    share = torch.ones_like(actual[..., :1]) if counted is None else counted
    share = share.to(torch.float32 if actual.device.type == "mps" else torch.float64)
    hit = (share * (predicted & actual)).sum(-1)
    false_alarm = (share * (predicted & ~actual)).sum(-1)
    miss = (share * (~predicted & actual)).sum(-1)
    rightly_no = (share * (~predicted & ~actual)).sum(-1)
    return _scores(hit, false_alarm, miss, rightly_no, layers, features)


def _scores(
    hit: Tensor,
    false_alarm: Tensor,
    miss: Tensor,
    rightly_no: Tensor,
    layers: tuple,
    features: tuple,
) -> ProbeScores:
    true, false = hit + miss, false_alarm + rightly_no
    yes, no = hit + false_alarm, miss + rightly_no
    within_true, within_false = _ratio(hit, true), _ratio(rightly_no, false)
    # A class that does not occur is left out of the mean.
    classes = (true > 0).double() + (false > 0).double()
    mcc = _ratio(hit * rightly_no - false_alarm * miss, (true * false).sqrt() * (yes * no).sqrt())
    found = {
        "f1": _ratio(2 * hit, 2 * hit + false_alarm + miss),
        "precision": _ratio(hit, yes),
        "recall": within_true,
        "mcc": mcc,
        "accuracy": _ratio(hit + rightly_no, true + false),
        "balanced_accuracy": _ratio(within_true + within_false, classes),
    }
    return ProbeScores(
        **{name: value.float() for name, value in found.items()}, layers=layers, features=features
    )


def _ratio(above: Tensor, below: Tensor) -> Tensor:
    return torch.where(below > 0, above / below.where(below > 0, 1), 0)


def best_thresholds(
    values: Float[Tensor, "*probes example"], actual: Bool[Tensor, "*truths example"]
) -> Float[Tensor, "*probes"]:
    """Return for each probe the threshold above which saying yes has the best F1.

    Choose it on the examples that the probe was fitted on; on the held-out ones it would flatter.

    Args:
        values: logits, or the activation of a neuron.
        actual: what is true; broadcasts against `values`.

    Returns:
        Thresholds, halfway between two values; minus infinity below the lowest one.

    Raises:
        ValueError: labels that are not boolean.
    """
    boolean("labels", actual)
    ordered, order = values.sort(dim=-1, descending=True)
    truth = actual.expand(values.shape).gather(-1, order).double()
    hit = truth.cumsum(-1)
    yes = torch.arange(1, values.shape[-1] + 1, device=values.device)
    f1 = 2 * hit / (yes + truth.sum(-1, keepdim=True))
    below = torch.cat([ordered[..., 1:], torch.full_like(ordered[..., :1], -torch.inf)], dim=-1)
    # Equal values fall on one side of any threshold.
    best = f1.masked_fill(ordered == below, -1).argmax(-1, keepdim=True)
    lower, upper = below.gather(-1, best), ordered.gather(-1, best)
    return halfway(lower, upper).squeeze(-1)


def halfway(lower: Float[Tensor, "*probes"], upper: Float[Tensor, "*probes"]) -> Tensor:
    """Return what lies below `upper` and, where the numbers have a place there, above `lower`."""
    middle = (lower + upper) / 2
    # Between neighbouring numbers the middle is rounded, and may be rounded to the upper one.
    return torch.where(middle < upper, middle, lower)


def probe_scores(
    probes: Probes,
    data: ProbeData,
    *,
    counted: Shaped[Tensor, "example feature"] | None = None,
    thresholds: Float[Tensor, "layer feature"] | None = None,
) -> ProbeScores:
    """Return how well probes judge examples, by layer and feature.

    Args:
        probes: from `fit_probes` on other examples.
        data: held-out examples of the same layers and features.
        counted: which examples count for a feature, such as a mask from `balanced`.
        thresholds: logits above which a probe says yes; 0 when None.

    Returns:
        Scores with the names of layers and features.
    """
    logits = rearrange(
        probes.logits(data.activations), "layer example feature -> layer feature example"
    )
    said = logits > (0 if thresholds is None else thresholds[..., None])
    return classification_scores(
        said,
        data.labels.T,
        counted=None if counted is None else counted.T,
        layers=data.layers,
        features=data.features,
    )
