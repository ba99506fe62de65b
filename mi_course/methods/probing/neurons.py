"""One neuron as a probe: which neuron tells a feature best by itself, and how neurons are silenced.

A neuron says yes where its activation is above a threshold (or below: the sign is part of the
probe). Neuron, sign and threshold are chosen on some examples and judged on others, beside neurons
drawn by chance. Source: Gurnee et al. (2023), "Finding Neurons in a Haystack", k = 1. In go
`ProbeData` of a hook in the MLP, or neurons as `(layer, neuron)`; out come `BestNeurons`, or edits.
"""

from collections.abc import Sequence
from functools import partial

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.activations import Edit
from mi_course.methods.probing.dataset import hook_names
from mi_course.methods.probing.scores import best_thresholds, classification_scores
from mi_course.methods.probing.splits import split
from mi_course.results import BestNeurons, Neuron, ProbeData, ProbeScores
from mi_course.results.probing import MEASURES

__all__ = ["best_neurons", "ranked_neurons", "silenced"]


def best_neurons(
    data: ProbeData,
    *,
    fraction: float = 0.25,
    candidates: int = 20,
    n_random: int = 20,
    seed: int = 0,
) -> BestNeurons:
    """Return for each feature the neuron of any layer with the best F1.

    Args:
        data: activations of neurons.
        fraction: of the examples that are held out, by groups.
        candidates: neurons whose thresholds are tried: those with the largest difference of
            means in units of their spread.
        n_random: neurons drawn by chance.
        seed: of the split and of the draws.

    Returns:
        Neurons with held-out scores.

    Raises:
        ValueError: no split leaves both classes on both sides.
    """
    train, test = split(data, fraction, seed)
    fitted, judged = (data.take(part) for part in (train, test))
    n_layers, _, width = data.activations.shape
    generator = torch.Generator().manual_seed(seed)
    draws = torch.randperm(n_layers * width, generator=generator)[:n_random]
    gaps = _standardised_gaps(fitted)
    found, chance = [], []
    for column, gap in enumerate(gaps):
        tried = gap.abs().topk(min(candidates, len(gap))).indices
        signs = gap.sign() + (gap == 0)
        best, threshold, score = _best_of(fitted, judged, column, tried, signs)
        found.append((best, int(signs[best]), threshold, score))
        chance.append(_scores(fitted, judged, column, draws.to(gaps.device), signs)[2].f1)
    neurons, signs, thresholds, scores = zip(*found, strict=True)
    return BestNeurons(
        neurons=tuple((data.layers[n // width], n % width) for n in neurons),
        thresholds=torch.tensor(thresholds),
        signs=torch.tensor(signs),
        f1=torch.stack([s.f1 for s in scores]).cpu(),
        precision=torch.stack([s.precision for s in scores]).cpu(),
        recall=torch.stack([s.recall for s in scores]).cpu(),
        random_f1=torch.stack(chance).cpu(),
        features=data.features,
    )


def ranked_neurons(data: ProbeData, feature: str, k: int = 10) -> tuple[Neuron, ...]:
    """Return the neurons of all layers that a feature raises most, in units of their spread.

    Args:
        data: activations of neurons.
        feature: one of its features.
        k: how many.

    Returns:
        Neurons, the most raised first.

    Raises:
        ValueError: there is no such feature.
    """
    gap = _standardised_gaps(data.only(feature))[0]
    width = data.activations.shape[2]
    chosen = gap.topk(min(k, len(gap))).indices.tolist()
    return tuple((data.layers[n // width], n % width) for n in chosen)


def _standardised_gaps(data: ProbeData) -> Float[Tensor, "feature neuron"]:
    """Return each neuron's difference of means in units of its spread."""
    x = data.activations.transpose(0, 1).flatten(start_dim=1)
    spread = x.std(0, correction=0)
    y = data.labels.float()
    inside, outside = y.sum(0)[:, None], (1 - y).sum(0)[:, None]
    gap = (y.T @ x) / inside - ((1 - y).T @ x) / outside
    return gap / torch.where(spread > 0, spread, 1)


def _scores(
    fitted: ProbeData,
    judged: ProbeData,
    column: int,
    tried: Tensor,
    signs: Tensor,
) -> tuple[Tensor, ProbeScores, ProbeScores]:
    """Return thresholds of some neurons, and their scores on both sides."""
    width = fitted.activations.shape[2]
    layer, neuron = tried // width, tried % width
    seen, unseen = (
        data.activations[layer, :, neuron] * signs[tried][:, None] for data in (fitted, judged)
    )
    thresholds = best_thresholds(seen, fitted.labels[:, column])
    scores = (
        classification_scores(values > thresholds[:, None], data.labels[:, column])
        for values, data in ((seen, fitted), (unseen, judged))
    )
    return thresholds, *scores


def _best_of(
    fitted: ProbeData, judged: ProbeData, column: int, tried: Tensor, signs: Tensor
) -> tuple[int, float, ProbeScores]:
    thresholds, before, after = _scores(fitted, judged, column, tried, signs)
    at = int(before.f1.argmax())
    picked = ProbeScores(*(getattr(after, name)[at] for name in MEASURES))
    return int(tried[at]), float(thresholds[at]), picked


def silenced(
    model: TransformerBridge,
    neurons: Sequence[Neuron],
    means: Float[Tensor, "layer d_mlp"] | None = None,
    *,
    at: Bool[Tensor, "batch pos"] | None = None,
) -> dict[str, Edit]:
    """Return the edits that set neurons to zero, or to given means.

    Args:
        model: any bridge with MLPs.
        neurons: as `(layer, neuron)`.
        means: what they are set to; zero when None.
        at: positions; everywhere when None.

    Returns:
        For each layer concerned an edit of `mlp.hook_post`.

    Raises:
        ValueError: a neuron that the model does not have.
    """
    width = model.cfg.d_mlp or 0
    for layer, neuron in neurons:
        if not (0 <= layer < model.cfg.n_layers and 0 <= neuron < width):
            raise ValueError(
                f"expected layers 0-{model.cfg.n_layers - 1} and neurons 0-{width - 1}, got "
                f"L{layer}N{neuron}, try (layer, neuron) pairs"
            )
    edits = {}
    for layer in sorted({layer for layer, _ in neurons}):
        chosen = [neuron for where, neuron in neurons if where == layer]
        (name,) = hook_names(model, "mlp_post", [layer])
        by = None if means is None else means[layer, chosen]
        edits[name] = partial(_replaced, chosen=chosen, by=by, at=at)
    return edits


def _replaced(
    post: Float[Tensor, "batch pos d_mlp"],
    chosen: list[int],
    by: Float[Tensor, " chosen"] | None,
    at: Bool[Tensor, "batch pos"] | None,
) -> Float[Tensor, "batch pos d_mlp"]:
    post = post.clone()
    new = torch.zeros(len(chosen)) if by is None else by
    new = new.to(post.device, post.dtype).expand(*post.shape[:2], -1)
    post[..., chosen] = new if at is None else torch.where(at[..., None], new, post[..., chosen])
    return post
