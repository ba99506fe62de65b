"""Copy a few features from one run into another: how many does it take to turn the answer?

The prompts of a pair differ in one fact. The clean prompt is run, and at one hook the codes of some
features F are replaced by those of the corrupted run:

    x' = x + sum over j in F of (f_j(corrupted) - f_j(clean)) v_j

A good dictionary reaches the corrupted run's answer, KL(corrupted || patched) near 0, with few
features and a small edit |x' - x|. One order for all pairs is found on some of them and measured on
the others; or each pair has its own order, from the gradient alone. Source: [Cunningham23],
section 4 and figure 3; [Wang22] for the task. In go a bridge, a hook, a dictionary and prompt
pairs; out comes a `PatchingCurve`.
"""

from collections.abc import Sequence

import torch
from einops import einsum, rearrange
from jaxtyping import Float
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from mi_course.methods.sae.dictionary import Dictionary
from mi_course.methods.sae.feature_orders import ORDERS, attributions
from mi_course.methods.sae.patching_runs import PairRuns, last_log_probs, pair_runs
from mi_course.results import PatchingCurve
from mi_course.worlds.tasks import PromptPair

__all__ = ["NUMBERS", "feature_patching", "feature_patching_by_pair"]

NUMBERS = (0, 1, 2, 4, 8, 16, 32, 64, 128)


@torch.no_grad()
def feature_patching(
    model: TransformerBridge,
    hook: str,
    dictionary: Dictionary,
    pairs: Sequence[PromptPair],
    *,
    places: Sequence[str] | None = ("end",),
    order: str = "effect",
    numbers: Sequence[int] = NUMBERS,
    candidates: int | None = 256,
    chunk: int = 64,
) -> PatchingCurve:
    """Return KL and the size of the edit when more and more features are copied.

    Args:
        model: any bridge.
        hook: the full name of the hook that the dictionary reads.
        dictionary: any dictionary of that width.
        pairs: such as `ioi(tokenizer, 60, 0).pairs`; the even ones decide the order, the odd ones
            are measured.
        places: names of positions of the pairs at which features are copied; all positions when
            None.
        order: "effect": by how far KL falls when a feature is copied alone; "greedy": the next one
            is that which helps most beside those before it; "attribution": by the gradient;
            "size": by the length of its part of the edit.
        numbers: how many features are copied; those beyond all that differ are left out, and all
            that differ are added.
        candidates: features that are tried for "effect" and "greedy", those of largest size; all
            that differ when None. The others follow by size.
        chunk: rows in one forward pass.

    Returns:
        Means over the odd pairs.

    Raises:
        ValueError: fewer than two pairs, an unknown order, place or hook, another width, or runs
            in which no feature differs.
    """
    if order not in ORDERS or len(pairs) < 2:
        raise ValueError(
            f"expected an order of {sorted(ORDERS)} and at least 2 pairs, got {order!r} and "
            f"{len(pairs)}"
        )
    seen, measured = (
        pair_runs(model, hook, dictionary, pairs[part::2], places, chunk) for part in (0, 1)
    )
    if not len(seen.differing()):
        raise ValueError(f"expected features that differ at {hook}, got none, try other places")
    ranked = ORDERS[order](model, seen, candidates, chunk)
    found = torch.cat([ranked, _others(measured, ranked)])
    tried = _tried(numbers, len(found))
    delta, vectors = measured.delta[..., found], measured.vectors(found)
    pushes = torch.stack([_push(delta[..., :k], vectors[:k]) for k in tried])
    return _curve(model, measured, pushes, tried, chunk, features=found.tolist(), order=order)


@torch.no_grad()
def feature_patching_by_pair(
    model: TransformerBridge,
    hook: str,
    dictionary: Dictionary,
    pairs: Sequence[PromptPair],
    *,
    places: Sequence[str] | None = ("end",),
    numbers: Sequence[int] = NUMBERS,
    chunk: int = 64,
) -> PatchingCurve:
    """Return the same as `feature_patching` when each pair has an order of its own.

    Names have features of their own, so features that serve one pair do nothing for another. Here
    the features of a pair are ordered by attribution: how far KL falls to first order.

    Args:
        model: any bridge.
        hook: the full name of the hook that the dictionary reads.
        dictionary: any dictionary of that width.
        pairs: prompt pairs.
        places: names of positions at which features are copied; all positions when None.
        numbers: how many features of each pair are copied; all that differ in any are added.
        chunk: rows in one forward pass.

    Returns:
        Means over the pairs; `features` is empty.

    Raises:
        ValueError: no pairs, an unknown place or hook, another width, or no feature that differs.
    """
    if not pairs:
        raise ValueError("expected prompt pairs, got none, try worlds.tasks.ioi")
    runs = pair_runs(model, hook, dictionary, pairs, places, chunk)
    latents = runs.differing()
    if not len(latents):
        raise ValueError(f"expected features that differ at {hook}, got none, try other places")
    falls = attributions(model, runs, latents, chunk)
    rank = falls.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    tried = _tried(numbers, len(latents))
    delta, vectors = runs.delta[..., latents], runs.vectors(latents)
    pushes = torch.stack([_push(delta * (rank < k)[:, None], vectors) for k in tried])
    return _curve(model, runs, pushes, tried, chunk, features=(), order="each pair's attribution")


def _tried(numbers: Sequence[int], n: int) -> tuple[int, ...]:
    return (*sorted({k for k in numbers if 0 <= k < n}), n)


def _push(
    delta: Float[Tensor, "pair place latent"], vectors: Float[Tensor, "latent d_in"]
) -> Float[Tensor, "pair place d_in"]:
    return einsum(delta, vectors, "pair place latent, latent d_in -> pair place d_in")


def _others(runs: PairRuns, ranked: Tensor) -> Tensor:
    """Return the features that differ only in these runs; they come last."""
    differ = (runs.delta != 0).any(dim=0).any(dim=0)
    differ[ranked] = False
    return differ.nonzero().flatten()


def _curve(
    model: TransformerBridge,
    runs: PairRuns,
    pushes: Float[Tensor, "number pair place d_in"],
    numbers: tuple[int, ...],
    chunk: int,
    *,
    features: Sequence[int],
    order: str,
) -> PatchingCurve:
    """Return KL, length of the edit and share of turned answers, means over pairs."""
    n_pairs = len(runs.tokens)
    pair = torch.arange(n_pairs, device=pushes.device).repeat(len(numbers))
    push = rearrange(pushes, "number pair place d_in -> (number pair) place d_in")
    log_probs = last_log_probs(model, runs, pair, push, chunk)
    turned = log_probs.gather(1, runs.answers[pair]).diff(dim=1)[:, 0] > 0
    kl, flipped = (
        rearrange(values, "(number pair) -> number pair", pair=n_pairs).mean(1).cpu()
        for values in (runs.kl(log_probs, pair), turned.float())
    )
    return PatchingCurve(
        kl=kl,
        magnitude=pushes.square().sum(dim=(-1, -2)).sqrt().mean(1).cpu(),
        flipped=flipped,
        numbers=numbers,
        features=tuple(features),
        dictionary=runs.dictionary.name,
        hook=runs.hook,
        order=order,
    )
