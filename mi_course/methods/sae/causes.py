"""Which earlier latents cause a latent: ablate them one by one and see how far it falls.

    drop(j -> i) = f_i(x) - f_i(x without what latent j says),   at the peaks of i's top examples

Every latent of earlier dictionaries that is active in the examples is a candidate. One backward
pass tells to first order how much each matters; those that matter most are then ablated for real,
many in one forward pass. Source: [Cunningham23], section 5 and figure 5. In go a bridge,
dictionaries by hook, and examples; out come `FeatureCauses`.
"""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import torch
from einops import einsum
from jaxtyping import Bool, Float, Int
from torch import Tensor
from tqdm.auto import tqdm
from transformer_lens.model_bridge import TransformerBridge

from mi_course.activations import device_of, gradients, record
from mi_course.methods.sae.activity import LatentActivity, fits
from mi_course.methods.sae.dictionary import Dictionary
from mi_course.methods.sae.latent_edits import known_latents, latent_vectors
from mi_course.results import Cause, FeatureCauses

__all__ = ["Examples", "feature_causes", "top_rows"]


class Examples(NamedTuple):
    """Texts in which a latent is active.

    Attributes:
        tokens: padded rows.
        counted: neither BOS nor padding.
        peaks: the position in each row at which the latent is looked at.
    """

    tokens: Int[Tensor, "example pos"]
    counted: Bool[Tensor, "example pos"]
    peaks: Int[Tensor, " example"]


def top_rows(activity: LatentActivity, latent: int, *, k: int = 10) -> Examples:
    """Return the documents in which a latent is strongest, each with its strongest token.

    Args:
        activity: from `latent_activity` on documents.
        latent: which latent.
        k: how many documents.

    Returns:
        Rows, cut after the last peak.

    Raises:
        ValueError: no such latent, one that is never active, or activations without texts.
    """
    tokens, values = activity.entries(latent)
    texts = activity.data.texts
    if texts is None or not len(tokens):
        raise ValueError(
            f"expected documents in which feature {latent} is active, got none, try "
            "labelled_activations with more documents"
        )
    rows, positions = texts.counted.nonzero().T
    best: dict[int, int] = {}
    for entry in values.argsort(descending=True, stable=True).tolist():
        token = int(tokens[entry])
        best.setdefault(int(rows[token]), int(positions[token]))
        if len(best) == k:
            break
    end = max(best.values()) + 1
    chosen = list(best)
    peaks = torch.tensor(list(best.values()), device=texts.tokens.device)
    return Examples(texts.tokens[chosen, :end], texts.counted[chosen, :end], peaks)


@torch.no_grad()
def feature_causes(
    model: TransformerBridge,
    hook: str,
    dictionary: Dictionary,
    latent: int,
    earlier: Mapping[str, Dictionary],
    examples: Examples,
    *,
    candidates: int | None = 64,
    keep: int | None = None,
    chunk: int = 64,
) -> FeatureCauses:
    """Return the earlier latents without which a latent falls most.

    Args:
        model: any bridge.
        hook: where the target's dictionary reads.
        dictionary: the target's.
        latent: the target.
        earlier: hook -> dictionary of the latents that are ablated, all before `hook`.
        examples: such as `top_rows(activity, latent)`.
        candidates: how many latents are ablated: those with the largest effect to first order;
            all that are active up to the peaks when None.
        keep: how many causes are returned; all that were ablated when None.
        chunk: rows in one forward pass.

    Returns:
        Causes, the largest drop first.

    Raises:
        ValueError: an unknown latent or hook, another width, or no earlier dictionary.
    """
    known_latents(dictionary, [latent])
    if not earlier:
        raise ValueError("expected dictionaries of earlier hooks, got none")
    examples = Examples(*(part.to(device_of(model)) for part in examples))
    before = record(model, examples.tokens, [*earlier, hook], batch_size=chunk)
    fits(dictionary, before[hook], hook)
    target = _Target(hook, dictionary, latent, examples.peaks)
    whole = target.read(before[hook])
    sources = _sources(model, target, earlier, before, examples)
    chosen = _most(sources, candidates)
    causes = []
    for name, latents in chosen.items():
        drops = whole.mean() - _without_each(model, target, sources[name], latents, examples, chunk)
        causes += _named(target, sources[name], latents, drops)
    causes.sort(key=lambda cause: cause.drop, reverse=True)
    return FeatureCauses(
        hook=hook,
        latent=latent,
        dictionary=dictionary.name,
        activation=whole.mean().item(),
        causes=tuple(causes[:keep]),
        n_active=sum(len(source.active) for source in sources.values()),
        n_examples=len(examples.peaks),
    )


class _Target(NamedTuple):
    hook: str
    dictionary: Dictionary
    latent: int
    peaks: Int[Tensor, " example"]

    def read(self, x: Float[Tensor, "run pos d_in"]) -> Float[Tensor, " run"]:
        """Return the latent's activation at the peaks; runs are examples, over and over."""
        peaks = self.peaks.repeat(len(x) // len(self.peaks))
        at_peak = x[torch.arange(len(x), device=x.device), peaks]
        return self.dictionary.encode(at_peak.float())[:, self.latent]


class _Source(NamedTuple):
    """An earlier dictionary in the examples, up to their peaks."""

    hook: str
    dictionary: Dictionary
    acts: Float[Tensor, "example pos n_features"]
    active: Int[Tensor, " active"]
    estimates: Float[Tensor, " active"]  # of the drops' sum over examples


def _sources(
    model: TransformerBridge,
    target: _Target,
    earlier: Mapping[str, Dictionary],
    before: Mapping[str, Tensor],
    examples: Examples,
) -> dict[str, _Source]:
    """Return what is active before the target, with first-order drops."""
    slopes = gradients(
        model, examples.tokens, list(earlier), target.hook, lambda x: target.read(x).sum()
    )
    places = torch.arange(examples.tokens.shape[1], device=examples.tokens.device)
    counts = examples.counted & (places <= examples.peaks[:, None])
    found = {}
    for hook, dictionary in earlier.items():
        fits(dictionary, before[hook], hook)
        acts = dictionary.encode(before[hook].float()) * counts[..., None]
        active = (acts != 0).any(0).any(0).nonzero().flatten()
        estimates = acts.new_zeros(0)
        if len(active):
            vectors = latent_vectors(dictionary, active.tolist())
            along = slopes[hook].float() @ vectors.T
            estimates = (acts[..., active] * along).sum(dim=(0, 1))
        found[hook] = _Source(hook, dictionary, acts, active, estimates)
    return found


def _most(sources: Mapping[str, _Source], candidates: int | None) -> dict[str, Tensor]:
    """Return the latents of each hook that are among those with the largest estimates of all."""
    sizes = torch.cat([source.estimates.abs() for source in sources.values()])
    n = len(sizes) if candidates is None else min(candidates, len(sizes))
    chosen = torch.zeros_like(sizes, dtype=torch.bool)
    chosen[sizes.topk(n).indices] = True
    parts = chosen.split([len(source.active) for source in sources.values()])
    return {
        hook: source.active[part]
        for (hook, source), part in zip(sources.items(), parts, strict=True)
        if part.any()
    }


def _without_each(
    model: TransformerBridge,
    target: _Target,
    source: _Source,
    latents: Int[Tensor, " latent"],
    examples: Examples,
    chunk: int,
) -> Float[Tensor, " latent"]:
    """Return the target's mean activation without each latent of one hook."""
    vectors, n = latent_vectors(source.dictionary, latents.tolist()), len(examples.peaks)
    found = []
    places = torch.arange(len(latents), device=vectors.device).split(max(1, chunk // n))
    for some in tqdm(places, desc=source.hook, leave=False, disable=None):
        taken = einsum(
            source.acts[..., latents[some]],
            vectors[some],
            "example pos latent, latent d_in -> latent example pos d_in",
        ).flatten(end_dim=1)
        edits = {source.hook: partial(_minus, taken=taken)}
        rows = examples.tokens.repeat(len(some), 1)
        x = record(model, rows, target.hook, edits=edits)[target.hook]
        found.append(target.read(x).reshape(len(some), n).mean(1))
    return torch.cat(found)


def _minus(
    x: Float[Tensor, "run pos d_in"], taken: Float[Tensor, "run pos d_in"]
) -> Float[Tensor, "run pos d_in"]:
    return x - taken.to(x.dtype)


def _named(
    target: _Target,
    source: _Source,
    latents: Int[Tensor, " latent"],
    drops: Float[Tensor, " latent"],
) -> list[Cause]:
    loudest = source.acts[..., latents].amax(1).mean(0)
    cosines = torch.full_like(drops, float("nan"))
    if source.dictionary.d_in == target.dictionary.d_in:
        own = target.dictionary.directions[target.latent]
        cosines = source.dictionary.directions[latents] @ own
    return [
        Cause(source.hook, latent, source.dictionary.name, drop, loud, cosine)
        for latent, drop, loud, cosine in zip(
            latents.tolist(), drops.tolist(), loudest.tolist(), cosines.tolist(), strict=True
        )
    ]
