"""Probes that read k neurons.

If a single neuron tells a feature as well as eight do, the feature has a neuron of its own; if F1
rises with k, it is spread over several. A k-sparse probe is a ridge-logistic regression on k
neurons, which says yes above the logit that has the best F1 on the examples of the fit. Judge it
on others, which share no entity, template or document with them (`splits`).

Source: [Gurnee23], section 3. In go activations and labels; out comes a `SparseProbe`.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mi_course.methods.probing.rankings import top_neurons
from mi_course.methods.probing.scores import best_thresholds
from mi_course.methods.probing.subsets import check, examples, fit_subsets
from mi_course.results import SparseProbe

__all__ = ["k_sparse_probe", "probe_on"]


def k_sparse_probe(
    x: Float[Tensor, "example neuron"],
    y: Bool[Tensor, " labelled"],
    ranking: Float[Tensor, " scored"],
    k: int,
    *,
    penalty: float = 1.0,
) -> SparseProbe:
    """Return the probe on the k neurons of highest score.

    Args:
        x: activations.
        y: whether the feature holds.
        ranking: a score for each neuron, from one of `RANKINGS`.
        k: how many neurons the probe reads.
        penalty: ridge strength on the sum of losses; the bias is free.

    Returns:
        The probe; judge it on other examples with `classification_scores`.

    Raises:
        ValueError: lengths differ, NaNs, one class only, or k not between 1 and the number of
            neurons.
    """
    if len(ranking) != x.shape[1]:
        raise ValueError(f"expected a score for each of {x.shape[1]} neurons, got {len(ranking)}")
    return probe_on(x, y, top_neurons(ranking, k), penalty=penalty)


def probe_on(
    x: Float[Tensor, "example neuron"],
    y: Bool[Tensor, " labelled"],
    neurons: Int[Tensor, " k"],
    *,
    penalty: float = 1.0,
) -> SparseProbe:
    """Return the probe on some neurons.

    Args:
        x: activations.
        y: whether the feature holds.
        neurons: which ones, none twice.
        penalty: ridge strength on the sum of losses; the bias is free.

    Returns:
        The probe, with the threshold of best F1 on these examples.

    Raises:
        ValueError: lengths differ, NaNs, one class only, or a neuron that there is not.
    """
    check(x, y)
    chosen = neurons.tolist()
    if not chosen or len(set(chosen)) < len(chosen) or set(chosen) - set(range(x.shape[1])):
        raise ValueError(f"expected different neurons from 0 to {x.shape[1] - 1}, got {chosen}")
    places = torch.arange(len(neurons), device=x.device)[None]
    fit = fit_subsets(examples(x[:, neurons], y), places, penalty=penalty)
    logits = x[:, neurons].double() @ fit.weight[0] + fit.bias
    return SparseProbe(
        neurons=neurons,
        weight=fit.weight[0],
        bias=float(fit.bias),
        threshold=float(best_thresholds(logits, y)),
        loss=float(fit.loss),
        penalty=penalty,
    )
