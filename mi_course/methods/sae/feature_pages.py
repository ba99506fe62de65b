"""A page about one latent: where it speaks and how loudly, on which tokens, what it writes.

A latent's strongest examples may mislead, so examples from every quantile of its activations stand
beside them, and the histogram tells at each strength how many tokens carry the latent's best label.
Its decoder direction, read through the final LayerNorm's gain and W_U, says what it writes:

    effect = v_i LN_gain W_U - mean over tokens

Source: [Bricken23], "Feature browser"; [Cunningham23], section 5. In go a bridge and a
`LatentActivity`; out come a `FeaturePage` and its parts.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.methods.induction.circuits import circuit_weights
from mi_course.methods.sae.activity import LatentActivity
from mi_course.methods.sae.dictionary import Dictionary
from mi_course.methods.sae.latent_edits import latent_vectors
from mi_course.methods.sae.latent_labels import best_labels
from mi_course.results import (
    ActivationHistogram,
    FeaturePage,
    LatentExample,
    LogitEffect,
    TokenHistogram,
)

__all__ = [
    "activation_histogram",
    "feature_page",
    "latent_examples",
    "latent_logits",
    "token_histogram",
]

QUANTILES = (0.0, 0.5, 0.9, 0.99)


def feature_page(
    model: TransformerBridge,
    activity: LatentActivity,
    latent: int,
    *,
    n_examples: int = 8,
    n_tokens: int = 12,
    n_labels: int = 6,
    n_bins: int = 20,
) -> FeaturePage:
    """Return what there is to know of one latent.

    Args:
        model: the bridge that the activity is of, with its tokenizer.
        activity: from `latent_activity`.
        latent: which latent.
        n_examples: strongest examples.
        n_tokens: entries of the token histogram.
        n_labels: best labels.
        n_bins: of the activation histogram.

    Returns:
        The page.

    Raises:
        ValueError: there is no such latent, or it is never active in these documents.
    """
    _active(activity, latent)
    labels = best_labels(activity, latent, k=n_labels)
    best = activity.data.labels[:, activity.data.column(labels.labels[0])]
    return FeaturePage(
        latent=latent,
        dictionary=activity.dictionary.name,
        hook=activity.data.hook,
        density=activity.density()[latent].item(),
        n_tokens=activity.n_tokens,
        examples=latent_examples(model, activity, latent, k=n_examples),
        by_quantile=_weaker(model, activity, latent),
        tokens=token_histogram(model, activity, latent, k=n_tokens),
        activations=activation_histogram(
            activity, latent, best, label=labels.labels[0], n_bins=n_bins
        ),
        logits=latent_logits(model, activity.data.hook, activity.dictionary, latent),
        labels=labels,
    )


def latent_examples(
    model: TransformerBridge,
    activity: LatentActivity,
    latent: int,
    *,
    k: int = 8,
    between: tuple[float | int, float | int] = (0, float("inf")),
    before: int = 10,
    after: int = 4,
) -> tuple[LatentExample, ...]:
    """Return the strongest examples of a latent, at most one from each document.

    Args:
        model: for its tokenizer.
        activity: from `latent_activity`.
        latent: which latent.
        k: how many at most.
        between: only activations above the first number and up to the second.
        before: tokens shown before the peak.
        after: tokens shown after it.

    Returns:
        Examples, the strongest first.

    Raises:
        ValueError: there is no such latent.
    """
    tokens, values = activity.entries(latent)
    wanted = (values > between[0]) & (values <= between[1])
    tokens, values = tokens[wanted], values[wanted]
    documents = activity.data.document
    found: dict[int, int] = {}
    for entry in values.argsort(descending=True, stable=True).tolist():
        token = int(tokens[entry])
        found.setdefault(int(documents[token]), token)
        if len(found) == k:
            break
    dense = activity.of(latent)
    shown = []
    for document, token in found.items():
        own = (documents == document).nonzero().flatten()
        first = max(int(own[0]), token - before)
        here = slice(first, min(int(own[-1]), token + after) + 1)
        said = _said(model.tokenizer, activity.data.token_ids[here].tolist())
        shown.append(LatentExample(said, dense[here].cpu(), token - first, document))
    return tuple(shown)


def _weaker(
    model: TransformerBridge, activity: LatentActivity, latent: int
) -> tuple[tuple[str, tuple[LatentExample, ...]], ...]:
    """Return two examples from below each quantile of the activations, high to low."""
    _, values = activity.entries(latent)
    edges = values.quantile(values.new_tensor(QUANTILES)).tolist()
    edges[0] = 0.0
    bands = []
    for low, high, below, above in zip(
        edges[:-1], edges[1:], QUANTILES[:-1], QUANTILES[1:], strict=True
    ):
        found = latent_examples(model, activity, latent, k=2, between=(low, high))
        bands.append((f"{below:.0%}-{above:.0%}", found))
    return tuple(bands[::-1])


def token_histogram(
    model: TransformerBridge, activity: LatentActivity, latent: int, *, k: int = 12
) -> TokenHistogram:
    """Return the tokens at which a latent is most often active.

    Args:
        model: for its tokenizer.
        activity: from `latent_activity`.
        latent: which latent.
        k: how many tokens.

    Returns:
        Counts, beside how often each token occurs.

    Raises:
        ValueError: there is no such latent.
    """
    ids = activity.data.token_ids
    tokens, _ = activity.entries(latent)
    size = model.cfg.d_vocab
    active = torch.bincount(ids[tokens], minlength=size)
    best = active.argsort(descending=True, stable=True)[:k]
    best = best[active[best] > 0]
    return TokenHistogram(
        tokens=_said(model.tokenizer, best.tolist()),
        active=active[best].cpu(),
        total=torch.bincount(ids, minlength=size)[best].cpu(),
        n_active=len(tokens),
    )


def activation_histogram(
    activity: LatentActivity,
    latent: int,
    labelled: Bool[Tensor, " token"],
    *,
    label: str,
    n_bins: int = 20,
) -> ActivationHistogram:
    """Return how strongly a latent is active, with and without a label.

    Args:
        activity: from `latent_activity`.
        latent: which latent.
        labelled: which tokens carry the label.
        label: its name.
        n_bins: bins of equal width up to the largest activation.

    Returns:
        Counts by strength, and the quantiles 50, 90, 99 and 100 %.

    Raises:
        ValueError: there is no such latent, or it is never active.
    """
    _active(activity, latent)
    tokens, values = activity.entries(latent)
    edges = torch.linspace(0, values.max().item(), n_bins + 1)
    # Above the lower edge and up to the upper one, so that the largest has a bin.
    bins = (torch.bucketize(values.cpu(), edges) - 1).clamp(0, n_bins - 1)
    inside = labelled.to(tokens.device)[tokens].cpu()
    quantiles = (*QUANTILES[1:], 1.0)
    return ActivationHistogram(
        edges=edges,
        counts=torch.bincount(bins, minlength=n_bins),
        with_label=torch.bincount(bins[inside], minlength=n_bins),
        label=label,
        quantiles=quantiles,
        at_quantiles=values.quantile(values.new_tensor(quantiles)).cpu(),
    )


@torch.no_grad()
def latent_logits(
    model: TransformerBridge, hook: str, dictionary: Dictionary, latent: int
) -> LogitEffect:
    """Return what one unit of a latent adds to each logit, past all later layers.

    Args:
        model: any bridge.
        hook: where the dictionary reads; what is read inside an MLP goes through its W_out.
        dictionary: any dictionary.
        latent: which latent.

    Returns:
        Logits before the final LayerNorm's scale, their mean over the vocabulary taken away;
        named as neuron (layer, latent).

    Raises:
        ValueError: there is no such latent, or the hook is not in the residual stream or an MLP.
    """
    written = in_stream(model, hook, latent_vectors(dictionary, [latent]).float())
    values = (written @ circuit_weights(model).W_U)[0]
    tokenizer = model.tokenizer
    said = () if tokenizer is None else _said(tokenizer, range(len(values)))
    return LogitEffect(values.cpu(), (layer_of(hook), latent), said)


def in_stream(
    model: TransformerBridge, hook: str, vectors: Float[Tensor, "vector d_in"]
) -> Float[Tensor, "vector d_model"]:
    """Return what vectors at a hook add to the residual stream.

    Raises:
        ValueError: they have neither the stream's width nor that of the MLP's neurons.
    """
    if hook.endswith("mlp.hook_post"):
        return vectors @ model.W_out[layer_of(hook)].detach().to(vectors)
    if vectors.shape[-1] != model.cfg.d_model:
        raise ValueError(
            f"expected vectors of width {model.cfg.d_model}, got {vectors.shape[-1]} at {hook}, "
            "try a hook of the residual stream, or one ending in mlp.hook_post"
        )
    return vectors


def layer_of(hook: str) -> int:
    """Return the layer in a hook's full name, such as 1 of "blocks.1.hook_resid_post".

    Raises:
        ValueError: the name has no layer.
    """
    parts = hook.split(".")
    if len(parts) < 2 or not parts[1].isdigit():
        raise ValueError(f'expected a hook such as "blocks.1.hook_resid_post", got {hook!r}')
    return int(parts[1])


def _said(tokenizer: Any, ids: Sequence[int]) -> tuple[str, ...]:
    if tokenizer is None:
        return tuple(str(i) for i in ids)
    return tuple(tokenizer.decode([i]) for i in ids)


def _active(activity: LatentActivity, latent: int) -> None:
    """Raise ValueError unless a latent is active somewhere."""
    tokens: Int[Tensor, " entry"] = activity.entries(latent)[0]
    if not len(tokens):
        raise ValueError(
            f"expected a feature that is active in these documents, got {latent}, try another "
            "or more documents (LatentActivity.density tells which are)"
        )
