"""In which order to copy features from one run into another.

    size         mean |delta_j| |v_j|
    attribution  minus mean of delta_j v_j . d KL / d x        (one backward pass)
    effect       how far KL falls when j alone is copied       (one forward pass for each feature)
    greedy       how far it falls beside those chosen before   (one for each feature and choice)

Sources: [Cunningham23], section 4 (features one by one, as ACDC prunes edges); [Nanda23] for the
gradient. In go `PairRuns`; out come features, the one to copy first in front.
"""

from collections.abc import Callable

import torch
from einops import einsum, rearrange, repeat
from jaxtyping import Float, Int
from torch import Tensor
from tqdm.auto import tqdm
from transformer_lens.model_bridge import TransformerBridge

from mi_course.activations import gradients
from mi_course.methods.lens.reading import final_point, unembed
from mi_course.methods.sae.patching_runs import PairRuns, last_log_probs

__all__ = [
    "GREEDY_STEPS",
    "ORDERS",
    "attributions",
    "by_attribution",
    "by_effect",
    "by_size",
    "greedily",
]

GREEDY_STEPS = 16
Order = Callable[[TransformerBridge, PairRuns, int | None, int], Tensor]


def by_size(
    model: TransformerBridge, runs: PairRuns, candidates: int | None, chunk: int
) -> Int[Tensor, " latent"]:
    """Return all features that differ, the largest part of the edit first."""
    del model, candidates, chunk
    latents = runs.differing()
    parts = runs.delta[..., latents].square().sum(1).sqrt().mean(0)
    sizes = parts * runs.vectors(latents).norm(dim=1)
    return latents[sizes.argsort(descending=True, stable=True)]


def by_attribution(
    model: TransformerBridge, runs: PairRuns, candidates: int | None, chunk: int
) -> Int[Tensor, " latent"]:
    """Return all features that differ, the largest first-order fall of KL first."""
    del candidates
    latents = runs.differing()
    falls = attributions(model, runs, latents, chunk).sum(0)
    return latents[falls.argsort(descending=True, stable=True)]


def attributions(
    model: TransformerBridge, runs: PairRuns, latents: Int[Tensor, " latent"], chunk: int
) -> Float[Tensor, "pair latent"]:
    """Return by how many nats KL would fall in each pair with each feature, to first order."""
    last, vectors = final_point(model), runs.vectors(latents)
    found = []
    for some in torch.arange(len(runs.tokens), device=vectors.device).split(chunk):
        rows = torch.arange(len(some), device=vectors.device)

        def score(resid: Tensor, some: Tensor = some, rows: Tensor = rows) -> Tensor:
            at_end = resid[rows, runs.ends[some]]
            return runs.kl(unembed(model, at_end).float().log_softmax(-1), some).sum()

        slope = gradients(model, runs.tokens[some], runs.hook, last, score)[runs.hook]
        along = slope[rows[:, None], runs.places[some]].float() @ vectors.T
        found.append(-(along * runs.delta[some][..., latents]).sum(dim=1))
    return torch.cat(found)


def by_effect(
    model: TransformerBridge, runs: PairRuns, candidates: int | None, chunk: int
) -> Int[Tensor, " latent"]:
    """Return all features that differ: the tried ones by their own effect, then others by size."""
    latents = by_size(model, runs, None, chunk)
    tried = latents[:candidates]
    kl = _kl_with(model, runs, tried, torch.zeros_like(_part(runs, tried[:1])[0]), chunk)
    return torch.cat([tried[kl.argsort(stable=True)], latents[len(tried) :]])


def greedily(
    model: TransformerBridge, runs: PairRuns, candidates: int | None, chunk: int
) -> Int[Tensor, " latent"]:
    """Return all features that differ: some chosen one after the other, then others by effect."""
    left = by_effect(model, runs, candidates, chunk)
    n_tried = len(left) if candidates is None else min(candidates, len(left))
    tried, rest = left[:n_tried], left[n_tried:]
    base = torch.zeros_like(_part(runs, tried[:1])[0])
    chosen = []
    steps = range(min(GREEDY_STEPS, n_tried))
    for _ in tqdm(steps, desc="choosing features", leave=False, disable=None):
        kl = _kl_with(model, runs, tried, base, chunk)
        best = int(kl.argmin())
        chosen.append(tried[best])
        base = base + _part(runs, tried[best : best + 1])[0]
        tried = torch.cat([tried[:best], tried[best + 1 :]])
    return torch.cat([torch.stack(chosen), tried, rest]) if chosen else left


def _part(
    runs: PairRuns, latents: Int[Tensor, " latent"]
) -> Float[Tensor, "latent pair place d_in"]:
    """Return what copying each feature adds."""
    return einsum(
        runs.delta[..., latents],
        runs.vectors(latents),
        "pair place latent, latent d_in -> latent pair place d_in",
    )


def _kl_with(
    model: TransformerBridge,
    runs: PairRuns,
    latents: Int[Tensor, " latent"],
    base: Float[Tensor, "pair place d_in"],
    chunk: int,
) -> Float[Tensor, " latent"]:
    """Return KL, mean over pairs, when each feature is copied beside what `base` adds."""
    n_pairs = len(base)
    found = []
    # As many features in one batch as fill it: memory follows `chunk`, not the features.
    for some in latents.split(max(1, chunk // n_pairs)):
        push = rearrange(base + _part(runs, some), "latent pair ... -> (latent pair) ...")
        pair = repeat(
            torch.arange(n_pairs, device=push.device), "pair -> (latent pair)", latent=len(some)
        )
        kl = runs.kl(last_log_probs(model, runs, pair, push, chunk), pair)
        found.append(rearrange(kl, "(latent pair) -> latent pair", pair=n_pairs).mean(1))
    return torch.cat(found) if found else base.new_zeros(0)


ORDERS: dict[str, Order] = {
    "size": by_size,
    "attribution": by_attribution,
    "effect": by_effect,
    "greedy": greedily,
}
